"""Non-inferiority: the comparison with the champion."""

import pytest
from gates.evidence_by_hand import (
    champion,
    changed,
    estimate,
    gate_of,
)

from theragate.evidence.types import Estimate


def test_a_first_release_has_nothing_to_be_compared_with(survival):
    finding = gate_of("non_inferiority").judge(changed(survival, champion=None))
    assert finding.status == "not_applicable"
    assert finding.summary == "First release: there is no champion to compare with."


@pytest.mark.parametrize(
    ("difference", "status"),
    [
        (estimate(0.0, 0.009), "pass"),
        (estimate(-0.01, 0.009), "insufficient"),
        (estimate(-0.05, 0.009), "fail"),
        (Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the same predictions"), "pass"),
        (Estimate.absent("not defined"), "insufficient"),
    ],
)
def test_the_new_model_is_compared_with_the_champion(survival, difference, status):
    evidence = changed(survival, champion=champion(difference, metric="concordance_index"))
    finding = gate_of("non_inferiority").judge(evidence)
    assert finding.status == status
    assert "the champion (ridge_cox, model cccccccccccc)" in finding.summary
    assert "cohort that the champion was released on" in finding.summary


def test_a_champion_on_a_changed_cohort_is_said_to_have_been_run_again(survival):
    again = champion(estimate(0.005, 0.004), metric="concordance_index", same_cohort=False)
    finding = gate_of("non_inferiority").judge(changed(survival, champion=again))
    assert finding.status == "pass"
    assert "so its recipe was run again on the new one" in finding.summary


def test_a_champion_that_could_not_be_run_blocks_and_says_why(survival):
    gone = champion(estimate(0.005, 0.004), metric="concordance_index", comparisons=(), why="`bmi` is gone.")
    finding = gate_of("non_inferiority").judge(changed(survival, champion=gone))
    assert finding.status == "insufficient"
    assert "the champion could not be run: `bmi` is gone" in finding.next_step
    other = champion(estimate(0.005, 0.004), metric="brier")
    assert gate_of("non_inferiority").judge(changed(survival, champion=other)).status == "insufficient"
