"""Limits that several looks share: intervals widened so that the best of several models does not pass by chance."""

from statistics import NormalDist
from typing import Any

from theragate.evidence.types import Z95, Estimate, Evidence

__all__ = ["ONE_SIDED", "chance_of_the_best", "shared_critical", "widened"]

ONE_SIDED = 0.025  # how often a model that is exactly at a limit keeps it by chance, judged once


def chance_of_the_best(looks: int) -> float:
    """Return how often the best of `looks` models, all exactly at a limit, keeps it by chance: 1 - 0.975^looks.

    That is so where their errors are independent; where they are positively correlated, as on the same patients, it is
    less (Slepian, Bell Syst Tech J 1962;41:463, for errors that are jointly normal). Models that were built with what
    earlier looks have shown are not among those for which it holds.
    """
    return 1 - (1 - ONE_SIDED) ** looks


def shared_critical(looks: int) -> float:
    """Return the critical value at which each of `looks` looks has an equal part of the 5% (Bonferroni)."""
    return Z95 if looks == 1 else NormalDist().inv_cdf(1 - ONE_SIDED / looks)


def widened(evidence: Evidence, looks: int) -> Evidence:
    """Return the evidence with every interval as wide as it has to be where `looks` looks share the 5%.

    Each limit moves away from its value by the ratio of the critical values, on the estimate's own scale, so that an
    interval that is skewed stays so. Standard errors, curves and counts stay as they were measured.
    """
    if looks == 1:
        return evidence
    content: Evidence = _each(evidence, shared_critical(looks) / Z95)
    return content


def _each(item: Any, factor: float) -> Any:
    """Widen every estimate within `item`, however deep."""
    if isinstance(item, Estimate):
        return item.stretched(factor)
    if isinstance(item, tuple):
        return tuple(_each(part, factor) for part in item)
    if isinstance(item, dict):
        return {name: _each(part, factor) for name, part in item.items()}
    fields = getattr(type(item), "model_fields", None)
    if fields is None:
        return item
    return item.model_copy(update={name: _each(getattr(item, name), factor) for name in fields})
