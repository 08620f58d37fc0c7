"""Names of columns as plain words, whatever the language: ``Geburtsdatum``, ``código_postal``, ``ageAtEntry``."""

import re
import unicodedata

__all__ = ["spellings", "words_of"]

_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa"})


def words_of(name: str) -> list[str]:
    """Return the words of a column's name in small letters without accents, in their order.

    Words end where the case, a digit, a blank or a sign says so: ``ageAtEntry`` has age, at, entry.
    """
    parted = re.sub(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])", " ", unicodedata.normalize("NFC", name))
    return [word for word in re.split(r"[^a-z]+", _bare(parted.lower())) if word]


def spellings(word: str) -> set[str]:
    """Return how `words_of` gives a word: without its accents, or as those write it whose keyboard has none."""
    word = word.lower()
    return {_bare(word), _bare(word.translate(_DIGRAPHS))}


def _bare(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o"))
    return "".join(sign for sign in apart if not unicodedata.combining(sign))
