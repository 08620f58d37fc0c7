"""What a source returns."""

from dataclasses import dataclass

import pandas as pd

__all__ = ["RawTable"]


@dataclass(frozen=True)
class RawTable:
    """A table as its source gives it, before de-identification.

    ``version`` says which edition it is; ``id_column`` names the column with the source's own patient ids, or is
    None where the source has none.
    """

    frame: pd.DataFrame
    version: str
    id_column: str | None
