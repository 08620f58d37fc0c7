"""A new entry at the end of ``studies`` in ``params.yaml``: the lines are added, and no other is touched."""

import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from theragate.errors import ConfigurationError
from theragate.study import read_parameters

__all__ = ["end_of_block", "with_lines", "with_study"]

WIDTH = 116


def with_study(path: Path, name: str, entry: dict[str, Any], *, comment: str) -> str:
    """Return the text of ``params.yaml`` with one more study, everything else as people wrote it.

    Raises
    ------
    ConfigurationError
        If the file is wrong, or so laid out that an entry cannot be added to it.
    """
    read_parameters(path)
    block = [*(f"# {line}" for line in comment.splitlines()), *_dumped({name: entry})]
    return with_lines(path.read_text(encoding="utf-8"), name, block, key="studies")


def with_lines(text: str, name: str, block: list[str], *, key: str) -> str:
    """Return the text of a well-formed ``params.yaml`` with one more entry under `key`.

    Parameters
    ----------
    text
        The file as it is.
    name
        The entry's name, a study's or a policy's.
    block
        Its lines as they would stand at the margin.
    key
        ``studies`` or ``policies``.

    Raises
    ------
    ConfigurationError
        If the file is so laid out that an entry cannot be added to it.
    """
    before = YAML(typ="safe").load(text)
    entry = YAML(typ="safe").load("\n".join(block))[name]
    lines = text.splitlines()
    content = YAML(typ="rt").load("\n".join(lines))
    start = content.lc.data[key][0]
    if before[key]:
        indent = content[key].lc.col if not content[key].fa.flow_style() else 0
    else:
        indent, lines[start] = 2, re.sub(r":\s*\{\s*\}", ":", lines[start], count=1)
    end = end_of_block(lines, start)
    added = [f"{' ' * indent}{line}" if line else "" for line in block]
    after = "\n".join([*lines[:end], *([""] if before[key] else []), *added, *lines[end:]]) + "\n"
    if indent and _loaded(after) == before | {key: before[key] | {name: entry}}:
        return after
    raise ConfigurationError(
        "params.yaml",
        rule=f"an entry can be added behind the last one of `{key}`",
        received="a layout in which it cannot",
        remedy=f"Write `{key}:` as an indented block, one key a line, and run the command again.",
    )


def _loaded(text: str) -> Any:
    try:
        return YAML(typ="safe").load(text)
    except YAMLError:
        return None


def end_of_block(lines: list[str], start: int) -> int:
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
