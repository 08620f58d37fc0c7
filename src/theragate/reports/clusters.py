"""The card's section on clusters: how many, how much they differ, and what a new one may show."""

from theragate.evidence.catalogue import METRICS
from theragate.evidence.published import publish
from theragate.evidence.types import ClusterEvidence, ClusterSummary, Evidence
from theragate.evidence.writing import band, interval
from theragate.reports.headline import estimate_text
from theragate.reports.markdown import fields_list, table
from theragate.study import Study

__all__ = ["cluster_section"]

_NOTE = (
    "Each cluster was predicted by models that had learned from none of its patients. All limits of this card rest on "
    "whole clusters. The mean is one of clusters, each of which counts, and not of patients; between clusters: the "
    "standard deviation of what is true in each, on the scale of the {scales}."
)


def cluster_section(evidence: Evidence, study: Study) -> str:
    """Return the section, or nothing where the study declares no clusters."""
    evidence = publish(evidence)  # a card goes where everything published goes
    clusters = evidence.clusters
    if clusters is None or study.clusters is None:
        return ""
    rows = {"Clusters": _counts(clusters), "Why they count": study.clusters.reason}
    text = f"### Clusters of patients\n\n{fields_list(rows)}"
    if not clusters.summaries:
        return text
    header = ("Measure", "Clusters", "Mean (95% interval)", "Between clusters", "A new cluster, in 95 of 100 cases")
    lines = [
        (METRICS[name].title, str(own.clusters), estimate_text(name, own.mean), _between(own), _new(name, own))
        for name, own in clusters.summaries.items()
    ]
    scales = "logarithm of a ratio and of the odds of a ranking"
    return f"{text}\n\n{table(header, lines)}\n\n{_NOTE.format(scales=scales)}"


def _counts(clusters: ClusterEvidence) -> str:
    smallest = "fewer than 11" if clusters.smallest is None else f"{clusters.smallest:,}"
    return (
        f"{clusters.clusters:,}, of {smallest} to {clusters.largest:,} patients; they know as much as "
        f"{clusters.effective:.1f} of one size"
    )


def _between(summary: ClusterSummary) -> str:
    if summary.between is None or summary.between_lower is None or summary.between_upper is None:
        return "not known"
    return interval("calibration_slope", summary.between, lower=summary.between_lower, upper=summary.between_upper)


def _new(name: str, summary: ClusterSummary) -> str:
    if summary.new_lower is None or summary.new_upper is None:
        return "not known"
    return band(name, summary.new_lower, summary.new_upper)
