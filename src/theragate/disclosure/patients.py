"""The patients whom nothing may give away: their ids, rows and values, a piece of the cohort or a column at a time."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.random_ids import source_ids
from theragate.disclosure.values import Floats, PatientValues

__all__ = ["Patients", "spelled"]

_PIECE = 2**16  # patients looked at together
_CELLS = 2**20  # read together, of whole columns
_NAMES = re.compile(r"^(?=.*[0-9])(?=.*[^\W\d]).{4,}$")
_ROW = 5  # numbers in a row without names: medians of fewer columns may equal a patient's by coincidence


@dataclass(frozen=True)
class Patients:
    """The patients whom nothing may give away.

    Parameters
    ----------
    cohort
        One row per patient, with the column ``patient``: a table, or its file, of which little is in memory at once.
    outcome
        The columns of the outcome.
    predictions
        Numbers that stand for one patient each besides the cohort's columns, such as held-out predictions.
    declared
        Numbers of the study's own files, such as the limits of its suite. Whoever finds one of them in another file
        learns nothing new, whatever the patients' values are.
    links
        The table at the site that links the source's own ids, such as the names of samples, with those of the cohort.
    """

    cohort: pd.DataFrame | CohortFile
    outcome: Sequence[str]
    predictions: Mapping[str, Floats] = field(default_factory=dict)
    declared: Sequence[float] = ()
    links: Path | None = None

    def ids_among(self, texts: Set[str]) -> frozenset[str]:
        """Return those of `texts` that are ids and identify a patient; row numbers name nobody.

        Of the source's own ids those count that have letters and digits: no plain word or number is taken for one.
        """
        found: set[str] = set()
        numbers = True
        for piece in self.pieces(["patient"]):
            ids = piece["patient"].astype(str)
            numbers = numbers and bool(ids.str.fullmatch(r"[0-9]{1,9}").all())
            found |= {*ids[ids.isin(texts)]}
        own = frozenset() if numbers else frozenset(found)
        asked = {text for text in texts if _NAMES.search(text)}
        if self.links is None or not asked:
            return own
        return own.union(*(asked.intersection(piece) for piece in source_ids(self.links)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the cohort's columns, but for the id."""
        return tuple(str(name) for name in self._empty.columns if name != "patient")

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The names of those that hold numbers."""
        return tuple(map(str, self._empty.drop(columns="patient").select_dtypes("number").columns))

    @cached_property
    def rows(self) -> dict[int, tuple[str, ...]]:
        """The columns of patients' numbers, in order, by how many they are: without the outcome, and with it."""
        features = tuple(name for name in self.numbers if name not in self.outcome)
        return {len(names): names for names in (features, self.numbers) if len(names) >= _ROW}

    def pieces(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield some columns of the cohort, piece by piece."""
        if isinstance(self.cohort, CohortFile):
            yield from (piece.frame for piece in self.cohort.pieces(columns))
        else:
            for first in range(0, len(self.cohort), _PIECE):
                yield self.cohort.iloc[first : first + _PIECE][[*columns]]

    def values(self) -> Iterator[tuple[str, PatientValues]]:
        """Yield what stands for one patient or a few, by name: near-unique columns, without what many share."""
        together = max(1, _CELLS // max(1, len(self.cohort)))
        for first in range(0, len(self.numbers), together):
            names = self.numbers[first : first + together]
            frame = self.cohort.frame(names) if isinstance(self.cohort, CohortFile) else self.cohort
            for name in names:
                found = PatientValues.of(frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
                if found is not None:
                    yield f"column `{name}`", found
        for name, predictions in self.predictions.items():
            found = PatientValues.of(predictions)
            if found is not None:
                yield name, found

    @property
    def _empty(self) -> pd.DataFrame:
        return self.cohort.columns if isinstance(self.cohort, CohortFile) else self.cohort.iloc[:0]


def spelled(column: pd.Series) -> pd.Series:
    """Write values in one spelling: a number as a number, whether it came as ``1``, ``1.0``, true or as text."""
    texts = column.astype(str).str.strip().replace({"True": "1", "False": "0"})
    numbers = pd.to_numeric(texts, errors="coerce")
    return texts.where(numbers.isna(), numbers.astype(np.float32).map("{:.6g}".format)).where(column.notna(), "")
