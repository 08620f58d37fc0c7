"""Leaks in a cohort too large to look at every number of: in a sample, and in all rows what a few of them may show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.cohort_frame import Cohort, each_column
from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.samples import sample_rows
from theragate.validation._feature_column import LEVELS, FeatureColumn, read_feature_column, read_labels, read_presence
from theragate.validation._joint_leaks import find_joint_leaks
from theragate.validation._leakage_signs import OF_ALL, OF_PRESENCE, OF_SAMPLE, measured_part, signs_in, weighed
from theragate.validation.types import LeakageFinding

__all__ = ["leaks_of_many", "sampled_patients"]

ENOUGH = 1_000  # patients of a rare outcome, or with a rare feature, who are looked at if there are so many


def leaks_of_many(
    cohort: Cohort, names: Sequence[str], outcome: Outcome, *, ceiling: float, most: int
) -> tuple[LeakageFinding, ...]:
    """Look at the features `names` of n patients, whose outcome is known, one in memory after the other.

    Parameters
    ----------
    most
        How many patients are looked at as a rule; see `find_leaks`.
    """
    findings: list[LeakageFinding] = []
    innocent: list[FeatureColumn] = []
    rows = sampled_patients(outcome, most=most)
    sample = cohort.frame(names, rows)
    patients = _Patients(outcome, rows, outcome.take(rows), ceiling, most)
    for column in each_column(cohort, names):
        feature = read_feature_column(sample[column.name], str(column.name))
        found = list(patients.signs(feature, column))
        first = {finding.check: finding for finding in reversed(found)}
        findings += weighed([first[check] for check in dict.fromkeys(finding.check for finding in found)])
        innocent += [feature] if feature.present.any() and not found else []
    return (*findings, *find_joint_leaks(innocent, measured_part(patients.sampled), ceiling))


def sampled_patients(outcome: Outcome, *, most: int) -> NDArray[np.intp]:
    """Return the positions of those among whom leaks are looked for, ascending.

    They are `most` patients with the same shares of each stratum of the outcome, and of a rare stratum some more, up to
    `ENOUGH`: in too few, a feature that knows the outcome could not be told from one that is good.
    """
    everyone = np.arange(len(outcome), dtype=np.intp)
    rows = sample_rows(outcome, everyone, most=most, seed=0)
    strata, taken = outcome.strata, np.zeros(len(outcome), dtype=bool)
    taken[rows] = True
    generator = np.random.default_rng(1)
    for stratum, have in zip(*np.unique(strata[rows], return_counts=True), strict=True):
        if have < ENOUGH:
            rest = np.flatnonzero((strata == stratum) & ~taken)
            taken[generator.permutation(rest)[: ENOUGH - have]] = True
    return np.flatnonzero(taken)


@dataclass(frozen=True)
class _Patients:
    """All patients' outcome, and the positions and the outcome of those sampled."""

    outcome: Outcome
    rows: NDArray[np.intp]
    sampled: Outcome
    ceiling: float
    most: int

    def signs(self, feature: FeatureColumn, column: pd.Series) -> Iterator[LeakageFinding]:
        """Yield signs of a leak: in all patients what counts can tell, the others in the sample.

        A feature that few of the sample have is looked at once more, in those of all patients who have it.

        Parameters
        ----------
        feature
            In the sample.
        column
            In all patients.
        """
        present = column.notna().to_numpy(dtype=bool)
        if not present.any():
            return
        coarse = feature.label.max(initial=0) <= LEVELS
        everywhere = read_labels(column, feature.name) if coarse else read_presence(present, feature.name)
        yield from signs_in(everywhere, self.outcome, self.ceiling, signs=OF_ALL if coarse else OF_PRESENCE)
        few = int(feature.present.sum())
        if few:
            yield from signs_in(feature, self.sampled, self.ceiling, signs=OF_SAMPLE)
        if few < min(ENOUGH, int(present.sum())):
            having = sample_rows(self.outcome, np.flatnonzero(present), most=self.most, seed=0)
            of_few = read_feature_column(column.iloc[having].reset_index(drop=True), feature.name)
            yield from signs_in(of_few, self.outcome.take(having), self.ceiling, signs=OF_SAMPLE)
