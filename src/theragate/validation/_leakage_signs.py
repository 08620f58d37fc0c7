"""The signs of a leak, one function each, in the literal `SIGNS`: those that counts can tell, and the others.

The limits lie far from what medicine offers, because a leak stands out. They are the same for every study.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri

from theragate.cohorts.outcomes import Binary, Censored, MeasuredOutcome, Outcome, Quantity, Treated
from theragate.validation._association import (
    Association,
    agreement,
    auroc,
    concordance,
    explained,
    rank_correlation,
    wilson,
)
from theragate.validation._feature_column import LEVELS, FeatureColumn
from theragate.validation.types import LeakageFinding, Severity

__all__ = ["OF_ALL", "OF_PRESENCE", "OF_SAMPLE", "SIGNS", "measured_part", "signs_in", "weighed"]

MISSINGNESS = 0.80  # AUROC; that a test was done seldom tells more about the outcome than its result
STATUS = 0.95  # AUROC for the event status in a survival study, whose declared ceiling is a concordance
AGREEMENT = 0.90  # Cohen's kappa; two readers of one slide seldom agree so well
COPY = 0.98  # rank correlation with the outcome; repeated measurements of one quantity reach about 0.95
CHANCE = 3.0  # how many times more often than by chance a value may equal the follow-up time
FEWEST = 30  # patients with a value, below whom an explained variation is not estimated
CUT = 1e-6  # chance of levels, thrown at random, that part the outcome into ranges
PER_LEVEL = 5  # patients per distinct value, from which on a column is one of levels
EXPECTED = 10.0  # patients expected to share one outcome before that means something
RATIO, LEAK_RATIO = 10.0, 20.0  # lower limits of the likelihood ratio; hardly any finding of medicine reaches the first
FEW = 5  # values, up to which a column divides the patients rather than ranks them
BEYOND, EARLIER = 0.2, 0.005  # shares of patients on one side of their follow-up: by chance at least, and here at most
DIVIDED = "AUROC of the scale that it divides"
SAME_UNIT = (1.0, 7.0, 12.0, 30.4375, 365.25)


def _missingness(column: FeatureColumn, outcome: MeasuredOutcome, _ceiling: float) -> LeakageFinding | None:
    missing = ~column.present
    if not missing.any():
        return None
    statistic = "AUROC of being missing"
    if isinstance(outcome, Quantity):
        association = _highest([auroc(outcome.value, missing)])
        sentence = f"Whether `{column.name}` is missing tells the outcome."
        return _judged("missingness", column, statistic, association, limit=MISSINGNESS, sentence=sentence)
    association = _highest([auroc(missing[known], event[known]) for known, event in _questions(outcome)])
    event = outcome.event
    if association and np.array_equal(missing, event):
        sentence = f"`{column.name}` is missing exactly where the event happened, and for nobody else."
        return _finding("missingness", column, statistic, association, limit=MISSINGNESS, sentence=sentence)
    if association and np.array_equal(missing, ~event):
        sentence = f"`{column.name}` is missing exactly where no event happened: it was filled in after the outcome."
        return _finding("missingness", column, statistic, association, limit=MISSINGNESS, sentence=sentence)
    sentence = f"Whether `{column.name}` is missing tells who had the event."
    judged = _judged("missingness", column, statistic, association, limit=MISSINGNESS, sentence=sentence)
    ratio = max(_only(column.present, event), _only(missing, event))
    if judged or association is None or not ratio:
        return judged
    sentence = f"`{column.name}` is filled in, or missing, only for patients of one outcome. Was it recorded later?"
    severity: Severity = "critical" if ratio > LEAK_RATIO else "warning"
    return _finding(
        "missingness", column, statistic, association, limit=MISSINGNESS, sentence=sentence, severity=severity
    )


def _level(column: FeatureColumn, outcome: MeasuredOutcome, _ceiling: float) -> LeakageFinding | None:
    """Find a category that patients of one outcome have, and nobody else.

    It is a warning: a finding that proves the disease is rare, and yet there are some. A person has to say which it is.
    """
    if isinstance(outcome, Quantity) or column.label.max(initial=0) > LEVELS or _only(column.present, outcome.event):
        return None
    found = []
    event = outcome.event  # at all: who was not followed to the horizon is known to have the event or not known at all
    for each in np.unique(column.label[column.present]):
        rows = column.label == each
        ratio = _only(rows, event)
        if ratio > RATIO:
            held = event if event[rows].any() else ~event
            found.append((ratio, wilson(int((rows & held).sum()), int(held.sum()))))
    if not found:
        return None
    _, share = max(found, key=lambda each: each[0])
    sentence = f"One category of `{column.name}` is that of patients of one outcome only. Was it recorded later?"
    statistic = "share of the patients of that outcome who have it"
    return _finding("level", column, statistic, share, sentence=sentence, severity="warning")


def _value(column: FeatureColumn, outcome: MeasuredOutcome, ceiling: float) -> LeakageFinding | None:
    ranks, present = column.ranks, column.present
    sentence = f"`{column.name}` alone tells the outcome better than the study expects of any model."
    if isinstance(outcome, Quantity):
        if present.sum() < FEWEST:
            return None
        level, value = column.level[present], outcome.value[present]
        return _judged("value", column, "R²", explained(level, value), limit=ceiling, sentence=sentence)
    if isinstance(outcome, Binary):
        association = _highest(_status(column, present, outcome.event))
        judged = _judged("value", column, "AUROC", association, limit=ceiling, sentence=sentence)
        divided = _divided(column, present, outcome.event)
        return judged or _judged("value", column, DIVIDED, divided, limit=ceiling, sentence=sentence)
    time, event = outcome.time, outcome.event
    tried = [concordance(_by_rate(column.level, time, event), time, event)]
    if ranks is not None:
        tried.append(concordance(ranks, time[present], event[present]))
    judged = _judged("value", column, "concordance", _highest(tried), limit=ceiling, sentence=sentence)
    if judged:
        return judged
    status = [area for known, event in _questions(outcome) for area in _status(column, known, event)]
    sentence = f"`{column.name}` alone tells who had the event."
    limit = max(ceiling, STATUS)
    judged = _judged("value", column, "AUROC of the event status", _highest(status), limit=limit, sentence=sentence)
    divided = _highest([_divided(column, known, event) for known, event in _questions(outcome)])
    return judged or _judged("value", column, DIVIDED, divided, limit=limit, sentence=sentence)


def _copy(column: FeatureColumn, outcome: MeasuredOutcome, _ceiling: float) -> LeakageFinding | None:
    present = column.present
    sentence = f"`{column.name}` is the outcome in other words."
    if isinstance(outcome, Quantity):
        value = outcome.value[present]
        if _is_cut(column.label[present], value):
            return _finding("copy", column, sentence=f"`{column.name}` is the outcome, cut into ranges.")
        if len(np.unique(column.label[present])) == 2:
            area = auroc(value, column.label[present] == column.label[present].max())
            sentence = f"`{column.name}` is nearly the outcome, cut in two."
            return _judged("copy", column, "AUROC of the outcome for it", area, limit=COPY, sentence=sentence)
        if column.number is not None:
            association = rank_correlation(column.number[present], value)
            return _judged("copy", column, "rank correlation", association, limit=COPY, sentence=sentence)
        return _finding("copy", column, sentence=sentence) if _renamed(column.label[present], value) else None
    if isinstance(outcome, Censored) and _is_cut(column.label[present], outcome.time[present]):
        return _finding("copy", column, sentence=f"`{column.name}` is the follow-up time, cut into ranges.")
    tried = []
    for known, event in _questions(outcome):
        rows = known & present
        if not rows.any():
            continue
        kappa = agreement(column.level[rows], event[rows])
        tried.append(kappa)
        area = auroc(column.number[rows], event[rows]) if column.number is not None else None
        if area and area.estimate == 1 and area.lower > AGREEMENT:
            sentence = f"`{column.name}` separates those with and without the event without a single error."
            return _finding("copy", column, "AUROC", area, limit=AGREEMENT, sentence=sentence)
    return _judged("copy", column, "Cohen's kappa", _highest(tried), limit=AGREEMENT, sentence=sentence)


def _treatment(column: FeatureColumn, treated: NDArray[np.bool_]) -> LeakageFinding | None:
    """Find the treatment in other words: with such a feature the arms have nobody in common."""
    rows = column.present
    tried = [agreement(column.level[rows], treated[rows])]
    if column.number is not None:
        area = auroc(column.number[rows], treated[rows])
        tried.append(area._replace(estimate=2 * area.estimate - 1, lower=2 * area.lower - 1) if area else None)
    association = _highest(tried)
    sentence = f"`{column.name}` is the treatment in other words, so that no two patients could be compared."
    return _judged("treatment", column, "Cohen's kappa", association, limit=AGREEMENT, sentence=sentence)


def _outcome_time(column: FeatureColumn, outcome: MeasuredOutcome, _ceiling: float) -> LeakageFinding | None:
    if not isinstance(outcome, Censored) or column.number is None:
        return None
    number, time = column.number[column.present], outcome.time[column.present]
    distinct, label = np.unique(np.concatenate([number, time]), return_inverse=True)
    values, times = (np.bincount(part, minlength=len(distinct)) for part in np.split(label, [len(number)]))
    chance = values @ times
    limit = CHANCE * max(float(chance) / len(number), 1.0) / len(number)
    equal = wilson(int((number == time).sum()), len(number))
    within = not (number > time)[outcome.event[column.present]].any()
    sentence = f"`{column.name}` equals the follow-up time far more often than by chance" + (
        ", and is never longer in a patient with an event: it may end with the event." if within else "."
    )
    severity: Severity = "critical" if within else "warning"
    statistic = "share of patients in whom it equals the follow-up time"
    judged = _judged("outcome_time", column, statistic, equal, limit=limit, sentence=sentence, severity=severity)
    return judged or _beyond(column.name, number, outcome.take(np.flatnonzero(column.present)))


def _beyond(name: str, number: NDArray[np.float64], outcome: Censored) -> LeakageFinding | None:
    """Find a time after the event, or within the follow-up: it keeps to one side of it, which chance does not do."""
    time, event = outcome.time, outcome.event
    for unit in sorted({*SAME_UNIT, *(1 / unit for unit in SAME_UNIT)}):
        if _keeps_above(number[event] * unit, time[event]):
            sentence = f"`{name}` is a time that never comes before the event: it was recorded after it."
            return _finding("outcome_time", name, sentence=sentence)
        if _keeps_above(time, number * unit):
            sentence = f"`{name}` is a time that never comes after the end of follow-up: is it known at the start?"
            return _finding("outcome_time", name, sentence=sentence, severity="warning")
    return None


def _keeps_above(later: NDArray[np.float64], earlier: NDArray[np.float64]) -> bool:
    """Whether one hardly ever lies below the other in a patient, and often does between patients."""
    n = len(later)
    if n < FEWEST or (later < earlier).mean() > EARLIER:
        return False
    return bool(np.searchsorted(np.sort(later), earlier, "left").mean() / n >= BEYOND)


Signs: TypeAlias = tuple[Callable[[FeatureColumn, MeasuredOutcome, float], LeakageFinding | None], ...]

OF_PRESENCE: Signs = (_missingness,)
OF_ALL: Signs = (*OF_PRESENCE, _level)  # counts, which a million patients cost no time
OF_SAMPLE: Signs = (_value, _copy, _outcome_time)
SIGNS: Signs = (*OF_ALL, *OF_SAMPLE)


def signs_in(column: FeatureColumn, outcome: Outcome, ceiling: float, *, signs: Signs = SIGNS) -> list[LeakageFinding]:
    """Return the signs of a leak in a column that has values; where there are arms, also that it tells the treatment.

    The treatment is looked for beside the numbers, in `SIGNS` and `OF_SAMPLE`.
    """
    measured = measured_part(outcome)
    found = [*filter(None, (sign(column, measured, ceiling) for sign in signs))]
    if isinstance(outcome, Treated) and _copy in signs:
        found += filter(None, [_treatment(column, outcome.treated)])
    return found


def measured_part(outcome: Outcome) -> MeasuredOutcome:
    """Return what was measured, of treated patients and controls alike."""
    return outcome.measured if isinstance(outcome, Treated) else outcome


def weighed(found: list[LeakageFinding]) -> list[LeakageFinding]:
    """Leave out the warning of a category beside a critical sign that the column knows the outcome."""
    certain = any(finding.severity == "critical" for finding in found if finding.check != "treatment")
    return [finding for finding in found if finding.check != "level" or not certain]


def _questions(outcome: Binary | Censored) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Return (whose answer is known, the answer): had the event at all; had it by the horizon."""
    everyone = np.ones(len(outcome), dtype=bool)
    if isinstance(outcome, Binary):
        return [(everyone, outcome.event)]
    return [(everyone, outcome.event), (outcome.by_horizon | outcome.free_at_horizon, outcome.by_horizon)]


def _status(column: FeatureColumn, known: NDArray[np.bool_], event: NDArray[np.bool_]) -> list[Association | None]:
    """AUROC of the numbers, and of the event rate in each level, which needs no order among the values."""
    if not known.any():
        return []
    level = column.level[known]
    rate = np.bincount(level, weights=event[known]) / np.maximum(np.bincount(level), 1)
    areas = [auroc(rate[level], event[known])]
    rows = known & column.present
    if column.number is not None and rows.any():
        areas.append(auroc(column.number[rows], event[rows]))
    return areas


def _by_rate(level: NDArray[np.intp], time: NDArray[np.float64], event: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Score each patient by the rank of the events per time in the patient's level."""
    observed = np.maximum(np.bincount(level, weights=time), np.finfo(float).tiny)
    rate = np.bincount(level, weights=event) / observed
    score: NDArray[np.intp] = np.unique(rate, return_inverse=True)[1][level]
    return score


def _divided(column: FeatureColumn, known: NDArray[np.bool_], event: NDArray[np.bool_]) -> Association | None:
    """AUROC of the scale that a column of few values seems to divide in two, under the binormal model.

    A status with one in twenty turned round agrees with it as well as a marker with an AUROC of 0.99 that is cut in
    two. The AUROC of the cut is the mean of sensitivity and specificity, Φ(d/2), and that of the marker is Φ(d/√2).
    """
    if not known.any() or len(np.unique(column.label)) > FEW:
        return None
    level = column.level[known]
    said = (np.bincount(level, weights=event[known]) > np.bincount(level) * event[known].mean())[level]
    area = auroc(said.astype(float), event[known])
    if area is None:
        return None
    return Association(*(float(ndtr(np.sqrt(2) * ndtri(min(part, 1 - 1e-12)))) for part in area))


def _only(sign: NDArray[np.bool_], event: NDArray[np.bool_]) -> float:
    """Return the lower limit of the likelihood ratio of a sign that patients of one outcome alone have; else 0.

    Chance must hardly ever give so many patients one outcome.
    """
    n, signs = len(event), int(sign.sum())
    for held in (event, ~event):
        having, those = int((sign & held).sum()), int(held.sum())
        if having == signs and 0 < signs <= those < n:
            chance = _log_choose(n - signs, those - signs) - _log_choose(n, those)
            return wilson(having, those).lower / wilson(0, n - those).upper if chance < np.log(CUT) else 0.0
    return 0.0


def _log_choose(n: int, k: int) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _renamed(label: NDArray[np.intp], value: NDArray[np.float64]) -> bool:
    """Whether labels and outcomes correspond one to one although enough patients share one."""
    values, code = np.unique(value, return_inverse=True)
    pairs = len(np.unique(np.column_stack([label, code]), axis=0))
    return pairs == len(values) == len(np.unique(label)) and len(value) - pairs >= EXPECTED


def _is_cut(label: NDArray[np.intp], value: NDArray[np.float64]) -> bool:
    """Whether each label has a range of values of its own, and chance would hardly ever part so many patients so."""
    order = np.lexsort((label, value))
    label, value = label[order], value[order]
    sizes = np.unique(label, return_counts=True)[1]
    levels, ends = len(sizes), np.flatnonzero(np.diff(label))
    if levels < 2 or levels * PER_LEVEL > len(label) or len(ends) != levels - 1:
        return False
    chance = gammaln(levels + 1) + gammaln(sizes + 1).sum() - gammaln(len(label) + 1)
    return bool((value[ends] < value[ends + 1]).all() and chance < np.log(CUT))


def _highest(associations: list[Association | None]) -> Association | None:
    return max(filter(None, associations), key=lambda association: association.lower, default=None)


def _judged(
    check: Any,
    column: FeatureColumn,
    statistic: str,
    association: Association | None,
    *,
    limit: float,
    sentence: str,
    severity: Severity = "critical",
) -> LeakageFinding | None:
    """Return a finding if the whole interval lies above the limit."""
    if association is None or not association.lower > limit:
        return None
    return _finding(check, column, statistic, association, limit=limit, sentence=sentence, severity=severity)


def _finding(
    check: Literal["missingness", "level", "value", "copy", "outcome_time"],
    column: FeatureColumn | str,
    statistic: str = "",
    association: Association | None = None,
    *,
    limit: float | None = None,
    sentence: str,
    severity: Severity = "critical",
) -> LeakageFinding:
    """Return a finding, its numbers rounded so that they do not depend on the order of a sum."""
    numbers = {} if association is None else {key: round(float(part), 6) for key, part in association._asdict().items()}
    return LeakageFinding.model_validate(
        {
            "check": check,
            "feature": column if isinstance(column, str) else column.name,
            "severity": severity,
            "statistic": statistic,
            "sentence": sentence,
            "limit": None if limit is None else round(limit, 6),
            **numbers,
        }
    )
