"""Text of others is shown as it is: a terminal obeys none of it, and no encoding makes a command fail."""

import io
import json

import pytest
from rich.table import Table
from rich.text import Text

from theragate.escapes import escaped
from theragate.printing import plain_console, say

HOSTILE = {
    "clears the screen": "\x1b[2J\x1b[H",
    "moves up": "\x1b[1A",
    "writes a title": "\x1b]0;owned\x07",
    "goes back": "PASS\rFAIL",
    "backspaces": "FAIL\b\b\b\bPASS",
    "a one-byte sequence": "\x9b31m",
    "turns the direction": "\u202eSSAP\u202c",
    "isolates": "\u2066x\u2069",
    "invisible": "ada\u200b\u2060\ufeff",
    "a tag": "\U000e0041",
    "half of a character": "\ud800",
    "deletes": "\x7f",
    "another end of line": "a\u2028b\u0085c",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text):
    shown = escaped(text)
    assert shown != text
    assert shown.isprintable()
    assert json.loads(f'"{shown}"') == text, "a program that reads JSON gets what was there"


def test_plain_text_stays_as_it_is():
    for text in ("a\n\tb", "Früh – ≤ 5 %", "名前", "é", "👩"):
        assert escaped(text) == text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_tables_keep_their_own_colours_and_escape_what_is_in_them(text):
    stream = io.StringIO()
    console = plain_console(file=stream, force_terminal=True, color_system="standard", width=120)
    table = Table("Who")
    table.add_row(Text(text, "bold red"))
    console.print(table)
    console.print(Text(text), soft_wrap=True)
    console.print(text)
    shown = stream.getvalue()
    own = shown.replace("\x1b[1;31m", "").replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert all(sign == "\n" or sign.isprintable() for sign in own), ascii(own)


def test_signs_that_a_stream_cannot_write_are_escaped():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    say("Frühling \ud800 ≤", to=stream)
    stream.seek(0)
    assert stream.read() == "Fr\\u00fchling \\ud800 \\u2264\n"
