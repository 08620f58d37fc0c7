"""Net benefit over the declared range of thresholds, with limits, and as a family."""

from collections.abc import Mapping

import numpy as np

from theragate.evidence.catalogue import METRICS
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.net_benefit import NetBenefit
from theragate.evidence.intervals.limits import sampled
from theragate.evidence.intervals.net_benefit import benefit
from theragate.evidence.intervals.widening import widened
from theragate.evidence.measuring.decisions import Benefits
from theragate.evidence.measuring.panels import Panel
from theragate.evidence.measuring.results import Member
from theragate.evidence.types import Estimate, ThresholdEvidence

__all__ = ["range_members", "threshold_evidence"]


def threshold_evidence(
    panel: Panel, thresholds: tuple[float, ...], benefits: Benefits, *, widening: Mapping[str, float]
) -> tuple[ThresholdEvidence, ...]:
    """Estimate the net benefit at each threshold. There is none where no patient's outcome is known.

    `widening` says by how much the limits of ``net_benefit`` and ``net_benefit_gain`` grow.
    """
    point, drawn = benefits.point, benefits.drawn
    if not np.isfinite(point.model).all():
        return ()
    everybody = np.broadcast_to(point.treat_all, point.model.shape)
    return tuple(
        ThresholdEvidence(
            threshold=threshold,
            model=widened(
                _estimate(panel, "net_benefit", point.model[at], drawn=drawn.model[:, at]),
                "net_benefit",
                widening["net_benefit"],
            ),
            treat_all=float(everybody[at]),
            difference=widened(
                _gain(panel, point, threshold=threshold, at=at, drawn=drawn.gain[:, at]),
                "net_benefit_gain",
                widening["net_benefit_gain"],
            ),
        )
        for at, threshold in enumerate(thresholds)
    )


def range_members(evidence: tuple[ThresholdEvidence, ...], benefits: Benefits, *, of: str) -> list[Member]:
    """Return the members of a family ``net_benefit_range``: ``net_benefit_gain@0.02`` and so on.

    `of` is the group in brackets, ``[sex=female]``, or empty for all patients.
    """
    return [
        Member(f"net_benefit_gain@{item.threshold:g}{of}", item.difference, benefits.drawn.gain[:, at])
        for at, item in enumerate(evidence)
        if item.difference.se
    ]


def _estimate(panel: Panel, name: str, point: float, *, drawn: Floats) -> Estimate:
    return sampled(
        METRICS[name],
        float(point),
        drawn,
        enough=panel.enough,
        denominator=None,
        counted=panel.counted,
        rests_on=panel.fewer,
        clusters=panel.clusters,
    )


def _gain(panel: Panel, point: NetBenefit, *, threshold: float, at: int, drawn: Floats) -> Estimate:
    if not panel.enough:
        return _estimate(panel, "net_benefit_gain", point.gain[at], drawn=drawn)
    odds = threshold / (1 - threshold)
    selected, everybody = float(point.selected[at]), float(np.broadcast_to(point.treat_all, point.model.shape)[at])
    return benefit(
        selected=selected,
        true_positives=(float(point.model[at]) + selected * odds) / (1 + odds),
        events=(everybody + odds) / (1 + odds),
        size=len(panel.rows),
        threshold=threshold,
        replicates=None if panel.counted else drawn,
        clusters=panel.clusters,
    )
