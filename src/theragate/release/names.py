"""When two names mean one alias or one person, however they are written."""

import unicodedata
from collections.abc import Iterable

__all__ = ["folded", "same_alias", "same_person"]


def folded(name: str) -> str:
    """Return the one form of all spellings of `name`.

    Compatible characters become one (NFKC), case is folded, invisible characters are dropped and blanks trimmed, so
    that `Champion`, a full-width one, and one with a newline or a zero-width space are the same.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(sign for sign in text if unicodedata.category(sign) not in ("Cf", "Cc") or sign.isspace())
    return " ".join(visible.split())


def same_alias(alias: str, protected: Iterable[str]) -> bool:
    """Return whether `alias` is a spelling of one of the `protected` aliases."""
    return folded(alias) in {folded(name) for name in protected}


def same_person(one: str, other: str) -> bool:
    """Return whether two names can be one person: any handle in common.

    A person is written as a sign-in name, an e-mail address or, as git does, a name with an address in ``<>``. The
    handles are the name, the address, and the address up to its ``@``. Rather two people are taken for one than one
    for two.
    """
    return bool(_handles(one) & _handles(other))


def _handles(person: str) -> set[str]:
    name, _, rest = folded(person).partition("<")
    address = rest.partition(">")[0]
    found = {name.strip(), address.strip()}
    found |= {handle.partition("@")[0].strip() for handle in found if "@" in handle}
    return found - {""}
