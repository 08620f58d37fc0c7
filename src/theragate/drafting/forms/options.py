"""What a person may say about how a file is read, instead of leaving it to be found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["DateOrder", "ReadingOptions"]

DateOrder = Literal["dmy", "mdy", "ymd"]


@dataclass(frozen=True)
class ReadingOptions:
    """The options of `theragate new-study` that are about reading; what is None or empty is found in the file."""

    encoding: str | None = None
    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    date: DateOrder | None = None
    missing: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    sheet: str | None = None
    dictionary: Path | None = None
    catalogue: Path | None = None
    outcome: tuple[str, ...] = ()  # columns in which a code is asked about and kept: a time of 999 days may be one
