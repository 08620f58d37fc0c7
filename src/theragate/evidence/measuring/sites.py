"""Internal-external validation: the model in each cluster by itself, and what a new cluster may show.

No split divides a cluster, so whoever predicted a patient had learned from other hospitals only: every hospital is an
external one in turn (Debray et al., Stat Med 2013;32:3158; Riley et al., BMJ 2016;353:i3140).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.catalogue import METRICS
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, SurvivalTarget, Target
from theragate.evidence.intervals.limits import few
from theragate.evidence.measuring.panels import Panel, panel
from theragate.evidence.metrics.random_effects import FEWEST_PLACES, pooled
from theragate.evidence.sampling.pools import Pool
from theragate.evidence.sampling.units import Units, effective_number
from theragate.evidence.types import (
    Z95,
    ClusterEvidence,
    ClusterSummary,
    Estimate,
    GroupEvidence,
    Scale,
    from_scale,
    to_scale,
)
from theragate.study import TaskName

__all__ = ["CLUSTER_METRICS", "cluster_evidence"]

# Of each task discrimination and calibration, which is what moves from hospital to hospital.
CLUSTER_METRICS: dict[TaskName, tuple[str, ...]] = {
    "binary": ("observed_expected", "calibration_slope", "auroc"),
    "survival": ("observed_expected", "calibration_slope", "concordance_index"),
    "regression": ("mean_error", "calibration_slope", "r2"),
}
_MOST_LISTED = 200  # clusters: nobody reads more rows, and so many are families
_SCALES: dict[str, Scale] = {"observed_expected": "log", "auroc": "logit", "concordance_index": "logit"}
_METHOD = "influence values of the cluster's patients, Student's t on the {scale} scale"


def cluster_evidence(target: Target | EffectTarget, held_out: HeldOut) -> ClusterEvidence | None:
    """Measure every cluster by itself, and pool what was measured; None where there are no clusters.

    Limits of one cluster are by sampling of its patients, with Student's t for as many degrees of freedom as it has
    events or non-events (or patients), less one; with fewer than an interval needs, there is a value alone, which
    is not pooled. Where treatments are compared, and of more than 200 clusters, clusters are only counted.

    Parameters
    ----------
    target, held_out
        As for `measure`; clusters that are whole numbers keep them as labels, others are numbered in their order.
    """
    if held_out.clusters is None:
        return None
    names, cluster = np.unique(held_out.clusters, return_inverse=True)
    sizes = np.bincount(cluster)
    facts = ClusterEvidence(
        clusters=len(names),
        effective=effective_number(sizes),
        smallest=int(sizes.min()),
        largest=int(sizes.max()),
    )
    if isinstance(target, EffectTarget) or len(names) > _MOST_LISTED:
        return facts
    metrics = CLUSTER_METRICS[_task_of(target)]
    numbered = np.issubdtype(names.dtype, np.integer)
    each, errors = [], []
    for place, name in enumerate(names):
        number = str(int(name) if numbered else place + 1)
        own, error = _of_cluster(target, held_out, np.flatnonzero(cluster == place), number=number, metrics=metrics)
        each.append(own)
        errors.append(error)
    summaries = {name: _summary(name, each, errors) for name in metrics}
    return facts.model_copy(update={"each": tuple(each), "summaries": summaries})


def _task_of(target: Target) -> TaskName:
    if isinstance(target, BinaryTarget):
        return "binary"
    return "survival" if isinstance(target, SurvivalTarget) else "regression"


def _of_cluster(
    target: Target, held_out: HeldOut, rows: NDArray[np.intp], *, number: str, metrics: tuple[str, ...]
) -> tuple[GroupEvidence, dict[str, float]]:
    """Measure one cluster; return with it the standard errors, on their scales, of what can be pooled."""
    patients = held_out.selected.shape[1]
    pool = Pool.of_units(Units(np.arange(patients), patients))
    own = panel(target, {"selected": held_out.selected}, null=held_out.null, rows=rows, pool=pool)
    found = dict(_moved(own, held_out.selected, metrics)) if _varied(own) else {}
    estimates, errors = {}, {}
    for name in metrics:
        value, influence = found.get(name, (np.nan, np.zeros(0)))
        estimates[name], error = _estimate(name, value, influence, own)
        if error is not None:
            errors[name] = error
    events, free = own.counts
    group = GroupEvidence(
        attribute="cluster",
        label=number,
        judged=False,
        n=len(rows),
        share=len(rows) / patients,
        events=events,
        non_events=free,
        metrics=estimates,
    )
    return group, errors


def _varied(own: Panel) -> bool:
    """Whether there is anything to measure: some with and some without the event, or patients at all."""
    events, free = own.counts
    return len(own.rows) > 1 and (events is None or free is None or min(events, free) > 0)


def _moved(own: Panel, selected: Floats, metrics: tuple[str, ...]) -> Iterator[tuple[str, tuple[float, Floats]]]:
    """Yield each metric's value in a cluster, and how far each of its patients moves it."""
    score = own.scores["selected"]
    points = own.points("selected")
    for name, item in own.ranked(selected[:, own.rows]).items():
        if name in metrics:
            yield name, (item.value, item.influence)
    rest = [name for name in metrics if np.isfinite(points.get(name, np.nan)) and not METRICS[name].ranked]
    for name, influence in score.influence(rest, score.sums(*own.as_they_are)).items():
        yield name, (points[name], influence)


def _estimate(name: str, value: float, influence: Floats, own: Panel) -> tuple[Estimate, float | None]:
    """Return the estimate, and its standard error on its scale if it can be pooled."""
    if not np.isfinite(value):
        return Estimate.absent(own.undefined), None
    scale: Scale = _SCALES.get(name, "identity")
    if not own.enough:
        return Estimate(value=value, method="none", why="too few patients, or events, in the cluster"), None
    try:
        to_scale(value, scale)
    except ValueError:
        return Estimate(value=value, method="none", why=f"at the end of its {scale} scale"), None
    slope = {"identity": 1.0, "log": value, "logit": value * (1 - value)}[scale]
    error = float(np.sqrt(influence @ influence)) / slope
    if not np.isfinite(error) or error <= 0:
        return Estimate(value=value, method="none", why="no spread from which an error could be estimated"), None
    return _with_limits(value, error * few(own.fewer), scale=scale, method=_METHOD.format(scale=scale)), error


def _with_limits(value: float, error: float, *, scale: Scale, method: str) -> Estimate:
    estimate = Estimate(value=value, se=error, scale=scale, method=method)
    lower, upper = estimate.band(Z95) or (value, value)
    return estimate.model_copy(update={"lower": lower, "upper": upper})


def _summary(name: str, each: list[GroupEvidence], errors: list[dict[str, float]]) -> ClusterSummary:
    """Pool one metric over the clusters that have an error for it."""
    scale: Scale = _SCALES.get(name, "identity")
    known = sorted(
        (to_scale(own.metrics[name].value or 0.0, scale), error[name])
        for own, error in zip(each, errors, strict=True)
        if name in error
    )  # in an order that no name changes
    if len(known) < FEWEST_PLACES:
        why = f"fewer than {FEWEST_PLACES} clusters in which it could be estimated with its error"
        return ClusterSummary(clusters=len(known), mean=Estimate.absent(why), scale=scale)
    values, within = np.array(known).T
    found = pooled(values, within)
    method = f"random effects over {len(known)} clusters, Paule-Mandel, Hartung-Knapp"
    mean = Estimate(
        value=from_scale(found.mean, scale),
        lower=from_scale(found.lower, scale),
        upper=from_scale(found.upper, scale),
        se=(found.upper - found.lower) / (2 * Z95),
        scale=scale,
        method=method,
    )
    return ClusterSummary(
        clusters=len(known),
        mean=mean,
        scale=scale,
        between=float(np.sqrt(found.variance)),
        between_lower=float(np.sqrt(found.variance_lower)),
        between_upper=float(np.sqrt(found.variance_upper)),
        new_lower=from_scale(found.low_new, scale),
        new_upper=from_scale(found.high_new, scale),
    )
