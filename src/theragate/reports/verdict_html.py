"""A verdict in HTML, for notebooks. Its words are those of the verdict everywhere else."""

from collections.abc import Sequence

from theragate.gates.types import Finding, Status, Verdict
from theragate.reports.html import Cell, Tone, badge, document, listed, paragraph, table
from theragate.reports.verdict import (
    Acceptance,
    answer_words,
    assumption_words,
    decision_words,
    gate_words,
    looks_words,
    waiver_words,
)

__all__ = ["verdict_html"]

_TONES: dict[Status, Tone] = {"pass": "good", "fail": "bad", "insufficient": "open", "not_applicable": "plain"}
_DECISIONS: dict[str, Tone] = {"PASS": "good", "NOT_PERSONALISED": "plain", "BLOCKED": "bad"}
_HEADER = ("Gate", "Answer", "In a sentence", "Next step")


def verdict_html(
    verdict: Verdict,
    *,
    waivers: Sequence[Acceptance] = (),
    conditions: Sequence[Finding] = (),
    looks: int | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Return the verdict as a piece of HTML that stands alone.

    Parameters
    ----------
    waivers, conditions, looks
        As of now, where somebody has asked.
    notes
        What else has to be known of it, a sentence each.
    """
    decision = badge(verdict.decision.replace("_", " "), _DECISIONS[verdict.decision])
    parts = [paragraph(decision_words(verdict), before=decision)]
    if looks is not None:
        parts.append(paragraph(looks_words(looks)))
    parts += [paragraph(note) for note in notes]
    parts.append(listed("Waivers:", [waiver_words(waiver) for waiver in waivers]))
    parts.append(_findings("Findings", verdict.findings))
    parts += [paragraph(words) for words in assumption_words(verdict)]
    if conditions:
        parts.append(_findings("Release conditions, as of now", conditions))
    return document(f"Verdict of {verdict.study}", [part for part in parts if part])


def _findings(caption: str, findings: Sequence[Finding]) -> str:
    rows = [
        (
            Cell(gate_words(finding), header=True),
            Cell(answer_words(finding.status), tone=_TONES[finding.status]),
            Cell(finding.summary),
            Cell(finding.next_step or "–"),
        )
        for finding in findings
    ]
    return table(caption, _HEADER, rows)
