"""Statistics of predicted effects in the resamples of some patients, and the estimates that follow from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.catalogue import metrics_of, values_of
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.sums import Layout, NamedSums
from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.inputs.groups import Subgroup
from theragate.evidence.intervals.limits import FEW_CLUSTERS, few
from theragate.evidence.intervals.proportions import wilson
from theragate.evidence.intervals.widening import factor, widened
from theragate.evidence.metrics.effects import Ranking, moments, ranked
from theragate.evidence.sampling.pools import Pool
from theragate.evidence.sampling.units import FEWEST_CLUSTERS, Units
from theragate.evidence.types import Z95, Estimate
from theragate.study import TaskName

__all__ = [
    "EFFECT",
    "Effects",
    "Gains",
    "PatientSet",
    "estimates",
    "gains",
    "patient_sets",
    "resampled",
    "sampled",
    "share",
    "statistics",
    "thresholds_of",
    "widening",
]

EFFECT: TaskName = "treatment_effect"
# In each arm: the fewest patients, and the fewest with and without the event, for an interval (docs/statistics.md).
FEWEST_PATIENTS, FEWEST_EVENTS = 11, 5
_BLOCK = 4_000_000  # numbers in one block of resamples
_STEPS = 20
_RANKINGS = ("autoc", "qini")
_FIRST = ("average_effect", *_RANKINGS, "calibration_slope", "effect_error")  # in this order on plots
_TOO_FEW = "too few patients, or too few with or without the event, in one arm for an interval"
_NOBODY = "the same effect is predicted for everybody, so that nobody is ranked"


@dataclass(frozen=True)
class Effects:
    """The effects that one repeat predicts: as they are, and within their folds, each of shape (n,)."""

    raw: Floats
    centred: Floats


@dataclass(frozen=True)
class PatientSet:
    """Some patients; ``group`` is None for all of them. ``fewest`` is the size of their smallest cell.

    ``clusters`` is the effective number of their clusters; None where each stands alone.
    """

    rows: NDArray[np.intp]
    group: Subgroup | None
    fewest: int
    enough: bool
    clusters: float | None = None


def patient_sets(target: EffectTarget, groups: Sequence[Subgroup], units: Units) -> list[PatientSet]:
    """Return the whole cohort first, then each group."""
    everybody = np.arange(len(target.treated), dtype=np.intp)
    wanted: list[tuple[NDArray[np.intp], Subgroup | None]] = [(everybody, None)]
    wanted += [(group.rows, group) for group in groups]
    return [_patient_set(target, rows, group, units) for rows, group in wanted]


def _patient_set(target: EffectTarget, rows: NDArray[np.intp], group: Subgroup | None, units: Units) -> PatientSet:
    arms = min(int(arm[rows].sum()) for arm in (target.treated, ~target.treated))
    cells = min(int(cell[rows].sum()) for cell in target.cells.values())
    least = FEWEST_PATIENTS if target.event is None else FEWEST_EVENTS
    enough = arms >= FEWEST_PATIENTS and cells >= least
    if units.clustered:
        kinds = [rows[arm[rows]] for arm in (target.treated, ~target.treated)]
        enough = enough and min(len(np.unique(units.of[arm])) for arm in kinds) >= FEWEST_CLUSTERS
    return PatientSet(rows, group, cells, enough, units.effective(rows))


def resampled(units: Units, *, resamples: int, seed: int) -> Iterator[Floats]:
    """Draw patients, or clusters, with replacement; each block has shape (b, n): how often each patient was drawn."""
    n = len(units.of)
    if units.clustered:
        for block in Pool.of_units(units).draws(resamples=resamples, seed=seed):
            yield block[:, units.of]
        return
    generator = np.random.Generator(np.random.PCG64((seed, n)))
    size = max(1, min(resamples, _BLOCK // n))
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        drawn = generator.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def thresholds_of(target: EffectTarget) -> tuple[float, ...]:
    """Return the thresholds at which deciding by the prediction is valued, ascending."""
    if target.threshold is None or target.threshold_range is None:
        return ()
    low, high = target.threshold_range
    steps = [float(f"{value:.10g}") for value in np.linspace(low, high, _STEPS + 1)]
    return tuple(sorted({*steps, target.threshold}))


def statistics(
    of: PatientSet,
    scores: Floats,
    effects: Effects,
    *,
    thresholds: tuple[float, ...],
    reference: Floats,
    draws: Floats,
    extensions: tuple[str, ...] = (),
) -> dict[str, Floats]:
    """Return every statistic of one prediction in each resample, (b,); ``none@t`` and ``all@t`` are gains at t.

    Measured are our metrics and those of `extensions`.
    """
    own, raw, centred = scores[of.rows], effects.raw[of.rows], effects.centred[of.rows]
    ranking = Ranking.of(centred)
    treat = [raw >= threshold for threshold in thresholds]
    layout = Layout()
    columns = list(layout.recorded(_columns(own, raw, centred, reference=reference[of.rows])))
    columns += [(own - threshold) * chosen for threshold, chosen in zip(thresholds, treat, strict=True)]
    layout.block("over_none", len(thresholds))
    columns += [(threshold - own) * ~chosen for threshold, chosen in zip(thresholds, treat, strict=True)]
    layout.block("over_all", len(thresholds))
    if not ranking.ranks_nobody:
        layout.block("ranking", 0)  # nothing is added up; metrics that need somebody to be ranked ask for it
    means = NamedSums(moments(np.stack(columns, axis=1), draws), layout)
    values = values_of(means, of="effects", task="treatment_effect", extensions=extensions)
    if not ranking.ranks_nobody:
        values["autoc"], values["qini"] = ranked(ranking, own, draws)
    for threshold, over_none, over_all in zip(thresholds, means["over_none"].T, means["over_all"].T, strict=True):
        values[f"none@{threshold!r}"] = over_none
        values[f"all@{threshold!r}"] = over_all
    return values


def _columns(own: Floats, raw: Floats, centred: Floats, *, reference: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield what is averaged, one named column of shape (n,) after the other."""
    yield "score", own
    yield "prediction", raw
    yield "centred", centred
    yield "squared_centred", centred**2
    yield "product", centred * own
    yield "loss_gain", (own - reference) ** 2 - (own - raw) ** 2


def estimates(
    of: PatientSet,
    drawn: dict[str, Floats],
    point: dict[str, Floats],
    *,
    cross_validated: bool,
    extensions: tuple[str, ...] = (),
) -> dict[str, Estimate]:
    """Return the estimates that follow from statistics in the resamples and in the patients as they are.

    Limits are widened where patients were `cross_validated`, and not held out once.
    `extensions` are those whose metrics were measured too.
    """
    made = {}
    formulas = [metric.name for metric in metrics_of(EFFECT, extensions) if metric.formula("effects")]
    for name in dict.fromkeys((*_FIRST, *formulas)):
        if name not in point:
            made[name] = (
                Estimate(value=0.0, method="none", why=_NOBODY) if name in _RANKINGS else (Estimate.absent(_NOBODY))
            )
            continue
        estimate = sampled(float(point[name][0]), drawn[name], of=of)
        made[name] = widened(estimate, name, widening(name, cross_validated))
    return made


def widening(metric: str, cross_validated: bool) -> float:
    """Return by how much the limits of `metric` grow; 1 where patients were held out once."""
    return factor(metric, task=EFFECT) if cross_validated else 1.0


def sampled(value: float, replicates: Floats, *, of: PatientSet) -> Estimate:
    """Return an estimate with limits of Student's t, for as many degrees of freedom as the smallest cell has."""
    if not np.isfinite(value):
        return Estimate.absent("it is not defined for these patients")
    if not of.enough:
        return Estimate(value=value, method="none", why=_TOO_FEW if of.clusters is None else FEW_CLUSTERS)
    usable = replicates[np.isfinite(replicates)]
    if len(usable) < 0.95 * len(replicates) or not usable.std():
        return Estimate(value=value, method="none", why="no spread in the resamples from which an error is estimated")
    se = float(usable.std(ddof=1)) * few(of.fewest, of.clusters)
    return Estimate(value=value, lower=value - Z95 * se, upper=value + Z95 * se, se=se, method="bootstrap, Student's t")


class Gains(NamedTuple):
    """What treating by the prediction gains at a threshold, over each default and over the better one."""

    over_none: Estimate
    over_all: Estimate
    over_both: Estimate
    replicates: Floats  # of the gain over both, (b,)


def gains(of: PatientSet, drawn: dict[str, Floats], point: dict[str, Floats], threshold: float) -> Gains:
    """Return the gains of treating by the prediction.

    That over the better default is the smaller of that over treating nobody and that over treating everybody, and so
    are its limits.
    """
    parts = [f"none@{threshold!r}", f"all@{threshold!r}"]
    none, everybody = over = [_part(float(point[name][0]), drawn[name], of=of) for name in parts]
    values = [item.value for item in over if item.value is not None]
    replicates = np.minimum(drawn[parts[0]], drawn[parts[1]])
    limits = [(item.lower, item.upper) for item in over if item.lower is not None and item.upper is not None]
    if len(limits) < 2:
        both = Estimate(value=min(values), method="none", why=none.why or everybody.why)
        return Gains(none, everybody, both, replicates)
    value, lower, upper = min(values), min(low for low, _ in limits), min(high for _, high in limits)
    se = max(value - lower, upper - value) / Z95
    both = Estimate(value=value, lower=lower, upper=upper, se=se, method=none.method)
    return Gains(none, everybody, both, replicates)


def _part(value: float, replicates: Floats, *, of: PatientSet) -> Estimate:
    """Return one gain; where nobody, or everybody, is treated as the default does, it is 0 without error."""
    if of.enough and value == 0 and not replicates.any():
        return Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the same decisions")
    return sampled(value, replicates, of=of)


def share(chosen: NDArray[np.bool_] | Floats, *, rows: NDArray[np.intp], units: Units) -> Estimate:
    """Return the share of the patients at `rows` chosen, with Wilson's limits; each by the share of repeats that chose.

    Of clusters, the limits are those of as many patients as would give the spread of the clusters' sums.
    """
    value, size = float(chosen.mean()), float(len(rows))
    clusters = units.effective(rows)
    if clusters is not None:
        if len(np.unique(units.of[rows])) < FEWEST_CLUSTERS:
            return Estimate(value=value, method="none", why=FEW_CLUSTERS)
        sums = units.sums((chosen - value) / len(rows), rows)
        variance = float(sums @ sums)
        size = min(size, value * (1 - value) / variance if variance > 0 else clusters) / few(None, clusters) ** 2
    lower, upper = wilson(value, size)
    se = 1 / np.sqrt(size * value * (1 - value)) if 0 < value < 1 else None
    return Estimate(value=value, lower=lower, upper=upper, se=se, scale="logit", method="Wilson")
