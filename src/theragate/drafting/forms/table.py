"""The form of any table: the one door to the finders, of which there is one for each format."""

from collections.abc import Callable
from pathlib import Path

from theragate.cohorts.sources import readable
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.redcap import find_redcap_form
from theragate.drafting.forms.text_and_sheets import find_sheet_form, find_text_form
from theragate.drafting.forms.typed import find_parquet_form, find_sas_form, find_spss_form, find_stata_form
from theragate.errors import DataError
from theragate.study import ENDINGS, Format, format_of

__all__ = ["FINDERS", "find_form"]

FINDERS: dict[Format, Callable[[DraftedForm, ReadingOptions], None]] = {
    "csv": find_text_form,
    "excel": find_sheet_form,
    "parquet": find_parquet_form,
    "redcap": find_redcap_form,
    "sas": find_sas_form,
    "spss": find_spss_form,
    "stata": find_stata_form,
}


def find_form(path: Path, options: ReadingOptions, *, subject: str) -> DraftedForm:
    """Find out what form a table has.

    Raises
    ------
    DataError
        If there is no such file, it is none that can be read, or a person has to say what is meant.
    """
    name = f"{path.name}/" if path.is_dir() and format_of(path.name) is None else path.name
    kind = format_of(name)
    if kind is None or not (path.is_file() or (path.is_dir() and kind == "parquet")):
        raise DataError(
            subject,
            rule="it is a table: CSV (also packed), Parquet (also a folder), a workbook, or of SPSS, Stata or SAS",
            received="no such file" if not path.is_file() else f"a file `*{path.suffix}`",
            remedy=f"Correct the path, or export the table as one of {', '.join(ENDINGS)}.",
        )
    form = DraftedForm(path, subject, {"kind": "file", "path": name})
    with readable(path, kind, subject=subject):
        FINDERS["redcap" if kind == "csv" and options.dictionary else kind](form, options)
    return form
