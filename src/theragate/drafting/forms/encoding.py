"""In which encoding a text file is."""

import codecs
from collections.abc import Iterable
from itertools import chain

__all__ = ["find_encoding"]

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Encodings of one byte a letter: of Windows, of DOS, of old Macs. They differ in where the letters with marks are.
_SINGLE = ("cp1252", "cp850", "mac_roman")
_USUAL = set("äöüÄÖÜßéèêëàâçîïôûùœæñáíóúìòåøÅØÆÇÉÈÑµ°±²³§´–’“”„€½")
_PIECE = 1 << 20


def find_encoding(content: bytes, rest: Iterable[bytes] = ()) -> str:
    """Return the encoding of a text: by its mark, as UTF-8 if it is that, or by which letters would be usual ones.

    Parameters
    ----------
    content
        The text, or the first MiB of it.
    rest
        What comes after it, piece by piece.
    """
    mark = next((mark for mark in sorted(_MARKS, key=len, reverse=True) if content.startswith(mark)), None)
    if mark is not None:
        return _MARKS[mark]
    nulls = content[:2000].count(b"\x00")
    if nulls > 0.2 * len(content[:2000]):
        return "utf-16-le" if content[1:2] == b"\x00" else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in chain([content], rest):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return max(_SINGLE, key=lambda name: _usual(content, name))
    return "utf-8"


def _usual(content: bytes, encoding: str) -> float:
    """Return the share of the letters beyond ASCII that people here write; of what cannot be decoded, -1."""
    marked = bytes(byte for byte in content[:_PIECE] if byte > 127)
    try:
        letters = marked.decode(encoding)
    except UnicodeDecodeError:
        return -1.0 if encoding != "cp1252" else -0.5
    return sum(letter in _USUAL for letter in letters) / len(letters) if letters else 0.0
