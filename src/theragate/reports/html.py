"""Pieces of HTML that stand alone: escaped, without scripts or addresses, readable in light and in dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

__all__ = ["TONES", "Cell", "Tone", "badge", "document", "listed", "paragraph", "table"]

Tone = Literal["good", "bad", "open", "plain"]

# Text on its own ground, so that a theme's colours do not matter: at least 4.5 to 1, as WCAG 2.2 asks.
TONES: dict[Tone, tuple[str, str]] = {
    "good": ("#ffffff", "#1a6e33"),
    "bad": ("#ffffff", "#b3261e"),
    "open": ("#000000", "#f2b824"),
    "plain": ("#ffffff", "#565e66"),
}

# Everything else has the colours of the page around it.
_STYLE = """
.theragate { color: inherit; font-family: inherit; line-height: 1.45; max-width: 70em; }
.theragate h3 { font-size: 1.1em; margin: 0 0 .4em; }
.theragate p { margin: .3em 0; }
.theragate .rows { overflow-x: auto; }
.theragate table { border-collapse: collapse; margin: .6em 0; }
.theragate caption { font-weight: bold; text-align: left; padding: .2em 0; }
.theragate th, .theragate td { border-top: 1px solid currentColor; padding: .3em .8em .3em 0; text-align: left;
  vertical-align: top; white-space: normal; background: transparent; color: inherit; }
.theragate .badge { border-radius: .3em; font-weight: bold; padding: .05em .5em; white-space: nowrap; }
"""


@dataclass(frozen=True)
class Cell:
    """A cell of a table. ``header`` says that it names its row; a ``tone`` sets its text off."""

    text: str
    header: bool = False
    tone: Tone | None = None

    @property
    def html(self) -> str:
        """The cell as HTML."""
        content = escape(self.text) if self.tone is None else badge(self.text, self.tone)
        return f'<th scope="row">{content}</th>' if self.header else f"<td>{content}</td>"


def document(label: str, parts: Sequence[str]) -> str:
    """Return a section that screen readers call `label`, of parts that are HTML already."""
    tones = "\n".join(
        f".theragate .{tone} {{ color: {text}; background: {ground}; }}" for tone, (text, ground) in TONES.items()
    )
    content = "\n".join(parts)
    heading = escape(label, quote=True)
    return (
        f'<section class="theragate" lang="en" aria-label="{heading}">\n<style>{_STYLE}{tones}\n</style>\n'
        f"<h3>{heading}</h3>\n{content}\n</section>"
    )


def badge(text: str, tone: Tone) -> str:
    """Return a word that is set off; it says in words what its colour says."""
    return f'<span class="badge {tone}">{escape(text)}</span>'


def paragraph(text: str, *, before: str = "") -> str:
    """Return a paragraph; `before` is HTML already."""
    return f"<p>{before}{' ' if before else ''}{escape(text)}</p>"


def listed(heading: str, lines: Sequence[str]) -> str:
    """Return a heading with a list; nothing where there are no lines."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<p>{escape(heading)}</p>\n<ul>{items}</ul>"


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table with a caption; one that is too wide is moved within its own frame, by keyboard too."""
    label = escape(caption, quote=True)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "\n".join(f"<tr>{''.join(cell.html for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="rows" role="region" tabindex="0" aria-label="{label}">\n<table><caption>{label}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n</div>"
    )
