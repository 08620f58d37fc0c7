"""Utility: net benefit over the declared range, overall and in each declared group."""

import pytest
from gates.evidence_by_hand import (
    RANGE,
    STUDIES,
    changed,
    estimate,
    gate_of,
    good_evidence,
    group,
    over,
    thresholds,
    with_groups,
)

from theragate.evidence.published import publish
from theragate.evidence.types import Estimate
from theragate.study import NoDecision


def gains(clinical: Estimate, elsewhere: Estimate):
    rows = thresholds(STUDIES["survival"])
    return tuple(
        row.model_copy(update={"difference": clinical if row.threshold == 0.20 else elsewhere}) for row in rows
    )


@pytest.mark.parametrize(
    ("clinical", "elsewhere", "status"),
    [
        (estimate(0.03, 0.01), estimate(0.0, 0.0005), "pass"),
        (estimate(0.0, 0.0005), estimate(0.03, 0.01), "insufficient"),
        (estimate(0.03, 0.01), estimate(-0.001, 0.002), "insufficient"),
        (estimate(0.03, 0.01), estimate(-0.02, 0.002), "fail"),
        (estimate(-0.02, 0.002), estimate(0.03, 0.01), "fail"),
    ],
)
def test_net_benefit_is_gained_at_the_threshold_and_not_lost_elsewhere(survival, clinical, elsewhere, status):
    assert gate_of("utility").judge(changed(survival, net_benefit=gains(clinical, elsewhere))).status == status


@pytest.mark.parametrize("absent", [0.10, 0.20, 0.40])
def test_the_clinical_threshold_and_both_ends_have_to_be_measured(survival, absent):
    kept = tuple(row for row in survival.net_benefit if row.threshold != absent)
    finding = gate_of("utility").judge(changed(survival, net_benefit=kept))
    assert finding.status == "insufficient"
    assert f"{absent:.0%}" in finding.next_step


def test_a_few_thresholds_do_not_stand_for_a_range(survival):
    kept = tuple(row for row in survival.net_benefit if row.threshold in (0.10, 0.20, 0.40))
    assert len(kept) == 3
    finding = gate_of("utility").judge(changed(survival, net_benefit=kept))
    assert finding.status == "insufficient"
    assert "from 10% to 20%" in finding.next_step
    assert {row.subject for row in finding.comparisons if row.status == "insufficient"} == {
        "thresholds 0.1 to 0.2",
        "thresholds 0.2 to 0.4",
    }


def test_a_gap_of_a_tenth_of_the_range_is_the_widest(survival):
    row = survival.net_benefit[0]
    grid = tuple(row.model_copy(update={"threshold": round(0.10 + 0.03 * step, 6)}) for step in range(11))
    clinical = row.model_copy(update={"threshold": 0.20})
    gate = gate_of("utility")
    assert gate.judge(changed(survival, net_benefit=(*grid, clinical))).status == "pass"
    assert gate.judge(changed(survival, net_benefit=(*grid[:5], *grid[6:], clinical))).status == "insufficient"


def test_thresholds_outside_the_declared_range_do_not_count(survival):
    outside = survival.net_benefit[0].model_copy(update={"threshold": 0.6, "difference": estimate(-0.5, 0.01)})
    finding = gate_of("utility").judge(changed(survival, net_benefit=(*survival.net_benefit, outside)))
    assert finding.status == "pass"


def test_a_model_that_decides_as_the_default_does_is_harmless_and_no_gain(survival):
    zero = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the same decisions")
    gate = gate_of("utility")
    assert gate.judge(changed(survival, net_benefit=gains(estimate(0.03, 0.01), zero))).status == "pass"
    assert gate.judge(changed(survival, net_benefit=gains(zero, estimate(0.03, 0.01)))).status == "insufficient"


def test_without_a_decision_utility_does_not_apply_and_says_why():
    study = STUDIES["regression"]
    assert isinstance(study.decision, NoDecision)
    finding = gate_of("utility", "regression").judge(good_evidence(study))
    assert finding.status == "not_applicable"
    assert study.decision.none in finding.summary


AGES = [group("age_band", label) for label in ("≤65", "65–75", ">75")]


def test_a_group_may_not_lose_anywhere_in_the_range(survival):
    """Women lose at a single threshold, far from the clinical one; everybody together gains everywhere."""
    rows = tuple(
        row.model_copy(update={"difference": estimate(-0.05, 0.005)}) if row.threshold == 0.35 else row
        for row in over(RANGE, estimate(0.03, 0.01))
    )
    harmed = group("sex", "female").model_copy(update={"net_benefit": rows})
    finding = gate_of("utility").judge(with_groups(survival, [group("sex", "male"), harmed, *AGES]))
    assert finding.status == "fail"
    assert "at a threshold of 35% in sex female is −0.0500" in finding.summary
    assert [row.subject for row in finding.comparisons if row.status == "fail"] == ["sex=female, threshold 0.35"]


@pytest.mark.parametrize(("tolerance", "status"), [(0.005, "insufficient"), (0.02, "pass"), (0.0, "insufficient")])
def test_a_group_has_a_tolerance_of_its_own(survival, tolerance, status):
    level = group("sex", "female", gains=estimate(0.0, 0.005))
    evidence = with_groups(survival, [group("sex", "male"), level, *AGES])
    assert gate_of("utility", group_tolerance=tolerance).judge(evidence).status == status


def test_a_group_has_to_lose_nothing_and_need_not_gain_at_the_clinical_threshold(survival):
    zero = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the same decisions")
    same = group("sex", "female", gains=zero)
    evidence = with_groups(survival, [group("sex", "male"), same, *AGES])
    assert gate_of("utility").judge(evidence).status == "pass"


def test_every_declared_group_has_to_be_measured_over_the_whole_range(survival):
    gate = gate_of("utility")
    absent = gate.judge(with_groups(survival, [group("sex", "male"), *AGES]))
    assert absent.status == "insufficient"
    assert "in every group of sex has to be measured first: only 1 of 2 declared groups" in absent.next_step
    short = group("sex", "female").model_copy(update={"net_benefit": over(RANGE[:6], estimate(0.03, 0.01))})
    cut = gate.judge(with_groups(survival, [group("sex", "male"), short, *AGES]))
    open_ones = {row.subject for row in cut.comparisons if row.status == "insufficient"}
    assert open_ones == {"sex=female, threshold 0.4", "sex=female, thresholds 0.225 to 0.4"}
    few = group("sex", "female", gains=Estimate(value=0.03, method="none", why="too few patients"))
    small = gate.judge(with_groups(survival, [group("sex", "male"), few, *AGES]))
    assert small.status == "insufficient"
    assert "too few patients" in small.next_step


def test_patients_of_unknown_group_and_groups_that_are_not_judged_are_no_matter_of_utility(survival):
    missing = group("sex", "Missing", share=0.3, gains=estimate(-0.05, 0.005))
    crossed = group("sex & age_band", "female & >75", judged=False, share=0.3)
    finding = gate_of("utility").judge(with_groups(survival, [*survival.groups, missing, crossed]))
    assert finding.status == "pass"
    assert {row.decides for row in finding.comparisons if row.subject.startswith("sex=Missing")} == {False}
    assert not any("&" in row.subject for row in finding.comparisons)


def test_utility_shows_no_number_of_a_few_patients(survival):
    few = group("sex", "Missing", n=7, events=3, share=0.003, gains=estimate(0.0678, 0.02))
    women = group("sex", "female", n=300, events=90, gains=estimate(0.0345, 0.01))
    evidence = with_groups(survival, [group("sex", "male"), women, few, *AGES])
    text = gate_of("utility").judge(evidence).model_dump_json()
    assert "0.0678" not in text
    assert "0.0345" not in text
    assert {"sex=female", "sex=Missing"}.isdisjoint(item.key for item in publish(evidence).groups)
