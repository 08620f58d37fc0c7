"""Wider limits for cross-validated predictions, since patients are not all that chance decides.

Limits are by sampling of patients, for given predictions. In a cross-validation the predictions hang on the same
patients: with others, other models would have been learned. By how much limits then have to grow to hold in 95 of 100
studies was simulated through the whole training; the factors and their errors are in ``docs/statistics.json``
(``pipeline``, ``widening``), and what they mean in ``docs/statistics.md``.
"""

from theragate.evidence.catalogue import METRICS, Kind
from theragate.evidence.types import Estimate
from theragate.study import TaskName

__all__ = ["factor", "kind_of", "paired_factor", "widened", "widened_difference"]

# One factor serves cohorts of 100 to 2,000 patients: what the recipe needs that needs most, for its own performance or
# that of the model released, of all sizes together, up to the next 0.05.
_FACTORS: dict[TaskName, dict[Kind, float]] = {
    "binary": {"performance": 1.35, "operating point": 1.65, "calibration": 1.35},
    "regression": {"performance": 1.30, "operating point": 1.00, "calibration": 1.15},
    "survival": {"performance": 1.25, "operating point": 1.85, "calibration": 1.25},
    "treatment_effect": {"performance": 1.45, "calibration": 1.35},
}
# A forest's risks lie close together, so that many patients change sides where a threshold cuts.
_FORESTS: dict[TaskName, dict[Kind, float]] = {
    "survival": {"performance": 1.40, "operating point": 2.80, "calibration": 1.35}
}
# Of the difference of two recipes.
_DIFFERENCES: dict[TaskName, float] = {"binary": 2.10, "regression": 2.15, "survival": 1.75, "treatment_effect": 1.45}


def kind_of(metric: str) -> Kind:
    """Return what `metric` measures: the models' performance, where they cut, their calibration, or a plain mean."""
    known = METRICS.get(metric.partition("@")[0])
    return "performance" if known is None else known.kind


def factor(metric: str, *, task: TaskName, forest: bool = False) -> float:
    """Return by how much the limits of `metric` grow under cross-validation.

    Parameters
    ----------
    metric
        Its name; of a net benefit over a range of thresholds also with ``@`` and the threshold.
    task
        Of the study.
    forest
        Whether a forest is among the families that were searched.

    Returns
    -------
    float
        At least 1.
    """
    kind = kind_of(metric)
    if kind == "average":
        return 1.0
    return (_FORESTS.get(task, _FACTORS[task]) if forest else _FACTORS[task])[kind]


def paired_factor(task: TaskName) -> float:
    """Return by how much the limits of a difference of two recipes grow under cross-validation.

    Two recipes learn different things from other patients, so that their difference varies more than patients tell, the
    more so the more alike they are.
    """
    return _DIFFERENCES[task]


def widened(estimate: Estimate, metric: str, by: float) -> Estimate:
    """Return `estimate` with limits and standard error `by` times as far from its value, on its scale.

    Limits stay within what is possible for `metric`. A limit at an end of the scale, where there is no distance,
    moves on the metric's own scale. An estimate without limits, or `by` 1, changes nothing.
    """
    return _widened(estimate, by, METRICS[metric].bounds)


def widened_difference(estimate: Estimate, by: float) -> Estimate:
    """Do the same with a difference, which may be anything; equal predictions differ by 0 whoever learns."""
    return _widened(estimate, by, (None, None)) if estimate.se else estimate


def _widened(estimate: Estimate, by: float, bounds: tuple[float | None, float | None]) -> Estimate:
    if not estimate.decidable or by <= 1:
        return estimate
    return estimate.stretched(by, bounds=bounds).model_copy(
        update={
            "se": None if estimate.se is None else estimate.se * by,
            "method": f"{estimate.method}, widened {by:.2f} times for cross-validation",
        }
    )
