"""TG006: each group of patients is served, and none worse than another."""

from itertools import combinations
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from theragate.evidence.types import Contrast, Estimate, Evidence, GroupEvidence
from theragate.evidence.writing import interval
from theragate.gates._base import Gate
from theragate.gates._groups import MISSING, lacking_groups, withheld_groups
from theragate.gates._judging import NOT_MEASURED, Limit, Question, Weight, answer_all
from theragate.gates.types import Finding, Severity
from theragate.gates.words import capital, group_words, title
from theragate.study import TASKS, NoDecision, TaskName

__all__ = ["BETWEEN", "WITHIN", "Fairness"]

WITHIN: dict[TaskName, tuple[str, ...]] = {
    "binary": ("log_observed_expected", "net_benefit_gain", "ici"),
    "regression": ("mean_error",),
    "survival": ("log_observed_expected", "net_benefit_gain", "ici"),
    "treatment_effect": ("effect_error", "policy_gain"),
}
BETWEEN: dict[TaskName, tuple[str, ...]] = {
    "binary": ("log_observed_expected", "sensitivity", "specificity"),
    "regression": ("mae", "mean_error"),
    "survival": ("log_observed_expected", "sensitivity", "specificity"),
    "treatment_effect": ("effect_error",),
}
AT_THE_THRESHOLD = {"net_benefit_gain", "policy_gain", "sensitivity", "specificity"}
# What an estimate's precision hangs on, where it is not the number of events.
UNIT = {"specificity": "patients", "mae": "patients", "mean_error": "patients", "r2": "patients"}
UNIT |= {"autoc": "patients", "effect_error": "patients", "policy_gain": "patients"}

Margin = Annotated[float, Field(gt=0, strict=True)]


class Fairness(Gate):
    """Equivalence within margins: of each judged group to what is right for it, and of judged groups to each other."""

    code: ClassVar[str] = "TG006"
    name: ClassVar[str] = "fairness"
    title: ClassVar[str] = "Fairness to groups of patients"
    severity: ClassVar[Severity] = "critical"
    protects: ClassVar[str] = (
        "Against a model that is right on average, but wrong for women, for the old, or for a minority."
    )
    after_fail: ClassVar[str] = (
        "Do not release it. Find out why the group is served worse: fewer patients, other causes, or a missing feature."
    )

    share_that_blocks: Annotated[float, Field(gt=0, lt=1)]
    within_group: Annotated[dict[str, Margin], Field(min_length=1)]
    between_groups: dict[str, Margin] = Field(default={})
    against_reference: dict[str, Margin] = Field(default={})

    @model_validator(mode="after")
    def _known(self) -> Self:
        task = self.declared.task
        for key, given, known in (
            ("within_group", self.within_group, WITHIN[task]),
            ("between_groups", self.between_groups, BETWEEN[task]),
            ("against_reference", self.against_reference, TASKS[task].compared[:1]),
        ):
            for metric in given:
                if metric not in known:
                    raise ValueError(
                        f"`{key}: {metric}` is not compared in a {task} study; it may be {', '.join(known)} "
                        "(what moves with the mix of patients is reported and not judged)"
                    )
                if metric in AT_THE_THRESHOLD and isinstance(self.declared.decision, NoDecision):
                    raise ValueError(f"`{key}: {metric}` needs a `decision` with a threshold")
        return self

    def judge(self, evidence: Evidence) -> Finding:
        """Judged groups decide; a listed group of some size blocks where harm to it is shown; none goes unlisted."""
        asked = (self._lacking, self._within, self._between, self._against_reference)
        answers = answer_all([question for ask in asked for question in ask(evidence)], evidence.families)
        warnings = [f"{capital(answer.sentence)}." for answer in answers if answer.status == "fail"]
        if any(answer.decides for answer in answers):
            finding = self.conclude(answers, warnings=warnings)
            if finding.status == "fail" or self._judged:
                return finding
        recorded = "no attribute is declared as judged" if self.declared.attributes else ""
        return self.finding(
            "insufficient",
            f"Not assessable: {recorded or 'no protected attribute was recorded'}.",
            next_step="Record an attribute such as sex or age; until then, a named person has to accept this.",
            comparisons=[answer.judged for answer in answers],
            warnings=warnings,
        )

    @property
    def _judged(self) -> list[str]:
        return [name for name, attribute in self.declared.attributes.items() if attribute.judged]

    @property
    def _by_outcome(self) -> frozenset[str]:
        return frozenset(name for name, attribute in self.declared.attributes.items() if attribute.by_outcome)

    def _rests_on_outcome(self, group: GroupEvidence) -> bool:
        return not self._by_outcome.isdisjoint(group.attribute.split(" & "))

    def _weight(self, group: GroupEvidence) -> Weight:
        # Whoever had an extreme outcome was predicted nearer to the middle, by any model; it is shown, as a warning.
        if self._rests_on_outcome(group):
            return "listed"
        heavy = group.share >= self.share_that_blocks
        if group.attribute in self._judged and (group.label != MISSING or heavy):
            return "decides"
        return "blocks on harm" if heavy else "listed"

    def _lacking(self, evidence: Evidence) -> list[Question]:
        metric = next(iter(self.within_group))
        return [
            Question(
                subject=attribute,
                metric=metric,
                label=f"the {title(metric)} in every group of {attribute.replace('_', ' ')}",
                estimate=Estimate.absent(why),
                limit=_within_limit(metric, self.within_group[metric]),
                amount=None,
                unit="patients",
            )
            for attribute, why in lacking_groups(self.declared.attributes, evidence).items()
        ]

    def _within(self, evidence: Evidence) -> list[Question]:
        hidden = withheld_groups(evidence)
        return [
            Question(
                subject=group.key,
                metric=metric,
                label=f"the {title(metric)} in {group_words(group.attribute, group.label)}",
                estimate=estimate,
                limit=_within_limit(metric, margin),
                amount=_amount(metric, group),
                unit=UNIT.get(metric, "events"),
                family=metric,
                member=f"{metric}[{group.key}]",
                weight=self._weight(group),
                exact=metric in ("net_benefit_gain", "policy_gain"),
                withheld=group.key in hidden,
            )
            for metric, margin in self.within_group.items()
            for group, estimate in evidence.group_estimates(metric)
            if group.attribute in self._by_outcome or not self._rests_on_outcome(group)
        ]

    def _against_reference(self, evidence: Evidence) -> list[Question]:
        """Ask whether a group is ranked worse than the simple model would rank it; the mix of patients is the same."""
        hidden = withheld_groups(evidence)
        return [
            Question(
                subject=f"{group.key} - reference",
                metric=metric,
                label=f"the difference in {title(metric)} from the reference model in "
                f"{group_words(group.attribute, group.label)}",
                estimate=next((c.difference for c in group.comparisons if c.metric == metric), NOT_MEASURED),
                limit=Limit(low=-margin, strict=True),
                amount=_amount(metric, group),
                unit=UNIT.get(metric, "events"),
                family="against_reference",
                member=f"{metric}[{group.key} - reference]",
                weight=self._weight(group),
                difference=True,
                exact=True,
                withheld=group.key in hidden,
            )
            for metric, margin in self.against_reference.items()
            for group in evidence.groups
            if group.attribute in self._judged or group.comparisons
        ]

    def _between(self, evidence: Evidence) -> list[Question]:
        contrasts = {(c.metric, c.attribute, frozenset((c.group, c.other))): c for c in evidence.contrasts}
        hidden = withheld_groups(evidence)
        pairs = [
            (one, other)
            for one, other in combinations(evidence.groups, 2)
            if one.attribute == other.attribute and " & " not in one.attribute and not self._rests_on_outcome(one)
        ]
        return [
            self._contrast(metric, (one, other), contrasts=contrasts, hidden=hidden)
            for metric in self.between_groups
            for one, other in pairs
        ]

    def _contrast(
        self,
        metric: str,
        pair: tuple[GroupEvidence, GroupEvidence],
        *,
        contrasts: dict[tuple[str, str, frozenset[str]], Contrast],
        hidden: frozenset[str],
    ) -> Question:
        one, other = pair
        contrast = contrasts.get((metric, one.attribute, frozenset((one.label, other.label))))
        if contrast is not None and contrast.group == other.label:
            one, other = other, one
        key = f"{one.key} - {other.key}"
        names = [group_words(group.attribute, group.label) for group in (one, other)]
        amounts = [_amount(metric, group) for group in pair]
        margin = self.between_groups[metric]
        weights = {self._weight(group) for group in pair}
        return Question(
            subject=key,
            metric=metric,
            label=f"the difference in {title(metric)} between {names[0]} and {names[1]}",
            estimate=contrast.difference if contrast else Estimate.absent("the two groups were not compared"),
            limit=Limit(low=-margin, high=margin),
            amount=sum(amount for amount in amounts if amount is not None),
            unit=UNIT.get(metric, "events"),
            family=metric,
            member=f"{metric}[{key}]",
            weight=_lightest(weights),
            difference=True,
            withheld=not hidden.isdisjoint((one.key, other.key)),
            context=_both(metric, one, other),
        )


def _within_limit(metric: str, margin: float) -> Limit:
    """Return the limit within a group; of what is good when high, or low, only one side is asked."""
    one_sided = {"net_benefit_gain": Limit(low=-margin, strict=True), "ici": Limit(high=margin)}
    return one_sided.get(metric, Limit(low=-margin, high=margin))


def _amount(metric: str, group: GroupEvidence) -> int | None:
    return group.n if UNIT.get(metric) == "patients" else group.events


def _lightest(weights: set[Weight]) -> Weight:
    if "listed" in weights:
        return "listed"
    return "blocks on harm" if "blocks on harm" in weights else "decides"


def _both(metric: str, one: GroupEvidence, other: GroupEvidence) -> str:
    estimates = [group.metrics.get(metric) for group in (one, other)]
    texts = [
        interval(metric, estimate.value, lower=estimate.lower, upper=estimate.upper)
        for estimate in estimates
        if estimate is not None and estimate.value is not None
    ]
    return f"that is {texts[0]} against {texts[1]}" if len(texts) == 2 else ""
