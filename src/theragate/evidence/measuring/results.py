"""Estimates of one panel's metrics, with what says how they vary, alone and together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.catalogue import Metric
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.intervals.limits import between_groups, paired, ranking, sampled
from theragate.evidence.intervals.widening import widened, widened_difference
from theragate.evidence.measuring.decisions import Decisions
from theragate.evidence.measuring.panels import Panel
from theragate.evidence.metrics.ranks import Ranked
from theragate.evidence.sampling.units import Units
from theragate.evidence.types import Estimate, Family

__all__ = ["Blocks", "Member", "Results", "contrasted", "difference", "family", "results"]


@dataclass(frozen=True)
class Blocks:
    """Who is added up before influence values are squared or compared: the rows of a unit, or random patients.

    Parameters
    ----------
    units
        The blocks.
    whole
        Whether each block is one patient or cluster, so that squares of blocks are what the variance is made of.
    """

    units: Units
    whole: bool

    def sums(self, influence: Floats, rows: NDArray[np.intp]) -> Floats:
        """Add up the influence values of the patients at `rows`, shape (count,)."""
        return self.units.sums(influence, rows)

    def of_units(self, influence: Floats, rows: NDArray[np.intp]) -> Floats:
        """Return the influence values by patient or cluster: their squares add up to the variance."""
        return self.sums(influence, rows) if self.whole else influence


@dataclass(frozen=True)
class Results:
    """What was measured of one prediction for the patients of one panel.

    Parameters
    ----------
    estimates
        By metric.
    columns
        By metric how it varies, for families: bootstrap replicates (b,), or sums of influence values by block.
    influence
        Where differences on the same patients rest on it: influence values, by patient.
    fewer
        The number of events or of non-events, whichever is smaller, or of patients for a regression.
    clusters
        The effective number of clusters; None where each patient stands alone.
    """

    estimates: dict[str, Estimate]
    columns: dict[str, Floats]
    influence: dict[str, Floats]
    fewer: int
    clusters: float | None = None


@dataclass(frozen=True)
class Member:
    """One member of a family: its name, its estimate and the column that says how it varies."""

    name: str
    estimate: Estimate
    column: Floats


def results(
    panel: Panel,
    name: str,
    *,
    replicates: Mapping[str, Floats],
    metrics: Sequence[Metric],
    ranked: Mapping[str, Ranked],
    blocks: Blocks,
    moved: Sequence[str] = (),
    decided: Decisions | None = None,
    widening: Mapping[str, float],
) -> Results:
    """Estimate `metrics` of the prediction `name`.

    Parameters
    ----------
    replicates
        Metric -> values in the resamples (b,).
    ranked
        The measures of ranking.
    moved
        The metrics whose influence values are wanted, other than those of ranking.
    decided
        What thresholds decide, where that is counted.
    widening
        Metric -> by how much its limits grow.
    """
    points = panel.points(name) | (decided.points if decided else {})
    sizes = panel.denominators(name) | (decided.denominators if decided else {})
    drawn = dict(replicates) | (decided.replicates if decided else {})
    measured = _ranked(panel, ranked, blocks)
    for metric in metrics:
        if metric.interval == "influence" or not panel.meaningful(metric.name):
            continue
        if np.isfinite(points.get(metric.name, np.nan)):
            measured.columns[metric.name] = drawn[metric.name]
            measured.estimates[metric.name] = sampled(
                metric,
                points[metric.name],
                drawn[metric.name],
                enough=panel.enough,
                denominator=sizes.get(metric.name),
                counted=panel.counted,
                rests_on=panel.fewer,
                one_more=points[metric.one_more_name] if metric.heavy else None,
                fine=(points[metric.fine_name], drawn[metric.fine_name]) if metric.fine else None,
                clusters=panel.clusters,
            )
    score = panel.scores[name]
    wanted = [metric for metric in moved if metric in measured.estimates]
    if wanted:
        for metric_name, values in score.influence(wanted, score.sums(*panel.as_they_are)).items():
            measured.influence[metric_name] = blocks.of_units(values, panel.rows)
    absent = Estimate.absent(panel.undefined)
    estimates = {
        metric.name: widened(measured.estimates.get(metric.name, absent), metric.name, widening.get(metric.name, 1.0))
        for metric in metrics
    }
    return replace(measured, estimates=estimates)


def _ranked(panel: Panel, ranked: Mapping[str, Ranked], blocks: Blocks) -> Results:
    measured = Results({}, {}, {}, panel.fewer, panel.clusters)
    for name, item in ranked.items():
        way = "DeLong" if name == "auroc" else "infinitesimal jackknife"
        influence = blocks.of_units(item.influence, panel.rows)
        measured.influence[name] = influence
        measured.columns[name] = blocks.sums(item.influence, panel.rows)
        measured.estimates[name] = ranking(
            item.value,
            influence,
            fewer=panel.fewer,
            method=f"{way}, Student's t on the logit scale",
            clusters=panel.clusters,
            enough=panel.enough,
        )
    return measured


def difference(metric: Metric, first: Results, second: Results, *, same: bool, widening: float) -> Estimate:
    """Return `first` minus `second` on the same patients.

    Parameters
    ----------
    same
        Whether their predictions are equal throughout.
    widening
        By how much the limits grow.
    """
    a, b = first.estimates[metric.name], second.estimates[metric.name]
    if a.value is None or b.value is None:
        return Estimate.absent(a.why or b.why)
    if not same and not (a.decidable and b.decidable):
        return Estimate(value=a.value - b.value, method="none", why=a.why or b.why)
    influence = metric.name in first.influence and metric.name in second.influence
    if influence and metric.interval == "distance" and not same:
        return Estimate(value=a.value - b.value, method="none", why="distances have no linear error to be paired by")
    apart = first.influence if influence else first.columns, second.influence if influence else second.columns
    estimate = paired(
        a.value - b.value,
        apart[0][metric.name] - apart[1][metric.name],
        method="paired DeLong" if metric.name == "auroc" else f"paired {'jackknife' if influence else 'bootstrap'}",
        influence=influence,
        same=same,
        rests_on=min(first.fewer, second.fewer),
        clusters=first.clusters,
    )
    return widened_difference(estimate, widening)


def contrasted(metric: Metric, group: Results, other: Results) -> tuple[Estimate, Floats | None]:
    """Return the difference of two groups, and its replicates where both have some."""
    estimate = between_groups(group.estimates[metric.name], other.estimates[metric.name])
    if not estimate.decidable:
        return estimate, None
    return estimate, group.columns[metric.name] - other.columns[metric.name]


def family(members: Sequence[Member]) -> Family:
    """Return the members and the correlation of their errors on their scales.

    A resample in which a member is not defined counts as its mean. A member that never varies in the resamples (a
    proportion of 3 of 3) counts as uncorrelated, which makes joint limits wider and never narrower.
    """
    if not members:
        return Family(members=(), correlation=())
    columns = np.stack([np.where(np.isfinite(item.column), item.column, np.nan) for item in members], axis=1)
    missing = np.isnan(columns)
    present = np.where(missing, 0.0, columns)
    means = present.sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)
    centred = np.where(missing, 0.0, columns - means)
    length = np.sqrt((centred**2).sum(axis=0))
    varies = length > 1e-12 * (1 + np.abs(means)) * np.sqrt(len(columns))
    unit = np.where(varies, centred / np.where(varies, length, 1.0), 0.0)
    correlation = np.clip(unit.T @ unit, -1, 1)
    np.fill_diagonal(correlation, 1.0)
    return Family(
        members=tuple(item.name for item in members),
        correlation=tuple(tuple(float(value) for value in row) for row in (correlation + correlation.T) / 2),
    )
