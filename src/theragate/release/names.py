"""Whether two spellings name the same alias or the same person, and which text shows a reader what it holds."""

import re
import unicodedata
from collections.abc import Iterable

from theragate.release.confusables import PROTOTYPES

__all__ = ["as_seen", "folded", "is_ignorable", "looks_like", "same_alias", "same_person", "skeleton", "unseen_in"]

# Default_Ignorable_Code_Point of Unicode 17: drawn as nothing, though not all are format characters.
_IGNORABLE = (
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_BLANK = 0x2800  # a Braille pattern without dots: a symbol that is drawn as nothing
# Control, format, surrogate, private use and unassigned characters, and those that end a line or a paragraph.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS, _VIRAMA = "\u200c\u200d", 9  # the combining class of a virama
_WORD = re.compile(r"[^\W\d_]+")
_LATIN_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "!": "l"})
# Drawn like letters among letters only: `5tudy` passes for `study`, and `study_5` for nothing else.
_LETTERS_OR_ALIKE, _DIGITS_ALIKE = re.compile(r"[a-z2589]+"), str.maketrans("2589", "zsbg")


def is_ignorable(sign: str) -> bool:
    """Return whether a character is drawn as nothing wherever it is not supported (Default_Ignorable)."""
    return any(first <= ord(sign) <= last for first, last in _IGNORABLE)


def unseen_in(text: str) -> str:
    """Return what in `text` a reader would not see, or would take for something else; empty where nothing is.

    The characters are those that are drawn as nothing, control or reorder a line, or have no agreed form; and a word
    of Latin letters with others among them that are drawn alike, as UTS #39 refuses them. What joins letters or keeps
    them apart in Arabic, Persian and Indian scripts is part of how a word is spelt there (UAX #31).
    """
    if text.isascii() and text.isprintable():
        return ""
    for place, sign in enumerate(text):
        if _is_unseen(sign) and not _joins(text, place):
            return f"the character U+{ord(sign):04X}, which is not seen"
    for word in _WORD.findall(unicodedata.normalize("NFC", text)):
        if _is_mixed(word):
            sign = next(sign for sign in word if _passes_for_latin(sign))
            return f"the letter {unicodedata.name(sign, 'of no name')} within a word of Latin letters"
    return ""


def as_seen(text: str) -> str:
    """Return `text` as a reader sees it: without what is not seen, and of letters drawn alike the Latin ones."""
    seen = "".join(
        sign if not _is_unseen(sign) or _joins(text, place) else "" if _takes_no_room(sign) else " "
        for place, sign in enumerate(text)
    )
    seen = unicodedata.normalize("NFC", seen)
    return _WORD.sub(lambda word: _latin(word[0]) if _is_mixed(word[0]) else word[0], seen)


def _is_unseen(sign: str) -> bool:
    return unicodedata.category(sign) in _UNSEEN or is_ignorable(sign) or ord(sign) == _BLANK


def _takes_no_room(sign: str) -> bool:
    return unicodedata.category(sign) == "Cf" or is_ignorable(sign)


def _joins(text: str, place: int) -> bool:
    """Whether a joiner stands where spelling needs it: after a virama, or between two Arabic letters."""
    if text[place] not in _JOINERS or not 0 < place < len(text) - 1:
        return False
    before, behind = text[place - 1], text[place + 1]
    if unicodedata.combining(before) == _VIRAMA:
        return True
    return all(sign.isalpha() and unicodedata.name(sign, "").startswith("ARABIC") for sign in (before, behind))


def _is_mixed(word: str) -> bool:
    return any(map(_passes_for_latin, word)) and any(map(_is_latin, word))


def _passes_for_latin(sign: str) -> bool:
    return ord(sign) in PROTOTYPES and not _is_latin(sign)


def _is_latin(sign: str) -> bool:
    return "LATIN" in unicodedata.name(sign, "").split()[:2]


def folded(name: str) -> str:
    """Return the one form of all spellings of `name`.

    Compatible characters are unified (NFKC), case is folded, invisible characters are dropped and blanks collapsed, so
    that `Champion`, a full-width one, and one with a newline or a zero-width space are the same.
    """
    text = unicodedata.normalize("NFKC", _seen(unicodedata.normalize("NFKC", _seen(name)).casefold()))
    return " ".join(_seen(text).split())


def _seen(text: str) -> str:
    return "".join(
        sign
        for sign in text
        if sign.isspace()
        or not (unicodedata.category(sign) in ("Cf", "Cc") or is_ignorable(sign) or ord(sign) == _BLANK)
    )


def skeleton(name: str) -> str:
    """Return the one form of all names that a reader may take for `name`, as UTS #39 does for identifiers.

    Beyond `folded`, letters of other alphabets become the Latin ones that they are drawn like, and so do digits and
    pairs of letters: `champi0n` is `champion`, `rn` is `m`. No two digits become the same letter: numbered names stay
    apart.
    """
    text = _latin(folded(_latin(unicodedata.normalize("NFKC", _seen(name)))))
    text = text.casefold().translate(_LATIN_ALIKE)
    text = _LETTERS_OR_ALIKE.sub(_among_letters, text)
    return text.replace("rn", "m").replace("vv", "w").strip("-_. ")


def _among_letters(word: re.Match[str]) -> str:
    return word[0] if word[0].isdecimal() else word[0].translate(_DIGITS_ALIKE)


def _latin(text: str) -> str:
    return text.translate(PROTOTYPES)


def looks_like(name: str, others: Iterable[str]) -> str | None:
    """Return the first of `others` that `name` could be taken for, itself included; None where there is none."""
    own = skeleton(name)
    return next((other for other in others if skeleton(other) == own), None)


def same_alias(alias: str, protected: Iterable[str]) -> bool:
    """Return whether `alias` could be taken for one of the `protected` aliases."""
    return looks_like(alias, protected) is not None


def same_person(one: str, other: str) -> bool:
    """Return whether two names may be the same person: they have a handle in common.

    A person is written as a sign-in name, an e-mail address or, as git does, a name with an address in ``<>``. The
    handles are the name, the address, and the address up to its ``@``. It is safer to take two people for one than one
    for two.
    """
    return bool(_handles(one) & _handles(other))


def _handles(person: str) -> set[str]:
    name, _, rest = folded(person).partition("<")
    address = rest.partition(">")[0]
    handles = {name.strip(), address.strip()}
    handles |= {handle.partition("@")[0].strip() for handle in handles if "@" in handle}
    return {skeleton(handle) for handle in handles} - {""}
