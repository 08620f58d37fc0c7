"""The main metrics of a study: in words for people, as numbers for ``dvc metrics``."""

from typing import Any

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Estimate, Evidence
from theragate.evidence.writing import interval
from theragate.gates.types import Verdict
from theragate.study import TASKS

__all__ = ["estimate_text", "headline", "metrics_summary", "unknown"]


def headline(evidence: Evidence) -> dict[str, str]:
    """Return the study's main metrics by their titles, each as ``0.77 (0.73 to 0.81)`` or as not known."""
    return {
        METRICS[name].title: estimate_text(name, evidence.overall.get(name)) for name in TASKS[evidence.task].headline
    }


def metrics_summary(evidence: Evidence, verdict: Verdict) -> dict[str, Any]:
    """Return what ``dvc metrics show`` prints: the verdict, each gate's answer, main metrics rounded to 4 decimals."""
    summary: dict[str, Any] = {
        "verdict": verdict.decision,
        "gates": {finding.gate: finding.status for finding in verdict.findings},
    }
    for name in TASKS[evidence.task].headline:
        estimate = evidence.overall.get(name)
        parts = {"": "value", "_lower": "lower", "_upper": "upper"}
        for ending, part in parts.items():
            value = getattr(estimate, part) if estimate else None
            if value is not None:
                summary[name + ending] = round(value, 4) + 0.0
    return summary


def estimate_text(metric: str, estimate: Estimate | None, *, difference: bool = False) -> str:
    """Write an estimate, or a `difference` of two, with its interval, or that it is not known and why."""
    if estimate is None or estimate.value is None:
        return unknown(estimate.why if estimate else "it was not measured")
    return interval(metric, estimate.value, lower=estimate.lower, upper=estimate.upper, difference=difference)


def unknown(reason: str) -> str:
    """Write that something is not known, and why."""
    return f"not known ({reason.rstrip('.')})"
