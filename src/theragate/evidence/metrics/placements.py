"""How cases and controls are placed among each other: what DeLong's variance is made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["Placements", "place"]


@dataclass(frozen=True)
class Placements:
    """The cases and the controls of a group, by runs of equal risks in ascending order.

    Parameters
    ----------
    value
        The area under the ROC curve: the mean share of controls that lie below a case, ties counted one half.
    cases, controls
        Shape (runs,): how many of each a run has.
    by_case, by_control
        Shape (runs,): how far one case, or one control, of the run moves the area.
    """

    value: float
    cases: Floats
    controls: Floats
    by_case: Floats
    by_control: Floats

    @property
    def standard_error(self) -> float:
        """The root of DeLong's variance (Biometrics 1988;44:837)."""
        # einsum makes no column of products, and calls no BLAS, whose threads cost more here than they save.
        cases = np.einsum("i,i,i", self.cases, self.by_case, self.by_case)
        controls = np.einsum("i,i,i", self.controls, self.by_control, self.by_control)
        return float(np.sqrt(cases + controls))

    def influence(self, event: NDArray[np.bool_]) -> Floats:
        """Return how far each patient moves the area, for their events, in the order in which they were placed."""
        sizes = (self.cases + self.controls).astype(np.intp)
        spread: Floats = np.where(event, np.repeat(self.by_case, sizes), np.repeat(self.by_control, sizes))
        return spread


def place(risk: Floats, event: NDArray[np.bool_]) -> Placements | None:
    """Place cases and controls among each other, without another sort.

    Parameters
    ----------
    risk
        Shape (n,), ascending.
    event
        Shape (n,): who is a case.

    Returns
    -------
    None where there are no cases or no controls.
    """
    new_run = np.ones(len(risk) + 1, dtype=bool)
    np.not_equal(risk[1:], risk[:-1], out=new_run[1:-1])
    bounds = np.flatnonzero(new_run)
    # Counts are whole numbers, which a float holds exactly up to 2**53.
    running = np.zeros(len(risk) + 1)
    np.cumsum(event, out=running[1:])
    cases_below = running[bounds]
    controls_below = bounds - cases_below
    all_cases, all_controls = float(cases_below[-1]), float(controls_below[-1])
    if not all_cases or not all_controls:
        return None
    cases, controls = np.diff(cases_below), np.diff(controls_below)
    by_case, by_control = _middles(controls_below), _middles(cases_below)
    value = float(np.einsum("i,i", cases, by_case)) / all_cases
    # Deviations from the value, in place: at a million rows a new column costs more than its arithmetic.
    by_case -= value
    by_case /= np.sqrt(all_cases * max(all_cases - 1, 1))
    np.subtract(1 - value, by_control, out=by_control)
    by_control /= np.sqrt(all_controls * max(all_controls - 1, 1))
    return Placements(value, cases, controls, by_case, by_control)


def _middles(below: Floats) -> Floats:
    """Return the share that lies below the middle of each run, from the counts below the bounds of the runs."""
    middles: Floats = below[1:] + below[:-1]
    middles /= 2 * below[-1]
    return middles
