"""True values of the measures, from the distribution itself: by quadrature, and by code that the product lacks."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

__all__ = ["Floats", "concordance_truth", "quantity_truth", "risk_truth", "threshold_truth"]

Floats = NDArray[np.float64]

_BANDS = 2000  # of equal weight, in which predictions count as alike where the risk given the prediction is asked for


def risk_truth(
    predicted: Floats, risk: Floats, weight: Floats, *, prevalence: float, thresholds: tuple[float, ...]
) -> dict[str, float]:
    """Return the value of every measure of predicted risks in a population.

    Parameters
    ----------
    predicted, risk, weight
        Shape (m,): what the model predicts, the true risk, and the share of such patients in the population.
    prevalence
        What the model without features predicts.
    thresholds
        The first is the clinical one; the gain at every one of them is ``net_benefit_gain@t``.

    Notes
    -----
    ``ici`` is the mean distance itself, between prediction and the risk of patients predicted alike, without any
    smoothing.
    """
    w = weight / weight.sum()
    events = float(w @ risk)
    squared = float(w @ (risk * (1 - predicted) ** 2 + (1 - risk) * predicted**2))
    null = float(w @ (risk * (1 - prevalence) ** 2 + (1 - risk) * prevalence**2))
    ratio = events / float(w @ predicted)
    intercept, slope = _recalibrated(predicted, risk, w)
    found = _ranked(predicted, risk, w) | threshold_truth(predicted, risk, w, threshold=thresholds[0])
    for threshold in thresholds:
        found[f"net_benefit_gain@{threshold:g}"] = threshold_truth(predicted, risk, w, threshold=threshold)[
            "net_benefit_gain"
        ]
    safe = np.clip(predicted, 1e-6, 1 - 1e-6)
    return found | {
        "brier": squared,
        "brier_skill": 1 - squared / null,
        "log_loss": -float(w @ (risk * np.log(safe) + (1 - risk) * np.log1p(-safe))),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "observed_expected": ratio,
        "log_observed_expected": float(np.log(ratio)),
        "ici": _distance(predicted, risk, w, band=_bands(predicted, w)),
        "ece": _distance(predicted, risk, w, band=np.clip((predicted * 10).astype(np.intp), 0, 9)),
    }


def threshold_truth(predicted: Floats, risk: Floats, weight: Floats, *, threshold: float) -> dict[str, float]:
    """Return the value of every measure of what a threshold decides; parameters as in `risk_truth`."""
    w = weight / weight.sum()
    selected = predicted >= threshold
    events, chosen, true = float(w @ risk), float(w @ selected), float(w @ (risk * selected))
    odds = threshold / (1 - threshold)
    benefit = true - (chosen - true) * odds
    return {
        "sensitivity": true / events,
        "specificity": 1 - (chosen - true) / (1 - events),
        "positive_predictive_value": true / chosen if chosen else np.nan,
        "selection_rate": chosen,
        "accuracy": true + (1 - events) - (chosen - true),
        "net_benefit": benefit,
        "net_benefit_gain": benefit - max(events - (1 - events) * odds, 0.0),
    }


def concordance_truth(
    predicted: Floats, hazard: Floats, weight: Floats, *, censored_from: float, censored_to: float, horizon: float
) -> dict[str, float]:
    """Return Harrell's index under the censoring that there is, and Uno's up to the horizon, which knows none.

    Times are exponential with `hazard`, censoring is uniform between two times. Pairs are compared by integrating
    over the time of the first event (Gauss-Legendre, 48 nodes). A kind of patients ties with itself alone.
    """
    order = np.argsort(predicted, kind="stable")
    rate, w = hazard[order], (weight / weight.sum())[order]
    nodes, node_weights = np.polynomial.legendre.leggauss(48)

    def index(until: float, *, censored: bool) -> float:
        concordant = comparable = 0.0
        for node, node_weight in zip(nodes, node_weights, strict=True):
            time = until * (node + 1) / 2
            staying = np.clip((censored_to - time) / (censored_to - censored_from), 0, 1) if censored else 1.0
            alive = w * np.exp(-rate * time)
            below = np.cumsum(alive) - alive / 2
            share = node_weight * staying**2 * rate * alive
            concordant += float(share @ below)
            comparable += float(share.sum() * alive.sum())
        return concordant / comparable

    return {
        "concordance_index": index(censored_to, censored=True),
        "concordance_index_ipcw": index(horizon, censored=False),
    }


def quantity_truth(predicted: Floats, mean: Floats, weight: Floats, *, errors: Floats) -> dict[str, float]:
    """Return the value of every measure of predicted quantities.

    Parameters
    ----------
    predicted, mean, weight
        Shape (m,): prediction, expectation of the outcome, share of such patients.
    errors
        Shape (m, k) or (1, k): equally likely deviations of the outcome from its expectation.
    """
    w = weight / weight.sum()
    observed = mean[:, None] + errors
    error = predicted[:, None] - observed
    centre = float(w @ observed.mean(axis=1))
    spread = float(w @ ((observed - centre) ** 2).mean(axis=1))
    squared = float(w @ (error**2).mean(axis=1))
    shift = predicted - float(w @ predicted)
    return {
        "r2": 1 - squared / spread,
        "rmse": float(np.sqrt(squared)),
        "mae": float(w @ np.abs(error).mean(axis=1)),
        "mean_error": float(w @ error.mean(axis=1)),
        "within_20_percent": float(w @ (np.abs(error) <= 0.2 * np.abs(observed)).mean(axis=1)),
        "calibration_slope": float((w * shift) @ observed.mean(axis=1)) / float((w * shift) @ shift),
    }


def _ranked(predicted: Floats, risk: Floats, w: Floats) -> dict[str, float]:
    """Return the area under the curve (also that at the horizon) and the average precision."""
    levels, level = np.unique(predicted, return_inverse=True)
    cases, controls = (np.bincount(level, part, minlength=len(levels)) for part in (w * risk, w * (1 - risk)))
    area = float(cases @ (np.cumsum(controls) - controls / 2)) / float(cases.sum() * controls.sum())
    found = np.cumsum(cases[::-1])
    precision = found / np.cumsum((cases + controls)[::-1])
    return {
        "auroc": area,
        "auc_at_horizon": area,
        "average_precision": float(cases[::-1] @ precision) / float(cases.sum()),
    }


def _recalibrated(predicted: Floats, risk: Floats, w: Floats) -> tuple[float, float]:
    """Return the shift with slope 1, and the slope of a free recalibration, by Newton's method."""
    log_odds = logit(np.clip(predicted, 1e-6, 1 - 1e-6))
    shift, both = 0.0, np.zeros(2)  # from where Newton converges, however extreme the predictions are
    design = np.column_stack([np.ones_like(log_odds), log_odds])
    for _ in range(40):
        fitted = expit(log_odds + shift)
        step = float(w @ (risk - fitted)) / float(w @ (fitted * (1 - fitted)))
        fitted = expit(design @ both)
        information = design.T @ (design * (w * fitted * (1 - fitted))[:, None])
        steps = np.linalg.solve(information, design.T @ (w * (risk - fitted)))
        shift, both = shift + step, both + steps
        if max(abs(step), float(np.abs(steps).max())) < 1e-10:  # Newton doubles the digits with each step
            break
    return shift, float(both[1])


def _distance(predicted: Floats, risk: Floats, w: Floats, *, band: NDArray[np.intp]) -> float:
    return float(np.abs(np.bincount(band, w * (risk - predicted))).sum())


def _bands(predicted: Floats, w: Floats) -> NDArray[np.intp]:
    """Return in which band each kind of patient lies; those with the same prediction lie in the same."""
    levels, level = np.unique(predicted, return_inverse=True)
    size = np.bincount(level, w, minlength=len(levels))
    place = np.cumsum(size) - size / 2
    bands: NDArray[np.intp] = np.clip((place * _BANDS).astype(np.intp), 0, _BANDS - 1)[level]
    return bands
