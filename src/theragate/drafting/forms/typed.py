"""The form of files that say themselves what their columns hold: Parquet, SPSS, Stata, SAS."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from theragate.cohorts.sources import (
    Pieces,
    StatisticsFile,
    TypedTable,
    cells_of,
    is_missing_word,
    is_number,
    open_sas,
    open_spss,
    open_stata,
    parquet_table,
    parts_of,
    plain_series,
    written,
)
from theragate.drafting.forms.columns import Cells, DraftedColumn, GivenCells, draft_column
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.options import ReadingOptions
from theragate.errors import DataError, some_of

__all__ = ["find_parquet_form", "find_sas_form", "find_spss_form", "find_stata_form"]

_NOTHING_SAID = StatisticsFile(pd.DataFrame())


def find_parquet_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of a Parquet file."""
    parts = len(parts_of(form.path, subject=form.subject))
    form.told.append(f"a folder of {parts:,} Parquet files" if form.path.is_dir() else "a Parquet file")
    _of_columns(form, parquet_table(form.path, subject=form.subject), _NOTHING_SAID, options)


def find_spss_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of an SPSS file."""
    form.told.append("an SPSS file")
    _take_encoding(form, options)
    _of_file(form, open_spss(form.path, encoding=options.encoding, subject=form.subject), options)


def find_stata_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of a Stata file."""
    form.told.append("a Stata file")
    _of_file(form, open_stata(form.path, subject=form.subject), options)


def find_sas_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of a SAS file, with a catalogue of labels or without."""
    form.told.append("a SAS file")
    _take_encoding(form, options)
    if options.catalogue is not None:
        form.entry["catalogue"] = options.catalogue.name
        form.companions[options.catalogue.name] = options.catalogue
    file = open_sas(form.path, options.catalogue, encoding=options.encoding, subject=form.subject)
    if not file.value_labels:
        form.told.append("without labels of codes; a catalogue (.sas7bcat) has them, see --catalogue")
    _of_file(form, file, options)


def _take_encoding(form: DraftedForm, options: ReadingOptions) -> None:
    if options.encoding is not None:
        form.entry["encoding"] = options.encoding


def _of_file(form: DraftedForm, file: StatisticsFile, options: ReadingOptions) -> None:
    _of_columns(form, TypedTable.of(file.frame), file, options)


def _of_columns(form: DraftedForm, table: TypedTable, file: StatisticsFile, options: ReadingOptions) -> None:
    """Look at one column after the other; `file` says what stands in it besides."""
    names = list(table.names)
    form.take_options(names, options)
    drafted, texts, unreadable = {}, list(options.text), []
    for at, name in enumerate(names):
        if name in options.drop:
            continue
        subject = f"{form.subject}, column `{name}`"
        try:
            column = plain_series(table.read(at), subject)
        except DataError:
            unreadable.append(name)
            continue
        drafted[name] = _column(form, name, column, file, options)
        coded = drafted[name].kind == "text" and pd.api.types.is_numeric_dtype(column)
        if coded and name not in texts:
            texts.append(name)
    labelled = [name for name, column in drafted.items() if column.labelled]
    if labelled:
        form.told.append(f"codes, read by their labels: {some_of(f'`{name}`' for name in labelled)}")
    form.leave_out(unreadable, "neither numbers, texts nor dates")
    form.labels |= {name: label for name, label in file.column_labels.items() if name in drafted}
    form.declare(drafted, options, texts=texts)


def _column(
    form: DraftedForm, name: str, column: pd.Series, file: StatisticsFile, options: ReadingOptions
) -> DraftedColumn:
    codes = list(file.user_missing.get(name, ()))
    labels = {text: label for code, label in file.value_labels.get(name, {}).items() if (text := written(code))}
    known = _texts_in(column) - set(codes) if labels else set()
    if labels and (name in options.text or known <= set(labels)):
        drafted = DraftedColumn("text", labelled=True)
    elif name in options.text:
        drafted = DraftedColumn("text")
    else:
        drafted = _by_values(form, name, column, codes, options)
    _declared_missing(drafted, codes)
    _labelled_missing(drafted, {text: label for text, label in labels.items() if text in known})
    return drafted


def _texts_in(column: pd.Series) -> set[str]:
    """Return what its cells are as texts, but for empty ones."""
    cells = _objects(column) if column.dtype == object else column.drop_duplicates().astype(object)
    return {text for cell in cells if not pd.isna(cell) and (text := written(cell))}


def _by_values(
    form: DraftedForm, name: str, column: pd.Series, codes: list[str], options: ReadingOptions
) -> DraftedColumn:
    """Draft a column by its cells, without the codes that the file declares to be missing."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return DraftedColumn("number" if pd.api.types.is_bool_dtype(column) else "date")
    if pd.api.types.is_numeric_dtype(column):
        return draft_column(name, Cells(_numbers(column, codes)), options, decimal=".", subject=form.subject)
    cells = Cells(_texts(column, codes))
    drafted = draft_column(name, cells, options, decimal=".", subject=form.subject)
    mixed = column.dtype == object and any(isinstance(cell, int | float) for cell in _objects(column))
    if drafted.kind == "number" and not mixed:
        if not cells.differs:
            return DraftedColumn("text", {key: value for key, value in drafted.form.items() if key == "missing"})
        drafted.form.setdefault("decimal", ".")
        drafted.told.append("numbers written as texts, read as numbers")
    return drafted


def _numbers(column: pd.Series, codes: list[str]) -> NDArray[np.float64]:
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if not codes:
        return numbers
    code, values = pd.factorize(numbers)
    declared = np.array([written(value) in codes for value in values.tolist()], dtype=bool)
    return np.where((code >= 0) & declared[code], np.nan, numbers) if len(values) else numbers


def _texts(column: pd.Series, codes: list[str]) -> GivenCells:
    cells = cells_of(column)
    if not isinstance(cells, Pieces):
        return [None if (text := written(cell)) in codes else text for cell in cells]
    if not codes:
        return cells
    declared = pa.array(codes, pa.large_string())
    return Pieces([partial(_without, piece, declared) for piece in cells.kept])


def _without(read: Callable[[], pa.Array], declared: pa.Array) -> pa.Array:
    texts = read()
    return pc.if_else(pc.is_in(texts, declared), None, texts)


def _objects(column: pd.Series) -> list[Any]:
    return [None if pd.isna(cell) else cell for cell in column]


def _declared_missing(drafted: DraftedColumn, codes: list[str]) -> None:
    """Take the codes for missing that the file itself declares so."""
    if codes:
        drafted.form["missing"] = [*drafted.form.get("missing", []), *codes]
        drafted.told.append(f"{', '.join(f'`{code}`' for code in codes)}, missing as the file itself declares")


def _labelled_missing(drafted: DraftedColumn, labels: Mapping[str, str]) -> None:
    """Take the codes for missing whose label says so, and ask."""
    declared = drafted.form.get("missing", [])
    for code, label in labels.items():
        if code not in declared and is_missing_word(label) and (drafted.kind == "text" or is_number(code)):
            drafted.form["missing"] = [*drafted.form.get("missing", []), code]
            drafted.told.append(f"`{code}`, labelled `{label}`, taken for missing")
            drafted.doubts.append(f"`{code}` is labelled `{label}` and was taken for missing. Is it?")
