"""The points of the figures of predicted effects. No point is one patient's."""

from collections.abc import Iterator

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget
from theragate.evidence.metrics.effects import Ranking, toc
from theragate.evidence.types import Z95, Curve

__all__ = ["benefit_by_fifths", "overlap_curves", "targeting_curve", "targeting_points"]

_FIFTHS, _SMALLEST, _BINS = 5, 11, 20
_SHARES = tuple(number / 20 for number in range(1, 21))


def targeting_points(ranking: Ranking, scores: Floats, draws: Floats) -> Floats:
    """Return the targeting operator characteristic at a grid of shares treated, shape (b, shares)."""
    share, curve = toc(ranking, scores, draws)
    columns = np.stack([np.clip((share < at - 1e-12).sum(axis=1), 0, curve.shape[1] - 1) for at in _SHARES], axis=1)
    return np.take_along_axis(curve, columns, axis=1)


def targeting_curve(value: Floats, replicates: Floats, *, widening: float) -> Curve:
    """Return the characteristic, shape (shares,), with limits from its replicates, shape (b, shares)."""
    half = Z95 * widening * replicates.std(axis=0, ddof=1)
    return Curve(
        x=_SHARES,
        y=tuple(map(float, value)),
        lower=tuple(map(float, value - half)),
        upper=tuple(map(float, value + half)),
    )


def benefit_by_fifths(predicted: Floats, scores: Floats) -> Curve:
    """Return the mean score of fifths of the patients by their prediction, ascending; each of at least 11.

    `predicted` has the shape (repeats, n). Each repeat has fifths of its own; their means are averaged, and so is the
    reach of their limits, which is then never too short.
    """
    count = max(1, min(_FIFTHS, len(scores) // _SMALLEST))
    count = 1 if any(Ranking.of(own).ranks_nobody for own in predicted) else count
    x, y, half = np.mean([_by_part(own, scores, count) for own in predicted], axis=0)
    columns = {"x": x, "y": y, "lower": y - half, "upper": y + half}
    return Curve(**{name: tuple(map(float, values)) for name, values in columns.items()})


def _by_part(predicted: Floats, scores: Floats, count: int) -> list[list[float]]:
    """Return the mean prediction, the mean score and the reach of its limits of each part of the patients."""
    parts = np.array_split(np.argsort(predicted, kind="stable"), count)
    return [
        [float(predicted[rows].mean()) for rows in parts],
        [float(scores[rows].mean()) for rows in parts],
        [Z95 * float(scores[rows].std(ddof=1)) / len(rows) ** 0.5 for rows in parts],
    ]


def overlap_curves(target: EffectTarget, held_out: EffectHeldOut) -> Iterator[tuple[str, Curve]]:
    """Yield how each arm's estimated chances of treatment spread; nothing where the chance is known."""
    if target.propensity is not None:
        return
    chances = held_out.propensity.mean(axis=0)
    edges = np.linspace(0, 1, _BINS + 1)
    for name, arm in (("overlap_treated", target.treated), ("overlap_control", ~target.treated)):
        counts = np.histogram(chances[arm], edges)[0] / arm.sum()
        yield name, Curve(x=tuple(map(float, edges[:-1] + 0.025)), y=tuple(map(float, counts)))
