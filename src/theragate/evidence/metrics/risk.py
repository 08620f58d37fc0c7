"""Everything that is measured of predicted risks, as functions of weighted sums over patients."""

import numpy as np

from theragate.evidence.metrics.arrays import Floats, log, logit, ratio
from theragate.evidence.metrics.benefit import net_benefit
from theragate.evidence.metrics.censoring import RiskPatients
from theragate.evidence.metrics.precision import AveragePrecision
from theragate.evidence.metrics.recalibration import Recalibration
from theragate.evidence.metrics.smoothing import LocalRegression

__all__ = ["RiskScore"]

_BINS = 10


class RiskScore:
    """Predicted risks of some patients, ready to be measured in any resample of them.

    Measures of what was seen use inverse-probability-of-censoring weights, so that with censoring the observed risk
    is one minus Kaplan-Meier; measures of the predictions alone count everybody. The calibration slope is that of a
    logistic recalibration at the horizon, by the same weights (McLernon et al., Ann Intern Med 2023;176:105).

    Parameters
    ----------
    patients
        Who they are and what happened to them.
    risk, null
        Shape (n,), in the order of ``patients.rows``: by the model, and by a prediction that knows no features.
    threshold
        The clinical one, or None.
    binary
        Whether to add what is measured without censoring only.
    """

    def __init__(
        self, patients: RiskPatients, risk: Floats, *, null: Floats, threshold: float | None, binary: bool
    ) -> None:
        event = patients.event.astype(np.float64)
        self._threshold = threshold
        self._selected: Floats = (risk >= (2.0 if threshold is None else threshold)).astype(np.float64)
        self._free: Floats = np.column_stack([np.ones_like(risk), risk, self._selected])
        self._seen: Floats = np.column_stack(
            [np.ones_like(risk), event, (risk - event) ** 2, (null - event) ** 2,
             event * self._selected, self._selected]
        )  # fmt: skip
        self._event = event
        self.smoother = LocalRegression(risk)
        self._recalibration = self._shift = self._precision = None
        weights = patients.seen_weights(np.ones((1, len(risk))))[0]
        if patients.fewer:
            self._recalibration = Recalibration.fit(logit(risk), event, weights=weights)
        if binary and patients.fewer:
            self._shift = _Shift(risk, event)
            self._precision = AveragePrecision(risk, patients.event)
        self._binned = _binned(risk, event) if binary else None

    def values(self, draws: Floats, seen: Floats) -> dict[str, Floats]:
        """Return every metric in every resample, shape (b,) each; NaN where it is not defined.

        Parameters
        ----------
        draws, seen
            Shape (b, n): how often patients are drawn, and how much their outcomes count.
        """
        found = self._from_sums(draws @ self._free, seen @ self._seen)
        found["ici"] = self._ici(draws, seen)
        if self._recalibration:
            found["calibration_slope"] = self._recalibration.slopes(seen @ self._recalibration.columns)
        if self._shift:
            found |= self._shift.values(draws)
        if self._precision:
            found["average_precision"] = self._precision.values(draws)
        if self._binned is not None:
            gaps = (draws @ self._binned).reshape(len(draws), _BINS)
            found["ece"] = ratio(np.abs(gaps).sum(axis=1), draws.sum(axis=1))
        return found

    def point(self, draws: Floats, seen: Floats) -> dict[str, float]:
        """Return every metric of the patients as they are; weights have the shape (1, n)."""
        return {name: float(value[0]) for name, value in self.values(draws, seen).items()}

    def calibration(self, seen: Floats) -> Floats:
        """Return the smoothed observed risk at ``smoother.points``, shape (b, points)."""
        curve: Floats = np.clip(self.smoother.curve(seen, self._event), 0, 1)
        return curve

    def _ici(self, draws: Floats, seen: Floats) -> Floats:
        present = self.smoother.bin(draws)
        gap = np.abs(self.calibration(seen) - self.smoother.points)
        return ratio((present * gap).sum(axis=1), present.sum(axis=1))

    def _from_sums(self, free: Floats, seen: Floats) -> dict[str, Floats]:
        drawn, expected, selected = free.T
        total, events, squared, squared_null, true_positives, seen_selected = seen.T
        observed = ratio(events, total)
        over_expected = ratio(observed, ratio(expected, drawn))
        found = {
            "brier": ratio(squared, total),
            "brier_skill": 1 - ratio(squared, squared_null),
            "observed_expected": over_expected,
            "log_observed_expected": log(over_expected),
        }
        if self._threshold is None:
            return found
        benefit = net_benefit(
            true_positives=ratio(true_positives, total),
            selected=ratio(seen_selected, total),
            events=observed,
            threshold=self._threshold,
        )
        negatives = total - events
        return found | {
            "sensitivity": ratio(true_positives, events),
            "specificity": 1 - ratio(seen_selected - true_positives, np.where(negatives > 1e-9, negatives, 0)),
            "positive_predictive_value": ratio(true_positives, seen_selected),
            "selection_rate": ratio(selected, drawn),
            "net_benefit": benefit.model,
            "net_benefit_gain": benefit.gain,
        }

    def denominators(self, seen: Floats) -> dict[str, float]:
        """Return the effective number of patients behind each proportion (Kish, Survey Sampling, 1965).

        ``seen`` has the shape (n,); without censoring the numbers are counts.
        """
        groups = {
            "sensitivity": self._event, "specificity": 1 - self._event,
            "positive_predictive_value": self._selected, "selection_rate": np.ones_like(self._event),
        }  # fmt: skip
        weights = {name: (np.ones_like(seen) if name == "selection_rate" else seen) * g for name, g in groups.items()}
        return {name: float(w.sum() ** 2 / (w @ w)) if w.any() else 0.0 for name, w in weights.items()}


class _Shift:
    """Log loss and calibration in the large, where every outcome is known; one Newton step per resample."""

    def __init__(self, risk: Floats, event: Floats) -> None:
        log_odds = logit(risk)
        self._shift = Recalibration.shift(log_odds, event, weights=np.ones_like(risk))
        shifted = 1 / (1 + np.exp(-(log_odds + self._shift)))
        loss = np.logaddexp(0, log_odds) - event * log_odds
        self._columns: Floats = np.column_stack([np.ones_like(risk), loss, event - shifted, shifted * (1 - shifted)])

    def values(self, draws: Floats) -> dict[str, Floats]:
        drawn, loss, score, information = (draws @ self._columns).T
        return {
            "log_loss": ratio(loss, drawn),
            "calibration_intercept": self._shift + ratio(score, information),
        }


def _binned(risk: Floats, event: Floats) -> Floats:
    """Return each patient's risk minus outcome in the column of its bin, shape (n, bins)."""
    bins = np.clip((risk * _BINS).astype(int), 0, _BINS - 1)
    columns: Floats = np.where(np.arange(_BINS) == bins[:, None], (risk - event)[:, None], 0.0)
    return columns
