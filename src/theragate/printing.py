r"""What is printed for a person: text from elsewhere cannot move the cursor, colour a line or hide a word.

A name, a tag, a reason or an error message may come from a server, a file or another person. Whatever a terminal would
obey in place of showing it is written as an escape, such as ``\u001b``, which JSON reads back as the same character.
"""

import sys
from typing import TYPE_CHECKING, Any, TextIO

from theragate.escapes import escape, escaped

if TYPE_CHECKING:  # tables are made by few commands, and Rich takes a tenth of a second to import
    from rich.console import Console

__all__ = ["plain_console", "say"]


def say(text: str, *, to: TextIO | None = None) -> None:
    """Print lines to a stream, by default standard output; a sign that its encoding lacks becomes an escape too."""
    stream = sys.stdout if to is None else to
    encoding, shown = getattr(stream, "encoding", None) or "utf-8", escaped(text)
    try:
        shown.encode(encoding)
    except UnicodeEncodeError:
        shown = "".join(sign if sign.isascii() else escape(sign) for sign in shown)
    print(shown, file=stream, flush=True)


def plain_console(**options: Any) -> "Console":
    """Return Rich's console with `options`: the text of what it prints is escaped, and its own colours are not."""
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.segment import Segment

    class Escaped:
        def __init__(self, shown: RenderableType) -> None:
            self.shown = shown

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            for segment in console.render(self.shown, options):
                yield Segment(escaped(segment.text), segment.style, segment.control)

    class PlainConsole(Console):
        def print(self, *objects: Any, **more: Any) -> None:
            super().print(*map(Escaped, objects), **more)

    return PlainConsole(**{"highlight": False, **options})
