"""What the subgroup figure shows of each metric: its title and its scale."""

import math
from dataclasses import dataclass

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Estimate, Evidence
from theragate.evidence.writing import decimals_in_figure
from theragate.numbers import percent
from theragate.reports._words import outcome_unit
from theragate.study import TASKS, Decision, Study

__all__ = ["Panel", "logarithm", "read_panels"]

_AT_THRESHOLD = {"net_benefit", "net_benefit_gain", "positive_predictive_value", "selection_rate", "sensitivity"}
_AT_THRESHOLD |= {"specificity"}
_AROUND_ZERO = {"log_observed_expected", "mean_error", "net_benefit_gain"}
_AROUND_ZERO |= {"average_effect", "effect_error", "policy_gain"}
RATIO = "log_observed_expected"


@dataclass(frozen=True)
class Panel:
    """One column of the figure.

    ``no_difference`` is where a perfect model, or one no better than the default, would lie, if there is such a place.
    The axis is the logarithm of the ratio where ``ratio`` is true.
    """

    metric: str
    title: str
    decimals: int
    ratio: bool
    no_difference: float | None

    def overall(self, evidence: Evidence) -> Estimate:
        """Return the estimate for all patients, on the axis."""
        if self.ratio and self.metric not in evidence.overall:
            return logarithm(evidence.overall.get("observed_expected", Estimate.absent("not measured")))
        return evidence.overall.get(self.metric, Estimate.absent("not measured"))

    def in_words(self, number: float) -> float:
        """Turn a number of the axis into the number that is written."""
        return math.exp(number) if self.ratio else number


def read_panels(evidence: Evidence, study: Study) -> list[Panel]:
    """Choose what is shown of each group.

    Discrimination comes last, because it moves with the mix of patients and is not compared across groups. The limits
    of the gates are not drawn: a changed limit is judged anew without a new figure.
    """
    measured = set(evidence.overall).union(*(group.metrics for group in evidence.groups))
    if "observed_expected" in measured:
        measured.add(RATIO)
    names = [name for name in TASKS[evidence.task].group_panels if name in measured]
    numbers = _numbers(evidence, names)
    return [_panel(name, study, decimals=decimals_in_figure(name, *numbers)) for name in names]


def _panel(metric: str, study: Study, *, decimals: int) -> Panel:
    return Panel(
        metric=metric,
        title=_title(metric, study),
        decimals=decimals,
        ratio=metric == RATIO,
        no_difference=0.0 if metric in _AROUND_ZERO else None,
    )


def _numbers(evidence: Evidence, names: list[str]) -> list[float | None]:
    """Return all numbers of the figure: effects share a unit, and the decimals that the largest of them needs."""
    measured = [evidence.overall, *(group.metrics for group in evidence.groups)]
    estimates = [metrics[name] for metrics in measured for name in names if name in metrics]
    return [number for one in estimates for number in (one.value, one.lower, one.upper)]


def _title(metric: str, study: Study) -> str:
    described = METRICS["observed_expected" if metric == RATIO else metric]
    if described.unit == "outcome" and outcome_unit(study):
        return f"{described.title}, {outcome_unit(study)}"
    if metric in _AT_THRESHOLD and isinstance(study.decision, Decision):
        return f"{described.title} at {percent(study.decision.threshold)}"
    return described.title


def logarithm(ratio: Estimate) -> Estimate:
    """Return a ratio's estimate on the axis of logarithms."""
    if ratio.value is None:
        return ratio
    if ratio.value <= 0:
        return Estimate.absent("no event was observed")
    lower = math.log(ratio.lower) if ratio.lower is not None and ratio.lower > 0 else None
    upper = math.log(ratio.upper) if ratio.upper is not None and ratio.upper > 0 else None
    return Estimate(value=math.log(ratio.value), lower=lower, upper=upper, method=ratio.method)
