"""Which keys an entry may have at some place: asked only where one is wrong, of the schema that describes it."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

__all__ = ["known_keys"]


def known_keys(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Return the keys beside the last part of `path`, whatever the choices on the way to it.

    Parameters
    ----------
    kind
        What the entry should be.
    path
        The keys and positions that lead to the key that is wrong, the key itself included.
    """
    schema = kind.model_json_schema()
    places = list(_choices(schema, schema))
    for part in path[:-1]:
        places = [choice for place in places for below in _below(place, part) for choice in _choices(below, schema)]
    return list(dict.fromkeys(key for place in places for key in place.get("properties", ())))


def _choices(place: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what may stand at a place, references followed."""
    if "$ref" in place:
        yield from _choices(schema["$defs"][place["$ref"].rsplit("/", 1)[-1]], schema)
    for choice in (*place.get("anyOf", ()), *place.get("oneOf", ())):
        yield from _choices(choice, schema)
    yield place


def _below(place: dict[str, Any], part: str) -> Iterator[dict[str, Any]]:
    """Yield what may stand under a key or a position."""
    if part in place.get("properties", ()):
        yield place["properties"][part]
        return
    yield from place.get("patternProperties", {}).values()
    for whatever in ("additionalProperties", "items"):
        if isinstance(place.get(whatever), dict):
            yield place[whatever]
