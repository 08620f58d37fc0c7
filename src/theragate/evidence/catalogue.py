"""The list of metrics. Light: cards, figures and gates read it too."""

from collections.abc import Iterable

from theragate.evidence.added_metrics import read_metrics, taken
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.calibration import CALIBRATION
from theragate.evidence.definitions.decisions import DECISIONS
from theragate.evidence.definitions.effects import EFFECTS
from theragate.evidence.definitions.metric import Direction, Interval, Kind, Metric, Sums
from theragate.evidence.definitions.overall import OVERALL
from theragate.evidence.definitions.quantities import QUANTITIES
from theragate.evidence.definitions.ranking import RANKING
from theragate.evidence.definitions.sums import NamedSums
from theragate.extensions import used
from theragate.study import TaskName

__all__ = [
    "METRICS",
    "Direction",
    "Interval",
    "Kind",
    "Metric",
    "added_by",
    "metrics_of",
    "report_only",
    "values_of",
]

METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*RANKING, *OVERALL, *CALIBRATION, *DECISIONS, *QUANTITIES, *EFFECTS)
}

_ADDED: dict[str, str] = {}  # those in `METRICS` that an extension has added, which is measured only where it is named


def metrics_of(task: TaskName, extensions: Iterable[str] = ()) -> tuple[Metric, ...]:
    """Return the metrics that are measured for `task`, in the order in which they are shown.

    Parameters
    ----------
    task
        One of a study's.
    extensions
        The extensions that the study names; this process uses them already (see `theragate.extensions.use`).

    Raises
    ------
    ExtensionError
        As `added_by`.
    """
    theirs = [metric for name in sorted(extensions) for metric in added_by(name)]
    ours = [metric for metric in METRICS.values() if metric.name not in _ADDED]
    return tuple(metric for metric in (*ours, *theirs) if task in metric.tasks)


def added_by(extension: str) -> tuple[Metric, ...]:
    """Return the metrics of an extension, sorted by name; from then on `METRICS` has their titles, units and bounds.

    Raises
    ------
    ExtensionError
        If one cannot be imported, is none, or has the name of one of ours or of another extension's.
    """
    metrics = read_metrics(used(extension))
    for metric in metrics:
        if metric.name in METRICS and _ADDED.get(metric.name) != extension:
            raise taken(extension, metric.name, by=_ADDED.get(metric.name))
        METRICS[metric.name], _ADDED[metric.name] = metric, extension
    return metrics


def report_only(task: TaskName, extensions: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names of the metrics that are measured for `task`, shown, and never judged."""
    return tuple(metric.name for metric in metrics_of(task, extensions) if metric.report_only)


def values_of(sums: NamedSums, *, of: Sums, task: TaskName, extensions: Iterable[str] = ()) -> dict[str, Floats]:
    """Return the metrics of `task` that are functions of such sums, shape (b,) each, where all they need is known.

    Under `Metric.fine_name` stands what the limits of mean distances are made from.
    """
    metrics = metrics_of(task, extensions)
    formulas = [(metric.name, formula) for metric in metrics for formula in metric.formulas]
    formulas += [(metric.fine_name, formula) for metric in metrics for formula in metric.fine]
    return {
        name: formula.value(sums)
        for name, formula in formulas
        if formula.of == of and all(need in sums for need in formula.needs)
    }
