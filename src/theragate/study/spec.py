"""Frozen, strict specifications of what stands in a file, and the one line that says which key is wrong."""

from itertools import zip_longest
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from theragate.errors import ConfigurationError

__all__ = ["MARK", "NAME", "Name", "Probability", "Sentence", "Spec", "Unit", "marked", "parse"]

NAME = r"^[a-z][a-z0-9_]{2,63}$"
MARK = "REVIEW"  # with which a text begins that a person has to write or confirm
LONGEST = 80

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
Unit = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, StringConstraints(pattern=NAME)]

# What pydantic says in words of Python, said in words of YAML.
_RULES = {
    "extra_forbidden": "a key is one of those in docs/studies.md",
    "missing": "this key is required",
    "model_type": "this entry is a mapping of keys to values",
    "model_attributes_type": "this entry is a mapping of keys to values",
    "dict_type": "this entry is a mapping of keys to values",
    "tuple_type": "this entry is a list",
}


class Spec(BaseModel):
    """A value read from a file: immutable, with no unknown keys, and with finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


S = TypeVar("S", bound=Spec)


def parse(kind: type[S], value: Any, *, at: str) -> S:
    """Validate what YAML gave; a value of another type is refused and never converted (``"20"``, ``yes`` for 1).

    Parameters
    ----------
    kind
        What it should be.
    value
        Mappings, lists and plain values; a whole number is taken where a number is due, and nothing else is converted.
    at
        The key below which `value` stands in ``params.yaml``.

    Raises
    ------
    ConfigurationError
        In one line that names the key as it stands in the file.
    """
    try:
        return kind.model_validate(_tuples(value), strict=True)
    except ValidationError as error:
        first = _at_the_tag(error.errors(include_url=False)[0])
        received = {"extra_forbidden": "an unknown key", "missing": "none", "value_error": "this entry"}.get(
            first["type"], _shown(first["input"])
        )
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise ConfigurationError(
            f"params.yaml, key `{'.'.join([at, *_key(value, first['loc'])])}`",
            rule=_RULES.get(first["type"], first["msg"].removeprefix("Value error, ").replace("Input", "the value", 1)),
            received=received + more,
            remedy="Correct params.yaml.",
        ) from error


def _at_the_tag(error: ErrorDetails) -> ErrorDetails:
    """Move an error about the key that says which kind an entry is from the entry to that key."""
    if error["type"] not in ("union_tag_invalid", "union_tag_not_found"):
        return error
    key = error["ctx"]["discriminator"].strip("'")
    at = {**error, "loc": (*error["loc"], key)}
    if error["type"] == "union_tag_not_found":
        return cast("ErrorDetails", {**at, "type": "missing"})
    rule = f"the value should be one of {error['ctx']['expected_tags']}"
    return cast("ErrorDetails", {**at, "msg": rule, "input": error["input"][key]})


def marked(value: Any, *, at: str = "") -> tuple[str, ...]:
    """Return the keys, below `at`, of the texts in `value` that begin with the mark ``REVIEW``."""
    if isinstance(value, str):
        return (at,) if value.startswith(MARK) else ()
    if isinstance(value, dict):
        pairs = [(f"{at}.{key}" if at else str(key), entry) for key, entry in value.items()]
    else:
        pairs = [(at, entry) for entry in value] if isinstance(value, list | tuple) else []
    return tuple(dict.fromkeys(key for inner, entry in pairs for key in marked(entry, at=inner)))


def _tuples(value: Any) -> Any:
    """Turn lists into the tuples that a frozen value is made of."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return {key: _tuples(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def _key(value: Any, location: tuple[int | str, ...]) -> list[str]:
    """Return the parts of `location` that stand in the file: pydantic puts names of its own types between them."""
    parts: list[str] = []
    for part, following in zip_longest(location, location[1:]):
        if isinstance(value, dict):
            inside = part in value and not _names_a_type(value, part, following)
        else:
            inside = isinstance(value, list | tuple) and part in range(len(value))
        missing = isinstance(value, dict) and following is None and part != "[key]"
        if inside or missing:
            parts.append(str(part))
        if inside:
            value = value[part]
    return parts


def _names_a_type(entry: dict[Any, Any], part: int | str, following: int | str | None) -> bool:
    """Whether `part` is the name of a type although `entry` has such a key too, as a source of the kind ``url`` has."""
    if following is None or isinstance(entry[part], dict | list | tuple):
        return False
    return following in entry or part in entry.values()


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "this entry"  # all of it would be too much, and may hold what belongs elsewhere, such as a password
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
