"""Discrimination: the floor, the reference and the skill."""

from gates.evidence_by_hand import (
    changed,
    estimate,
    gate_of,
    overall,
)

from theragate.evidence.types import Estimate


def test_the_reference_itself_is_not_worse_than_itself(survival):
    same = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the same predictions")
    comparison = survival.comparisons[0].model_copy(update={"difference": same})
    finding = gate_of("discrimination").judge(changed(survival, comparisons=(comparison,)))
    assert finding.status == "pass"
    assert "the selected model predicts as the reference does" in finding.summary


def test_a_model_worse_than_the_reference_fails_though_it_reaches_the_floor(survival):
    comparison = survival.comparisons[0].model_copy(update={"difference": estimate(-0.05, 0.005)})
    assert gate_of("discrimination").judge(changed(survival, comparisons=(comparison,))).status == "fail"
    assert gate_of("discrimination").judge(changed(survival, comparisons=())).status == "insufficient"


def test_skill_is_asked_for_only_where_declared(survival):
    useless = overall(survival, brier_skill=estimate(-0.1, 0.01))
    assert gate_of("discrimination").judge(useless).status == "fail"
    assert gate_of("discrimination", skill=None).judge(useless).status == "pass"
