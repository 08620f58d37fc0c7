"""For which judged groups of patients an interval holds: groups with an interval of their own, and measured coverage.

An interval that holds for 9 of 10 patients may hold for 6 of 10 in a group whose values scatter more. Where a group is
large enough and known from the inputs, its quantiles are learned from its own held-out patients: Mondrian conformal
prediction (Vovk, Lindsay, Nouretdinov, Gammerman, Mondrian confidence machine, 2003; equalised coverage: Romano,
Barber, Sabatti, Candès, Harvard Data Sci Rev 2020;2(2)). A patient of several groups gets the union of their intervals,
which holds in each of them (Barber, Candès, Ramdas, Tibshirani, Inf Inference 2021;10:455).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.groups import label_groups
from theragate.evidence.published import SMALLEST_CELL
from theragate.learning.features import MISSING_TEXT
from theragate.learning.record import GroupCoverage
from theragate.personal.applicability import LEAST_OF_CLASS
from theragate.personal.coverage import agrees
from theragate.personal.intervals import LEVEL, Flags, Floats, Group, HeldOut
from theragate.study import GroupSpec

__all__ = ["LEAST_PATIENTS", "group_coverage", "groups_of", "large_groups", "memberships", "not_shown"]

# The coverage of an interval learned from 100 patients is 90 ± 3% (a beta distribution; Vovk, ACML 2012;25:475).
LEAST_PATIENTS: Final = 100
_NORMAL95: Final = 1.959963984540054


def groups_of(features: pd.DataFrame, attributes: Mapping[str, GroupSpec], *, study: str) -> pd.DataFrame:
    """Label patients in these attributes, from their inputs as `as_features` gives them."""
    if not attributes:
        return pd.DataFrame(index=features.index)
    columns = {spec.column: features[spec.column] for spec in attributes.values()}
    known = pd.DataFrame({name: column.mask(column == MISSING_TEXT, None) for name, column in columns.items()})
    return label_groups(known.set_axis(features.index), attributes, study=study)


def large_groups(labels: pd.DataFrame, held_out: HeldOut) -> tuple[Group, ...]:
    """Return the groups of at least 100 held-out patients; `labels` has one row per held-out prediction."""
    return tuple(
        (str(attribute), str(name))
        for attribute in labels.columns
        for name in sorted(labels[attribute].unique())
        if held_out.patients_of(np.flatnonzero(labels[attribute] == name)) >= LEAST_PATIENTS
    )


def memberships(labels: pd.DataFrame, groups: Sequence[Group]) -> Flags:
    """Return who belongs to which of these groups, shape (n, groups)."""
    flags = [(labels[attribute] == name).to_numpy(dtype=bool) for attribute, name in groups]
    return np.column_stack(flags) if flags else np.zeros((len(labels), 0), dtype=bool)


def group_coverage(
    labels: pd.DataFrame, held_out: HeldOut, *, lower: Floats, upper: Floats, kind: str, titles: Mapping[str, str]
) -> tuple[GroupCoverage, ...]:
    """Return how the intervals of each group's held-out patients hold, whose limits were learned from others.

    Parameters
    ----------
    labels
        One row per held-out prediction, and one column per attribute.
    held_out
        The predictions; a patient who was predicted in several repeats counts once.
    lower, upper
        The limits, (n,) each.
    kind
        Of the interval. Of a ``quantity``, the share of the patients inside is counted, with Wilson's 95% limits; of a
        ``risk``, whether the share with the event agrees; of an ``effect`` there is nothing to count.
    titles
        Of the attributes.
    """
    inside = (lower <= held_out.target) & (held_out.target <= upper)
    found = []
    for attribute in map(str, labels.columns):
        names = sorted(map(str, labels[attribute].unique()))
        members = {name: np.flatnonzero(labels[attribute] == name) for name in names}
        patients = {name: held_out.patients_of(rows) for name, rows in members.items()}
        for name, rows in members.items():
            measured: dict[str, Any] = dict.fromkeys(("patients", "coverage", "lower", "upper", "agrees"))
            if name not in _hidden(patients) and kind == "quantity":
                share = float(pd.Series(inside[rows]).groupby(held_out.patient[rows]).mean().mean())
                low, high = _wilson(share, patients[name])
                measured |= {"coverage": round(share, 4), "lower": round(low, 4), "upper": round(high, 4)}
            if name not in _hidden(patients) and kind != "effect":
                measured["patients"] = patients[name]
            if measured["patients"] is not None and kind == "risk" and _enough(held_out, rows):
                measured["agrees"] = agrees(held_out, rows, lower, upper)
            own = (attribute, name) in held_out.groups
            found.append(GroupCoverage(attribute=titles[attribute], group=name, own=own, **measured))
    return tuple(found)


def not_shown(found: tuple[GroupCoverage, ...]) -> tuple[str, ...]:
    """Return the groups, ``Sex: female``, of which too few were held out, or for which it did not hold."""
    return tuple(f"{one.attribute}: {one.group}" for one in found if not _shown(one))


def _shown(one: GroupCoverage) -> bool:
    if one.patients is None or one.patients < LEAST_PATIENTS:
        return False
    return bool(one.agrees) if one.upper is None else one.upper >= LEVEL


def _enough(held_out: HeldOut, rows: NDArray[np.intp]) -> bool:
    """Return whether at least ten patients had the event and ten had not, so that a share could disagree."""
    events = held_out.target[rows] > 0
    return min(held_out.patients_of(rows[events]), held_out.patients_of(rows[~events])) >= LEAST_OF_CLASS


def _hidden(patients: Mapping[str, int]) -> set[str]:
    """Return the groups of one attribute that are too small to be counted, and the one that would give one away."""
    hidden = [name for name, count in patients.items() if count < SMALLEST_CELL]
    if len(hidden) == 1 and len(patients) > 1:
        others = {name: count for name, count in patients.items() if name not in hidden}
        hidden.append(min(others, key=lambda name: others[name]))
    return {*hidden}


def _wilson(share: float, patients: int) -> tuple[float, float]:
    """Return Wilson's 95% limits of a share."""
    squared = _NORMAL95**2
    middle = (share + squared / (2 * patients)) / (1 + squared / patients)
    reach = _NORMAL95 * float(np.sqrt(share * (1 - share) / patients + squared / (4 * patients**2)))
    reach /= 1 + squared / patients
    return max(middle - reach, 0.0), min(middle + reach, 1.0)
