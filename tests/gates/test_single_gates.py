"""What is particular to one gate."""

import pytest
from gates.evidence_by_hand import (
    STUDIES,
    changed,
    estimate,
    gate_of,
    good_evidence,
    group,
    overall,
    thresholds,
    with_groups,
)

from theragate.evidence.types import Estimate
from theragate.gates import GATES, read_policy
from theragate.study import NoDecision


def data(evidence, **facts):
    return changed(evidence, data=evidence.data.model_copy(update=facts))


def test_data_quality_names_the_expectations(survival):
    gate = gate_of("data_quality")
    finding = gate.judge(data(survival, critical=("age-range",), leakage=("chapter",)))
    assert finding.status == "fail"
    assert "`chapter` gives the outcome away and the critical expectation `age-range` is not met" in finding.summary
    three, four = (gate.judge(data(survival, warnings=tuple("abcd"[:count]))) for count in (3, 4))
    assert (three.status, four.status) == ("pass", "insufficient")
    assert "a person look" in four.next_step
    assert len(three.warnings) == 3


def test_a_leak_fails_even_where_nothing_looks_too_good(survival):
    finding = gate_of("suspicious_performance").judge(data(survival, leakage=("chapter",)))
    assert finding.status == "fail"
    assert "`chapter`" in finding.summary
    assert "leakage check" in finding.next_step


def test_performance_above_the_ceiling_is_held_for_a_leakage_check(survival):
    finding = gate_of("suspicious_performance").judge(overall(survival, concordance_index=estimate(0.93, 0.01)))
    assert finding.status == "fail"
    assert "leakage check" in finding.next_step


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


@pytest.mark.parametrize(
    ("metric", "value", "status"),
    [
        ("observed_expected", estimate(1.6, 0.05), "fail"),
        ("observed_expected", estimate(1.2, 0.05), "insufficient"),
        ("ici", estimate(0.12, 0.01), "fail"),
        ("ici", estimate(0.045, 0.01), "insufficient"),
        ("calibration_slope", estimate(1.5, 0.05), "fail"),
    ],
)
def test_each_limit_of_calibration_counts(survival, metric, value, status):
    finding = gate_of("calibration").judge(overall(survival, **{metric: value}))
    assert finding.status == status


@pytest.mark.parametrize(("value", "status"), [(-20.0, "fail"), (20.0, "fail"), (-12.0, "insufficient"), (5.0, "pass")])
def test_a_mean_error_counts_in_both_directions(value, status):
    evidence = overall(good_evidence(STUDIES["regression"]), mean_error=estimate(value, 2.0))
    assert gate_of("calibration", "regression").judge(evidence).status == status


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
        "thresholds 0.1 to 0.2", "thresholds 0.2 to 0.4",
    }  # fmt: skip


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


def test_adequacy_counts_exactly_and_says_what_is_missing(survival):
    ages = [group("age_band", label) for label in ("≤65", "65–75", ">75")]
    gate = gate_of("subgroup_adequacy")
    for events, status in ((100, "pass"), (99, "insufficient")):
        women = group("sex", "female", events=events)
        finding = gate.judge(with_groups(survival, [group("sex", "male"), women, *ages]))
        assert finding.status == status
    assert "Sex female lacks 1 with the event (it has 99)" in finding.summary


def test_adequacy_lists_missing_and_intersections_without_judging_them(survival):
    small = [group("sex", "Missing", n=30, events=15), group("sex & age_band", "male & ≤65", n=60, events=30)]
    finding = gate_of("subgroup_adequacy").judge(with_groups(survival, [*survival.groups, *small]))
    assert finding.status == "pass"
    assert [row.decides for row in finding.comparisons if row.status == "insufficient"] == [False] * 4


def test_adequacy_without_a_judged_group_does_not_apply_while_fairness_blocks():
    evidence = good_evidence(STUDIES["binary"])
    assert gate_of("subgroup_adequacy", "binary").judge(evidence).status == "not_applicable"
    assert gate_of("fairness", "binary").judge(evidence).status == "insufficient"


def test_adequacy_shows_no_count_of_a_few_patients(survival):
    ages = [group("age_band", label) for label in ("≤65", "65–75", ">75")]
    women = group("sex", "female", n=500, events=7)
    finding = gate_of("subgroup_adequacy").judge(with_groups(survival, [group("sex", "male"), women, *ages]))
    assert finding.status == "insufficient"
    assert "Sex female has too few with the event" in finding.summary
    assert all(row.value is None for row in finding.comparisons if row.subject.startswith("sex="))


def test_every_declared_scenario_has_to_hold(survival):
    first, second = survival.scenarios
    lost = second.model_copy(update={"differences": {"concordance_index": estimate(-0.1, 0.01)}})
    finding = gate_of("robustness").judge(changed(survival, scenarios=(first, lost)))
    assert finding.status == "fail"
    assert "weight unknown is −0.100" in finding.summary


def test_no_declared_scenario_is_not_robustness(survival):
    policy = read_policy(STUDIES["survival"].model_copy(update={"scenarios": {}}))
    finding = policy.gates[list(GATES).index("robustness")].judge(survival)
    assert finding.status == "insufficient"
    assert "declares no scenario" in finding.summary


def test_a_stress_that_changes_nothing_passes(survival):
    nothing = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the feature is not used")
    scenarios = [s.model_copy(update={"differences": {"concordance_index": nothing}}) for s in survival.scenarios]
    assert gate_of("robustness").judge(changed(survival, scenarios=tuple(scenarios))).status == "pass"
