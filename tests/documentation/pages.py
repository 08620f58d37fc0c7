"""The pages that people read, taken apart: headings, links, code, commands."""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", flags=re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of code, with its language or an empty text."""

    language: str
    text: str


@dataclass(frozen=True)
class Page:
    """One Markdown page of the repository."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(Block(*match.groups()) for match in _FENCE.finditer(self.text))

    @cached_property
    def prose(self) -> str:
        """The page without its blocks of code."""
        return _FENCE.sub("", self.text)

    @cached_property
    def spans(self) -> tuple[str, ...]:
        """Code within the text, each on one line."""
        return tuple(" ".join(span.split()) for span in _SPAN.findall(self.prose))

    @cached_property
    def links(self) -> tuple[str, ...]:
        return tuple(target for _, _, target in _LINK.findall(_SPAN.sub("", self.prose)))

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        return tuple(target for mark, _, target in _LINK.findall(self.prose) if mark)

    @cached_property
    def anchors(self) -> frozenset[str]:
        """The anchors of the headings, as GitHub makes them."""
        return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in self.headings)

    @cached_property
    def headings(self) -> tuple[str, ...]:
        return tuple(_HEADING.findall(self.prose))

    def lines_of_code(self) -> Iterator[str]:
        """The lines of all blocks, without comments, continued lines joined."""
        for block in self.blocks:
            for line in block.text.replace("\\\n", " ").splitlines():
                yield re.sub(r"\s#.*", "", line).strip()


def pages() -> list[Page]:
    """Every page: at the top, in docs/, and beside the sources."""
    return [Page(path) for folder in ("*.md", "docs/**/*.md", "sources/**/*.md") for path in sorted(ROOT.glob(folder))]


def commands(lines: Iterable[str], program: str) -> list[list[str]]:
    """The words of every call of `program` in lines of code, chained calls and assignments before it included."""
    called = []
    for line in lines:
        for words in _chained(line):
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words[:1] == [program]:
                called.append(words[1:])
    return called


def _chained(line: str) -> list[list[str]]:
    """The words of each command of a line; none where the line is no command but some text."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split, lexer.commenters = True, ""
    parts: list[list[str]] = [[]]
    try:
        for word in lexer:
            if set(word) <= set("&|;"):
                parts.append([])
            else:
                parts[-1].append(word)
    except ValueError:  # a quotation mark alone
        return []
    return parts
