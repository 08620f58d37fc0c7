"""What every gate is: limits with a reason, and one verb."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints

from theragate.evidence.published import SMALLEST_CELL
from theragate.evidence.types import Evidence
from theragate.extensions import NAMED
from theragate.gates._conclusion import more_data, overall_status, summed_up
from theragate.gates._finding import finding_of
from theragate.gates._judging import Answer
from theragate.gates.types import Finding, Judged, Severity, Status
from theragate.study import (
    TASKS,
    Decision,
    EffectOutcome,
    NoDecision,
    Sentence,
    Spec,
    Study,
    TaskName,
    TreatmentDecision,
)

__all__ = ["EFFECTS", "PREDICTIONS", "Attribute", "Declared", "Gate", "InstalledExtension", "amount_of", "one_of"]

# Those in which every patient's own outcome can be compared with the prediction, and those in which no patient's can.
PREDICTIONS = tuple(name for name, task in TASKS.items() if not task.compares_treatments)
EFFECTS = tuple(name for name, task in TASKS.items() if task.compares_treatments)


def one_of(known: Sequence[str], metric: str, task: TaskName) -> None:
    """Refuse a `metric` that this gate does not judge in a study of this `task`."""
    if metric not in known:
        raise ValueError(f"`metric: {metric}` is not judged here in a {task} study; it may be {', '.join(known)}")


def amount_of(evidence: Evidence) -> tuple[int | None, str]:
    """Return what the evidence rests on and its unit: events, or patients where there are no events.

    The number is None where it is too small to be shown.
    """
    cohort = evidence.cohort
    if cohort.events is None:
        return cohort.patients, "patients"
    few = min(cohort.events, cohort.patients - cohort.events) < SMALLEST_CELL
    return (None if few else cohort.events), "events"


class Attribute(Spec):
    """A declared attribute: whether its groups decide, how many there have to be, whether they are by the outcome."""

    judged: bool
    groups: int
    by_outcome: bool = False


class InstalledExtension(Spec):
    """A package of others by which a study is measured and judged."""

    version: str
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Declared(Spec):
    """What the study promised to measure; evidence that lacks a part of it never passes.

    ``assigned`` says how treatment was assigned; it is empty where no treatments are compared. ``extensions`` names the
    packages of others whose gates and metrics the study uses, and so does the policy's digest.
    """

    study: str
    task: TaskName
    attributes: dict[str, Attribute]
    scenarios: tuple[str, ...]
    decision: Decision | TreatmentDecision | NoDecision
    refits: int
    unreviewed: tuple[str, ...] = ()
    assigned: Literal["", "at_random", "in_practice"] = ""
    extensions: dict[Annotated[str, StringConstraints(pattern=NAMED)], InstalledExtension] = Field(default={})

    @classmethod
    def of(cls, study: Study) -> "Declared":
        """Read it from a study.

        Raises
        ------
        ExtensionError
            If one of its extensions cannot be used.
        """
        attributes = {
            name: Attribute(
                judged=spec.judged,
                groups=len(spec.names),
                by_outcome=spec.column in study.outcome_columns,
            )
            for name, spec in study.subgroups.items()
        }
        return cls(
            study=study.name,
            task=study.task,
            attributes=attributes,
            scenarios=tuple(study.scenarios),
            decision=study.decision,
            refits=study.stability.refits,
            unreviewed=study.unreviewed,
            assigned=study.outcome.treatment.assigned if isinstance(study.outcome, EffectOutcome) else "",
            extensions={
                name: InstalledExtension(version=extension.version, sha256=extension.sha256)
                for name, extension in study.installed.items()
            },
        )


class Gate(Spec):
    """A rule that judges evidence.

    Subclasses add their limits as fields, as they stand in ``params.yaml``, and answer one question in `judge`. They
    see evidence alone: no file, no clock, no model, no patient. They never raise over evidence: what is absent is
    ``insufficient``. ``declared`` comes from the study and not from the gate's entry. ``tasks`` are those whose studies
    it is asked of; for the others ``elsewhere`` says why not, and it has no entry. What is not ``waivable`` nobody can
    accept by name.
    """

    model_config = ConfigDict(strict=True)

    code: ClassVar[str]
    name: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    protects: ClassVar[str]
    after_fail: ClassVar[str]
    tasks: ClassVar[tuple[TaskName, ...]] = tuple(TASKS)
    elsewhere: ClassVar[str] = ""
    waivable: ClassVar[bool] = True
    with_outcomes: ClassVar[bool] = True
    """Whether it compares predictions with outcomes: its finding states what is assumed of patients who were lost."""

    reason: Sentence
    declared: Declared

    @abstractmethod
    def judge(self, evidence: Evidence) -> Finding:
        """Return this gate's answer to `evidence`."""

    def finding(
        self,
        status: Status,
        summary: str,
        *,
        next_step: str = "",
        comparisons: Sequence[Judged] = (),
        warnings: Sequence[str] = (),
    ) -> Finding:
        """Return a finding under this gate's name and reason."""
        return finding_of(
            type(self),
            status,
            summary,
            reason=self.reason,
            next_step=next_step,
            comparisons=comparisons,
            warnings=warnings,
        )

    def conclude(self, answers: Sequence[Answer], *, warnings: Sequence[str] = ()) -> Finding:
        """Return the finding that follows from answers of which at least one decides."""
        status = overall_status(answers)
        next_step = {"fail": self.after_fail, "insufficient": more_data(answers)}.get(status, "")
        return self.finding(
            status,
            summed_up(answers),
            next_step=next_step,
            comparisons=[answer.judged for answer in answers],
            warnings=warnings,
        )
