"""The points of the figures, with pointwise 95% limits. No point is one patient's time or prediction."""

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.predictions import SurvivalTarget
from theragate.evidence.intervals.limits import ranking
from theragate.evidence.measuring.panels import risk_patients
from theragate.evidence.metrics.precision import Levels
from theragate.evidence.metrics.ranks import area_under_curve
from theragate.evidence.metrics.smoothing import sorted_by
from theragate.evidence.sampling.bootstrap import ROC_GRID
from theragate.evidence.types import Z95, Curve, ThresholdEvidence

__all__ = ["auc_over_time", "calibration_curve", "decision_curves", "error_curve", "roc_curve"]

_TIMES, _DECILES, _SMALLEST = 10, 10, 11


def calibration_curve(points: Floats, value: Floats, replicates: Floats) -> Curve:
    """Return the smoothed outcome by prediction, from the first to the 99th percentile of the predictions.

    Parameters
    ----------
    points, value
        Shape (points,): predictions, and what was seen there.
    replicates
        Shape (b, points).

    Notes
    -----
    The points are quantiles, and these are patients' own predictions wherever the number of patients makes them so.
    What is drawn lies halfway between two of them.
    """
    points, value, replicates = _halfway(points), _halfway(value), _halfway(replicates)
    inner = np.isfinite(value) & np.isfinite(replicates).all(axis=0)
    if inner.sum() > 4:
        inner[[0, -1]] = False
    if not inner.any():
        return _curve(*np.zeros((4, 0)))
    lower, upper = np.quantile(replicates[:, inner], [0.025, 0.975], axis=0)
    curve = _curve(points[inner], value[inner], lower, upper)
    low, high = _simultaneous(replicates[:, inner])
    return curve.model_copy(update={"band_lower": tuple(low.tolist()), "band_upper": tuple(high.tolist())})


def _simultaneous(replicates: Floats) -> tuple[Floats, Floats]:
    """Return the limits between which 95% of the curves, shape (b, points), lie at all points at once.

    They are percentiles of one level at every point, as far out as they have to be (Mandel, Betensky, Comput Stat Data
    Anal 2008;52:2158).
    """
    count = len(replicates)
    ascending = np.sort(replicates, axis=0)
    ranks = np.argsort(np.argsort(replicates, axis=0, kind="stable"), axis=0, kind="stable")
    outermost = np.minimum(ranks, count - 1 - ranks).min(axis=1)
    place = int(np.sort(outermost)[int(0.05 * count)])
    return ascending[place], ascending[count - 1 - place]


def _halfway(values: Floats) -> Floats:
    """Return the means of neighbours along the last axis; what stands alone stays."""
    return values if values.shape[-1] < 2 else (values[..., :-1] + values[..., 1:]) / 2


def roc_curve(risks: Floats, event: NDArray[np.bool_], *, drawn: Floats) -> Curve:
    """Return sensitivity by one minus specificity on 101 even points, with bootstrap percentiles as limits.

    Parameters
    ----------
    risks
        Shape (repeats, n); the curves of the repeats are averaged.
    drawn
        Shape (b, 101): the values in the resamples.
    """
    ones = np.ones((1, len(event)))
    each = [Levels(risk, event, order=sorted_by(risk)).sensitivities(ones, ROC_GRID)[0] for risk in risks]
    value: Floats = np.mean(each, axis=0)
    lower, upper = np.quantile(drawn, [0.025, 0.975], axis=0)
    return _curve(ROC_GRID, value, np.minimum(lower, value), np.maximum(upper, value))


def auc_over_time(target: SurvivalTarget, risks: Floats) -> Curve:
    """Return the area under the ROC curve at ten even times up to the horizon; early times with few events lack.

    The marker is the risk at the horizon at every time (cumulative cases, dynamic controls); `risks` have the shape
    (repeats, n), and the areas of the repeats are averaged.
    """
    times, values, lower, upper = [], [], [], []
    everybody = np.arange(risks.shape[1])
    for step in range(1, _TIMES + 1):
        time = target.horizon * step / _TIMES
        patients = risk_patients(target, everybody, horizon=time)
        seen = patients.seen_weights(np.ones((1, len(everybody))))[0]
        weights = {"cases": seen * patients.event, "controls": seen * patients.free}
        areas = [area_under_curve(risk[patients.rows], **weights) for risk in risks]
        known = [area for area in areas if area is not None]
        if not known:
            continue
        value = float(np.mean([area.value for area in known]))
        influence: Floats = np.mean([area.influence for area in known], axis=0)
        estimate = ranking(value, influence, fewer=patients.fewer, method="")
        if estimate.lower is not None and estimate.upper is not None:
            times.append(time)
            values.append(value)
            lower.append(estimate.lower)
            upper.append(estimate.upper)
    return Curve(x=tuple(times), y=tuple(values), lower=tuple(lower), upper=tuple(upper))


def decision_curves(thresholds: tuple[ThresholdEvidence, ...]) -> dict[str, Curve]:
    """Return the net benefit of the model and of acting in everybody, by threshold."""
    x = tuple(item.threshold for item in thresholds)
    model = Curve(
        x=x,
        y=tuple(item.model.value or 0.0 for item in thresholds),
        lower=tuple(item.model.lower or 0.0 for item in thresholds) if _limited(thresholds) else (),
        upper=tuple(item.model.upper or 0.0 for item in thresholds) if _limited(thresholds) else (),
    )
    return {"decision": model, "decision_treat_all": Curve(x=x, y=tuple(item.treat_all for item in thresholds))}


def error_curve(predictions: Floats, observed: Floats) -> Curve:
    """Return the mean of predicted minus observed by tenth of the predictions, each of at least 11 patients.

    `predictions` have the shape (repeats, n). Each repeat has tenths of its own; their means are averaged, and so is
    the reach of their limits, which is then never too short.
    """
    x, y, half = np.mean([_errors(prediction, observed) for prediction in predictions], axis=0)
    return _curve(x, y, y - half, y + half)


def _errors(prediction: Floats, observed: Floats) -> list[list[float]]:
    """Return the mean prediction, the mean error and the reach of its limits of each tenth."""
    bins = max(1, min(_DECILES, len(prediction) // _SMALLEST))
    x, y, half = [], [], []
    for rows in np.array_split(sorted_by(prediction), bins):
        error = prediction[rows] - observed[rows]
        x.append(float(prediction[rows].mean()))
        y.append(float(error.mean()))
        half.append(Z95 * float(error.std(ddof=1)) / np.sqrt(len(rows)) if len(rows) > 1 else 0.0)
    return [x, y, half]


def _limited(thresholds: tuple[ThresholdEvidence, ...]) -> bool:
    return all(item.model.decidable for item in thresholds)


def _curve(x: Floats, y: Floats, lower: Floats, upper: Floats) -> Curve:
    columns = (tuple(float(value) for value in column) for column in (x, y, lower, upper))
    return Curve(**dict(zip(("x", "y", "lower", "upper"), columns, strict=True)))
