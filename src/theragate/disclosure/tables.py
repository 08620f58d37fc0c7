"""The tables and lists in parsed JSON: the form in which everything is searched for patients."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

__all__ = ["Column", "Table", "declared_numbers", "tables_of", "words_of"]

Column: TypeAlias = Sequence[Any] | NDArray[Any]

_SCALAR = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Table:
    """Columns of one length, or one list as the only column; ``named`` says whether the columns have names."""

    where: str
    columns: Mapping[str, Column]
    named: bool


def tables_of(value: Any, where: str = "") -> Iterator[Table]:
    """Yield the tables and lists in parsed JSON, at any depth.

    A table is a list of objects, an object of equally long lists, a list of equally long lists, or an object of plain
    values, which is one row.
    """
    if isinstance(value, Mapping):
        yield from _of_object(value, where)
    elif _is_list(value):
        if value:
            yield Table(where, {"0": value}, named=False)
    elif isinstance(value, list | tuple):
        yield from _of_list(value, where)


def declared_numbers(value: Any, *, shorter_than: int) -> Iterator[float]:
    """Yield the numbers in parsed JSON, at any depth; lists that long could be a column, and are left out."""
    if isinstance(value, Mapping):
        for entry in value.values():
            yield from declared_numbers(entry, shorter_than=shorter_than)
    elif isinstance(value, list | tuple):
        if len(value) < shorter_than or not _is_list(value):
            for entry in value:
                yield from declared_numbers(entry, shorter_than=shorter_than)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def words_of(value: Any, where: str = "") -> Iterator[Table]:
    """Yield all words of all texts in parsed JSON, keys included, as one list."""
    words = list(_words(value))
    if words:
        yield Table(where, {"0": words}, named=False)


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from str(key).split()
            yield from _words(entry)
    elif isinstance(value, str):
        yield from value.split()
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _words(entry)


def _of_object(value: Mapping[Any, Any], where: str) -> Iterator[Table]:
    plain = {str(key): [entry] for key, entry in value.items() if isinstance(entry, _SCALAR)}
    if plain:
        yield Table(where, plain, named=True)
    lists = {str(key): entry for key, entry in value.items() if _is_list(entry)}
    for size in {len(entry) for entry in lists.values()} - {0}:
        same = {key: entry for key, entry in lists.items() if len(entry) == size}
        if len(same) > 1:
            yield Table(where, same, named=True)
    for key, entry in value.items():
        yield from tables_of(entry, f"{where}/{key}")


def _of_list(value: Sequence[Any], where: str) -> Iterator[Table]:
    if all(isinstance(entry, Mapping) for entry in value):
        names = {str(key): key for entry in value for key, cell in entry.items() if isinstance(cell, _SCALAR)}
        yield Table(where, {name: [_plain(entry, key) for entry in value] for name, key in names.items()}, named=True)
    elif len(value) > 1 and all(map(_is_list, value)) and len(set(map(len, value))) == 1:
        columns = {str(position): list(column) for position, column in enumerate(zip(*value, strict=True))}
        yield Table(where, columns, named=False)
    for position, entry in enumerate(value):
        yield from tables_of(entry, f"{where}/{position}")


def _plain(entry: Mapping[Any, Any], key: Any) -> Any:
    value = entry.get(key)
    return value if isinstance(value, _SCALAR) else None


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(entry, _SCALAR) for entry in value)
