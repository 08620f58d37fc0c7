"""The form of an export from REDCap, of which the project's data dictionary says nearly all."""

from theragate.cohorts.sources import RedcapField, box_of, is_missing_word, lay_out, read_dictionary
from theragate.drafting.forms.columns import Cells, DraftedColumn, draft_column
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.text_and_sheets import text_rows
from theragate.errors import DataError

__all__ = ["find_redcap_form"]

_GROUPS = ("redcap_data_access_group",)  # the hospital, which may be worth a split; events are no measurements


def find_redcap_form(form: DraftedForm, options: ReadingOptions) -> None:
    """Find the form of an export.

    Raises
    ------
    DataError
        If the columns are not named as the fields are.
    """
    if options.dictionary is None:
        raise ValueError("an export from REDCap is one with a dictionary")
    form.entry["dictionary"] = options.dictionary.name
    form.companions[options.dictionary.name] = options.dictionary
    fields = read_dictionary(options.dictionary, subject=f"--dictionary {options.dictionary}")
    grid = lay_out(text_rows(form, options), form.spec(), subject=form.subject)
    first = next(iter(fields), "")
    if first not in grid:
        raise DataError(
            form.subject,
            rule=f"it has the dictionary's first field, `{first}`, which names the record",
            received="no such column",
            remedy="Export all data as CSV, raw data (not labels), with the dictionary of the same project.",
        )
    form.told.append(f"an export from REDCap, {len(fields)} fields in its dictionary; `{first}` names the record")
    form.entry["id"] = first
    form.take_options(grid, options)
    owners = {box_of(field.name, code): field for field in fields.values() for code in field.choices} | fields
    marked = [name for name in grid if name in owners and owners[name].identifies and name != first]
    form.leave_out([name for name in marked if name not in options.drop], "identifiers, as the dictionary says")
    forms = {f"{field.form}_{end}" for field in fields.values() for end in ("complete", "timestamp")}
    system = [name for name in grid if name in forms or (name.startswith("redcap_") and name not in _GROUPS)]
    files = [name for name in grid if name in fields and fields[name].holds == "files" and name not in marked]
    form.leave_out([name for name in [*system, *files] if name not in options.drop], "not about the patient")
    _columns(form, fields, grid, options)


def _columns(
    form: DraftedForm, fields: dict[str, RedcapField], grid: dict[str, list[str]], options: ReadingOptions
) -> None:
    left_out, texts = set(form.entry.get("left_out", [])), []
    drafted: dict[str, DraftedColumn] = {}
    for field in fields.values():
        boxes = {box_of(field.name, code): label for code, label in field.choices.items() if field.holds == "boxes"}
        form.labels |= {name: f"{field.label}: {label}" for name, label in boxes.items() if name in grid}
        if boxes and not left_out & boxes.keys():
            used = [code for code in field.choices if "1" in grid.get(box_of(field.name, code), [])]
            drafted[field.name] = _coded(field, used)
    for name, cells in grid.items():
        owner = fields.get(name)
        if name in left_out or (owner is None and "___" in name):
            continue
        if owner is not None:
            form.labels[name] = owner.label
        if owner is not None and owner.holds == "codes" and name not in options.text:
            drafted[name] = _coded(owner, [cell.strip() for cell in cells])
        elif name != form.entry["id"]:
            drafted[name] = draft_column(name, Cells(cells), options, decimal=".", subject=form.subject)
            if drafted[name].kind == "text":
                texts.append(name)
    form.declare(drafted, options, texts=texts)


def _coded(field: RedcapField, used: list[str]) -> DraftedColumn:
    """Take for missing the choices that say so, and ask."""
    column = DraftedColumn("text")
    for code, label in field.choices.items():
        if code in set(used) and (code.startswith("-") or is_missing_word(label)):
            column.form["missing"] = [*column.form.get("missing", []), code]
            column.told.append(f"`{code}`, labelled `{label}`, taken for missing")
            column.doubts.append(f"`{code}` is labelled `{label}` and was taken for missing. Is it?")
    return column
