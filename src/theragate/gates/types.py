"""The words of judgement: comparison, finding, verdict."""

import operator
from typing import Literal, Self

from pydantic import Field, model_validator

from theragate.study import Spec

__all__ = ["REVIEW", "Finding", "Judged", "Severity", "Status", "Verdict"]

REVIEW = "TG000"  # of what nobody has reviewed; no waiver accepts it: what nobody wrote, nobody can stand for
Status = Literal["pass", "fail", "insufficient", "not_applicable"]
Severity = Literal["critical", "major"]


class Judged(Spec):
    """One estimate against one limit.

    ``subject`` is ``overall``, a group (``sex=female``) or a contrast (``sex=female - sex=male``); ``limit`` is the
    rule in words and numbers (``lower limit at least 0.75``). ``decides`` is false for what is listed only.
    """

    subject: str
    metric: str
    value: float | None
    lower: float | None
    upper: float | None
    limit: str
    status: Status
    decides: bool = True
    note: str = ""


class Finding(Spec):
    """One gate's answer, with everything it rests on.

    ``severity`` says what is at stake where the answer is wrong: ``critical`` is harm to a patient, ``major`` a model
    of less use, or less well known, than it seems. Both block alike. What is not ``waivable`` is accepted by nobody.
    ``assumption`` is what nobody can test and has to hold for the answer to be right; empty where there is nothing.
    """

    code: str
    gate: str
    title: str
    severity: Severity = "critical"
    protects: str
    reason: str
    status: Status
    summary: str
    next_step: str = ""
    comparisons: tuple[Judged, ...] = ()
    warnings: tuple[str, ...] = ()
    waivable: bool = True
    assumption: str = Field(default="", exclude_if=operator.not_)


class Verdict(Spec):
    """All findings, bound by digests to the model, the data and the policy.

    ``decision`` is ``PASS`` only where every finding passes or is not applicable. Where treatments can be compared, and
    no difference between patients was shown, it is ``NOT_PERSONALISED``: the average effect is the result, and nothing
    personal is released. It is ``BLOCKED`` otherwise.
    ``comparator`` names the model in use that this one was compared with: ``champion`` and its digest.
    """

    version: Literal[1] = 1
    study: str
    decision: Literal["PASS", "NOT_PERSONALISED", "BLOCKED"]
    findings: tuple[Finding, ...]
    evidence_sha256: str
    policy_sha256: str
    cohort_sha256: str
    predictions_sha256: str
    model_sha256: str
    comparator: str = "none: first release"

    @model_validator(mode="after")
    def _says_what_it_found(self) -> Self:
        if (self.decision == "PASS") != (bool(self.findings) and not self.blocking):
            raise ValueError("a verdict passes where there are findings and none of them blocks, and only there")
        return self

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that block."""
        return tuple(finding for finding in self.findings if finding.status not in ("pass", "not_applicable"))
