"""The form of files that say themselves what their columns hold: Parquet, SPSS, Stata, SAS."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from theragate.cohorts.sources import (
    StatisticsFile,
    is_missing_word,
    is_number,
    open_parquet,
    open_sas,
    open_spss,
    open_stata,
    parts_of,
    plain_series,
    written,
)
from theragate.drafting.forms.columns import MEASURED, Cells, DraftedColumn, draft_column
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.options import ReadingOptions
from theragate.errors import DataError, some_of

__all__ = ["find_parquet_form", "find_sas_form", "find_spss_form", "find_stata_form"]


def find_parquet_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of a Parquet file."""
    parts = len(parts_of(form.path, subject=form.subject))
    form.told.append(f"a folder of {parts:,} Parquet files" if form.path.is_dir() else "a Parquet file")
    _of_columns(form, StatisticsFile(open_parquet(form.path, subject=form.subject)), options)


def find_spss_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of an SPSS file."""
    form.told.append("an SPSS file")
    _take_encoding(form, options)
    _of_columns(form, open_spss(form.path, encoding=options.encoding, subject=form.subject), options)


def find_stata_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of a Stata file."""
    form.told.append("a Stata file")
    _of_columns(form, open_stata(form.path, subject=form.subject), options)


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
    _of_columns(form, file, options)


def _take_encoding(form: DraftedForm, options: ReadingOptions) -> None:
    if options.encoding is not None:
        form.entry["encoding"] = options.encoding


def _of_columns(form: DraftedForm, file: StatisticsFile, options: ReadingOptions) -> None:
    names = [str(name) for name in file.frame.columns]
    form.take_options(names, options)
    drafted, texts, unreadable = {}, list(options.text), []
    for at, name in enumerate(names):
        if name in options.drop:
            continue
        subject = f"{form.subject}, column `{name}`"
        try:
            column = plain_series(file.frame.iloc[:, at], subject)
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
    known = [None if (text := written(cell)) in codes else text for cell in _cells(column)]
    if labels and (name in options.text or {text for text in known if text} <= set(labels)):
        drafted = DraftedColumn("text", labelled=True)
    elif name in options.text:
        drafted = DraftedColumn("text")
    else:
        drafted = _by_values(form, name, column, known, options)
    _declared_missing(drafted, codes)
    _labelled_missing(drafted, {text: label for text, label in labels.items() if text in known})
    return drafted


def _by_values(
    form: DraftedForm, name: str, column: pd.Series, known: list[str | None], options: ReadingOptions
) -> DraftedColumn:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return DraftedColumn("number" if pd.api.types.is_bool_dtype(column) else "date")
    if pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(pd.Series(known, dtype=object)).to_numpy(dtype=np.float64)
        return draft_column(name, Cells([*map(_number, numbers)]), options, decimal=".", subject=form.subject)
    drafted = draft_column(name, Cells(known), options, decimal=".", subject=form.subject)
    mixed = column.dtype == object and any(isinstance(cell, int | float) for cell in _cells(column))
    if drafted.kind == "number" and not mixed:
        if len({text for text in known if text}) <= MEASURED:
            return DraftedColumn("text", {key: value for key, value in drafted.form.items() if key == "missing"})
        drafted.form.setdefault("decimal", ".")
        drafted.told.append("numbers written as texts, read as numbers")
    return drafted


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _cells(column: pd.Series) -> list[Any]:
    return [None if pd.isna(cell) else cell for cell in column.astype(object)]


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
