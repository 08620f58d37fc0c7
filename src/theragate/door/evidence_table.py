"""Evidence as tables of pandas: one row per estimate."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import pandas as pd

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Estimate, Evidence, GroupEvidence, ThresholdEvidence

__all__ = ["curves_table", "evidence_table", "net_benefit_table"]

COLUMNS = (
    "metric",
    "title",
    "scope",
    "attribute",
    "group",
    "estimate",
    "lower",
    "upper",
    "n",
    "events",
    "direction",
    "judged",
    "method",
    "why",
)
_TEXTS = ("metric", "title", "scope", "attribute", "group", "direction", "method", "why")
_NUMBERS = ("estimate", "lower", "upper", "events")
_NET_BENEFIT = (
    "threshold",
    "model",
    "lower",
    "upper",
    "treat_all",
    "difference",
    "difference_lower",
    "difference_upper",
)

_Row: TypeAlias = tuple[str, str, Estimate, dict[str, Any]]  # scope, metric, estimate, and of whom it is


def evidence_table(evidence: Evidence) -> pd.DataFrame:
    """Return every estimate, a row each; see `theragate.door.study.OpenStudy.evidence` for the columns."""
    frame = pd.DataFrame(list(_rows(evidence)), columns=list(COLUMNS))
    return frame.astype({**dict.fromkeys(_TEXTS, "str"), **dict.fromkeys(_NUMBERS, "float64")})


def net_benefit_table(evidence: Evidence) -> pd.DataFrame:
    """Return the net benefit at each threshold, for all patients and by group; empty where nothing is decided."""
    everybody = [{"attribute": None, "group": None, **_at(point)} for point in evidence.net_benefit]
    by_group = [
        {"attribute": group.attribute, "group": group.label, **_at(point)}
        for group in evidence.groups
        for point in group.net_benefit
    ]
    frame = pd.DataFrame([*everybody, *by_group], columns=["attribute", "group", *_NET_BENEFIT])
    return frame.astype({"attribute": "str", "group": "str", **dict.fromkeys(_NET_BENEFIT, "float64")})


def curves_table(evidence: Evidence) -> pd.DataFrame:
    """Return the points of all curves, below each other."""
    rows = [
        {
            "curve": name,
            "x": x,
            "y": curve.y[index],
            **_limits(curve.lower, curve.upper, index),
            **{f"band_{end}": value for end, value in _limits(curve.band_lower, curve.band_upper, index).items()},
        }
        for name, curve in evidence.curves.items()
        for index, x in enumerate(curve.x)
    ]
    numbers = ["x", "y", "lower", "upper", "band_lower", "band_upper"]
    frame = pd.DataFrame(rows, columns=["curve", *numbers])
    return frame.astype({"curve": "str", **dict.fromkeys(numbers, "float64")})


def _rows(evidence: Evidence) -> Iterator[dict[str, Any]]:
    everybody = {"attribute": None, "group": None, "n": evidence.cohort.patients, "events": evidence.cohort.events}
    for part in (_overall, _by_group, _contrasts, _refitted):
        for scope, metric, estimate, more in part(evidence):
            known = METRICS.get(metric)
            yield {
                "metric": metric,
                "title": known.title if known else metric.replace("_", " ").capitalize(),
                "scope": scope,
                "estimate": estimate.value,
                "lower": estimate.lower,
                "upper": estimate.upper,
                "direction": known.direction if known else "none",
                "judged": metric not in evidence.report_only,
                "method": estimate.method,
                "why": estimate.why,
                **everybody,
                **more,
            }


def _overall(evidence: Evidence) -> Iterator[_Row]:
    for metric, estimate in evidence.overall.items():
        yield "overall", metric, estimate, {}
    for comparison in evidence.comparisons:
        yield "minus reference", comparison.metric, comparison.difference, {}
    for comparison in evidence.champion.comparisons if evidence.champion else ():
        yield "minus champion", comparison.metric, comparison.difference, {}
    for scenario in evidence.scenarios:
        for metric, estimate in scenario.metrics.items():
            yield "scenario", metric, estimate, {"group": scenario.name}
        for metric, estimate in scenario.differences.items():
            yield "minus clean", metric, estimate, {"group": scenario.name}


def _by_group(evidence: Evidence) -> Iterator[_Row]:
    for group in evidence.groups:
        more = {"attribute": group.attribute, "group": group.label, **_counts([group])}
        for metric, estimate in group.metrics.items():
            yield "group", metric, estimate, more
        for comparison in group.comparisons:
            yield "minus reference", comparison.metric, comparison.difference, more


def _contrasts(evidence: Evidence) -> Iterator[_Row]:
    by_key = {group.key: group for group in evidence.groups}
    for contrast in evidence.contrasts:
        names = (contrast.group, contrast.other)
        both = [by_key[f"{contrast.attribute}={name}"] for name in names]
        more = {"attribute": contrast.attribute, "group": " - ".join(names), **_counts(both)}
        yield "contrast", contrast.metric, contrast.difference, more


def _refitted(evidence: Evidence) -> Iterator[_Row]:
    if evidence.stability is not None:
        yield "refits", "mean_absolute_difference", evidence.stability.difference, {}
        for metric, estimate in evidence.stability.optimism.items():
            yield "optimism", metric, estimate, {}
    for name, attack in evidence.membership.attacks.items() if evidence.membership else ():
        yield "membership", "attack_auc", attack.auc, {"group": name}
        yield "membership", "rate_at_one_in_1000", attack.rate_at_one_in_1000, {"group": name}


def _counts(groups: Sequence[GroupEvidence]) -> dict[str, Any]:
    events = [group.events for group in groups if group.events is not None]
    return {
        "n": sum(group.n for group in groups),
        "events": sum(events) if len(events) == len(groups) else None,
        "judged": all(group.judged for group in groups),
    }


def _at(point: ThresholdEvidence) -> dict[str, Any]:
    return {
        "threshold": point.threshold,
        "model": point.model.value,
        "lower": point.model.lower,
        "upper": point.model.upper,
        "treat_all": point.treat_all,
        "difference": point.difference.value,
        "difference_lower": point.difference.lower,
        "difference_upper": point.difference.upper,
    }


def _limits(lower: tuple[float, ...], upper: tuple[float, ...], index: int) -> dict[str, float | None]:
    return {"lower": lower[index] if lower else None, "upper": upper[index] if upper else None}
