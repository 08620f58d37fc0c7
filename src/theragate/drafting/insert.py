"""A new entry at the end of ``studies`` in ``params.yaml``: the lines are added, and no other is touched."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from theragate.errors import ConfigurationError
from theragate.study import read_parameters

__all__ = ["with_study"]

WIDTH = 116


def with_study(path: Path, name: str, entry: dict[str, Any], *, comment: str) -> str:
    """Return the text of ``params.yaml`` with one more study, everything else as people wrote it.

    Raises
    ------
    ConfigurationError
        If the file is wrong, or so laid out that an entry cannot be added to it.
    """
    before = read_parameters(path)
    text = path.read_text(encoding="utf-8")
    content = YAML(typ="rt").load(text)
    studies = content["studies"]
    indent = studies.lc.col if not studies.fa.flow_style() else 0
    lines = text.splitlines()
    end = _end(lines, content.lc.data["studies"][0])
    block = [f"{' ' * indent}# {line}" for line in comment.splitlines()]
    block += [f"{' ' * indent}{line}" if line else "" for line in _dumped({name: entry})]
    after = "\n".join([*lines[:end], "", *block, *lines[end:]]) + "\n"
    if indent and YAML(typ="safe").load(after) == before | {"studies": before["studies"] | {name: entry}}:
        return after
    raise ConfigurationError(
        path.name,
        rule="a study can be added behind the last one",
        received="a layout in which it cannot",
        remedy="Write `studies:` as an indented block, one key a line, and run the command again.",
    )


def _end(lines: list[str], start: int) -> int:
    """Return the line behind the last that belongs to the block which begins at line `start`."""
    end = start + 1
    for number, line in enumerate(lines[start + 1 :], start=start + 2):
        if line.strip() and not line[0].isspace():
            if line.startswith("#"):
                continue
            break
        end = number if line.strip() else end
    return end


def _dumped(value: dict[str, Any]) -> list[str]:
    yaml = YAML(typ="rt")
    yaml.width, yaml.default_flow_style = WIDTH, False
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue().splitlines()
