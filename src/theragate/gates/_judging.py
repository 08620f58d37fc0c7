"""Three-valued judgement: what lies on the good side of a limit, what on the bad side, what is not yet certain."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from theragate.evidence.types import Z95, Estimate, Evidence, Family
from theragate.evidence.writing import band, interval
from theragate.gates._believable import doubt
from theragate.gates._critical import critical_value, in_order, side_by_side
from theragate.gates.types import Judged, Status
from theragate.numbers import declared

__all__ = ["NOT_MEASURED", "Answer", "Limit", "Question", "Weight", "answer_all", "audit_words"]

Weight = Literal["decides", "blocks on harm", "listed"]

NOT_MEASURED = Estimate.absent("it was not measured")

_VERDICT = {"pass": "as required", "fail": "beyond the limit", "insufficient": "not certain to keep the limit"}


@dataclass(frozen=True)
class Limit:
    """A range that an estimate has to keep: `low` and above, `high` and below; `strict` means more than `low`."""

    low: float | None = None
    high: float | None = None
    strict: bool = False

    def kept(self, lower: float, upper: float) -> bool:
        """Whether an interval lies wholly on the good side. NaN never does."""
        low = self.low is None or (lower > self.low if self.strict else lower >= self.low)
        high = self.high is None or upper <= self.high
        return low and high and not (math.isnan(lower) or math.isnan(upper))

    def broken(self, lower: float, upper: float) -> bool:
        """Whether an interval lies wholly on the bad side, of one end. NaN never does."""
        return (self.low is not None and upper < self.low) or (self.high is not None and lower > self.high)

    def spoken(self, metric: str) -> str:
        """Return the limit as it stands in a sentence, where a log ratio is written as the ratio itself."""
        if metric != "log_observed_expected" or self.low is None or self.high is None:
            return str(self)
        return f"interval within {band('observed_expected', math.exp(self.low), math.exp(self.high))}"

    def written(self, metric: str) -> str:
        """Return the limit as it stands in a table, where a log ratio has both forms."""
        spoken = self.spoken(metric)
        return (
            spoken if spoken == str(self) else f"{spoken} ({str(self).removeprefix('interval within ')} as logarithm)"
        )

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"interval within {declared(self.low)} to {declared(self.high)}"
        if self.low is not None:
            return f"lower limit {'above' if self.strict else 'at least'} {declared(self.low)}"
        return f"upper limit at most {declared(self.high or 0.0)}"


@dataclass(frozen=True)
class Question:
    """One estimate against one limit.

    `family` and `member` name the estimate in the evidence's families. `amount` and `unit` say how much the estimate
    rests on. `difference` marks what compares two values of the metric, `exact` differences on the same patients, which
    may be zero without error. `withheld` keeps the numbers of a few patients out of the finding; the answer stays.
    """

    subject: str
    metric: str
    label: str
    estimate: Estimate
    limit: Limit
    amount: int | None
    unit: str
    family: str = ""
    member: str = ""
    weight: Weight = "decides"
    difference: bool = False
    exact: bool = False
    withheld: bool = False
    context: str = ""

    @property
    def decidable(self) -> bool:
        """Whether there is an interval that can be believed; see `doubt`."""
        return self.estimate.decidable and not self.why_not

    @property
    def why_not(self) -> str:
        """Why it cannot be decided."""
        return doubt(self.estimate, self.metric, difference=self.difference, exact=self.exact)

    @property
    def data_needed(self) -> float:
        """How many times the present data would decide, if the estimate stays: (half-width / distance)²; maybe inf."""
        estimate, factor = self.estimate, 0.0
        if not self.decidable or estimate.value is None:
            return math.inf
        for limit, reach, sign in ((self.limit.low, estimate.lower, 1), (self.limit.high, estimate.upper, -1)):
            if limit is not None and reach is None:
                return math.inf
            if limit is not None and reach is not None:
                distance = sign * (estimate.value - limit)
                half_width = sign * (estimate.value - reach)
                factor = max(factor, (half_width / distance) ** 2 if distance > 0 else math.inf)
        return factor

    @property
    def on_bad_side(self) -> bool:
        """Whether the estimate itself, without its uncertainty, breaks the limit."""
        value = self.estimate.value
        return value is not None and not self.limit.kept(value, value)


@dataclass(frozen=True)
class Answer:
    """A question and its answer."""

    question: Question
    status: Status

    @property
    def decides(self) -> bool:
        """Whether the gate's answer rests on it: also where harm to a large listed group is shown."""
        weight = self.question.weight
        return weight == "decides" or (weight == "blocks on harm" and self.status == "fail")

    @property
    def judged(self) -> Judged:
        """The row of the finding's table."""
        question, estimate = self.question, self.question.estimate
        value, lower, upper = estimate.value, estimate.lower, estimate.upper
        note = question.context if question.decidable else question.why_not
        if question.withheld:
            value, lower, upper, note = (
                None,
                None,
                None,
                "numbers withheld, since a group of this attribute has few patients",
            )
        return Judged(
            subject=question.subject,
            metric=question.metric,
            value=_finite(value),
            lower=_finite(lower),
            upper=_finite(upper),
            limit=question.limit.written(question.metric),
            status=self.status,
            decides=self.decides,
            note=note,
        )

    @property
    def sentence(self) -> str:
        """The comparison in words, without a full stop."""
        question, estimate = self.question, self.question.estimate
        limit = question.limit.spoken(question.metric)
        if question.withheld:
            return (
                f"{question.label}: {_VERDICT[self.status]} ({limit}; numbers withheld, since a group has few patients)"
            )
        if estimate.value is None:
            return f"{question.label} is not known ({question.why_not})"
        numbers = interval(
            question.metric, estimate.value, lower=estimate.lower, upper=estimate.upper, difference=question.difference
        )
        context = f", {question.context}" if question.context else ""
        return f"{question.label} is {numbers}{context}: {_VERDICT[self.status]} ({limit})"


def audit_words(evidence: Evidence, why: str) -> str:
    """Say in how large a sample models were fitted again, and `why` that is strict; nothing where it was everybody.

    Where the released model is unlike that of the sample, nothing says that it is.
    """
    if evidence.audited is None:
        return ""
    return f" {evidence.audited.in_words}{'' if evidence.unlike_sample else f', and {why}'}."


def answer_all(questions: Sequence[Question], families: Mapping[str, Family]) -> list[Answer]:
    """Answer questions together.

    An answer is `pass` where the estimate's own 95% interval keeps the limit (or its upper limit, where that alone
    claims something), `fail` where the band at the critical value of all questions that can fail the gate lies wholly
    on the bad side, and `insufficient` otherwise.
    """
    at_stake = [question for question in questions if question.weight != "listed" and question.decidable]
    critical = critical_value(_joint(at_stake, families))
    return [Answer(question, _status(question, critical)) for question in questions]


def _status(question: Question, critical: float) -> Status:
    estimate = question.estimate
    reach = estimate.reach
    if not question.decidable or reach is None:
        return "insufficient"
    if question.limit.kept(-math.inf if estimate.upper_only else reach[0], reach[1]):
        return "pass"
    if not question.limit.broken(*reach):
        return "insufficient"
    band = reach if critical <= Z95 else estimate.band(critical)
    return "fail" if band is not None and question.limit.broken(*band) else "insufficient"


def _joint(questions: Sequence[Question], families: Mapping[str, Family]) -> Family:
    """Put the questions' families side by side; what belongs to none stands alone.

    The order follows from the numbers, so that neither the order of groups nor their names move the critical value.
    """
    known: dict[str, list[str]] = {}
    alone: list[Family] = []
    for question in sorted(questions, key=_numbers):
        if question.family in families and question.member in families[question.family].members:
            known.setdefault(question.family, []).append(question.member)
        else:
            alone.append(Family(members=(question.member or question.label,), correlation=((1.0,),)))
    return side_by_side([*(in_order(families[name], members) for name, members in known.items()), *alone])


def _numbers(question: Question) -> tuple[float, ...]:
    estimate = question.estimate
    numbers = (estimate.value, estimate.lower, estimate.upper, estimate.se)
    return tuple(math.inf if number is None else number for number in numbers)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
