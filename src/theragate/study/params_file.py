"""The YAML of ``params.yaml``: well-formed, with every key written once, before anything in it is judged.

It is read as DVC reads and writes it, by YAML 1.2: there ``yes`` and ``no`` are words, not truth values.
"""

import copy
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from theragate.errors import ConfigurationError, did_you_mean
from theragate.files import read_bytes

__all__ = ["as_mapping", "read_parameters"]

KEYS = ("seed", "policies", "studies")
_MOST_ENTRIES = 1_000_000
_MOST_BYTES = 64 << 20


def read_parameters(path: Path) -> dict[str, Any]:
    """Read ``params.yaml``, of which ``studies`` is a mapping, empty in a project that has only begun.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, is no valid YAML, has a key twice or an unknown one, or no ``studies``.
    """
    content = as_mapping(_read(path), path.name)
    unknown = sorted(str(key) for key in content if key not in KEYS)
    if unknown:
        raise ConfigurationError(
            path.name,
            rule=f"its keys are {', '.join(KEYS)}",
            received=f"the unknown key `{unknown[0]}`",
            remedy=f"{did_you_mean(unknown[0], KEYS)}Correct or remove it.",
        )
    if content.get("studies") is None:
        raise ConfigurationError(
            path.name,
            rule="it has a key `studies`",
            received="none",
            remedy="Write `studies: {}` if there are none.",
        )
    as_mapping(content["studies"], "studies")
    return content


def as_mapping(value: Any, subject: str) -> dict[Any, Any]:
    """Return `value`, which has to be a mapping.

    Raises
    ------
    ConfigurationError
        If it is none; `subject` names it.
    """
    if not isinstance(value, dict):
        raise ConfigurationError(
            subject,
            rule="it is a mapping of keys to values",
            received=type(value).__name__,
            remedy="See docs/studies.md for its keys.",
        )
    return value


def _read(path: Path) -> Any:
    try:
        # A copy for each reader: what one of them changes is nobody else's affair.
        return copy.deepcopy(_parsed(read_bytes(path, most=_MOST_BYTES)))
    except OSError as error:
        raise ConfigurationError(
            str(path),
            rule="the file can be read",
            received=error.strerror or "an error",
            remedy="Run the command in a project; `theragate init` begins one.",
        ) from error
    except DuplicateKeyError as error:
        raise ConfigurationError(
            path.name,
            rule="a key is written once",
            received=f"{_key(error)} twice, again at {_place(error)}",
            remedy="Remove one of the two.",
        ) from error
    except RecursionError as error:
        raise ConfigurationError(
            path.name,
            rule="its entries are nested in few levels",
            received="hundreds",
            remedy="Correct it; docs/studies.md shows what belongs there.",
        ) from error
    # A date that no calendar has is a ValueError.
    except (YAMLError, ValueError) as error:
        raise ConfigurationError(
            path.name,
            rule="the file is valid YAML",
            received=f"a syntax error at {_place(error)}",
            remedy="Correct that line.",
        ) from error


@lru_cache(maxsize=1)
def _parsed(content: bytes) -> Any:
    """Parse a file once, however often a process asks for it: it takes a third of a second for ten studies."""
    found = YAML(typ="safe").load(content)
    if _size(found, {}) > _MOST_ENTRIES:
        raise ConfigurationError(
            "params.yaml",
            rule=f"it has {_MOST_ENTRIES:,} entries at most, those counted again that an alias (`*name`) repeats",
            received="more",
            remedy="Write them once.",
        )
    return found


def _size(value: Any, known: dict[int, int]) -> int:
    """Return the number of entries as a reader meets them who knows nothing of aliases; endless ones are too many."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = _MOST_ENTRIES + 1  # while it is counted: what holds itself has no end
        entries = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(entry, known) for entry in entries)
    return known[id(value)]


def _key(error: DuplicateKeyError) -> str:
    """Return the key's name; what the library says goes on to repeat its values."""
    named = re.match(r'found duplicate key "(.*?)" with', error.problem or "")
    return f"`{named[1]}`" if named else "one"


def _place(error: Exception) -> str:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "an unknown place"
