"""`theragate docs`: the pages that messages name, where there is no clone of the repository."""

from collections.abc import Mapping
from pathlib import Path

from theragate.errors import ConfigurationError, did_you_mean, some_of
from theragate.project.templates import pages

__all__ = ["docs"]

_MOST_FOUND = 12  # pages: of more, a word says nothing


def docs(name: str | None) -> str:
    """Return a page as it is written, or the list of all with their titles.

    Parameters
    ----------
    name
        As a message gives it, ``docs/studies.md``, or shorter: ``studies``.

    Raises
    ------
    ConfigurationError
        If there is no such page.
    """
    known = pages()
    if name is None:
        width = max(map(len, known)) + 2
        return "\n".join(f"{each:<{width}}{_title(path)}" for each, path in known.items())
    asked = name.removeprefix("docs/").removesuffix(".md")
    path = known.get(asked) or known.get(f"{asked}/README")
    if path is None:
        raise ConfigurationError(
            f"page `{name[:80]}`",
            rule="it is one of those that `theragate docs` lists",
            received="another name",
            remedy=f"{did_you_mean(asked, known)}{_about(asked, known)}",
        )
    return path.read_text(encoding="utf-8").rstrip("\n")


def _about(asked: str, known: Mapping[str, Path]) -> str:
    """Say which pages are about a word, where no page has that name."""
    word = asked.casefold()
    found = [name for name, path in known.items() if len(word) > 2 and word in path.read_text("utf-8").casefold()]
    if not 0 < len(found) <= _MOST_FOUND:
        return f"Choose one of them: {some_of(sorted(known))}."
    return f"Choose one of them; of `{asked[:80]}` tell {some_of(found, most=5)}."


def _title(path: Path) -> str:
    first, _, _ = path.read_text(encoding="utf-8").partition("\n")
    return first.lstrip("#;- ")
