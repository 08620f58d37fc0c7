"""FHIRPath, read into a tree: the part that shareable views are written in, and what belongs to it.

The grammar is that of FHIRPath, normative release 2.0.0 (http://hl7.org/fhirpath/N1), section "Expressions" and
"Precedence".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Binary", "Call", "Index", "Literal", "Member", "Negative", "Node", "PathError", "Variable", "read_path"]


class PathError(ValueError):
    """An expression that is none, or is of a part of the language that is not read; says what is wrong."""


@dataclass(frozen=True)
class Literal:
    """A text, a number, a truth value; None for the empty collection ``{}``."""

    value: Any


@dataclass(frozen=True)
class Variable:
    """A constant of the view, or what else is written with ``%``."""

    name: str


@dataclass(frozen=True)
class Member:
    """An element of what stands before it; of the focus where nothing does. ``$this`` is the focus itself."""

    of: "Node | None"
    name: str


@dataclass(frozen=True)
class Call:
    """A function of what stands before it."""

    of: "Node | None"
    name: str
    arguments: "tuple[Node, ...]"


@dataclass(frozen=True)
class Index:
    """One element of a collection, from 0."""

    of: "Node"
    at: "Node"


@dataclass(frozen=True)
class Negative:
    """A number with the other sign."""

    of: "Node"


@dataclass(frozen=True)
class Binary:
    """An operator between two expressions."""

    operator: str
    left: "Node"
    right: "Node"


Node: TypeAlias = Literal | Variable | Member | Call | Index | Negative | Binary

_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<variable>%(?:[A-Za-z_]\w*|`[^`]+`|'[^']+'))"
    r"|(?P<name>\$this|[A-Za-z_]\w*|`[^`]+`)"
    r"|(?P<mark><=|>=|!=|[{}()\[\].,+\-*/=<>|])"
    r")"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}

# From what binds least to what binds most, each read from left to right.
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"implies"}),
    frozenset({"or", "xor"}),
    frozenset({"and"}),
    frozenset({"=", "!="}),
    frozenset({"<", "<=", ">", ">="}),
    frozenset({"|"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)


def read_path(text: str) -> Node:
    """Read an expression.

    Raises
    ------
    PathError
        If it is none.
    """
    reader = _Reader(_tokens(text))
    node = reader.binary(0)
    if reader.next[1]:
        raise PathError(f"`{reader.next[1]}` where it should end")
    return node


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise PathError(f"`{text[at:].strip()[:10]}`, which begins nothing that is read")
        tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
        at = found.end()
    return [*tokens, ("end", "")]


class _Reader:
    """Reads tokens from the first to the last."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._at = tokens, 0

    @property
    def next(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._signed()
        left = self.binary(level + 1)
        while self.next[0] in {"mark", "name"} and self.next[1] in _LEVELS[level]:
            operator = self._take()
            left = Binary(operator, left, self.binary(level + 1))
        return left

    def _signed(self) -> Node:
        if self.next == ("mark", "-"):
            self._take()
            return Negative(self._signed())
        if self.next == ("mark", "+"):
            self._take()
            return self._signed()
        return self._steps(self._term())

    def _steps(self, node: Node) -> Node:
        while self.next in {("mark", "."), ("mark", "[")}:
            if self._take() == ".":
                node = self._invoked(node)
            else:
                node = Index(node, self.binary(0))
                self._expect("]")
        return node

    def _term(self) -> Node:
        kind, text = self.next
        read: dict[str, Callable[[str], Node]] = {
            "text": lambda text: Literal(_plain(text[1:-1])),
            "number": lambda text: Literal(float(text) if "." in text else int(text)),
            "variable": lambda text: Variable(text[1:].strip("`'")),
        }
        if kind in read:
            return read[kind](self._take())
        if kind == "name" and text in {"true", "false"}:
            return Literal(self._take() == "true")
        if kind == "name":
            return self._invoked(None)
        if text == "{":
            self._take()
            self._expect("}")
            return Literal(None)
        if text == "(":
            self._take()
            node = self.binary(0)
            self._expect(")")
            return node
        raise PathError(f"`{text}` where a value should stand" if text else "an end where a value should stand")

    def _invoked(self, of: Node | None) -> Node:
        kind, text = self.next
        if kind != "name":
            raise PathError(f"`{text}` where a name should stand" if text else "an end where a name should stand")
        name = self._take().strip("`")
        if self.next != ("mark", "("):
            return Member(of, name)
        self._take()
        arguments: list[Node] = []
        while self.next != ("mark", ")"):
            if arguments:
                self._expect(",")
            arguments.append(self.binary(0))
        self._take()
        return Call(of, name, tuple(arguments))

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _expect(self, mark: str) -> None:
        if self.next != ("mark", mark):
            raise PathError(f"no `{mark}` where one should stand")
        self._take()


def _plain(text: str) -> str:
    """Return a text without its escapes."""

    def plain(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[2])

    return re.sub(r"\\(?:u([0-9A-Fa-f]{4})|(.))", plain, text)
