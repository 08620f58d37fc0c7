"""The list of metrics. Light: cards, figures and gates read it too."""

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.calibration import CALIBRATION
from theragate.evidence.definitions.decisions import DECISIONS
from theragate.evidence.definitions.effects import EFFECTS
from theragate.evidence.definitions.metric import Direction, Interval, Kind, Metric, Sums
from theragate.evidence.definitions.overall import OVERALL
from theragate.evidence.definitions.quantities import QUANTITIES
from theragate.evidence.definitions.ranking import RANKING
from theragate.evidence.definitions.sums import NamedSums
from theragate.study import TaskName

__all__ = ["METRICS", "Direction", "Interval", "Kind", "Metric", "metrics_of", "report_only", "values_of"]

METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*RANKING, *OVERALL, *CALIBRATION, *DECISIONS, *QUANTITIES, *EFFECTS)
}


def metrics_of(task: TaskName) -> tuple[Metric, ...]:
    """Return the metrics that are measured for `task`, in the order in which they are shown."""
    return tuple(metric for metric in METRICS.values() if task in metric.tasks)


def report_only(task: TaskName) -> tuple[str, ...]:
    """Return the names of the metrics that are measured for `task`, shown, and never judged."""
    return tuple(metric.name for metric in metrics_of(task) if metric.report_only)


def values_of(sums: NamedSums, *, of: Sums, task: TaskName) -> dict[str, Floats]:
    """Return the metrics of `task` that are functions of such sums, shape (b,) each, where all they need is known."""
    formulas = {metric.name: metric.formula(of) for metric in metrics_of(task)}
    return {
        name: formula.value(sums)
        for name, formula in formulas.items()
        if formula is not None and all(need in sums for need in formula.needs)
    }
