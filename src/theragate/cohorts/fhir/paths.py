"""FHIRPath, made into functions from an element of a resource to a collection of values.

Elements are what a JSON parser gives: mappings, texts, numbers, truth values. A collection is a list of these. An
element with a choice of types, such as ``value[x]``, is found by its name alone, and by ``ofType`` as the type says.

Reference: FHIRPath 2.0.0 (http://hl7.org/fhirpath/N1); functions of FHIR: https://hl7.org/fhir/R4/fhirpath.html; keys
of resources: https://sql-on-fhir.org/ig/latest/StructureDefinition-ViewDefinition.html.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from theragate.cohorts.fhir.grammar import (
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Negative,
    Node,
    PathError,
    Variable,
    read_path,
)

__all__ = ["ROW", "Path", "compile_path", "names_patient", "reference_parts"]

Values: TypeAlias = list[Any]
Path: TypeAlias = Callable[[Any, int], Values]  # of an element, and the row's number among those of its level

ROW = "rowIndex"  # the name of the row's number

_NAMES = """
base64Binary boolean canonical code date dateTime decimal id instant integer markdown oid positiveInt string time
unsignedInt uri url uuid Address Age Annotation Attachment CodeableConcept Coding ContactPoint Count Distance Dosage
Duration Expression HumanName Identifier Meta Money Period Quantity Range Ratio Reference SampledData Signature Timing
"""
_TYPES = frozenset(_NAMES.split())
_ENDINGS = {name[0].upper() + name[1:] for name in _TYPES}
_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?$")


def reference_parts(reference: Any) -> tuple[str, str, bool] | None:
    """Return the type and id that a literal reference names, and whether it names a version of it; None for others.

    ``Patient/p1``, ``https://a.server/fhir/Patient/p1`` and ``Patient/p1/_history/3`` name the same patient.
    """
    found = _REFERENCE.search(reference) if isinstance(reference, str) else None
    return (found[1], found[2], bool(found[3])) if found else None


def names_patient(text: str) -> bool:
    """Whether a text is a literal reference to a patient, and nothing else."""
    parts = reference_parts(text) if "Patient/" in text else None
    return parts is not None and parts[0] == "Patient"


def compile_path(text: str, constants: Mapping[str, Any]) -> Path:
    """Make an expression a function.

    Parameters
    ----------
    text
        The expression.
    constants
        What ``%names`` stand for; ``%rowIndex`` is the row's number.

    Raises
    ------
    PathError
        If it is none, or needs what is not known.
    """
    return _compiled(read_path(text), constants)


def _compiled(node: Node, constants: Mapping[str, Any]) -> Path:
    match node:
        case Literal(value):
            known = [] if value is None else [value]
            return lambda _element, _row: known
        case Variable(name):
            return _variable(name, constants)
        case Member(of, name):
            return _member(of, name, constants)
        case Index(of, at):
            return _index(_compiled(of, constants), _compiled(at, constants))
        case Negative(of):
            number = _compiled(of, constants)
            return lambda element, row: [-value for value in _single(number(element, row))]
        case Binary(sign, left, right):
            return _binary(sign, _compiled(left, constants), _compiled(right, constants))
        case Call():
            return _call(node, constants)


def _variable(name: str, constants: Mapping[str, Any]) -> Path:
    if name == ROW:
        return lambda _element, row: [row]
    if name not in constants:
        raise PathError(f"`%{name}`, which is no constant of the view")
    known = [constants[name]]
    return lambda _element, _row: known


def _member(of: Node | None, name: str, constants: Mapping[str, Any]) -> Path:
    if name == "$this":
        if of is not None:
            raise PathError("`$this` after a point")
        return lambda element, _row: [element]
    if of is None and name[0].isupper():  # the type of the resource, which is where the path begins
        return lambda element, _row: [element] if _get(element, "resourceType") == name else []
    if of is None:
        return lambda element, _row: _children(element, name)
    before = _compiled(of, constants)
    return lambda element, row: [child for each in before(element, row) for child in _children(each, name)]


def _get(element: Any, name: str) -> Any:
    return element.get(name) if isinstance(element, dict) else None


def _children(element: Any, name: str) -> Values:
    """Return the elements of a name, whatever of its types one with a choice has."""
    if not isinstance(element, dict):
        return []
    value = element.get(name)
    if value is None:
        size = len(name)
        value = next((element[key] for key in element if key.startswith(name) and key[size:] in _ENDINGS), None)
    if isinstance(value, list):
        return value if None not in value else [each for each in value if each is not None]
    return [] if value is None else [value]


def _typed(of: Node | None, kind: str, constants: Mapping[str, Any]) -> Path:
    """Return those of a type: of an element with a choice, by the name that it has then."""
    if isinstance(of, Member) and of.name != "$this" and kind in _TYPES:
        name, chosen = of.name, of.name + kind[0].upper() + kind[1:]
        before = _compiled(of.of, constants) if of.of is not None else None

        def of_choice(element: Any, row: int) -> Values:
            found: Values = []
            for each in [element] if before is None else before(element, row):
                if isinstance(each, dict):
                    value = each.get(chosen)
                    if value is None and name in each:
                        found += [one for one in _children(each, name) if _is(one, kind)]
                    elif value is not None:
                        found += value if isinstance(value, list) else [value]
            return found

        return of_choice
    every = _focus(of, constants)
    return lambda element, row: [each for each in every(element, row) if _is(each, kind)]


def _is(value: Any, kind: str) -> bool:
    """Whether a value may be of a type, as far as JSON tells."""
    if kind.lower() == "boolean":
        return isinstance(value, bool)
    if kind.lower() in {"integer", "positiveint", "unsignedint"}:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind.lower() == "decimal":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, dict):
        return kind in _TYPES if "resourceType" not in value else value["resourceType"] == kind
    return isinstance(value, str) and (kind == "String" or (kind in _TYPES and kind[0].islower()))


def _index(before: Path, at: Path) -> Path:
    def index(element: Any, row: int) -> Values:
        values, place = before(element, row), _single(at(element, row))
        if not place:
            return []
        if not isinstance(place[0], int):
            raise PathError("an index that is no whole number")
        return values[place[0] : place[0] + 1] if place[0] >= 0 else []

    return index


def _single(values: Values) -> Values:
    if len(values) > 1:
        raise PathError(f"{len(values)} values where one is asked for")
    return values


def _binary(sign: str, left: Path, right: Path) -> Path:
    if sign in _LOGIC:
        decide = _LOGIC[sign]

        def logic(element: Any, row: int) -> Values:
            decided = decide(_truth(left(element, row)), _truth(right(element, row)))
            return [] if decided is None else [decided]

        return logic
    if sign == "|":
        return lambda element, row: _distinct([*left(element, row), *right(element, row)])
    if sign in {"=", "!="}:
        wanted = sign == "="

        def equal(element: Any, row: int) -> Values:
            one, other = left(element, row), right(element, row)
            return [(one == other) is wanted] if one and other else []

        return equal
    return _computed(sign, left, right)


def _computed(sign: str, left: Path, right: Path) -> Path:
    compute = _COMPUTED[sign]

    def computed(element: Any, row: int) -> Values:
        one, other = _single(left(element, row)), _single(right(element, row))
        if not one or not other or (sign == "/" and other[0] == 0):
            return []
        try:
            return [compute(one[0], other[0])]
        except TypeError:
            raise PathError(f"`{sign}` between values of two types") from None

    return computed


def _truth(values: Values) -> bool | None:
    """Return whether a condition holds; None where nothing is known. A single value of another type holds."""
    if not _single(values):
        return None
    return values[0] if isinstance(values[0], bool) else True


def _both(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _either(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False


def _one_of_two(one: bool | None, other: bool | None) -> bool | None:
    return None if one is None or other is None else one != other


def _implies(one: bool | None, other: bool | None) -> bool | None:
    return _either(None if one is None else not one, other)


_LOGIC: dict[str, Callable[[bool | None, bool | None], bool | None]] = {
    "and": _both,
    "or": _either,
    "xor": _one_of_two,
    "implies": _implies,
}
_COMPUTED: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _distinct(values: Values) -> Values:
    kept: Values = []
    for value in values:
        if value not in kept:
            kept.append(value)
    return kept


def _focus(of: Node | None, constants: Mapping[str, Any]) -> Path:
    return (lambda element, _row: [element]) if of is None else _compiled(of, constants)


def _call(node: Call, constants: Mapping[str, Any]) -> Path:
    fewest, most = _ARGUMENTS.get(node.name, (0, -1))
    if node.name not in _ARGUMENTS:
        raise PathError(f"`{node.name}()`, which is not among {', '.join(_ARGUMENTS)}")
    if not fewest <= len(node.arguments) <= most:
        raise PathError(f"`{node.name}()` with {len(node.arguments)} arguments")
    if node.name == "ofType":
        return _typed(node.of, _type_name(node.arguments[0]), constants)
    every = _focus(node.of, constants)
    if node.name == "getReferenceKey":
        kind = _type_name(node.arguments[0]) if node.arguments else None
        return lambda element, row: [key for each in every(element, row) for key in _reference_key(each, kind)]
    arguments = [_compiled(each, constants) for each in node.arguments]
    if node.name in {"where", "exists"} and arguments:
        return _filtered(every, arguments[0], exists=node.name == "exists")
    if arguments:
        given, with_text = arguments[0], _WITH_TEXT[node.name]
        return lambda element, row: with_text(every(element, row), _text(given(element, row), node.name))
    plain = _PLAIN[node.name]
    return lambda element, row: plain(every(element, row))


def _type_name(node: Node) -> str:
    """Return the name of a type, with or without that of the model before it."""
    if isinstance(node, Member) and (node.of is None or (isinstance(node.of, Member) and node.of.of is None)):
        return node.name
    raise PathError("no name where that of a type should stand")


def _filtered(every: Path, condition: Path, *, exists: bool) -> Path:
    def filtered(element: Any, row: int) -> Values:
        kept = [each for at, each in enumerate(every(element, row)) if _truth(condition(each, at))]
        return [bool(kept)] if exists else kept

    return filtered


def _text(values: Values, name: str) -> str:
    if len(values) != 1 or not isinstance(values[0], str):
        raise PathError(f"`{name}()` with an argument that is no text")
    return values[0]


def _reference_key(reference: Any, kind: str | None) -> Values:
    parts = reference_parts(_get(reference, "reference"))
    return [parts[1]] if parts and kind in (None, parts[0]) else []


def _resource_key(values: Values) -> Values:
    return [each["id"] for each in values if _get(each, "id") is not None]


def _joined(values: Sequence[Any], separator: str) -> Values:
    return [separator.join(str(value) for value in values)]


def _extensions(values: Values, url: str) -> Values:
    return [one for each in values for one in _children(each, "extension") if _get(one, "url") == url]


def _negated(values: Values) -> Values:
    truth = _truth(values)
    return [] if truth is None else [not truth]


_PLAIN: dict[str, Callable[[Values], Values]] = {
    "count": lambda values: [len(values)],
    "empty": lambda values: [not values],
    "exists": lambda values: [bool(values)],
    "first": lambda values: values[:1],
    "getResourceKey": _resource_key,
    "join": lambda values: _joined(values, ""),
    "last": lambda values: values[-1:],
    "not": _negated,
}
_WITH_TEXT: dict[str, Callable[[Values, str], Values]] = {"extension": _extensions, "join": _joined}
_ARGUMENTS = {  # how many each takes
    "count": (0, 0),
    "empty": (0, 0),
    "exists": (0, 1),
    "extension": (1, 1),
    "first": (0, 0),
    "getReferenceKey": (0, 1),
    "getResourceKey": (0, 0),
    "join": (0, 1),
    "last": (0, 0),
    "not": (0, 0),
    "ofType": (1, 1),
    "where": (1, 1),
}
