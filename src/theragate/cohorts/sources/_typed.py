"""Table of files that say themselves what they hold: numbers, texts, dates, truth values."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._cells import (
    CODE,
    INEQUALITY,
    Cells,
    Pieces,
    as_text,
    check_left_out,
    fits_numbers,
    form_of,
    infinite_values,
    is_number,
    read_cells,
    shown_cells,
    stripped,
    written,
)
from theragate.cohorts.sources._grid import check_names
from theragate.cohorts.table import Table
from theragate.cohorts.texts import as_texts
from theragate.errors import DataError
from theragate.study import TableFile

__all__ = ["TypedTable", "cells_of", "check_no_numbers", "plain_column", "plain_series", "read_typed", "written_out"]

_MOSTLY = 0.8  # of the known cells, which then are measurements
_MEASURED = 10  # so many distinct numbers are no codes of categories
_ASCII_SPACES = "".join(letter for letter in map(chr, range(128)) if letter.isspace())
_TEXTS = 2**17  # texts whose different values are counted at once
_PIECE = 2**16  # cells that are objects of Python at once

Labels = Mapping[str, Mapping[Any, str]]


@dataclass(frozen=True)
class TypedTable:
    """A table whose columns have types: their names, and what reads the one at a place among them."""

    names: Sequence[str]
    read: Callable[[int], pd.Series]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "TypedTable":
        """Return a table that is in memory."""
        return cls(list(map(str, frame.columns)), lambda at: frame.iloc[:, at])


def read_typed(
    table: TypedTable, spec: TableFile, *, subject: str, scratch: Scratch, labels: Labels | None = None
) -> Table:
    """Read columns that have a type, as declared where something is.

    Parameters
    ----------
    labels
        By column, what its codes are called; a column under ``text`` is read as these.

    Raises
    ------
    DataError
        If a column holds what is neither number, text nor date, an infinite value, or numbers written as texts.
    """
    check_left_out(table.names, spec, subject=subject)
    check_names(list(table.names), subject=subject)
    read = (
        (name, _read_column(name, table.read(at), spec, f"{subject}, column `{name}`", (labels or {}).get(name, {})))
        for at, name in enumerate(table.names)
        if name not in spec.left_out
    )
    return Table.read(read, scratch)


def _read_column(name: str, column: pd.Series, spec: TableFile, subject: str, labels: Mapping[Any, str]) -> pd.Series:
    plain, form = plain_series(column, subject), form_of(spec, name)
    if name in spec.text or name == spec.id:
        return _texts(plain, spec, name, labels)
    if form.date is not None:
        return read_cells(cells_of(plain), form, subject=subject)
    if pd.api.types.is_numeric_dtype(plain):
        return _numbers(plain, spec, name, subject)
    if pd.api.types.is_datetime64_any_dtype(plain):
        return _days(plain)
    if _as_numbers(plain, spec, name):
        return read_cells(cells_of(plain), form, subject=subject)
    texts = _texts(plain, spec, name, labels)
    check_no_numbers(texts, subject)
    return texts


def plain_column(column: pd.Series, *, subject: str) -> pd.Series:
    """Return a database's column with decimals as numbers, and texts without the spaces that pad them.

    Raises
    ------
    DataError
        If it holds numbers written as texts, or what is no single value.
    """
    plain = plain_series(column, subject)
    if pd.api.types.is_string_dtype(plain):
        plain = plain.str.strip()
        check_no_numbers(plain, subject)
    return plain


def written_out(column: pd.Series) -> pd.Series:
    """Return a database's column as texts, with every character."""
    if column.dtype in ("str", object):
        return column.map(str, na_action="ignore").astype("str")
    code, values = pd.factorize(column)  # each value is written once
    texts = pa.array([str(value) for value in pd.Series(values)], pa.large_string())
    return as_text([pc.take(texts, pa.array(code, mask=code < 0))])


def check_no_numbers(column: pd.Series, subject: str) -> None:
    """Refuse texts that are measurements but for some: taken as categories, they would be one for each number.

    Raises
    ------
    DataError
        With the cells that are no numbers.
    """
    if not pd.api.types.is_string_dtype(column):
        return
    numbers = texts = 0
    measured: list[pa.Array] = []
    for first in range(0, len(column), _TEXTS):
        counted = pc.value_counts(as_texts(column.iloc[first : first + _TEXTS]).drop_null())
        distinct, counts = stripped(counted.field("values")), counted.field("counts").filter
        bound = pc.replace_substring_regex(distinct, INEQUALITY, "")
        plain = pc.and_not(fits_numbers(bound, "either", None), pc.match_substring_regex(bound, CODE))
        numbers += pc.sum(counts(plain)).as_py() or 0
        texts += pc.sum(counts(pc.is_valid(distinct))).as_py() or 0
        measured.append(distinct.filter(plain))
    if (
        numbers >= _MOSTLY * texts
        and pc.count_distinct(pa.chunked_array(measured, pa.large_string())).as_py() > _MEASURED
    ):
        every = stripped(pa.array(column.dropna(), pa.large_string())).drop_null()
        odd = every.filter(pc.invert(fits_numbers(every, ".", None)))
        raise DataError(
            subject,
            rule="a column of texts holds no measurements",
            received=f"{numbers:,} numbers among {texts:,} texts"
            + (f"; besides, {shown_cells(odd)}" if len(odd) else ""),
            remedy="Say how its numbers are written under `source.columns` in params.yaml, or, if they are codes, name"
            " it under `source.text`; in a database, cast it in the query.",
        )


def _as_numbers(column: pd.Series, spec: TableFile, name: str) -> bool:
    """Whether texts are to be read as numbers: where their form is declared, or numbers are among them."""
    form = spec.columns.get(name)
    if form and any((form.decimal, form.thousands, form.inequalities, form.unit)):
        return True
    return column.dtype == object and any(isinstance(cell, int | float | Decimal) for cell in cells_of(column))


def plain_series(column: pd.Series, subject: str) -> pd.Series:
    """Return a column of categories, of decimals or of dates as what it stands for.

    Raises
    ------
    DataError
        If its values are bytes, lists or the like.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object).infer_objects()
    if column.dtype != object:
        if pd.api.types.is_timedelta64_dtype(column) or pd.api.types.is_complex_dtype(column):
            raise _unreadable(subject, str(column.dtype))
        return column
    known = column.dropna()
    kinds = set(map(type, known))
    if kinds <= {int, float, Decimal} and kinds:
        return column.map(float, na_action="ignore").astype("float64")
    if kinds <= {bool, np.bool_, str} or all(issubclass(kind, date) for kind in kinds):
        return column
    if kinds <= {bool, np.bool_, str, int, float, Decimal}:
        return column
    raise _unreadable(subject, ", ".join(sorted(kind.__name__ for kind in kinds)))


def _unreadable(subject: str, kind: str) -> DataError:
    return DataError(
        subject,
        rule="a column holds numbers, texts or dates",
        received=f"values of the type {kind}",
        remedy="Leave it out by `source.left_out` in params.yaml or by --drop, or make plain columns of it.",
    )


def cells_of(column: pd.Series) -> Cells:
    """Return the cells of a column, None where there is nothing; those of texts piece by piece."""
    if pd.api.types.is_string_dtype(column.dtype) and column.dtype != object:
        return Pieces([partial(pa.array, piece, pa.large_string(), from_pandas=True) for piece in _pieces(column)])
    return [None if pd.isna(cell) else cell for cell in column.astype(object)]


def _pieces(column: pd.Series) -> Iterator[pd.Series]:
    return (column.iloc[first : first + _PIECE] for first in range(0, len(column), _PIECE))


def _days(moments: pd.Series) -> pd.Series:
    """Write moments as days; of the days there are few."""
    code, days = pd.factorize(moments.dt.normalize())
    texts = pa.array(pd.DatetimeIndex(days).strftime("%Y-%m-%d"), pa.large_string(), from_pandas=True)
    return as_text([pc.take(texts, pa.array(code, mask=code < 0))])


def _numbers(column: pd.Series, spec: TableFile, name: str, subject: str) -> pd.Series:
    codes = [float(code) for code in form_of(spec, name).missing if is_number(code)]
    if codes and (coded := column.isin(codes)).any():
        column = column.astype("float64").mask(coded)
    if pd.api.types.is_float_dtype(column):
        infinite_values(column.to_numpy(dtype=np.float64, na_value=np.nan), subject)
    return column


def _texts(column: pd.Series, spec: TableFile, name: str, labels: Mapping[Any, str]) -> pd.Series:
    """Read texts, and codes by their labels; a code that is declared as missing is, whatever its label."""
    missing = form_of(spec, name).missing
    numbers = {float(code) for code in missing if is_number(code)} if name != spec.id else set()
    names = {written(code): label for code, label in labels.items()}
    repeated = {label for label in names.values() if list(names.values()).count(label) > 1}

    def read(text: str | None) -> str | None:
        text = text.strip() if text is not None else None
        if not text or text in missing or (numbers and is_number(text) and float(text) in numbers):
            return None
        label = names.get(text, text)
        label = f"{label} ({text})" if label in repeated else label
        return None if label in missing else label

    whole = bool(names or numbers) or column.dtype != "str"
    return as_text(
        _mapped(piece, read) if whole or (texts := _plain_texts(piece, missing)) is None else texts
        for piece in _pieces(column)
    )


def _plain_texts(column: pd.Series, missing: Collection[str]) -> pa.Array | None:
    """Return texts that are read as they stand, all at once; None where some have letters beyond ASCII."""
    given = as_texts(column)
    if not pc.all(pc.string_is_ascii(given.drop_null())).as_py():
        return None
    texts = pc.ascii_trim(given, characters=_ASCII_SPACES)
    unknown = pc.is_in(texts, value_set=pa.array(["", *missing], pa.large_string()))
    return pc.if_else(unknown, pa.scalar(None, pa.large_string()), texts)


def _mapped(column: pd.Series, read: Callable[[str | None], str | None]) -> pa.Array:
    """Return what is read of each cell as it is written; of cells that are the same, once."""
    if column.dtype == object:  # in which 1 and True would be the same
        return stripped([read(written(None if pd.isna(cell) else cell)) for cell in column])
    code, values = pd.factorize(column)
    texts = stripped([read(written(value)) for value in pd.Series(values).astype(object)])
    return pc.take(texts, pa.array(code, mask=code < 0))
