"""Columns that give the outcome away together, though none does alone: an exclusive or, a difference of two dates.

Pairs and triples are screened by products of matrices, and the few that stand out are held out by a small tree and a
linear model. The cost is bounded: at most `ROWS` patients, `MOST` contrasts for pairs and `MOST_OF_THREE` for triples.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from theragate.cohorts.outcomes import Binary, Censored, MeasuredOutcome, Quantity
from theragate.evidence.types import Z95
from theragate.validation._association import Association, auroc
from theragate.validation._feature_column import FeatureColumn
from theragate.validation.types import LeakageFinding

__all__ = ["find_joint_leaks"]

Numbers = NDArray[np.float64]
Truths = NDArray[np.bool_]

ROWS = 5_000
WORK = 30_000_000  # patients times contrasts that are screened
MOST, MOST_OF_THREE = 6_000, 80
TRIED = 8  # sets that stand out, of each kind
FOLDS = 5
FOLLOWED = 0.95  # of the patients; else who is known at the horizon is itself a matter of the outcome
FEWEST = 20  # patients of a class
CERTAIN = 0.9  # AUROC, lower limit, where patients are told apart without a single error
STATUS = 0.95  # AUROC for the status in a survival study, as for one column


def find_joint_leaks(
    columns: Sequence[FeatureColumn], outcome: MeasuredOutcome, ceiling: float
) -> Iterator[LeakageFinding]:
    """Yield a finding for each column of a pair or triple that tells the outcome better than its columns could.

    Parameters
    ----------
    columns
        Of n patients; none of them gives the outcome away alone.
    outcome
        Of the same patients.
    ceiling
        What the study expects of a whole model.

    Notes
    -----
    Sources that were independent, each as good as the column is by itself, would reach an AUROC of
    Φ(√(Σ Φ⁻¹(AUROC)²)) together under the binormal model, or the sum of their R². The lower limit, held out, has to lie
    above that and above the ceiling: strong honest columns that agree are far below it.
    """
    found: list[frozenset[int]] = []
    for rows, target in _questions(outcome):
        if len(columns) < 2 or not _enough(target):
            continue
        chosen = rows[_in_order([column.label[rows] for column in columns], target)[:ROWS]]
        values = target[np.searchsorted(rows, chosen)]
        probe = _Probe(
            [column.level[chosen] for column in columns], [_number(each, chosen) for each in columns], values
        )
        limit = ceiling if isinstance(outcome, Binary | Quantity) else max(ceiling, STATUS)
        for members in _candidates(probe):
            if any(known <= frozenset(members) for known in found) or not probe.hopeful(members, limit):
                continue
            association, apart = probe.together(members), probe.apart(members)
            if association is None:
                continue
            least = max(apart, CERTAIN if association.estimate == 1 else limit)
            if association.lower > least:
                found.append(frozenset(members))
                statistic = "R²" if values.dtype != bool else "AUROC"
                yield from _findings([columns[member].name for member in members], statistic, association, least)


def _questions(outcome: MeasuredOutcome) -> Iterator[tuple[NDArray[np.intp], Numbers | Truths]]:
    """Yield who is asked about, as positions that ascend, and the answer: truth values, or numbers."""
    everyone = np.arange(len(outcome))
    if isinstance(outcome, Quantity):
        yield everyone, outcome.value
    elif isinstance(outcome, Binary):
        yield everyone, outcome.event
    elif isinstance(outcome, Censored):
        yield everyone, outcome.event
        known = np.flatnonzero(outcome.by_horizon | outcome.free_at_horizon)
        if len(known) >= FOLLOWED * len(outcome):
            yield known, outcome.by_horizon[known]


def _enough(target: Numbers | Truths) -> bool:
    if target.dtype != bool:
        return len(target) >= 5 * FEWEST and bool(target.max() > target.min())
    return FEWEST <= int(target.sum()) <= len(target) - FEWEST


def _in_order(labels: Sequence[NDArray[np.intp]], target: Numbers | Truths) -> NDArray[np.intp]:
    """Return an order of the rows that is as good as random and depends on what is in them alone."""
    key = pd.util.hash_array(target.astype(np.float64))
    for place, label in enumerate(labels):
        key = (key ^ pd.util.hash_array(label.astype(np.int64))) * np.uint64(2 * place + 3)
    return np.argsort(key ^ (key >> np.uint64(29)), kind="stable")


def _number(column: FeatureColumn, rows: NDArray[np.intp]) -> Numbers:
    """Return normal scores, 0 where there is none; of a text, of its levels."""
    number = column.level[rows].astype(np.float64) if column.number is None else column.number[rows]
    known = ~np.isnan(number) & (np.isfinite(number) if column.number is not None else True)
    scores = np.zeros(len(rows))
    if known.any():
        spread = float(number[known].std())
        scores[known] = (number[known] - number[known].mean()) / spread if spread > 0 else 0.0
    return scores


class _Probe:
    """The columns of the patients who are looked at, in an order that depends on their content alone."""

    def __init__(self, levels: list[NDArray[np.intp]], numbers: list[Numbers], target: Numbers | Truths) -> None:
        self.levels, self.numbers, self.target = levels, numbers, target
        self.fold = np.arange(len(target)) % FOLDS
        self._alone: dict[int, float] = {}

    def together(self, members: tuple[int, ...]) -> Association | None:
        """Return how well a small tree, or a linear model, of some columns tells the outcome of patients held out."""
        features = self._features(members)
        fits = (self._held_out(features, tree=True), self._held_out(features, tree=False))
        found = [self._measured(score) for score in fits]
        return max(filter(None, found), key=lambda each: each.lower, default=None)

    def apart(self, members: tuple[int, ...]) -> float:
        """Return what independent sources as good as each of the columns alone would reach together."""
        for member in members:
            if member not in self._alone:
                alone = self.together((member,))
                self._alone[member] = alone.estimate if alone else 0.0
        values = np.array([self._alone[member] for member in members])
        if self.target.dtype != bool:
            return float(np.clip(values, 0, None).sum())
        return float(norm.cdf(np.sqrt((norm.ppf(np.clip(values, 0.5, 1 - 1e-9)) ** 2).sum())))

    def hopeful(self, members: tuple[int, ...], limit: float) -> bool:
        """Whether the set reaches the limit at least on the patients that it was fitted to, which is quick to see."""
        everyone = np.ones(len(self.target), dtype=bool)
        features = self._features(members)
        fits = (self._predicted(features, everyone, everyone, tree=tree) for tree in (True, False))
        return any(found is not None and found.estimate > limit for found in map(self._measured, fits))

    def _features(self, members: tuple[int, ...]) -> Numbers:
        parts = [part for each in members for part in (self.numbers[each], self.levels[each])]
        return np.column_stack(parts).astype(np.float64)

    def _held_out(self, features: Numbers, *, tree: bool) -> Numbers:
        held = np.zeros(len(self.target))
        for fold in range(FOLDS):
            test = self.fold == fold
            held[test] = self._predicted(features, ~test, test, tree=tree)
        return held

    def _predicted(self, features: Numbers, fit: Truths, test: Truths, *, tree: bool) -> Numbers:
        from sklearn.tree import DecisionTreeRegressor

        target = self.target[fit].astype(np.float64)
        if tree:
            model = DecisionTreeRegressor(max_depth=6, min_samples_leaf=5, random_state=0)
            predicted: Numbers = model.fit(features[fit], target).predict(features[test])
            return predicted
        design = np.column_stack([np.ones(len(features)), features[:, ::2]])
        fitted: Numbers = design[test] @ np.linalg.lstsq(design[fit], target, rcond=None)[0]
        return fitted

    def _measured(self, score: Numbers) -> Association | None:
        if self.target.dtype == bool:
            return auroc(np.round(score, 9), self.target)
        value = self.target.astype(np.float64)
        error, spread = (value - score) ** 2, (value - value.mean()) ** 2
        share = float(1 - error.sum() / spread.sum())
        half = Z95 * float(np.std((error - (1 - share) * spread) / spread.mean(), ddof=1)) / np.sqrt(len(value))
        return Association(share, share - half, min(share + half, 1.0))


def _candidates(probe: _Probe) -> list[tuple[int, ...]]:
    """Return the pairs, then the triples, whose products or differences go with the outcome most."""
    owner, contrasts = _contrasts(probe)
    rows = max(min(len(probe.target), WORK // max(len(owner), 1)), 200)
    contrasts, target = contrasts[:rows], probe.target[:rows].astype(np.float64)
    if probe.target.dtype != bool:
        target = rankdata(target)
    target = (target - target.mean()) / (target.std() or 1.0)
    contrasts = contrasts - contrasts.mean(axis=0)
    contrasts = contrasts / np.maximum(contrasts.std(axis=0), 1e-9)
    together = contrasts.T @ contrasts / rows
    alone = contrasts.T @ target / rows
    products = np.abs((contrasts * target[:, np.newaxis]).T @ contrasts / rows - together * float(target.mean()))
    linear = (alone[:, None] ** 2 + alone**2 - 2 * together * alone[:, None] * alone) / np.maximum(
        1 - together**2, 0.01
    )
    same = owner[:, None] >= owner
    pairs = [*_largest(np.where(same, 0, products), owner), *_largest(np.where(same, 0, linear), owner)]
    triples: dict[tuple[int, ...], float] = {}
    if len(owner) <= MOST_OF_THREE:
        for third in range(len(owner)):
            weighted = contrasts * (target * contrasts[:, third])[:, np.newaxis]
            by_three = np.where(same, 0, np.abs(weighted.T @ contrasts / rows))
            for first, second in _largest(by_three, owner, most=2):
                members = tuple(sorted({first, second, int(owner[third])}))
                if len(members) == 3:
                    triples[members] = max(triples.get(members, 0.0), float(by_three.max()))
    kept = sorted(triples, key=lambda members: -triples[members])[:TRIED]
    several = sorted({member for pair in pairs[:4] for member in pair})[:5]
    return list(dict.fromkeys([*pairs, *kept, *combinations(several, 3)]))


def _largest(scores: Numbers, owner: NDArray[np.intp], most: int = TRIED) -> list[tuple[int, int]]:
    kept = np.argsort(scores, axis=None)[::-1][: 4 * most]
    places = np.column_stack([owner[axis] for axis in np.unravel_index(kept, scores.shape)])
    pairs = dict.fromkeys((int(min(place)), int(max(place))) for place in places)
    return [(first, second) for first, second in pairs if first != second][:most]


def _contrasts(probe: _Probe) -> tuple[NDArray[np.intp], Numbers]:
    """Return which column each contrast is of, (q,), and the contrasts, (n, q): the number, halves, and few levels."""
    owner: list[int] = []
    made: list[Numbers] = []
    rich = len(probe.levels) * 4 <= MOST
    for place, (level, number) in enumerate(zip(probe.levels, probe.numbers, strict=True)):
        if len(owner) >= MOST:
            break
        sizes = np.bincount(level)
        parts = [number > np.median(number)] if len(sizes) > 3 else [level == each for each in range(1, len(sizes))]
        if rich:
            parts += [number] + [level == each for each in np.argsort(-sizes)[:2] if 3 < len(sizes) <= 20]
        for part in parts:
            if np.ptp(part.astype(np.float64)) > 0:
                owner.append(place)
                made.append(part.astype(np.float64))
    return np.array(owner, dtype=np.intp), np.column_stack(made) if made else np.zeros((len(probe.target), 0))


def _findings(names: Sequence[str], statistic: str, association: Association, limit: float) -> Iterator[LeakageFinding]:
    listed = ", ".join(f"`{name}`" for name in names[:-1]) + f" and `{names[-1]}`"
    for name in names:
        yield LeakageFinding(
            check="joint",
            feature=name,
            severity="critical",
            statistic=f"{statistic}, held out",
            estimate=round(association.estimate, 6),
            lower=round(association.lower, 6),
            upper=round(association.upper, 6),
            limit=round(limit, 6),
            sentence=f"{listed} tell the outcome together, far better than what each tells alone could explain.",
        )
