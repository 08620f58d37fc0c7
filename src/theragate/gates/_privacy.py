"""TG015: two attacks on the predictions hardly tell who was learned from."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from theragate.evidence.types import (
    AUDITED_MODELS,
    AttackEvidence,
    Estimate,
    Evidence,
    MembershipEvidence,
)
from theragate.gates._base import Gate
from theragate.gates._judging import NOT_MEASURED, Limit, Question, answer_all, audit_words
from theragate.gates.types import Finding, Severity
from theragate.study import TASKS, Spec

__all__ = ["Privacy"]

ATTACKS = {"likelihood_ratio": "the attack by likelihood ratio", "loss": "the attack by loss"}

_FEWER = "a model of fewer patients gives away more of each, so that the numbers err on the strict side"


class Rates(Spec):
    """What share may be recognised by each attack, where 1 of 1,000 strangers is accused."""

    likelihood_ratio: Annotated[float, Field(gt=0.001, lt=1)]
    loss: Annotated[float, Field(gt=0.001, lt=1)]


class Privacy(Gate):
    """Attackers who know the recipe can hardly tell patients who were learned from, from others."""

    code: ClassVar[str] = "TG015"
    name: ClassVar[str] = "privacy"
    title: ClassVar[str] = "Attacks hardly tell who was learned from"
    severity: ClassVar[Severity] = "major"
    with_outcomes: ClassVar[bool] = False
    protects: ClassVar[str] = "Against a model whose predictions give away that a patient was in the cohort."
    after_fail: ClassVar[str] = (
        "Learn from more patients, use fewer or simpler features, or penalise more; until then, show predictions only "
        "to those who may see who is in the cohort."
    )

    attack_auc: Annotated[float, Field(gt=0.5, lt=1)]
    rate_at_one_in_1000: Rates

    def judge(self, evidence: Evidence) -> Finding:
        """Ask for the upper limits of each attack's success."""
        audit = evidence.membership
        questions = [question for attack in self._asked for question in self._questions(attack, audit)]
        finding = self.conclude(answer_all(questions, {}))
        return finding.model_copy(update={"summary": f"{finding.summary}{audit_words(evidence, _FEWER)}"})

    @property
    def _asked(self) -> tuple[str, ...]:
        """The possible attacks: an effect has no loss that an attacker could see, since nobody's own is known."""
        return ("likelihood_ratio",) if TASKS[self.declared.task].compares_treatments else tuple(ATTACKS)

    def _questions(self, attack: str, audit: MembershipEvidence | None) -> Iterator[Question]:
        nothing = AttackEvidence(auc=NOT_MEASURED, rate_at_one_in_1000=NOT_MEASURED)
        measured = audit.attacks.get(attack, nothing) if audit is not None else nothing
        asked = (
            ("attack_auc", "the area under the ROC curve", measured.auc, self.attack_auc),
            (
                "attack_rate_at_one_in_1000",
                "the share of patients recognised where 1 of 1,000 strangers is accused, by",
                measured.rate_at_one_in_1000,
                getattr(self.rate_at_one_in_1000, attack),
            ),
        )
        for metric, label, estimate, high in asked:
            yield Question(
                subject=attack.replace("_", " "),
                metric=metric,
                label=f"{label} of {ATTACKS[attack]}",
                estimate=_of_enough(estimate, audit),
                limit=Limit(high=high),
                amount=audit.patients if audit else None,
                unit="patients",
            )


def _of_enough(estimate: Estimate, audit: MembershipEvidence | None) -> Estimate:
    if audit is not None and audit.models < AUDITED_MODELS:
        return Estimate.absent(f"it was measured on {audit.models} of the {AUDITED_MODELS} models that are due")
    return estimate
