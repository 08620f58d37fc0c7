"""Suspicious performance: leaks, and discrimination that is too good."""

from gates.evidence_by_hand import (
    changed,
    estimate,
    gate_of,
    overall,
)


def data(evidence, **facts):
    return changed(evidence, data=evidence.data.model_copy(update=facts))


def test_a_leak_fails_even_where_nothing_looks_too_good(survival):
    finding = gate_of("suspicious_performance").judge(data(survival, leakage=("chapter",)))
    assert finding.status == "fail"
    assert "`chapter`" in finding.summary
    assert "leakage check" in finding.next_step


def test_performance_above_the_ceiling_is_held_for_a_leakage_check(survival):
    finding = gate_of("suspicious_performance").judge(overall(survival, concordance_index=estimate(0.93, 0.01)))
    assert finding.status == "fail"
    assert "leakage check" in finding.next_step
