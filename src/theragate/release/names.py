"""Whether two spellings name the same alias or the same person."""

import unicodedata
from collections.abc import Iterable

__all__ = ["folded", "same_alias", "same_person"]


def folded(name: str) -> str:
    """Return the one form of all spellings of `name`.

    Compatible characters are unified (NFKC), case is folded, invisible characters are dropped and blanks collapsed, so
    that `Champion`, a full-width one, and one with a newline or a zero-width space are the same.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(sign for sign in text if unicodedata.category(sign) not in ("Cf", "Cc") or sign.isspace())
    return " ".join(visible.split())


def same_alias(alias: str, protected: Iterable[str]) -> bool:
    """Return whether `alias` is a spelling of one of the `protected` aliases."""
    return folded(alias) in {folded(name) for name in protected}


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
    return handles - {""}
