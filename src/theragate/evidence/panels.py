"""A panel: some patients with everything that is measured of them, in any resample."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.inputs import BinaryTarget, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.intervals import FEWEST
from theragate.evidence.metrics.arrays import Floats
from theragate.evidence.metrics.censoring import RiskPatients, binary_patients, survival_patients
from theragate.evidence.metrics.quantity import QuantityScore
from theragate.evidence.metrics.ranks import Ranked, area_under_curve, concordance
from theragate.evidence.metrics.risk import RiskScore

__all__ = ["Panel", "QuantityPanel", "RiskPanel", "panel", "risk_patients"]

_FEWEST_QUANTITIES = 10


def panel(target: Target, predictions: Mapping[str, Floats], *, null: Floats, rows: NDArray[np.intp]) -> "Panel":
    """Prepare the patients at `rows`; `predictions` (name -> shape (n,)) and `null` are of the whole cohort."""
    if isinstance(target, QuantityTarget):
        return QuantityPanel.of(target, predictions, rows=rows)
    return RiskPanel.of(target, predictions, null=null, rows=rows)


def risk_patients(
    target: BinaryTarget | SurvivalTarget, rows: NDArray[np.intp], *, horizon: float | None = None
) -> RiskPatients:
    """Take the patients at `rows`; for survival at another horizon than the declared one, if given."""
    if isinstance(target, BinaryTarget):
        return binary_patients(target.event, rows)
    horizon = target.horizon if horizon is None else horizon
    return survival_patients(target.time, target.event, horizon=horizon, rows=rows)


@dataclass(frozen=True)
class RiskPanel:
    """Patients with risks predicted in one or more ways."""

    target: BinaryTarget | SurvivalTarget
    patients: RiskPatients
    risks: Mapping[str, Floats]
    scores: Mapping[str, RiskScore]
    _ones: Floats = field(repr=False)
    _seen: Floats = field(repr=False)

    @classmethod
    def of(
        cls,
        target: BinaryTarget | SurvivalTarget,
        predictions: Mapping[str, Floats],
        *,
        null: Floats,
        rows: NDArray[np.intp],
    ) -> "RiskPanel":
        """Prepare the patients at `rows`."""
        patients = risk_patients(target, rows)
        risks = {name: risk[patients.rows] for name, risk in predictions.items()}
        scores = {
            name: RiskScore(
                patients,
                risk,
                null=null[patients.rows],
                threshold=target.threshold,
                binary=isinstance(target, BinaryTarget),
            )
            for name, risk in risks.items()
        }
        ones = np.ones((1, len(rows)))
        return cls(target, patients, risks, scores, ones, patients.seen_weights(ones))

    @property
    def rows(self) -> NDArray[np.intp]:
        """Their positions in the cohort, in the panel's own order."""
        return self.patients.rows

    @property
    def counts(self) -> tuple[int | None, int | None]:
        """The numbers of events and of non-events that were seen (by the horizon)."""
        return int(self.patients.event.sum()), int(self.patients.free.sum())

    @property
    def enough(self) -> bool:
        """Whether there are enough of each for an interval."""
        return self.patients.fewer >= FEWEST

    @property
    def counted(self) -> bool:
        """Whether proportions are plain counts."""
        return not self.patients.censored

    @property
    def undefined(self) -> str:
        """Why a metric may have no value here."""
        events, free = self.counts
        if not events:
            return "no event in this group"
        if not free:
            return "nobody in this group is known to be free of the event"
        if self.target.threshold is None:
            return "no clinical threshold declared, or not defined for these predictions"
        return "not defined for these predictions (all alike, or a perfect separation, or nobody selected)"

    def weights(self, draws: Floats) -> Floats:
        """Return the weights of what was seen, for draws in the panel's order."""
        return self.patients.seen_weights(draws)

    def values(self, draws: Floats) -> dict[str, dict[str, Floats]]:
        """Return prediction -> metric -> its value in each resample."""
        seen = self.patients.seen_weights(draws)
        return {name: score.values(draws, seen) for name, score in self.scores.items()}

    def points(self, name: str) -> dict[str, float]:
        """Return every metric of one prediction, for the patients as they are."""
        found = self.scores[name].point(self._ones, self._seen)
        # Without an event (or without its absence) nothing compares outcome with prediction.
        return found if self.patients.fewer else {key: v for key, v in found.items() if key in _ONE_CLASS}

    def denominators(self, name: str) -> dict[str, float]:
        """Return the number of patients behind each proportion."""
        return self.scores[name].denominators(self._seen[0])

    def ranked(self, name: str) -> dict[str, Ranked]:
        """Return the measures of ranking of one prediction."""
        if not self.patients.fewer:
            return {}
        risk, seen = self.risks[name], self._seen[0]
        area = area_under_curve(risk, cases=seen * self.patients.event, controls=seen * self.patients.free)
        if isinstance(self.target, BinaryTarget):
            return {"auroc": area} if area else {}
        time, event = self.target.time[self.rows], self.target.event[self.rows]
        harrell, uno = concordance(
            time, event, risk, weights=(event.astype(np.float64), (seen * self.patients.event) ** 2)
        )
        found = {"auc_at_horizon": area, "concordance_index": harrell, "concordance_index_ipcw": uno}
        return {metric: value for metric, value in found.items() if value is not None}


# What still has a meaning where all patients of a group had the event, or none.
_ONE_CLASS = ("brier", "selection_rate", "sensitivity", "specificity", "positive_predictive_value")


@dataclass(frozen=True)
class QuantityPanel:
    """Patients with quantities predicted in one or more ways."""

    rows: NDArray[np.intp]
    scores: Mapping[str, QuantityScore]

    counted = True
    counts: tuple[int | None, int | None] = (None, None)
    undefined = "not defined: the outcome or the prediction does not vary here"

    @classmethod
    def of(
        cls, target: QuantityTarget, predictions: Mapping[str, Floats], *, rows: NDArray[np.intp]
    ) -> "QuantityPanel":
        """Prepare the patients at `rows`."""
        observed = target.value[rows]
        return cls(rows, {name: QuantityScore(values[rows], observed) for name, values in predictions.items()})

    @property
    def enough(self) -> bool:
        """Whether there are enough patients for an interval."""
        return len(self.rows) >= _FEWEST_QUANTITIES

    def weights(self, draws: Floats) -> Floats:
        """Return the draws: every outcome was seen."""
        return draws

    def values(self, draws: Floats) -> dict[str, dict[str, Floats]]:
        """Return prediction -> metric -> its value in each resample."""
        return {name: score.values(draws) for name, score in self.scores.items()}

    def points(self, name: str) -> dict[str, float]:
        """Return every metric of one prediction, for the patients as they are."""
        return self.scores[name].point(np.ones((1, len(self.rows))))

    def denominators(self, name: str) -> dict[str, float]:
        """Return the number of patients behind each proportion."""
        return {"within_20_percent": float(len(self.rows))} if name in self.scores else {}

    def ranked(self, name: str) -> dict[str, Ranked]:  # noqa: ARG002 - quantities are not ranked
        """Return no measure of ranking."""
        return {}


Panel = RiskPanel | QuantityPanel
