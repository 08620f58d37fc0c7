"""What is measured of a treatment: outcomes in two arms, predicted effects and nuisances, checked at the door."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.checks import check_finite, check_labels, refused
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.doubly_robust import Nuisances, doubly_robust_scores
from theragate.evidence.inputs.predictions import HeldOut

__all__ = ["EffectHeldOut", "EffectTarget", "check_effects", "in_order", "within_folds"]


@dataclass(frozen=True)
class EffectTarget:
    """What treated patients and controls reached.

    Parameters
    ----------
    reached
        Shape (n,): higher is better; any finite number where the follow-up was too short to know.
    weight
        Shape (n,): inverse probability of being uncensored; 0 where the follow-up was too short, 1 without censoring.
    treated
        Shape (n,), bool.
    time, event
        Shape (n,): the follow-up and whether it ended with the event; `time` is None where there is none, both are
        None for a quantity.
    horizon
        By which time the event counts; None without a time.
    propensity
        The known chance of treatment; None where it was estimated.
    threshold, threshold_range
        From which benefit on one treats, and over which people differ; or None, both.
    effect, unit
        How arms are compared (``event``, ``restricted_mean``, ``mean``), and the unit of the difference.
    extensions
        Whose metrics are measured beside ours.
    """

    reached: Floats
    weight: Floats
    treated: NDArray[np.bool_]
    time: Floats | None
    event: NDArray[np.bool_] | None
    horizon: float | None
    propensity: float | None
    threshold: float | None
    threshold_range: tuple[float, float] | None
    effect: Literal["event", "restricted_mean", "mean"]
    unit: str
    extensions: tuple[str, ...] = ()

    @property
    def cells(self) -> dict[str, NDArray[np.bool_]]:
        """Each arm's patients with and without the event (by the horizon), or all of them, shape (n,)."""
        arms = {"treated": self.treated, "control": ~self.treated}
        if self.event is None:
            return arms
        kinds = {"with": self.with_event, "without": self.without_event}
        return {f"{arm} {kind}": rows & known for arm, rows in arms.items() for kind, known in kinds.items()}

    @property
    def with_event(self) -> NDArray[np.bool_]:
        """Who is known to have had the event (by the horizon), shape (n,)."""
        if self.event is None:
            return np.zeros(len(self.treated), dtype=bool)
        if self.time is None or self.horizon is None:
            return self.event
        return self.event & (self.time <= self.horizon)

    @property
    def without_event(self) -> NDArray[np.bool_]:
        """Who is known to have been free of it (at the horizon), shape (n,)."""
        if self.event is None:
            return np.zeros(len(self.treated), dtype=bool)
        if self.time is None or self.horizon is None:
            return ~self.event
        return self.time > self.horizon


@dataclass(frozen=True)
class EffectHeldOut:
    """Predicted effects of held-out patients, and what doubly robust scores need.

    Parameters
    ----------
    predictions
        The effects predicted: by the model, by the reference (one effect for all) and without a model, and the groups.
    folds
        Shape (repeats, n): in which fold each patient was held out. Patients are ranked among those of their fold:
        which of two models predicts more on the whole says nothing about patients.
    control, treated, propensity
        Shape (repeats, n): expected outcomes without and with treatment, and the chance of treatment, by models that
        never saw the patient.
    covariates
        Feature (or feature and category) -> shape (n,), finite.
    """

    predictions: HeldOut
    folds: NDArray[np.integer]
    control: Floats
    treated: Floats
    propensity: Floats
    covariates: Mapping[str, Floats]

    def scores(self, target: EffectTarget) -> Floats:
        """Return doubly robust scores, shape (repeats, n)."""
        return np.stack(
            [
                doubly_robust_scores(
                    target.reached,
                    target.treated,
                    target.weight,
                    Nuisances(control=control, treated=treated, propensity=propensity),
                )
                for control, treated, propensity in zip(self.control, self.treated, self.propensity, strict=True)
            ]
        )


_ROUNDING = 1e-12  # what arithmetic leaves of equal predictions


def within_folds(predictions: Floats, folds: NDArray[np.integer]) -> Floats:
    """Return predictions minus the mean of their fold, both of shape (repeats, n)."""
    centred = np.empty_like(predictions)
    for row, fold, values in zip(centred, folds, predictions, strict=True):
        number = np.unique(fold, return_inverse=True)[1]
        means = np.bincount(number, weights=values) / np.bincount(number)
        row[:] = values - means[number]
        row[np.abs(row) <= _ROUNDING * (1 + np.abs(values))] = 0.0
    return centred


def check_effects(target: EffectTarget, held_out: EffectHeldOut) -> None:
    """Refuse what cannot be measured.

    Raises
    ------
    EvidenceError
        If a shape differs, a number is not finite, a propensity is not inside (0, 1), a weight is negative, or a cell
        of arm and outcome is empty.
    """
    n, repeats = len(target.treated), len(held_out.predictions.selected)
    for name, values in (("outcome", target.reached), ("weights", target.weight), *held_out.covariates.items()):
        _check_numbers(name, values, (n,))
    tables = {**held_out.predictions.predictions, "control": held_out.control, "treated": held_out.treated}
    for name, values in {**tables, "propensity": held_out.propensity}.items():
        _check_numbers(name, values, (repeats, n))
    if held_out.folds.shape != (repeats, n):
        raise refused("folds", rule=f"they have the shape {(repeats, n)}", received=f"{held_out.folds.shape}")
    certain = int(((held_out.propensity <= 0) | (held_out.propensity >= 1)).sum())
    if certain:
        raise refused(
            "propensity", rule="every chance of treatment lies above 0 and below 1", received=f"{certain} that do not"
        )
    negative = int((target.weight < 0).sum())
    if negative:
        raise refused("weights", rule="none is below 0", received=f"{negative} that are")
    check_labels(held_out.predictions.groups, n)
    empty = [name for name, rows in target.cells.items() if not rows.any()]
    if empty:
        raise refused(
            "arms",
            rule="each has patients (with and without the event, where there is one)",
            received=f"nobody in `{empty[0]}`",
        )


def in_order(target: EffectTarget, held_out: EffectHeldOut) -> tuple[EffectTarget, EffectHeldOut]:
    """Return both with the patients in an order that follows from their numbers, not from the file."""
    keys = [*held_out.predictions.selected, *held_out.scores(target), target.weight, target.treated]
    order = np.lexsort(keys[::-1])

    names = [field.name for field in fields(EffectTarget) if isinstance(getattr(target, field.name), np.ndarray)]
    given = held_out.predictions
    predictions = replace(
        given,
        selected=given.selected[..., order],
        reference=given.reference[..., order],
        null=given.null[..., order],
        champion=None if given.champion is None else given.champion[..., order],
        patients=None if given.patients is None else given.patients[order],
        clusters=None if given.clusters is None else given.clusters[order],
        scenarios={name: values[..., order] for name, values in given.scenarios.items()},
        groups={name: labels[order] for name, labels in given.groups.items()},
    )
    return (
        replace(target, **{name: getattr(target, name)[order] for name in names}),
        replace(
            held_out,
            predictions=predictions,
            **{name: getattr(held_out, name)[..., order] for name in ("folds", "control", "treated", "propensity")},
            covariates={name: values[order] for name, values in held_out.covariates.items()},
        ),
    )


def _check_numbers(name: str, values: Floats, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise refused(
            name, rule=f"there is one number for each patient, shape {shape}", received=f"shape {values.shape}"
        )
    check_finite(name, values)
