"""Views of resources by SQL on FHIR 2: a definition in JSON, made into a function from a resource to rows.

Reference: ViewDefinition, with the algorithm that its page gives,
https://sql-on-fhir.org/ig/latest/StructureDefinition-ViewDefinition.html.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

from theragate.cohorts.fhir.grammar import PathError
from theragate.cohorts.fhir.paths import ROW, Path, compile_path

__all__ = ["Column", "Row", "View", "ViewError", "compile_view"]

Row: TypeAlias = tuple[Any, ...]
_Rows: TypeAlias = Callable[[Any, int], list[Row]]  # of an element and the number of its row

_KEYS = """
resourceType id meta url identifier name title status experimental publisher contact description useContext copyright
constant date extension fhirVersion jurisdiction language profile resource select text version where
"""
_VIEW = frozenset(_KEYS.split())
_SELECT = frozenset({"column", "select", "forEach", "forEachOrNull", "repeat", "unionAll", "id", "extension"})
_COLUMN = frozenset({"name", "path", "type", "collection", "description", "tag", "id", "extension"})


class ViewError(ValueError):
    """A view that is none, or that a resource does not fit; says what is wrong, never with a value of the resource."""


@dataclass(frozen=True)
class Column:
    """A column of a view: its name, its type where that is said, and whether it holds several values."""

    name: str
    type: str | None
    collection: bool


@dataclass(frozen=True)
class View:
    """A view that can be run: the type of its resources, its columns in their order."""

    resource: str
    columns: tuple[Column, ...]
    _where: tuple[tuple[str, Path], ...]
    _rows: _Rows

    def rows(self, resource: Mapping[str, Any]) -> list[Row]:
        """Return the rows of one resource, their values in the order of ``columns``; of one of another type none.

        Raises
        ------
        ViewError
            If a condition is no truth value, or a column has several values that should have one.
        """
        if resource.get("resourceType") != self.resource:
            return []
        try:
            if all(_holds(text, path(resource, 0)) for text, path in self._where):
                return self._rows(resource, 0)
        except PathError as error:
            raise ViewError(str(error)) from None
        return []


def compile_view(definition: Any) -> View:
    """Make a definition a view.

    Parameters
    ----------
    definition
        The ``ViewDefinition``, as a JSON parser gives it.

    Raises
    ------
    ViewError
        If it is none, has no column, names one twice, or unites selections of different columns.
    """
    content = _mapping(definition, "a view", _VIEW)
    resource = content.get("resource")
    if not isinstance(resource, str) or not resource:
        raise ViewError("no `resource`, the type of the resources that it is about")
    constants = dict(_constant(each) for each in _list(content, "constant"))
    where = tuple((path, _path(path, constants)) for path in map(_condition, _list(content, "where")))
    columns, rows = _combined([_selection(each, constants) for each in _list(content, "select")])
    if not columns:
        raise ViewError("a view without columns")
    names = [column.name for column in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ViewError(f"the column `{twice}` twice")
    return View(resource, tuple(columns), where, rows)


_Selection: TypeAlias = tuple[list[Column], _Rows]


def _selection(definition: Any, constants: Mapping[str, Any]) -> _Selection:
    content = _mapping(definition, "a selection", _SELECT)
    own = [_column(each, constants) for each in _list(content, "column")]
    parts: list[_Selection] = [_of_columns(own)] if own else []
    parts += [_selection(each, constants) for each in _list(content, "select")]
    if content.get("unionAll") is not None:
        parts.append(_united([_selection(each, constants) for each in _list(content, "unionAll")]))
    if not parts and not {"forEach", "forEachOrNull", "repeat"} & set(content):
        raise ViewError("a selection without columns")
    columns, rows = _combined(parts)
    foci = _foci(content, constants)
    if foci is None:
        return columns, rows
    empty = _empty_rows(definition, columns) if content.get("forEachOrNull") is not None else []

    def of_each(element: Any, row: int) -> list[Row]:
        found = foci(element, row)
        return [each for at, focus in enumerate(found) for each in rows(focus, at)] if found else empty

    return columns, of_each


def _foci(content: Mapping[str, Any], constants: Mapping[str, Any]) -> Path | None:
    """Return what the rows of a selection are about; None where that is the element itself."""
    said = [key for key in ("forEach", "forEachOrNull", "repeat") if content.get(key) is not None]
    if len(said) > 1:
        raise ViewError(f"`{said[0]}` beside `{said[1]}`")
    if not said:
        return None
    if said[0] != "repeat":
        return _path(content[said[0]], constants)
    paths = [_path(each, constants) for each in _list(content, "repeat")]

    def repeated(element: Any, _row: int) -> list[Any]:
        return list(_descendants(element, paths))

    return repeated


def _descendants(element: Any, paths: list[Path]) -> Iterator[Any]:
    for path in paths:
        for child in path(element, 0):
            yield child
            yield from _descendants(child, paths)


def _empty_rows(definition: Any, columns: list[Column]) -> list[Row]:
    """Return the row of nothing, in which only the number of the row is known."""
    numbers = {
        each["name"] for part in _parts(definition) for each in _list(part, "column") if each.get("path") == f"%{ROW}"
    }
    return [tuple(0 if column.name in numbers else None for column in columns)]


def _parts(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield definition
    for key in ("select", "unionAll"):
        for each in _list(definition, key):
            yield from _parts(each)


def _combined(parts: list[_Selection]) -> _Selection:
    """Return selections side by side: every row of one with every row of the others."""
    columns = [column for own, _ in parts for column in own]
    makers = [rows for _, rows in parts]
    if len(makers) == 1:
        return columns, makers[0]
    if len(makers) == 2:
        first, second = makers

        def pairs(element: Any, row: int) -> list[Row]:
            ones = first(element, row)
            if not ones:
                return []
            others = second(element, row)
            return [one + other for one in ones for other in others]

        return columns, pairs

    def rows(element: Any, row: int) -> list[Row]:
        return [sum(combined, ()) for combined in product(*(make(element, row) for make in makers))]

    return columns, rows


def _united(parts: list[_Selection]) -> _Selection:
    """Return selections one after the other."""
    if not parts:
        raise ViewError("`unionAll` of nothing")
    first = [(column.name, column.type) for column in parts[0][0]]
    for columns, _ in parts:
        if [(column.name, column.type) for column in columns] != first:
            raise ViewError("`unionAll` of selections that differ in their columns, or in their order or types")
    makers = [rows for _, rows in parts]
    return parts[0][0], lambda element, row: [each for make in makers for each in make(element, row)]


def _of_columns(own: list[tuple[Column, Path]]) -> _Selection:
    columns = [column for column, _ in own]

    def rows(element: Any, row: int) -> list[Row]:
        return [tuple([_cell(column, path(element, row)) for column, path in own])]

    return columns, rows


def _cell(column: Column, found: list[Any]) -> Any:
    if column.collection:
        return found
    if len(found) > 1:
        many = f"{len(found)} values for the column `{column.name}`"
        raise ViewError(f"{many}, which is no `collection`; `first()` takes one")
    return found[0] if found else None


def _column(definition: Any, constants: Mapping[str, Any]) -> tuple[Column, Path]:
    content = _mapping(definition, "a column", _COLUMN)
    name, kind = content.get("name"), content.get("type")
    if not isinstance(name, str) or not name:
        raise ViewError("a column without a name")
    if kind is not None and not isinstance(kind, str):
        raise ViewError(f"a type of the column `{name}` that is no text")
    return Column(name, kind, collection=content.get("collection") is True), _path(content.get("path"), constants)


def _path(text: Any, constants: Mapping[str, Any]) -> Path:
    if not isinstance(text, str):
        raise ViewError("a path that is no text")
    try:
        return compile_path(text, constants)
    except PathError as error:
        raise ViewError(f"in the path `{text}`, {error}") from None


def _constant(definition: Any) -> tuple[str, Any]:
    content = definition if isinstance(definition, dict) else {}
    values = [value for key, value in content.items() if key.startswith("value")]
    name = content.get("name")
    if not isinstance(name, str) or len(values) != 1 or isinstance(values[0], dict | list):
        raise ViewError("a constant that has not a name and one value")
    return name, values[0]


def _condition(definition: Any) -> Any:
    return _mapping(definition, "a condition", frozenset({"path", "description", "id", "extension"})).get("path")


def _holds(text: str, values: list[Any]) -> bool:
    if not values:
        return False
    if len(values) > 1 or not isinstance(values[0], bool):
        raise ViewError(f"the condition `{text}`, which is neither true nor false")
    return values[0]


def _mapping(definition: Any, what: str, known: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(definition, dict):
        raise ViewError(f"{what} that is no object")
    unknown = next((key for key in definition if key not in known and not str(key).startswith("_")), None)
    if unknown is not None:
        raise ViewError(f"the key `{str(unknown)[:40]}` in {what}")
    return definition


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    listed = content.get(key)
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise ViewError(f"`{key}` that is no list")
    return listed
