"""Who is looked at apart: every label of every attribute, and every pair of labels of two attributes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.inputs.order import by_appearance

__all__ = ["MISSING", "Labels", "Subgroup", "atoms", "coded", "subgroups"]

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
        Positions in the cohort, ascending.
    """

    attribute: str
    label: str
    judged: bool
    rows: NDArray[np.intp]

    @property
    def key(self) -> str:
        """The group's name: ``sex=female``."""
        return f"{self.attribute}={self.label}"

    @property
    def single(self) -> bool:
        """Whether the group has one attribute, and is no intersection."""
        return " & " not in self.attribute


@dataclass(frozen=True)
class Labels:
    """The labels of an attribute, Missing last, and each patient's number among them, shape (n,)."""

    labels: tuple[str, ...]
    codes: NDArray[np.intp]


def coded(groups: Mapping[str, NDArray[np.str_]]) -> dict[str, Labels]:
    """Give the labels of each attribute their numbers."""
    return {name: _coded(values) for name, values in groups.items()}


def subgroups(labels: Mapping[str, Labels], judged: frozenset[str]) -> list[Subgroup]:
    """Return all groups that have a patient: attributes first, then intersections."""
    single = [
        Subgroup(name, label, name in judged and label != MISSING, np.flatnonzero(own.codes == index))
        for name, own in labels.items()
        for index, label in enumerate(own.labels)
    ]
    pairs = [
        Subgroup(f"{a} & {b}", f"{first} & {second}", False, np.flatnonzero(both == i * len(other.labels) + j))
        for (a, own), (b, other) in combinations(labels.items(), 2)
        for both in [own.codes * len(other.labels) + other.codes]
        for i, first in enumerate(own.labels)
        for j, second in enumerate(other.labels)
    ]
    return single + [pair for pair in pairs if len(pair.rows)]


def atoms(labels: Mapping[str, Labels], n: int) -> tuple[NDArray[np.intp], int]:
    """Give patients who share all their labels one number, by first appearance.

    Returns
    -------
    Numbers from 0, shape (n,), and how many there are.
    """
    atom, kinds = np.zeros(n, dtype=np.intp), 1
    for own in labels.values():
        atom, kinds = by_appearance(atom * len(own.labels) + own.codes)
    return atom, kinds


def _coded(values: NDArray[np.str_]) -> Labels:
    own = sorted({str(value) for value in set(values.tolist())}, key=lambda label: (label == MISSING, label))
    codes = np.zeros(len(values), dtype=np.intp)
    for index, label in enumerate(own[1:], start=1):
        codes[values == label] = index
    return Labels(tuple(own), codes)
