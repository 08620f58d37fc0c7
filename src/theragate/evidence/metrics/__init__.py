"""The metrics: plain functions of held-out predictions, described in one literal table."""

from theragate.evidence.catalogue import METRICS, Metric

__all__ = ["METRICS", "Metric"]
