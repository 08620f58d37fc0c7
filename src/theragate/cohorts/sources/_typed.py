"""Columns of files that say themselves what they hold: numbers, texts, dates, truth values."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from theragate.cohorts.sources._cells import (
    CODE,
    INEQUALITY,
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
from theragate.errors import DataError
from theragate.study import TableFile

__all__ = ["check_no_numbers", "plain_columns", "plain_series", "read_typed"]

_MOSTLY = 0.8  # of the known cells, which then are measurements
_MEASURED = 10  # so many distinct numbers are no codes of categories

Labels = Mapping[str, Mapping[Any, str]]


def read_typed(frame: pd.DataFrame, spec: TableFile, *, subject: str, labels: Labels | None = None) -> pd.DataFrame:
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
    check_left_out(map(str, frame.columns), spec, subject=subject)
    check_names(list(map(str, frame.columns)), subject=subject)
    texts = {*spec.text, *([spec.id] if spec.id else [])}
    columns = {}
    for at, name in enumerate(map(str, frame.columns)):
        if name in spec.left_out:
            continue
        column = frame.iloc[:, at]
        what = f"{subject}, column `{name}`"
        named = (labels or {}).get(name, {})
        plain = plain_series(column, what)
        form = form_of(spec, name)
        if name in texts:
            columns[name] = _texts(plain, spec, name, named)
        elif form.date is not None:
            columns[name] = read_cells(_cells(plain), form, subject=what)
        elif pd.api.types.is_numeric_dtype(plain):
            columns[name] = _numbers(plain, spec, name, what)
        elif pd.api.types.is_datetime64_any_dtype(plain):
            columns[name] = plain.dt.strftime("%Y-%m-%d").astype("str")
        elif _as_numbers(plain, spec, name):
            columns[name] = read_cells(_cells(plain), form, subject=what)
        else:
            columns[name] = _texts(plain, spec, name, named)
            check_no_numbers(columns[name], what)
    return pd.DataFrame(columns)


def plain_columns(frame: pd.DataFrame, *, subject: str, texts: set[str]) -> pd.DataFrame:
    """Return a database's rows with decimals as numbers, and texts without the spaces that pad them.

    Raises
    ------
    DataError
        If a column, unless it is one of `texts`, holds numbers written as texts, or what is no single value.
    """
    unique = frame.columns[~frame.columns.duplicated(keep=False)]  # a name that occurs twice is refused later
    changed = {}
    for name in unique.difference([*texts], sort=False):
        column = plain_series(frame[name], f"{subject}, column `{name}`")
        if pd.api.types.is_string_dtype(column):
            column = column.str.strip()
            check_no_numbers(column, f"{subject}, column `{name}`")
        changed[name] = column
    return frame.assign(**changed)


def check_no_numbers(column: pd.Series, subject: str) -> None:
    """Refuse texts that are measurements but for some: taken as categories, they would be one for each number.

    Raises
    ------
    DataError
        With the cells that are no numbers.
    """
    if not pd.api.types.is_string_dtype(column):
        return
    texts = stripped(column.astype(object).where(column.notna(), None).tolist()).drop_null()
    bound = pc.replace_substring_regex(texts, INEQUALITY, "")
    plain = pc.and_not(fits_numbers(bound, "either", None), pc.match_substring_regex(bound, CODE))
    numbers = texts.filter(plain)
    if len(numbers) >= _MOSTLY * len(texts) and pc.count_distinct(numbers).as_py() > _MEASURED:
        odd = texts.filter(pc.invert(fits_numbers(texts, ".", None)))
        raise DataError(
            subject,
            rule="a column of texts holds no measurements",
            received=f"{len(numbers):,} numbers among {len(texts):,} texts"
            + (f"; besides, {shown_cells(odd)}" if len(odd) else ""),
            remedy="Say how its numbers are written under `source.columns` in params.yaml, or, if they are codes, name"
            " it under `source.text`; in a database, cast it in the query.",
        )


def _as_numbers(column: pd.Series, spec: TableFile, name: str) -> bool:
    """Whether texts are to be read as numbers: where their form is declared, or numbers are among them."""
    form = spec.columns.get(name)
    if form and any((form.decimal, form.thousands, form.inequalities, form.unit)):
        return True
    return column.dtype == object and any(isinstance(cell, int | float | Decimal) for cell in _cells(column))


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


def _cells(column: pd.Series) -> list[Any]:
    return [None if pd.isna(cell) else cell for cell in column.astype(object)]


def _numbers(column: pd.Series, spec: TableFile, name: str, subject: str) -> pd.Series:
    codes = [float(code) for code in form_of(spec, name).missing if is_number(code)]
    if codes and (coded := column.isin(codes)).any():
        column = column.astype("float64").mask(coded)
    if pd.api.types.is_float_dtype(column):
        infinite_values(column.to_numpy(dtype=np.float64, na_value=np.nan), subject)
    return column


def _texts(column: pd.Series, spec: TableFile, name: str, labels: Mapping[Any, str]) -> pd.Series:
    """Read texts, and codes by their labels; a code that is declared as missing is, whatever its label."""
    texts = [written(cell) for cell in _cells(column)]
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

    return pd.Series(stripped([read(text) for text in texts]).to_pandas(), dtype="str")
