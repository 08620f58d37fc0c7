"""Net benefit over the declared range of thresholds, with limits, and as a family."""

import numpy as np

from theragate.evidence.catalogue import METRICS
from theragate.evidence.intervals import sampled
from theragate.evidence.metrics.arrays import Floats
from theragate.evidence.metrics.benefit import NetBenefit, ThresholdRange
from theragate.evidence.panels import Panel, RiskPanel
from theragate.evidence.results import Member
from theragate.evidence.types import Estimate, ThresholdEvidence

__all__ = ["range_members", "threshold_evidence", "threshold_range"]

_THRESHOLDS = 25


def threshold_range(whole: Panel) -> ThresholdRange | None:
    """Return 25 even thresholds over the declared range, and the clinical one; None where none is declared."""
    if not isinstance(whole, RiskPanel) or whole.target.threshold is None or whole.target.threshold_range is None:
        return None
    low, high = whole.target.threshold_range
    grid = {float(f"{value:.4g}") for value in np.linspace(low, high, _THRESHOLDS)[1:-1]}
    thresholds = tuple(sorted(grid | {low, high, whole.target.threshold}))
    return ThresholdRange(whole.risks["selected"], whole.patients.event.astype(np.float64), thresholds=thresholds)


def threshold_evidence(
    whole: Panel, thresholds: ThresholdRange, drawn: list[NetBenefit]
) -> tuple[ThresholdEvidence, ...]:
    """Estimate the net benefit at each threshold; `drawn` are its values in the resamples."""
    points = thresholds.values(whole.weights(np.ones((1, len(whole.rows)))))
    return tuple(
        ThresholdEvidence(
            threshold=threshold,
            model=_estimate(whole, "net_benefit", point.model, drawn=replicates.model),
            treat_all=float(point.treat_all[0]),
            difference=_estimate(whole, "net_benefit_gain", point.gain, drawn=replicates.gain),
        )
        for threshold, point, replicates in zip(thresholds.thresholds, points, drawn, strict=True)
    )


def range_members(found: tuple[ThresholdEvidence, ...], drawn: list[NetBenefit]) -> list[Member]:
    """Return the members of the family ``net_benefit_range``: ``net_benefit_gain@0.02`` and so on."""
    return [
        Member(f"net_benefit_gain@{item.threshold:g}", item.difference, replicates.gain)
        for item, replicates in zip(found, drawn, strict=True)
        if item.difference.se
    ]


def _estimate(whole: Panel, name: str, point: Floats, *, drawn: Floats) -> Estimate:
    return sampled(METRICS[name], float(point[0]), drawn, enough=whole.enough, denominator=None, counted=whole.counted)
