"""REDCap's data dictionary: what the fields of a project are, what their codes mean, and which of them identify."""

import html
import re
from dataclasses import dataclass
from pathlib import Path

from theragate.cohorts.sources._delimited import rows_of, text_of
from theragate.cohorts.sources._grid import tidy
from theragate.errors import DataError

__all__ = ["RedcapField", "box_of", "form_status", "read_dictionary"]

# The names of the dictionary's columns, as REDCap's page and as its API writes them.
_COLUMNS = {
    "name": ("variable / field name", "field_name"),
    "form": ("form name", "form_name"),
    "kind": ("field type", "field_type"),
    "label": ("field label", "field_label"),
    "choices": ("choices, calculations, or slider labels", "select_choices_or_calculations"),
    "note": ("field note", "field_note"),
    "validation": ("text validation type or show slider number", "text_validation_type_or_show_slider_number"),
    "identifier": ("identifier?", "identifier"),
}
_TWO = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
_CODED = {"radio", "dropdown", "checkbox"}
_LONGEST_UNIT = 12


@dataclass(frozen=True)
class RedcapField:
    """One field; ``choices`` has what its codes are called, in the order of the form."""

    name: str
    form: str
    kind: str
    label: str
    choices: dict[str, str]
    validation: str
    identifies: bool

    @property
    def holds(self) -> str:
        """What its values are: ``boxes``, ``codes``, ``numbers``, ``dates``, ``files`` or ``texts``."""
        if self.kind == "checkbox":
            return "boxes"
        if self.kind in {"radio", "dropdown", "yesno", "truefalse"}:
            return "codes"
        if self.kind in {"calc", "slider"} or self.validation.startswith(("number", "integer")):
            return "numbers"
        if self.validation.startswith("date"):
            return "dates"
        return "files" if self.kind in {"file", "signature", "descriptive"} else "texts"


def box_of(field: str, code: str) -> str:
    """Return the column that a choice of a checkbox field is exported as; of ``comorb`` and -99 ``comorb____99``."""
    return f"{field}___{re.sub(r'[^a-z0-9_]', '_', code.lower())}"


def form_status(form: str) -> str:
    """Return the column that says how far a form is filled in: 0 incomplete, 1 unverified, 2 complete."""
    return f"{form}_complete"


def read_dictionary(path: Path, *, subject: str) -> dict[str, RedcapField]:
    """Read a data dictionary, by the names of its fields.

    Raises
    ------
    DataError
        If the file is missing, or is no dictionary.
    """
    remedy = "Download the data dictionary from REDCap once more, as CSV, and name it by `source.dictionary`."
    if not path.is_file():
        raise DataError(subject, rule="the data dictionary exists", received="no such file", remedy=remedy)
    rows = rows_of(text_of(path.read_bytes(), "utf-8", subject=subject), ",")
    header = [tidy(name).lower() for name in rows[0]] if rows else []
    places = {
        key: next((header.index(name) for name in names if name in header), None) for key, names in _COLUMNS.items()
    }
    absent = [key for key in ("name", "form", "kind", "label", "choices", "identifier") if places[key] is None]
    if absent:
        raise DataError(
            subject,
            rule="it has the columns of a data dictionary of REDCap",
            received=f"none for {', '.join(absent)}",
            remedy=remedy,
        )

    def cell(row: list[str], key: str) -> str:
        at = places[key]
        return tidy(row[at]) if at is not None and at < len(row) else ""

    fields = {}
    for row in rows[1:]:
        name, kind = cell(row, "name"), cell(row, "kind").lower()
        if name:
            fields[name] = RedcapField(
                name=name,
                form=cell(row, "form"),
                kind=kind,
                label=_labelled(cell(row, "label"), cell(row, "note")),
                choices=_TWO.get(kind, _choices(cell(row, "choices")) if kind in _CODED else {}),
                validation=cell(row, "validation").lower(),
                identifies=cell(row, "identifier").lower() == "y",
            )
    return fields


def _choices(text: str) -> dict[str, str]:
    pairs = [choice.partition(",") for choice in text.split("|")]
    return {code.strip(): _plain(label) or code.strip() for code, _, label in pairs if code.strip()}


def _labelled(label: str, note: str) -> str:
    unit = _plain(note)
    return f"{_plain(label)}, {unit}" if 0 < len(unit) <= _LONGEST_UNIT else _plain(label)


def _plain(text: str) -> str:
    """Return a label without the marks of HTML that people put into it."""
    return " ".join(html.unescape(re.sub(r"<[^>]{1,200}>", " ", text)).split())
