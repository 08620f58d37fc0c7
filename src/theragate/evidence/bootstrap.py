"""One pass over the resamples, in which everything that needs them is measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theragate.evidence.metrics.arrays import Floats
from theragate.evidence.metrics.benefit import NetBenefit, ThresholdRange
from theragate.evidence.panels import Panel
from theragate.evidence.resampling import draws

__all__ = ["Replicates", "resample"]


@dataclass(frozen=True)
class Replicates:
    """What the resamples gave.

    Parameters
    ----------
    panels
        For each panel: prediction -> metric -> (b,).
    calibration
        Of the first panel's ``selected``: the smoothed outcome, shape (b, points).
    benefits
        Of the same: net benefit at each threshold, with arrays of shape (b,).
    """

    panels: list[dict[str, dict[str, Floats]]]
    calibration: Floats
    benefits: list[NetBenefit]


def resample(
    panels: Sequence[Panel], thresholds: ThresholdRange | None, *, patients: int, resamples: int, seed: int
) -> Replicates:
    """Measure every panel in every resample; the first panel is the whole cohort."""
    found: list[list[dict[str, dict[str, Floats]]]] = [[] for _ in panels]
    curves: list[Floats] = []
    benefits: list[list[NetBenefit]] = []
    for block in draws(patients, resamples=resamples, seed=seed):
        for panel, blocks in zip(panels, found, strict=True):
            blocks.append(panel.values(block[:, panel.rows]))
        whole = panels[0]
        seen = whole.weights(block[:, whole.rows])
        curves.append(whole.scores["selected"].calibration(seen))
        if thresholds is not None:
            benefits.append(thresholds.values(seen))
    return Replicates(
        [_joined(blocks) for blocks in found],
        np.concatenate(curves),
        [
            NetBenefit(
                np.concatenate([item.model for item in at]),
                np.concatenate([item.treat_all for item in at]),
                np.concatenate([item.gain for item in at]),
            )
            for at in zip(*benefits, strict=True)
        ],
    )


def _joined(blocks: list[dict[str, dict[str, Floats]]]) -> dict[str, dict[str, Floats]]:
    return {
        name: {metric: np.concatenate([block[name][metric] for block in blocks]) for metric in metrics}
        for name, metrics in blocks[0].items()
    }
