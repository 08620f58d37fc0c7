"""Text from elsewhere, written so that nobody who shows it obeys it: a terminal, a notebook."""

import unicodedata

__all__ = ["escape", "escaped"]

_LAYOUT = {"\n", "\t"}
_OBEYED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # controls, formats (directions, joiners, tags), halves, line separators


def escaped(text: str) -> str:
    """Return `text` with every character that a terminal obeys, but for line ends and tabs, as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(escape(sign) if _is_obeyed(sign) else sign for sign in text)


def escape(sign: str) -> str:
    """Return a character as an escape that JSON reads back."""
    units = sign.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _is_obeyed(sign: str) -> bool:
    return sign not in _LAYOUT and unicodedata.category(sign) in _OBEYED
