"""An entry of ``studies`` in ``params.yaml``, renamed or taken out: its own lines change, and no other is touched."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from theragate.drafting.insert import end_of_block
from theragate.errors import ConfigurationError
from theragate.study import read_parameters

__all__ = ["renamed_study", "without_study"]

_DRAFTED = "# Drafted by `theragate new-study`"


def renamed_study(path: Path, old: str, new: str) -> str:
    """Return the text of ``params.yaml`` in which a study has another name, in the same place.

    Raises
    ------
    ConfigurationError
        If the file is wrong, or so laid out that the name cannot be changed alone.
    """
    before = read_parameters(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    line = _lines_of_studies(lines)[old]
    lines[line] = re.sub(rf"^(\s*){re.escape(old)}(\s*:)", rf"\g<1>{new}\g<2>", lines[line])
    studies = {new if name == old else name: entry for name, entry in before["studies"].items()}
    return _checked(lines, before | {"studies": studies}, what="a study can be renamed")


def without_study(path: Path, name: str) -> str:
    """Return the text of ``params.yaml`` without a study, and without the comment above it.

    Raises
    ------
    ConfigurationError
        If the file is wrong, or so laid out that the entry cannot be taken out alone.
    """
    before = read_parameters(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = _lines_of_studies(lines)
    order = sorted(starts.values())
    first = starts[name] == order[0]
    start = _above(lines, starts[name])
    if first and not lines[start].strip().startswith(_DRAFTED):
        start = starts[name]  # what stands above the first may be about all of them
    later = [line for line in order if line > starts[name]]
    end = _above(lines, later[0]) if later else end_of_block(lines, _line_of_studies(lines))
    kept = [*lines[:start], *lines[end:]]
    if not later:
        while start and not kept[start - 1].strip():
            start -= 1
            del kept[start]
    studies = {other: entry for other, entry in before["studies"].items() if other != name}
    if not studies:
        line = _line_of_studies(lines)
        kept[line] = kept[line].replace("studies:", "studies: {}", 1)
    return _checked(kept, before | {"studies": studies}, what="a study can be taken out")


def _line_of_studies(lines: list[str]) -> int:
    return int(YAML(typ="rt").load("\n".join(lines)).lc.data["studies"][0])


def _lines_of_studies(lines: list[str]) -> dict[str, int]:
    studies = YAML(typ="rt").load("\n".join(lines))["studies"]
    return {name: studies.lc.key(name)[0] for name in studies}


def _above(lines: list[str], start: int) -> int:
    """Return the first of the lines of comment that stand directly above a line."""
    while start and lines[start - 1].strip().startswith("#"):
        start -= 1
    return start


def _checked(lines: list[str], expected: dict[str, Any], *, what: str) -> str:
    text = "\n".join(lines) + "\n"
    try:
        if YAML(typ="safe").load(text) == expected:
            return text
    except YAMLError:
        pass
    raise ConfigurationError(
        "params.yaml",
        rule=f"{what} without a change to others",
        received="a layout in which that cannot be",
        remedy="Write `studies:` as an indented block, one key a line and without references, and run it again.",
    )
