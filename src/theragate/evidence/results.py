"""Estimates of one panel's metrics, with the columns from which their correlations are computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theragate.evidence.catalogue import Metric
from theragate.evidence.intervals import between_groups, on_scale, paired, ranking, sampled
from theragate.evidence.metrics.arrays import Floats
from theragate.evidence.panels import Panel
from theragate.evidence.types import Estimate, Family

__all__ = ["Member", "Results", "contrasted", "difference", "family", "member", "results"]


@dataclass(frozen=True)
class Results:
    """What was measured of one prediction for the patients of one panel.

    ``raw`` holds, per metric, the bootstrap replicates (b,), or the influence values over the whole cohort (n,).
    """

    estimates: dict[str, Estimate]
    raw: dict[str, Floats]


@dataclass(frozen=True)
class Member:
    """One member of a family: its name, its estimate and the column that says how it varies."""

    name: str
    estimate: Estimate
    column: Floats


def results(
    panel: Panel, name: str, *, replicates: Mapping[str, Floats], metrics: Sequence[Metric], patients: int
) -> Results:
    """Estimate `metrics` of the prediction `name`.

    Parameters
    ----------
    replicates
        Metric -> values in the resamples (b,).
    patients
        The size of the whole cohort.
    """
    points, ranked, sizes = panel.points(name), panel.ranked(name), panel.denominators(name)
    estimates: dict[str, Estimate] = {}
    raw: dict[str, Floats] = {}
    for metric in metrics:
        if metric.interval == "influence":
            found = ranked.get(metric.name)
            if found is not None:
                raw[metric.name] = np.zeros(patients)
                raw[metric.name][panel.rows] = found.influence
                way = "DeLong" if metric.name == "auroc" else "infinitesimal jackknife"
                method = f"{way}, normal on the logit scale"
                fewer = min(count for count in panel.counts if count is not None)
                estimates[metric.name] = ranking(found.value, found.influence, fewer=fewer, method=method)
        elif np.isfinite(points.get(metric.name, np.nan)):
            raw[metric.name] = replicates[metric.name]
            estimates[metric.name] = sampled(
                metric,
                points[metric.name],
                replicates[metric.name],
                enough=panel.enough,
                denominator=sizes.get(metric.name),
                counted=panel.counted,
            )
    absent = Estimate.absent(panel.undefined)
    return Results({metric.name: estimates.get(metric.name, absent) for metric in metrics}, raw)


def difference(metric: Metric, first: Results, second: Results, *, same: bool) -> Estimate:
    """Return `first` minus `second` on the same patients; `same` where their predictions are equal throughout."""
    a, b = first.estimates[metric.name], second.estimates[metric.name]
    if a.value is None or b.value is None:
        return Estimate.absent(a.why or b.why)
    if not same and (a.lower is None or b.lower is None):
        return Estimate(value=a.value - b.value, method="none", why=a.why or b.why)
    influence = metric.interval == "influence"
    return paired(
        a.value - b.value,
        first.raw[metric.name] - second.raw[metric.name],
        method="paired DeLong" if metric.name == "auroc" else f"paired {'jackknife' if influence else 'bootstrap'}",
        influence=influence,
        same=same,
    )


def contrasted(metric: Metric, group: Results, other: Results) -> tuple[Estimate, Floats | None]:
    """Return the difference of two groups, and its replicates where both have some."""
    estimate = between_groups(group.estimates[metric.name], other.estimates[metric.name])
    if estimate.lower is None:
        return estimate, None
    return estimate, group.raw[metric.name] - other.raw[metric.name]


def member(name: str, metric: Metric, found: Results) -> list[Member]:
    """Return the family member of an estimate: one, or none where its error is unknown."""
    estimate = found.estimates[metric.name]
    if not estimate.se:
        return []
    raw = found.raw[metric.name]
    return [Member(name, estimate, raw if metric.interval == "influence" else on_scale(raw, estimate.scale))]


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
