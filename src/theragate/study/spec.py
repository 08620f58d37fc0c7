"""Frozen, strict specifications of what stands in a file."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

__all__ = ["MARK", "NAME", "Name", "Probability", "Sentence", "Spec", "Unit", "as_tuples", "keys_of", "marked", "unfit"]

NAME = r"^[a-z][a-z0-9_]{2,63}$"
MARK = "REVIEW"  # with which a text begins that a person has to write or confirm

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
Unit = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, StringConstraints(pattern=NAME)]


class Spec(BaseModel):
    """A value read from a file: immutable, with no unknown keys, and with finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


def as_tuples(value: Any) -> Any:
    """Turn lists into the tuples that a frozen value is made of."""
    if isinstance(value, list):
        return tuple(map(as_tuples, value))
    return {key: as_tuples(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def unfit(rule: str, received: str) -> PydanticCustomError:
    """Return the error of a validator that knows which part of its entry breaks `rule`; the message shows that part."""
    return PydanticCustomError("unfit", "{rule}", {"rule": rule, "received": received})


def marked(value: Any, *, at: str = "") -> tuple[str, ...]:
    """Return the keys, below `at`, of the texts in `value` that begin with the mark ``REVIEW``."""
    if isinstance(value, str):
        return (at,) if value.startswith(MARK) else ()
    if isinstance(value, dict):
        pairs = [(f"{at}.{key}" if at else str(key), entry) for key, entry in value.items()]
    else:
        pairs = [(at, entry) for entry in value] if isinstance(value, list | tuple) else []
    return tuple(dict.fromkeys(key for inner, entry in pairs for key in marked(entry, at=inner)))


def keys_of(value: Any) -> set[Any]:
    """Return the keys that a choice between specifications rests on, whether `value` is parsed already or not."""
    if isinstance(value, dict):
        return set(value)
    return set(type(value).model_fields) if isinstance(value, Spec) else set()
