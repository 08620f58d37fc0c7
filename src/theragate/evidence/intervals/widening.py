"""Wider limits for cross-validated predictions, since patients are not all that chance decides.

Limits are by sampling of patients, for given predictions. In a cross-validation the predictions hang on the same
patients: with others, other models would have been learned. By how much limits then have to grow to hold in 95 of 100
studies was simulated through the whole training; the factors and their errors are in ``docs/statistics.json``
(``pipeline``, ``widening``), and what they mean in ``docs/statistics.md``.
"""

import math

from theragate.evidence.catalogue import METRICS, Kind
from theragate.evidence.types import Estimate, Scale, from_scale, to_scale
from theragate.study import TaskName

__all__ = ["factor", "kind_of", "widened"]

_SIZES = (200, 800)
# At each of the sizes: never below the larger factor of the recipe's and the model's, up to the next 0.05; at 200 never
# below that at 800; and never lowered by a later run, since single measures need more than their kind.
_FACTORS: dict[TaskName, dict[Kind, tuple[float, float]]] = {
    "binary": {"performance": (1.35, 1.05), "operating point": (1.60, 1.60), "calibration": (1.35, 1.10)},
    "regression": {"performance": (1.20, 1.20), "operating point": (1.00, 1.00), "calibration": (1.10, 1.10)},
    "survival": {"performance": (1.05, 1.05), "operating point": (1.65, 1.65), "calibration": (1.20, 1.20)},
    "treatment_effect": {"performance": (1.45, 1.45), "calibration": (1.35, 1.20)},
}


def kind_of(metric: str) -> Kind:
    """Return what `metric` measures: the models' performance, where they cut, their calibration, or a plain mean."""
    known = METRICS.get(metric.partition("@")[0])
    return "performance" if known is None else known.kind


def factor(metric: str, *, task: TaskName, patients: int) -> float:
    """Return by how much the limits of `metric` grow where `patients` were cross-validated.

    Between the sizes that were simulated, 200 and 800, the factor is interpolated in 1/√n; beyond them it stays.

    Returns
    -------
    float
        At least 1.
    """
    kind = kind_of(metric)
    if kind == "average":
        return 1.0
    small, large = _FACTORS[task][kind]
    first, last = (1 / math.sqrt(size) for size in _SIZES)
    between = (1 / math.sqrt(max(patients, 1)) - last) / (first - last)
    return large + (small - large) * min(max(between, 0.0), 1.0)


def widened(estimate: Estimate, metric: str, by: float) -> Estimate:
    """Return `estimate` with limits and standard error `by` times as far from its value, on its scale.

    Limits stay within what is possible for `metric`. A limit at an end of the scale, where there is no distance,
    moves on the metric's own scale. An estimate without limits, or `by` 1, changes nothing.
    """
    value, lower, upper = estimate.value, estimate.lower, estimate.upper
    if value is None or lower is None or upper is None or by <= 1:
        return estimate
    low, high = METRICS[metric].bounds
    new_lower = _farther(value, lower, scale=estimate.scale, by=by)
    new_upper = _farther(value, upper, scale=estimate.scale, by=by)
    return estimate.model_copy(
        update={
            "lower": new_lower if low is None else max(low, new_lower),
            "upper": new_upper if high is None else min(high, new_upper),
            "se": None if estimate.se is None else estimate.se * by,
            "method": f"{estimate.method}, widened {by:.2f} times for cross-validation",
        }
    )


def _farther(value: float, limit: float, *, scale: Scale, by: float) -> float:
    try:
        centre, reach = to_scale(value, scale), to_scale(limit, scale)
    except ValueError:
        return value + by * (limit - value)
    return from_scale(centre + by * (reach - centre), scale)
