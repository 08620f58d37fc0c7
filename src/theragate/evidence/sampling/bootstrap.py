"""One pass over the resamples, in which everything that needs them is measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.net_benefit import NetBenefit
from theragate.evidence.measuring.decisions import Benefits
from theragate.evidence.measuring.panels import Panel, RiskPanel
from theragate.evidence.measuring.repeated import RepeatedQuantities, RepeatedRange, RepeatedRisks
from theragate.evidence.sampling.pools import Pool

__all__ = ["ROC_GRID", "Replicates", "resample"]

ROC_GRID = np.linspace(0, 1, 101)
_ROC_RESAMPLES = 500


@dataclass(frozen=True)
class Replicates:
    """What the resamples gave.

    Parameters
    ----------
    panels
        For each panel: prediction -> metric -> (b,).
    calibration
        Of the first panel's first prediction: the smoothed outcome, shape (b, points).
    sensitivities
        Of the same: the ROC curve at `ROC_GRID` in some of the resamples; none where there is no such curve.
    benefits
        For each panel: net benefit over the range of thresholds; None where it was not asked for.
    """

    panels: list[dict[str, dict[str, Floats]]]
    calibration: Floats
    sensitivities: Floats
    benefits: list[Benefits | None]


def resample(
    panels: Sequence[Panel], thresholds: Sequence[tuple[float, ...]], *, pool: Pool, resamples: int, seed: int
) -> Replicates:
    """Measure every panel in every resample; `thresholds` says at which to measure its net benefit, () for none."""
    ranges = [_range(panel, asked) if asked else None for panel, asked in zip(panels, thresholds, strict=True)]
    measured: list[list[dict[str, dict[str, Floats]]]] = [[] for _ in panels]
    benefits: list[list[NetBenefit]] = [[] for _ in panels]
    curves = _Curves(panels[0])
    for block in pool.draws(resamples=resamples, seed=seed):
        for index, (panel, asked) in enumerate(zip(panels, ranges, strict=True)):
            draws = panel.part.take(block)
            seen = panel.weights(draws)
            sums = {name: score.sums(draws, seen) for name, score in panel.scores.items()}
            measured[index].append({name: score.of_sums(sums[name], draws) for name, score in panel.scores.items()})
            if index == 0:
                curves.add(sums[curves.name], draws)
            if asked is not None:
                benefits[index].append(asked.values(seen))
    return Replicates(
        [_joined(blocks) for blocks in measured],
        np.concatenate(curves.calibration),
        np.concatenate(curves.sensitivities)[:_ROC_RESAMPLES],
        [
            Benefits(_squeezed(asked.values(panel.as_they_are[1])), _stacked(blocks)) if asked else None
            for panel, asked, blocks in zip(panels, ranges, benefits, strict=True)
        ],
    )


class _Curves:
    """The curves of a panel's first prediction, resample by resample."""

    def __init__(self, panel: Panel) -> None:
        self.name = next(iter(panel.scores))
        self._score: RepeatedRisks | RepeatedQuantities = panel.scores[self.name]
        self.calibration: list[Floats] = []
        self.sensitivities: list[Floats] = [np.zeros((0, len(ROC_GRID)))]

    def add(self, sums: Sequence[Floats], draws: Floats) -> None:
        self.calibration.append(self._score.calibration(sums))
        score, known = self._score, sum(map(len, self.sensitivities))
        if isinstance(score, RepeatedRisks) and score.has_levels and known < _ROC_RESAMPLES:
            self.sensitivities.append(score.sensitivities(draws, ROC_GRID))


def _range(panel: Panel, thresholds: tuple[float, ...]) -> RepeatedRange | None:
    return panel.scores["selected"].over(thresholds) if isinstance(panel, RiskPanel) else None


def _squeezed(benefit: NetBenefit) -> NetBenefit:
    return NetBenefit(benefit.model[0], benefit.treat_all[0], benefit.gain[0], benefit.selected[0])


def _stacked(blocks: list[NetBenefit]) -> NetBenefit:
    return NetBenefit(
        *(
            np.concatenate([getattr(block, name) for block in blocks])
            for name in ("model", "treat_all", "gain", "selected")
        )
    )


def _joined(blocks: list[dict[str, dict[str, Floats]]]) -> dict[str, dict[str, Floats]]:
    return {
        name: {metric: np.concatenate([block[name][metric] for block in blocks]) for metric in metrics}
        for name, metrics in blocks[0].items()
    }
