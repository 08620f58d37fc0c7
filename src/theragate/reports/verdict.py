"""A verdict in words, and in Markdown: for the description of a run and of a version, for cards and for notebooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from theragate.gates.types import Finding, Status, Verdict
from theragate.numbers import plural
from theragate.reports.markdown import escape, table

__all__ = [
    "ANSWERS",
    "Acceptance",
    "answer_words",
    "assumption_words",
    "decision_words",
    "finding_of",
    "gate_words",
    "looks_words",
    "verdict_table",
    "waiver_table",
    "waiver_words",
]

_BLOCK = ("fail", "insufficient")
LONGEST_REASON = 160  # of a description, in which there is little room; the card has all of it


@dataclass(frozen=True)
class Acceptance:
    """A waiver in words: which finding, by whom, why, from when to when, and why it does not count (empty: it does)."""

    finding: str
    by: str
    reason: str
    issued: str
    expires: str
    why_not: str


def answer_words(status: Status) -> str:
    """Write a finding's answer."""
    return status.replace("_", " ")


ANSWERS: dict[Status, str] = {
    status: f"**{answer_words(status)}**" if status in _BLOCK else answer_words(status) for status in get_args(Status)
}


def gate_words(finding: Finding) -> str:
    """Name a finding by its code, its title and what is at stake."""
    return f"{finding.code} {finding.title} ({finding.severity})"


def verdict_table(
    verdict: Verdict,
    *,
    waivers: Sequence[Acceptance] = (),
    conditions: Sequence[Finding] = (),
    looks: int | None = None,
) -> str:
    """Return the verdict as Markdown: decision, looks, waivers, release conditions, then a table of the gates.

    What is short comes first because MLflow's descriptions are cut at their end.
    """
    rows = [
        (
            gate_words(finding),
            ANSWERS[finding.status],
            finding.summary,
            finding.next_step or "–",
        )
        for finding in verdict.findings
    ]
    parts = [f"{verdict.decision}: {decision_words(verdict)}"]
    if looks is not None:
        parts.append(looks_words(looks))
    if waivers:
        parts.append("Waivers:\n\n" + "\n".join(f"- {escape(waiver_words(waiver))}" for waiver in waivers))
    if conditions:
        parts.append("Release conditions:\n\n" + "\n".join(f"- {_condition_line(finding)}" for finding in conditions))
    parts.append(table(("Gate", "Answer", "In a sentence", "Next step"), rows))
    return "\n\n".join([*parts, *map(escape, assumption_words(verdict))]) + "\n"


def finding_of(verdict: Verdict, gate: str) -> Finding | None:
    """Return the finding of a gate; None where the verdict has none."""
    return next((finding for finding in verdict.findings if finding.gate == gate), None)


def decision_words(verdict: Verdict) -> str:
    """Say in a sentence why the decision is what it is."""
    if verdict.decision == "PASS":
        return "every gate passes or does not apply."
    if verdict.decision == "NOT_PERSONALISED":
        decisive = next(finding for finding in verdict.blocking if not finding.waivable)
        return f"nothing personal is released. {decisive.summary}"
    names = ", ".join(finding.title.lower() for finding in verdict.blocking)
    return f"{plural(len(verdict.blocking), 'finding')} must be resolved or accepted by name: {names}."


def assumption_words(verdict: Verdict) -> list[str]:
    """Say what nobody can test and has to hold, once, with the gates that rest on it."""
    resting: dict[str, list[str]] = {}
    for finding in verdict.findings:
        if finding.assumption:
            resting.setdefault(finding.assumption, []).append(finding.code)
    return [f"Assumed by {', '.join(codes)}: {words}" for words, codes in resting.items()]


def looks_words(looks: int) -> str:
    """Say how many looks the held-out data have had; what that does to a pass, the condition TG012 says."""
    if looks == 0:
        return "The look at the held-out data that led to this verdict is not on record."
    return f"These held-out data have had {plural(looks, 'look')}."


def waiver_table(waivers: Sequence[Acceptance]) -> str:
    """Return every waiver with its reason in full, or that there is none."""
    if not waivers:
        return "Nobody has accepted a finding by name."
    rows = [
        (
            waiver.finding,
            waiver.by,
            waiver.reason,
            f"{waiver.issued} to {waiver.expires}",
            f"No: {waiver.why_not}." if waiver.why_not else f"Yes. It counts through {waiver.expires}.",
        )
        for waiver in waivers
    ]
    return table(("Finding", "Accepted by", "Reason", "Valid", "About this evidence and policy"), rows)


def waiver_words(waiver: Acceptance) -> str:
    """Say in a line who accepts what, whether it counts, and why; a long reason is cut."""
    reason = waiver.reason
    if len(reason) > LONGEST_REASON:
        reason = reason[: LONGEST_REASON - 1].rsplit(" ", 1)[0] + " …"
    counts = f"does not count: {waiver.why_not}" if waiver.why_not else f"counts through {waiver.expires}"
    return f"{waiver.finding}, accepted by {waiver.by}; {counts}. Reason: {reason}"


def _condition_line(finding: Finding) -> str:
    words = escape(f"{finding.summary} {finding.next_step}")
    return f"{escape(f'{finding.code} {finding.title}')}: {ANSWERS[finding.status]}. {words}"
