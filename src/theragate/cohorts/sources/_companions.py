"""Files that belong to a table: a dictionary, a catalogue of labels."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

__all__ = ["Companions"]

Companions: TypeAlias = Callable[[str], Path]  # by their names in ``source``
