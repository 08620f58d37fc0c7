"""What every gate promises."""

import itertools
import re
from collections.abc import Callable, Collection, Iterable

from theragate.evidence.types import Evidence
from theragate.gates import Gate
from theragate.gates.types import Status
from theragate.testing.promise import expect

__all__ = [
    "Worse",
    "answers_within_reach",
    "check_gate",
    "doubt_on_losses",
    "findings_that_help",
    "order_kept",
    "same_answer_again",
    "words_in_order",
]

Worse = Callable[[float, float], Evidence]
"""Evidence as a function of how bad it is, from 0, which passes, to 1 and more, and of how wide its intervals are."""

_ORDER = {"fail": 0, "insufficient": 1, "pass": 2, "not_applicable": 2}
_STEPS = 20


def check_gate(
    gate: Gate,
    worse: Worse,
    lost: Iterable[Evidence],
    *,
    reached: Collection[Status] = ("pass", "insufficient", "fail"),
) -> None:
    """Check all that a gate promises.

    Parameters
    ----------
    gate
        With its limits.
    worse
        Evidence that goes from good to bad; ``worse(0.0, 1.0)`` passes.
    lost
        Evidence from which something was taken away, so that the gate cannot say.
    reached
        The answers that `worse` can reach: without ``fail`` for a gate that only ever doubts, without ``insufficient``
        for one that describes these very patients.

    Raises
    ------
    AssertionError
        With the promise that is broken.
    """
    words_in_order(type(gate))
    answers_within_reach(gate, worse, reached=reached)
    for bad in (0.0, 0.3, 1.0):
        findings_that_help(gate, worse(bad, 1.0))
    for evidence in lost:
        doubt_on_losses(gate, worse(0.0, 1.0), evidence)
    for bad, further, width, wider in itertools.product((0.0, 0.2, 0.5, 1.0), (0.1, 0.6), (0.2, 1.0, 4.0), (1.5, 5.0)):
        order_kept(gate, worse, bad=bad, further=further, width=width, wider=wider)
    same_answer_again(gate, worse(0.4, 1.0))


def words_in_order(kind: type[Gate]) -> None:
    """Check that title and purpose are calm sentences."""
    expect(kind.title[:1].isupper() and not kind.title.endswith((".", "!")), "the title begins with a capital, no stop")
    expect(kind.protects.startswith("Against ") and kind.protects.endswith("."), "`protects` is `Against ….`")
    expect(kind.severity in ("critical", "major"), "the severity is critical or major")
    expect(len(kind.__doc__ or "") > 30, "the docstring says what is asked")


def answers_within_reach(gate: Gate, worse: Worse, *, reached: Collection[Status]) -> None:
    """Check that evidence can get each answer, and only these."""
    found = {gate.judge(worse(step / _STEPS, 1.0)).status for step in range(_STEPS + 1)}
    expect(found == set(reached), f"the answers {sorted(reached)} are within reach; {sorted(found)} are")


def findings_that_help(gate: Gate, evidence: Evidence) -> None:
    """Check that a finding has the gate's name and reason, sentences that can be read, and a next step if it blocks."""
    finding, kind = gate.judge(evidence), type(gate)
    own = (kind.code, kind.name, kind.severity, gate.reason)
    expect((finding.code, finding.gate, finding.severity, finding.reason) == own, "a finding is under the gate's name")
    expect(finding.summary.endswith("."), "the summary is a sentence")
    text = finding.summary + finding.next_step
    expect(not re.search(r"\bNone\b|\bnan\b|\binf\b", text), "what is not known is said in words, not as nan or None")
    blocks = finding.status in ("insufficient", "fail")
    expect(bool(finding.next_step) == blocks, "a finding that blocks says what to do, and no other does")


def doubt_on_losses(gate: Gate, whole: Evidence, lost: Evidence) -> None:
    """Check that `whole` evidence passes, and evidence of which something is absent never does."""
    expect(gate.judge(whole).status == "pass", "good evidence passes")
    expect(gate.judge(lost).status == "insufficient", "where something is absent, the answer is insufficient")


def order_kept(gate: Gate, worse: Worse, *, bad: float, further: float, width: float, wider: float) -> None:
    """Check that worse evidence never gets a better answer, and wider intervals never a surer one."""
    before = gate.judge(worse(bad, width)).status
    after = gate.judge(worse(bad + further, width)).status
    expect(_ORDER[after] <= _ORDER[before], f"worse evidence gets no better answer than {before}; {after} at {further}")
    blurred = gate.judge(worse(bad, width * wider)).status
    expect(blurred in (before, "insufficient"), f"wider intervals give {before} or insufficient; they give {blurred}")


def same_answer_again(gate: Gate, evidence: Evidence) -> None:
    """Check that the same evidence, read back from its file, gets the same finding."""
    again = Evidence.model_validate_json(evidence.model_dump_json())
    expect(gate.judge(evidence) == gate.judge(again), "the same evidence gets the same finding")
