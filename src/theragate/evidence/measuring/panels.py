"""A panel: some patients with everything that is measured of them, in any resample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.catalogue import METRICS, metrics_of
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.metric import Routine
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.intervals.limits import FEWEST
from theragate.evidence.measuring.repeated import RepeatedQuantities, RepeatedRisks, mean_ranked
from theragate.evidence.metrics.censoring import RiskPatients, binary_patients, survival_patients
from theragate.evidence.metrics.quantity import QuantityScore, conformal_width
from theragate.evidence.metrics.ranks import Ranked, area_under_curve, concordance
from theragate.evidence.metrics.risk import RiskScore
from theragate.evidence.metrics.smoothing import sorted_by
from theragate.evidence.sampling.pools import Part, Pool
from theragate.evidence.sampling.units import FEWEST_CLUSTERS, effective_number
from theragate.study import TaskName

__all__ = ["Panel", "QuantityPanel", "RiskPanel", "counted", "panel", "risk_patients"]

_FEWEST_QUANTITIES = 10


def panel(
    target: Target, predictions: Mapping[str, Floats], *, null: Floats, rows: NDArray[np.intp], pool: Pool
) -> "Panel":
    """Prepare the patients at `rows`; `predictions` (name -> (repeats, n)) and `null` are of the whole cohort."""
    if isinstance(target, QuantityTarget):
        return QuantityPanel.of(target, predictions, rows=rows, pool=pool)
    return RiskPanel.of(target, predictions, null=null, rows=rows, pool=pool)


def counted(target: Target, pool: Pool, *, repeats: int) -> bool:
    """Whether a threshold's decisions are plain counts of patients, which `sampling.counts` measures."""
    return isinstance(target, BinaryTarget) and target.threshold is not None and not pool.repeated and repeats == 1


def risk_patients(
    target: BinaryTarget | SurvivalTarget, rows: NDArray[np.intp], *, horizon: float | None = None
) -> RiskPatients:
    """Take the patients at `rows`; for survival at another horizon than the declared one, if given."""
    if isinstance(target, BinaryTarget):
        return binary_patients(target.event, rows)
    horizon = target.horizon if horizon is None else horizon
    return survival_patients(target.time, target.event, horizon=horizon, rows=rows, hazard=target.hazard)


@dataclass(frozen=True)
class RiskPanel:
    """Patients with risks predicted in one or more ways."""

    target: BinaryTarget | SurvivalTarget
    patients: RiskPatients
    scores: Mapping[str, RepeatedRisks]
    part: Part
    fewer: int
    repeated: bool
    counted: bool
    _ones: Floats = field(repr=False)
    _seen: Floats = field(repr=False)
    clusters: float | None = None
    """The effective number of clusters; None where each patient stands alone."""
    _clusters_suffice: bool = True

    @classmethod
    def of(
        cls,
        target: BinaryTarget | SurvivalTarget,
        predictions: Mapping[str, Floats],
        *,
        null: Floats,
        rows: NDArray[np.intp],
        pool: Pool,
    ) -> "RiskPanel":
        """Prepare the patients at `rows`."""
        patients = risk_patients(target, rows)
        part = pool.part(patients.rows)
        scores = {
            name: RepeatedRisks(
                RiskScore(
                    patients,
                    risk[patients.rows],
                    null=unknowing[patients.rows],
                    threshold=None if counted(target, pool, repeats=len(null)) else target.threshold,
                    binary=isinstance(target, BinaryTarget),
                    cells=part.cells,
                    extensions=target.extensions,
                )
                for risk, unknowing in zip(risks, null, strict=True)
            )
            for name, risks in predictions.items()
        }
        ones = np.ones((1, len(rows)))
        fewer, clusters, known = patients.fewer, None, True
        if pool.repeated or pool.clustered:
            units = min(len(np.unique(part.units[kind])) for kind in (patients.event, patients.free))
            fewer, known = (fewer, units >= FEWEST_CLUSTERS) if pool.clustered else (units, True)
            clusters = effective_number(np.bincount(part.units)) if pool.clustered else None
        plain = not patients.censored and not pool.repeated and len(null) == 1
        seen = patients.seen_weights(ones)
        return cls(target, patients, scores, part, fewer, pool.repeated, plain, ones, seen, clusters, known)

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
        return self.fewer >= FEWEST and self._clusters_suffice

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

    @property
    def as_they_are(self) -> tuple[Floats, Floats]:
        """How often each unit counts, and how much its outcomes do, without resampling; shape (1, units)."""
        sizes = self._ones if self.part.cells is None else self.part.cells.sizes[None]
        return sizes, self._seen if self.part.cells is None else sizes

    def weights(self, draws: Floats) -> Floats:
        """Return the weights of what was seen, for draws of the panel's units."""
        return self.patients.seen_weights(draws) if self.part.cells is None else draws

    def points(self, name: str) -> dict[str, float]:
        """Return every metric of one prediction, for the patients as they are."""
        return self.scores[name].point(*self.as_they_are)

    def meaningful(self, metric: str) -> bool:
        """Whether a metric means something here: without both outcomes nothing compares them with predictions."""
        return bool(self.patients.fewer) or METRICS[metric].one_class

    def denominators(self, name: str) -> dict[str, float]:
        """Return the number of patients behind each proportion; none where too few patients have several rows."""
        if not self.repeated:
            return self.scores[name].denominators(self._seen[0])
        if len(np.unique(self.part.units)) < FEWEST:
            return {}
        most = float(max(self.fewer if self.clusters is None else min(self.fewer, self.clusters), 1))
        return {metric: min(size, most) for metric, size in self.scores[name].denominators(self._seen[0]).items()}

    def ranked(self, risks: Floats, *, orders: Sequence[NDArray[np.intp]] = ()) -> dict[str, Ranked]:
        """Return the mean measures of ranking of all repeats.

        Parameters
        ----------
        risks
            Shape (repeats, rows), in the panel's order.
        orders
            What sorts each of them, if that is known.
        """
        return mean_ranked(self.ranked_by_repeat(risks, orders=orders))

    def ranked_by_repeat(self, risks: Floats, *, orders: Sequence[NDArray[np.intp]] = ()) -> list[dict[str, Ranked]]:
        """Return the measures of ranking of each repeat."""
        known = orders or [sorted_by(risk) for risk in risks]
        return [self._ranked(risk, order=order) for risk, order in zip(risks, known, strict=True)]

    def _ranked(self, risk: Floats, *, order: NDArray[np.intp]) -> dict[str, Ranked]:
        if not self.patients.fewer:
            return {}
        seen = self._seen[0]
        area = area_under_curve(
            risk,
            cases=seen * self.patients.event,
            controls=seen * self.patients.free,
            order=order,
        )
        routines: dict[Routine, Ranked | None] = {"area_under_curve": area}
        task: TaskName = "binary"
        if isinstance(self.target, SurvivalTarget):
            task, time, event = "survival", self.target.time[self.rows], self.target.event[self.rows]
            weights = event.astype(np.float64), self.patients.pair_weights
            routines["harrell"], routines["uno"] = concordance(time, event, risk, weights=weights)
        measured = {metric.name: routines[metric.ranked] for metric in metrics_of(task) if metric.ranked}
        return {name: value for name, value in measured.items() if value is not None}


@dataclass(frozen=True)
class QuantityPanel:
    """Patients with quantities predicted in one or more ways."""

    rows: NDArray[np.intp]
    scores: Mapping[str, RepeatedQuantities]
    part: Part
    fewer: int
    counted: bool
    clusters: float | None = None
    """The effective number of clusters; None where each patient stands alone."""
    _clusters_suffice: bool = True

    counts: tuple[int | None, int | None] = (None, None)
    undefined: str = "not defined: the outcome or the prediction does not vary here"

    @classmethod
    def of(
        cls, target: QuantityTarget, predictions: Mapping[str, Floats], *, rows: NDArray[np.intp], pool: Pool
    ) -> "QuantityPanel":
        """Prepare the patients at `rows`."""
        part, observed = pool.part(rows), target.value[rows]
        scores = {
            name: RepeatedQuantities(
                QuantityScore(
                    values[rows],
                    observed,
                    width=conformal_width(values - target.value),
                    cells=part.cells,
                    extensions=target.extensions,
                )
                for values in repeats
            )
            for name, repeats in predictions.items()
        }
        units = len(np.unique(part.units)) if pool.repeated or pool.clustered else len(rows)
        patients, clusters, known = units, None, True
        if pool.clustered:
            patients, known = len(rows), units >= FEWEST_CLUSTERS
            clusters = effective_number(np.bincount(part.units))
        once = all(len(repeats) == 1 for repeats in predictions.values())
        return cls(rows, scores, part, patients, not pool.repeated and once, clusters, known)

    @property
    def enough(self) -> bool:
        """Whether there are enough patients for an interval."""
        return self.fewer >= _FEWEST_QUANTITIES and self._clusters_suffice

    @property
    def as_they_are(self) -> tuple[Floats, Floats]:
        """How often each unit counts, twice, without resampling; shape (1, units)."""
        sizes = np.ones((1, len(self.rows))) if self.part.cells is None else self.part.cells.sizes[None]
        return sizes, sizes

    def weights(self, draws: Floats) -> Floats:
        """Return the draws: every outcome was seen."""
        return draws

    def points(self, name: str) -> dict[str, float]:
        """Return every metric of one prediction, for the patients as they are."""
        return self.scores[name].point(*self.as_they_are)

    def meaningful(self, metric: str) -> bool:  # noqa: ARG002 - the form of RiskPanel
        """Return that every metric means something."""
        return True

    def denominators(self, name: str) -> dict[str, float]:
        """Return the number of patients behind each proportion; none where too few patients have several rows."""
        shares = [metric.name for metric in metrics_of("regression") if metric.interval == "proportion"]
        known = name in self.scores and (self.counted or self.enough)
        most = float(self.fewer if self.clusters is None else min(self.fewer, self.clusters))
        return dict.fromkeys(shares, most) if known else {}

    def ranked(self, risks: Floats, *, orders: Sequence[NDArray[np.intp]] = ()) -> dict[str, Ranked]:  # noqa: ARG002 - quantities are not ranked
        """Return no measure of ranking."""
        return {}

    def ranked_by_repeat(self, risks: Floats) -> list[dict[str, Ranked]]:
        """Return no measure of ranking for each repeat."""
        return [{} for _ in risks]


Panel = RiskPanel | QuantityPanel
