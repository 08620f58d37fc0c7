"""What is measured: outcomes and held-out predictions, checked at the door."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.checks import check_finite, check_labels, refused

__all__ = ["BinaryTarget", "HeldOut", "QuantityTarget", "SurvivalTarget", "Target", "check", "check_hazard"]

Floats: TypeAlias = NDArray[np.float64]

# Of a quantity, and of how it varies: squares of what is larger, or smaller, are beyond what a number can hold.
_LARGEST, _SMALLEST = 1e100, 1e-100


@dataclass(frozen=True)
class BinaryTarget:
    """``event``: shape (n,), bool. ``threshold`` is the clinical one, ``threshold_range`` its span; or None, both.

    ``extensions``, here and in the others: whose metrics are measured beside ours.
    """

    event: NDArray[np.bool_]
    threshold: float | None
    threshold_range: tuple[float, float] | None
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuantityTarget:
    """``value``: shape (n,), finite, in the study's unit."""

    value: Floats
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class SurvivalTarget:
    """``time``: shape (n,), >= 0. ``event``: shape (n,), bool, False where censored. ``horizon``: a time.

    ``hazard``: shape (n,), above 0, how much sooner than others each patient would be lost to follow-up, by a model
    that never saw the patient; None where all are taken to be alike. It is what weights are made of at any time and in
    any resample (see `theragate.evidence.metrics.censoring`), and all that evidence knows of the features.
    """

    time: Floats
    event: NDArray[np.bool_]
    horizon: float
    threshold: float | None
    threshold_range: tuple[float, float] | None
    extensions: tuple[str, ...] = ()
    hazard: Floats | None = None


Target: TypeAlias = BinaryTarget | QuantityTarget | SurvivalTarget


@dataclass(frozen=True)
class HeldOut:
    """Predictions for patients that the predicting model never saw; every patient once in each repeat.

    Parameters
    ----------
    selected, reference, null
        Shape (repeats, n): of the model, of the simple reference model, and of a model without features. A risk in
        [0, 1] (at the horizon, for survival) or a quantity in the outcome's unit.
    scenarios
        Stress -> predictions of the model under it, shape (repeats, n).
    groups
        Attribute -> each patient's label, shape (n,); ``Missing`` where unknown.
    judged
        The attributes that are declared judged.
    champion
        Shape (repeats, n): of the recipe of the model in use, fitted in the same folds; None where there is none.
    patients
        Shape (n,): whose row it is, where a patient may have several; None where each row is one patient.
    clusters
        Shape (n,): whose patients resemble one another and are drawn together; None where each stands alone.
    cross_validated
        Whether the predicting models learned from the other patients of this very cohort, so that limits have to be
        wider (see `theragate.evidence.intervals.widening`).
    forest
        Whether a forest is among the families that were searched, whose limits have to be wider still.
    """

    selected: Floats
    reference: Floats
    null: Floats
    scenarios: Mapping[str, Floats]
    groups: Mapping[str, NDArray[np.str_]]
    judged: frozenset[str]
    champion: Floats | None = None
    patients: NDArray[np.generic] | None = None
    clusters: NDArray[np.generic] | None = None
    cross_validated: bool = False
    forest: bool = False

    @property
    def predictions(self) -> dict[str, Floats]:
        """Every set of predictions by what an error message calls it."""
        return {
            "selected": self.selected,
            "reference": self.reference,
            "null": self.null,
            **{f"scenario {name}": values for name, values in self.scenarios.items()},
            **({} if self.champion is None else {"champion": self.champion}),
        }


def check(target: Target, held_out: HeldOut) -> None:
    """Refuse what cannot be measured.

    Raises
    ------
    EvidenceError
        If there is no patient, a length differs, a number is not finite, a quantity is beyond 1e100, a risk lies
        outside [0, 1], a label is empty, or the outcome does not vary (for survival: no event by the horizon, or nobody
        followed beyond it).
    """
    n = _outcome(target).size
    if n == 0:
        raise refused("outcome", rule="there is at least one patient", received="none")
    _check_target(target, n)
    repeats = held_out.selected.shape[0]
    for name, values in held_out.predictions.items():
        _check_predictions(name, values, shape=(repeats, n), risk=not isinstance(target, QuantityTarget))
    check_labels(held_out.groups, n)
    for subject, names in (("patients", held_out.patients), ("clusters", held_out.clusters)):
        if names is not None and names.shape != (n,):
            rule = f"each of the {n} rows names its {subject[:-1]}"
            raise refused(subject, rule=rule, received=f"names of shape {names.shape}")
    if held_out.clusters is not None and held_out.patients is not None:
        _check_nested(held_out.patients, held_out.clusters)
    unknown = sorted(held_out.judged - set(held_out.groups))
    if unknown:
        raise refused(f"groups `{unknown[0]}`", rule="a judged attribute has labels", received="none")


def _check_nested(patients: NDArray[np.generic], clusters: NDArray[np.generic]) -> None:
    """Refuse a patient whose rows are of several clusters."""
    names, patient = np.unique(patients, return_inverse=True)
    pairs = np.unique(np.stack([patient, np.unique(clusters, return_inverse=True)[1]]), axis=1)
    divided = pairs.shape[1] - len(names)
    if divided:
        raise refused("clusters", rule="all rows of a patient are of one cluster", received=f"{divided} that are not")


def _outcome(target: Target) -> NDArray[np.generic]:
    if isinstance(target, BinaryTarget):
        return target.event
    return target.value if isinstance(target, QuantityTarget) else target.time


def _check_target(target: Target, n: int) -> None:
    if isinstance(target, QuantityTarget):
        check_finite("outcome", target.value)
        _check_size("outcome", target.value)
        if float(np.ptp(target.value)) < _SMALLEST:
            raise refused("outcome", rule="it varies between patients", received="one value for all")
        return
    _check_decision(target.threshold, target.threshold_range)
    if target.event.dtype != np.bool_ or target.event.shape != (n,):
        raise refused(
            "outcome",
            rule=f"`event` is a vector of {n} truth values",
            received=f"{target.event.dtype} values of shape {target.event.shape}",
        )
    if isinstance(target, BinaryTarget):
        if target.event.all() or not target.event.any():
            raise refused(
                "outcome", rule="there are patients with and without the event", received=f"{n} patients of one class"
            )
        return
    check_finite("outcome", target.time)
    negative = int((target.time < 0).sum())
    if negative:
        raise refused("outcome", rule="a survival time is 0 or above", received=f"{negative} negative times")
    if target.hazard is not None:
        check_hazard(target.hazard, n)
    events = int((target.event & (target.time <= target.horizon)).sum())
    beyond = int((target.time > target.horizon).sum())
    if not events or not beyond:
        raise refused(
            "outcome",
            rule="there are events by the horizon and patients followed beyond it",
            received=f"{events} events by it and {beyond} patients beyond it",
        )


def check_hazard(hazard: Floats, n: int) -> None:
    """Refuse hazards of being lost that are not one for each of `n` patients, finite and above 0.

    Raises
    ------
    EvidenceError
        With how many are not.
    """
    subject = "hazards of being lost"
    if hazard.shape != (n,):
        raise refused(subject, rule=f"there is one for each of the {n} patients", received=f"shape {hazard.shape}")
    unfit = int((~(np.isfinite(hazard) & (hazard > 0))).sum())
    if unfit:
        raise refused(subject, rule="each is finite and above 0", received=f"{unfit} that are not")


def _check_decision(threshold: float | None, limits: tuple[float, float] | None) -> None:
    if (threshold is None) != (limits is None):
        raise refused(
            "decision", rule="a threshold comes with its range", received=f"threshold {threshold} and range {limits}"
        )
    if threshold is not None and limits is not None and not 0 < limits[0] <= threshold <= limits[1] < 1:
        raise refused(
            "decision", rule="0 < start of the range <= threshold <= its end < 1", received=f"{threshold} in {limits}"
        )


def _check_predictions(name: str, values: Floats, *, shape: tuple[int, int], risk: bool) -> None:
    subject = f"predictions `{name}`"
    if values.shape != shape or not shape[0]:
        rule = f"they have the shape (repeats, {shape[1]}), with as many repeats for every model"
        raise refused(subject, rule=rule, received=f"shape {values.shape}")
    check_finite(subject, values)
    if not risk:
        _check_size(subject, values)
    outside = int(((values < 0) | (values > 1)).sum()) if risk else 0
    if outside:
        raise refused(subject, rule="a risk lies between 0 and 1", received=f"{outside} values outside")


def _check_size(subject: str, values: Floats) -> None:
    beyond = int((np.abs(values) > _LARGEST).sum())
    if beyond:
        raise refused(subject, rule=f"a quantity is at most {_LARGEST:g} in size", received=f"{beyond} that are larger")
