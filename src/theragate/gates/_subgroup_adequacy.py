"""TG007: each judged group has enough patients for fairness to be judged at all."""

import math
from collections.abc import Callable
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from theragate.evidence.catalogue import metrics_of
from theragate.evidence.types import Estimate, Evidence, GroupEvidence
from theragate.gates._base import Gate
from theragate.gates._believable import doubt
from theragate.gates._groups import MISSING, lacking_groups, withheld_groups
from theragate.gates._judging import NOT_MEASURED
from theragate.gates.types import Finding, Judged, Severity
from theragate.gates.words import capital, group_words, listing, rounded_up, title
from theragate.numbers import declared, plural, significant
from theragate.study import TASKS, NoDecision

__all__ = ["SubgroupAdequacy"]

KINDS = {"events": " with the event", "non_events": " without the event", "patients": ""}  # of patients
AT_THE_THRESHOLD = {"net_benefit_gain", "policy_gain", "selection_rate", "sensitivity", "specificity"}
HIDDEN = "withheld, since a group of this attribute has few patients"

Count = Annotated[int, Field(ge=1)]
Width = Annotated[float, Field(gt=0, strict=True)]
Row = tuple[Judged, str]  # and what is lacking, in words; empty where nothing is


class SubgroupAdequacy(Gate):
    """A least number of events and of patients without the event, or of patients, and a width, in each judged group."""

    code: ClassVar[str] = "TG007"
    name: ClassVar[str] = "subgroup_adequacy"
    title: ClassVar[str] = "Enough patients in each group"
    severity: ClassVar[Severity] = "major"
    protects: ClassVar[str] = "Against calling a model fair to a group that was hardly in the cohort."
    after_fail: ClassVar[str] = ""

    events: Count | None = None
    non_events: Count | None = None
    patients: Count | None = None
    half_width: dict[str, Width] = Field(default={})

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        wanted = {"events", "non_events"} if TASKS[self.declared.task].predicts_risk else {"patients"}
        given = {key for key in ("events", "non_events", "patients") if getattr(self, key) is not None}
        if given != wanted:
            names = " and ".join(f"`{name}`" for name in sorted(wanted))
            raise ValueError(f"a {self.declared.task} study gives {names}, and no other number")
        known = [
            metric.name for metric in metrics_of(self.declared.task, self.declared.extensions) if not metric.report_only
        ]
        for metric in self.half_width:
            if metric not in known:
                raise ValueError(
                    f"`half_width: {metric}` is not judged in a {self.declared.task} study; it may be "
                    f"{', '.join(known)}"
                )
            if metric in AT_THE_THRESHOLD and isinstance(self.declared.decision, NoDecision):
                raise ValueError(f"`half_width: {metric}` needs a `decision` with a threshold")
        return self

    @property
    def needed(self) -> dict[str, int]:
        """How many of what each judged group has to have."""
        wanted = {"events": self.events, "non_events": self.non_events, "patients": self.patients}
        return {kind: number for kind, number in wanted.items() if number is not None}

    def judge(self, evidence: Evidence) -> Finding:
        """Count, and measure intervals. Neither has an error of its own; too few patients harm nobody: no fail."""
        judged = [name for name, attribute in self.declared.attributes.items() if attribute.judged]
        if not judged:
            return self.finding(
                "not_applicable", "No group is declared as judged, so there is none to count; the fairness gate blocks."
            )
        hidden = withheld_groups(evidence)
        ask: list[Callable[[GroupEvidence, bool, bool], list[Row]]] = [self._counts, self._widths]
        rows = [
            row
            for each in ask
            for group in evidence.groups
            for row in each(group, group.attribute in judged and group.label != MISSING, group.key in hidden)
        ]
        lacking = lacking_groups(self.declared.attributes, evidence)
        return self._concluded([*rows, *(self._lacking(name, why) for name, why in lacking.items())])

    def _counts(self, group: GroupEvidence, decides: bool, hidden: bool) -> list[Row]:
        counts = {"events": group.events, "non_events": group.non_events, "patients": group.n}
        return [
            (
                _judged(
                    group,
                    kind,
                    decides=decides,
                    enough=(counts[kind] or 0) >= number,
                    limit=f"at least {number:,}",
                    shown=(None if hidden else counts[kind],) * 3,
                    note=HIDDEN if hidden else "",
                ),
                _lack(group, kind, None if hidden else counts[kind], needed=number),
            )
            for kind, number in self.needed.items()
        ]

    def _widths(self, group: GroupEvidence, decides: bool, hidden: bool) -> list[Row]:
        rows = []
        for metric, most in self.half_width.items():
            estimate = group.metrics.get(metric, NOT_MEASURED)
            why = doubt(estimate, metric, difference=False, exact=False)
            half = math.inf if why else _half(estimate)
            note = HIDDEN if hidden else why or f"half of the interval's width is {significant(half)}"
            words = group_words(group.attribute, group.label)
            if hidden or why:
                lack = f"the {title(metric)} in {words} is not known ({'its numbers are withheld' if hidden else why})"
            else:
                more = rounded_up(group.n * ((half / most) ** 2 - 1)) if half > most else 0
                lack = (
                    f"{words} needs about {more:,} more patients for the {title(metric)} to be known to "
                    f"±{declared(most)} (it is ±{significant(half, 2)}, from {group.n:,})"
                )
            shown = (None, None, None) if hidden else (estimate.value, estimate.lower, estimate.upper)
            row = _judged(
                group,
                metric,
                decides=decides,
                enough=half <= most,
                shown=shown,
                note=note,
                limit=f"half of the interval's width at most {declared(most)}{_scale(metric)}",
            )
            rows.append((row, lack))
        return rows

    def _lacking(self, attribute: str, why: str) -> Row:
        kind, number = next(iter(self.needed.items()))
        row = Judged(
            subject=attribute,
            metric=kind,
            value=None,
            lower=None,
            upper=None,
            status="insufficient",
            limit=f"at least {number:,}",
            note=why,
        )
        return row, f"{attribute.replace('_', ' ')}: {why}"

    def _concluded(self, rows: list[Row]) -> Finding:
        lacks = [lack for row, lack in rows if row.decides and row.status != "pass"]
        judged = [row for row, _ in rows]
        required = listing([f"{plural(number, 'patient')}{KINDS[kind]}" for kind, number in self.needed.items()])
        known = [
            f"the {title(metric)} known to ±{declared(most)}{_scale(metric)}"
            for metric, most in self.half_width.items()
        ]
        required += f", and {listing(known)}" if known else ""
        if not lacks and any(row.decides for row in judged):
            return self.finding("pass", f"Every judged group has at least {required}.", comparisons=judged)
        summary = f"{listing(lacks)} (required: {required})." if lacks else "No judged group was measured."
        return self.finding(
            "insufficient",
            capital(summary),
            next_step="Collect data on more patients of these groups before concluding anything about them.",
            comparisons=judged,
        )


def _judged(
    group: GroupEvidence,
    metric: str,
    *,
    decides: bool,
    enough: bool,
    limit: str,
    shown: tuple[float | None, float | None, float | None],
    note: str,
) -> Judged:
    value, lower, upper = (None if number is None else float(number) for number in shown)
    return Judged(
        subject=group.key,
        metric=metric,
        value=value,
        lower=lower,
        upper=upper,
        decides=decides,
        note=note,
        limit=limit,
        status="pass" if enough else "insufficient",
    )


def _lack(group: GroupEvidence, kind: str, count: int | None, *, needed: int) -> str:
    words = group_words(group.attribute, group.label)
    if count is None:
        return f"{words} has too few patients{KINDS[kind]}"
    return f"{words} lacks {plural(needed - count, 'patient')}{KINDS[kind]} (it has {count:,})"


def _half(estimate: Estimate) -> float:
    """Return half of the interval's width; of an upper limit alone, how far it lies from the value."""
    if estimate.value is None or estimate.upper is None:
        return math.inf
    return estimate.upper - estimate.value if estimate.lower is None else (estimate.upper - estimate.lower) / 2


def _scale(metric: str) -> str:
    return " as logarithm" if metric.startswith("log_") else ""
