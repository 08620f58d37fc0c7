"""A model card, which a notebook shows as the Markdown that it is."""

from dataclasses import dataclass

__all__ = ["Card"]


@dataclass(frozen=True, repr=False)
class Card:
    """A model card; ``text`` is Markdown."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text
