"""From plain values and files to specs, and the one line that says which key is wrong, and how."""

from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from theragate.digests import canonical_json
from theragate.errors import ConfigurationError, DataError, TheragateError, did_you_mean, nearest
from theragate.files import read_json
from theragate.study.known_keys import known_keys
from theragate.study.spec import Spec, as_tuples

__all__ = ["Flaw", "first_flaw", "parse", "read_spec", "spec_of"]

LONGEST = 80  # characters of a value that a message shows

# What pydantic says in words of Python, said in words of the file.
_RULES = {
    "missing": "this key is required",
    "model_type": "this entry is a mapping of keys to values",
    "model_attributes_type": "this entry is a mapping of keys to values",
    "dict_type": "this entry is a mapping of keys to values",
    "tuple_type": "this entry is a list",
}
_HIDDEN = "a value that is not shown here"

T = TypeVar("T")
S = TypeVar("S", bound=Spec)


class Flaw(NamedTuple):
    """The first thing that is wrong with a value: the path of its key, the rule, and what was received.

    ``key`` is empty where the whole value is wrong; ``unknown`` says that there is no such key.
    """

    key: str
    rule: str
    received: str
    unknown: bool = False


def read_spec(
    kind: type[T],
    path: Path,
    *,
    remedy: str,
    subject: str = "",
    outdated: str = "",
    error: type[TheragateError] = DataError,
    private: bool = False,
) -> T:
    """Read a JSON file into the type that describes it.

    Parameters
    ----------
    kind
        A `Spec`, or a mapping or tuple of specs.
    path
        The file; a value of another type is refused and never converted.
    remedy
        What to do when the file is missing, unreadable or of another form.
    subject
        What a user calls the file; its path where it has no better name.
    outdated
        What to do when the file is of another form, where that is not `remedy`.
    error
        What is raised when the file is of another form.
    private
        Whether values of the file may be a patient's or a secret: the message then names the key alone.

    Raises
    ------
    DataError
        If the file is missing, unreadable or not JSON.
    TheragateError
        Of the type `error`, if a key is missing, unknown or wrong; the first one is named.
    """
    value = read_json(path, remedy=remedy)
    return spec_of(kind, value, subject=subject or str(path), remedy=outdated or remedy, error=error, private=private)


def spec_of(
    kind: type[T],
    value: Any,
    *,
    subject: str,
    remedy: str,
    error: type[TheragateError] = DataError,
    private: bool = False,
) -> T:
    """Turn a value of JSON into the type that describes it; see `read_spec`.

    Raises
    ------
    TheragateError
        Of the type `error`, if `value` is not JSON, or a key is missing, unknown or wrong; the first one is named.
    """
    try:
        # Strictly, as JSON: a list becomes a tuple, a text such as 2026-11-24 a date, and nothing else is converted.
        return TypeAdapter(kind).validate_json(canonical_json(value), strict=True)
    except ValidationError as invalid:
        flaw = first_flaw(invalid, value, private=private)
        subject = f"{subject}, key `{flaw.key}`" if flaw.key else subject
        raise error(subject, rule=flaw.rule, received=flaw.received, remedy=remedy) from invalid
    except UnicodeEncodeError as invalid:
        raise error(subject, rule="it is text", received="half of a character", remedy=remedy) from invalid
    except (TypeError, ValueError, RecursionError) as invalid:
        raise error(subject, rule="it is JSON", received="what JSON cannot say", remedy=remedy) from invalid


def parse(kind: type[S], value: Any, *, at: str | Callable[[str], str]) -> S:
    """Validate what YAML gave; a value of another type is refused and never converted (``"20"``, ``yes`` for 1).

    Parameters
    ----------
    kind
        What it should be.
    value
        Mappings, lists and plain values; a whole number is taken where a number is due, and nothing else is converted.
    at
        The key below which `value` stands in ``params.yaml``; or what gives the whole key for one inside `value`, whose
        parts may stand in a study and in a policy.

    Raises
    ------
    ConfigurationError
        In one line that names the key as it stands in the file.
    """
    try:
        return kind.model_validate(as_tuples(value), strict=True)
    except ValidationError as error:
        flaw = first_flaw(error, value, unknown="a key is one of those in docs/studies.md")
        key = ".".join(filter(None, (at, flaw.key))) if isinstance(at, str) else at(flaw.key)
        path = flaw.key.split(".")
        near = did_you_mean(path[-1], known_keys(kind, path)) if flaw.unknown else ""
        raise ConfigurationError(
            f"params.yaml, key `{key}`",
            rule=flaw.rule,
            received=flaw.received,
            remedy=f"{near}Correct params.yaml.",
        ) from error


def first_flaw(
    error: ValidationError, value: Any = None, *, unknown: str = "there is no such key", private: bool = False
) -> Flaw:
    """Return the first thing that `error` says of `value`.

    Parameters
    ----------
    value
        What was validated. It tells keys of the file from names of types, which pydantic puts between them.
    unknown
        The rule that an unknown key breaks.
    private
        Whether to leave the received value out.
    """
    first = _at_the_tag(_most_telling(error.errors(include_url=False)))
    rule = first["msg"].removeprefix("Value error, ").replace("Input", "the value", 1)
    received = {"extra_forbidden": "an unknown key", "missing": "none", "value_error": "this entry"}.get(first["type"])
    if received is None:
        shown = first["ctx"]["received"] if first["type"] == "unfit" else _shown(first["input"])
        received = _HIDDEN if private else shown
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return Flaw(
        key=".".join(map(str, first["loc"]) if value is None else _key(value, first["loc"])),
        rule=unknown if first["type"] == "extra_forbidden" else _RULES.get(first["type"], rule),
        received=received + more,
        unknown=first["type"] == "extra_forbidden",
    )


def _most_telling(errors: list[ErrorDetails]) -> ErrorDetails:
    """Return the first error; where a key is missing because it is misspelt, the error about how it is spelt."""
    first = errors[0]
    if first["type"] == "missing":
        *above, name = first["loc"]
        for other in errors:
            beside = other["type"] == "extra_forbidden" and list(other["loc"][:-1]) == above
            if beside and nearest(str(other["loc"][-1]), [name]):
                return other
    return first


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
