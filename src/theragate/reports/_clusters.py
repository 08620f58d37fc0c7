"""The figure of the clusters: every hospital by number, their mean, and what a new one may show."""

import math

from matplotlib.figure import Figure

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import ClusterSummary, Estimate, Evidence, GroupEvidence
from theragate.evidence.writing import decimals_in_figure
from theragate.reports._forest import LINE, Row, draw_forest
from theragate.reports._panels import RATIO, Panel, logarithm
from theragate.reports._words import counts_text
from theragate.study import TASKS, Study

__all__ = ["draw_clusters"]

_AT_BEST = {"calibration_slope": 1.0, "mean_error": 0.0}
_SUBTITLE = (
    "Each was predicted by models that had learned from others only. Clusters with a count under 11 are shown "
    "together, without numbers."
)
_NOTE = "Bars: 95% intervals; of a new cluster, what 95 of 100 would show. Dashed: what is right."


def draw_clusters(evidence: Evidence, study: Study) -> Figure:  # noqa: ARG001 - the form of all figures
    """Draw the clusters by number, all patients together above them, their mean and a new cluster below."""
    clusters = evidence.clusters
    if clusters is None:
        raise TypeError("the study has no clusters")
    panels = [_panel(name, evidence) for name in clusters.summaries]
    columns = 1 if evidence.cohort.events is None and not TASKS[evidence.task].predicts_risk else 2
    cohort = evidence.cohort
    everybody = counts_text(cohort.patients, cohort.events, cohort.non_events)[:columns]
    rows = [Row("All patients", LINE / 2, everybody, _estimates(panels, evidence.overall), overall=True)]
    for each in clusters.each:
        counts = counts_text(each.n, each.events, each.non_events)[:columns]
        rows.append(Row(_name(each), _next(rows), counts, _estimates(panels, each.metrics), judged=False))
    blank = ("",) * columns
    means = tuple(_shown(panel, clusters.summaries[_metric(panel)].mean) for panel in panels)
    new = tuple(_shown(panel, _of_new(clusters.summaries[_metric(panel)])) for panel in panels)
    rows.append(Row("Mean over clusters", _next(rows), blank, means, overall=True))
    rows.append(Row("A new cluster", _next(rows), blank, new, overall=True))
    title = "How the model does in each cluster of patients"
    return draw_forest(rows, panels, height=_next(rows) - LINE / 2 + 0.1, title=title, subtitle=_SUBTITLE, note=_NOTE)


def _next(rows: list[Row]) -> float:
    return rows[-1].y + LINE


def _name(each: GroupEvidence) -> str:
    return f"Cluster {each.label}" if each.label.isdecimal() else each.label.replace("groups", "clusters").capitalize()


def _panel(metric: str, evidence: Evidence) -> Panel:
    ratio = metric == "observed_expected"
    known = [evidence.overall, *(each.metrics for each in (evidence.clusters.each if evidence.clusters else ()))]
    numbers = [own[metric].value for own in known if metric in own]
    return Panel(
        metric=RATIO if ratio else metric,
        title=METRICS[metric].title,
        decimals=decimals_in_figure(metric, *numbers),
        ratio=ratio,
        no_difference=0.0 if ratio else _AT_BEST.get(metric),
    )


def _metric(panel: Panel) -> str:
    return "observed_expected" if panel.ratio else panel.metric


def _estimates(panels: list[Panel], metrics: dict[str, Estimate]) -> tuple[Estimate, ...]:
    absent = Estimate.absent("not measured")
    return tuple(_shown(panel, metrics.get(_metric(panel), absent)) for panel in panels)


def _shown(panel: Panel, estimate: Estimate) -> Estimate:
    return logarithm(estimate) if panel.ratio else estimate


def _of_new(summary: ClusterSummary) -> Estimate:
    """Return the mean with the limits of a new cluster; nothing where these say nothing."""
    low, high = summary.new_lower, summary.new_upper
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return Estimate.absent(summary.mean.why or "not known")
    return summary.mean.model_copy(update={"lower": low, "upper": high})
