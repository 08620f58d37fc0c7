"""When a candidate replaces the simple reference: the one-standard-error rule on paired inner folds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["RULE", "Selection", "TrialResult", "select"]

RULE = (
    "The best trial replaces the reference only if its mean loss over the inner folds is lower by more than one "
    "standard error of the paired differences."
)


@dataclass(frozen=True)
class TrialResult:
    """One trial: ``folds`` are its losses on the inner folds that it was scored on, in order.

    ``state`` is ``complete`` (all folds), ``pruned`` (given up as hopeless) or ``failed`` (no numerical solution).
    ``reason`` says why it failed or, of a reference, why its penalty is stronger than the fixed one.
    """

    number: int
    family: str
    params: dict[str, Any]
    state: str
    folds: tuple[float, ...]
    reason: str = ""

    @property
    def value(self) -> float | None:
        """The mean loss over all inner folds; None unless the trial is complete."""
        return float(np.mean(self.folds)) if self.state == "complete" else None


@dataclass(frozen=True)
class Selection:
    """What was chosen, and the paired comparison it rests on: reference minus best trial, positive if it is better."""

    chosen: TrialResult
    best: TrialResult
    difference: float
    standard_error: float

    @property
    def reference_kept(self) -> bool:
        """Whether no trial was better by enough."""
        return self.chosen.number == 0


def select(trials: Sequence[TrialResult]) -> Selection:
    """Choose among trials, the first of which is the reference.

    The rule favours the simple model, as the one-standard-error rule of Breiman et al. (Classification and Regression
    Trees, 1984, section 3.4.3) does, but on paired differences, which do not vary with the difficulty of a fold.

    Raises
    ------
    ValueError
        If there is no complete reference trial, or it has a single fold (there is then no standard error).
    """
    if not trials or trials[0].number != 0 or trials[0].state != "complete" or len(trials[0].folds) < 2:
        raise ValueError("the first trial is the reference, complete on two folds or more")
    reference = trials[0]
    rivals = [trial for trial in trials[1:] if trial.state == "complete"]
    if not rivals:
        return Selection(reference, reference, 0.0, 0.0)
    best = min(rivals, key=lambda trial: (np.mean(trial.folds), trial.number))
    differences = np.asarray(reference.folds) - np.asarray(best.folds)
    difference = float(differences.mean())
    standard_error = float(differences.std(ddof=1) / math.sqrt(len(differences)))
    return Selection(best if difference > standard_error else reference, best, difference, standard_error)
