"""Who is looked at apart: every label of every attribute, and every pair of labels of two attributes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MISSING", "Subgroup", "subgroups"]

MISSING = "Missing"


@dataclass(frozen=True)
class Subgroup:
    """Some patients who have a label (or two) in common.

    Parameters
    ----------
    attribute, label
        Joined by `` & `` for an intersection.
    judged
        Whether the attribute was declared judged; never for an intersection, nor for patients whose label is missing.
    rows
        Positions in the cohort.
    """

    attribute: str
    label: str
    judged: bool
    rows: NDArray[np.intp]

    @property
    def key(self) -> str:
        """The group's name: ``sex=female``."""
        return f"{self.attribute}={self.label}"


def subgroups(labels: Mapping[str, NDArray[np.str_]], judged: frozenset[str]) -> list[Subgroup]:
    """Return all groups that have a patient: attributes first, then intersections; Missing after the other labels."""
    single = [
        Subgroup(name, label, name in judged and label != MISSING, np.flatnonzero(values == label))
        for name, values in labels.items()
        for label in _labels(values)
    ]
    pairs = [
        Subgroup(f"{a.attribute} & {b.attribute}", f"{a.label} & {b.label}", False, np.intersect1d(a.rows, b.rows))
        for a, b in combinations(single, 2)
        if a.attribute != b.attribute
    ]
    return single + [pair for pair in pairs if len(pair.rows)]


def _labels(values: NDArray[np.str_]) -> list[str]:
    return sorted({str(value) for value in values}, key=lambda label: (label == MISSING, label))
