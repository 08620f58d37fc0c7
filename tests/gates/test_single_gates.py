"""What is particular to one gate."""

import pytest
from gates.evidence_by_hand import (
    RANGE,
    STUDIES,
    champion,
    changed,
    estimate,
    gate_of,
    good_evidence,
    group,
    membership,
    over,
    overall,
    stability,
    thresholds,
    with_groups,
)

from theragate.evidence.published import publish
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


def test_adequacy_asks_for_intervals_that_could_decide(survival):
    gate = gate_of("subgroup_adequacy", half_width={"log_observed_expected": 0.2})
    for se, status in ((0.10, "pass"), (0.11, "insufficient")):
        women = group("sex", "female", metrics={"log_observed_expected": estimate(0.0, se)})
        finding = gate.judge(with_groups(survival, [group("sex", "male"), women, *AGES]))
        assert finding.status == status
    # half-width 1.96 x .11 = .2156; 1000 x (.2156 / .2)^2 = 1162: 162 more, in two digits
    assert (
        "Sex female needs about 170 more patients for the observed over expected events to be known to ±0.2 "
        "(it is ±0.22, from 1,000)"
    ) in finding.summary
    row = next(row for row in finding.comparisons if row.metric.startswith("log") and row.subject == "sex=female")
    assert row.limit == "half of the interval's width at most 0.2 as logarithm"
    assert row.note == "half of the interval's width is 0.216"


@pytest.mark.parametrize(
    "unknown",
    [
        Estimate.absent("no event in this group"),
        Estimate(value=0.0, method="none", why="too few patients"),
        Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="resamples without a miss"),
    ],
)
def test_an_interval_that_is_not_there_is_not_narrow(survival, unknown):
    gate = gate_of("subgroup_adequacy", half_width={"log_observed_expected": 0.2})
    women = group("sex", "female", metrics={"log_observed_expected": unknown})
    finding = gate.judge(with_groups(survival, [group("sex", "male"), women, *AGES]))
    assert finding.status == "insufficient"
    assert finding.summary.startswith("The observed over expected events in sex female is not known (")


def test_adequacy_shows_no_interval_of_a_few_patients(survival):
    women = group("sex", "female", n=500, events=7, metrics={"log_observed_expected": estimate(0.1234, 0.3)})
    finding = gate_of("subgroup_adequacy").judge(with_groups(survival, [group("sex", "male"), women, *AGES]))
    assert finding.status == "insufficient"
    assert "0.123" not in finding.model_dump_json()
    assert "0.588" not in finding.model_dump_json()  # the half-width


def test_stability_speaks_of_one_patient(survival):
    finding = gate_of("stability").judge(survival)
    assert finding.status == "pass"
    assert finding.summary.startswith(
        "Had other patients of the same kind been in the cohort, one patient's risk would typically differ by 2.0 "
        "percentage points. "
    )
    assert "0.020 (0.016 to 0.024), over 50 refits: as required (upper limit at most 0.05)" in finding.summary
    quantity = gate_of("stability", "regression").judge(good_evidence(STUDIES["regression"]))
    assert "one patient's predicted value would typically differ by 8.0. " in quantity.summary


def test_optimism_is_listed_and_decides_nothing(survival):
    found = stability(estimate(0.02, 0.002), metric="concordance_index")
    dreadful = found.model_copy(update={"optimism": {"concordance_index": estimate(0.4, 0.01)}})
    finding = gate_of("stability").judge(changed(survival, stability=dreadful))
    assert finding.status == "pass"
    row = finding.comparisons[1]
    assert (row.metric, row.value, row.decides, row.status) == ("concordance_index", 0.4, False, "not_applicable")


def test_more_refits_decide_what_is_uncertain(survival):
    found = stability(estimate(0.045, 0.005), metric="concordance_index")
    finding = gate_of("stability").judge(changed(survival, stability=found))
    assert finding.status == "insufficient"
    # half-width .0098, distance .005: 3.84 times 50 refits
    assert "About 150 refits more (there are 50)" in finding.next_step


def test_fewer_refits_than_declared_are_no_stability(survival):
    found = stability(estimate(0.02, 0.002), metric="concordance_index").model_copy(update={"refits": 49})
    finding = gate_of("stability").judge(changed(survival, stability=found))
    assert finding.status == "insufficient"
    assert "measured in 49 of the 50 refits that the study declares" in finding.summary


@pytest.mark.parametrize(
    "broken",
    [
        Estimate(value=0.0, method="none", why="every refit predicts as the released model does"),
        Estimate(value=-0.5, lower=-0.6, upper=-0.4, se=0.05, method="by hand"),
        Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="by hand"),
    ],
)
def test_a_distance_that_cannot_be_is_no_stability(survival, broken):
    found = stability(broken, metric="concordance_index")
    finding = gate_of("stability").judge(changed(survival, stability=found))
    assert finding.status == "insufficient"
    assert "Had other patients" not in finding.summary


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
    assert "so its recipe was run again on this one" in finding.summary


def test_a_champion_that_could_not_be_run_blocks_and_says_why(survival):
    gone = champion(estimate(0.005, 0.004), metric="concordance_index", comparisons=(), why="`bmi` is gone.")
    finding = gate_of("non_inferiority").judge(changed(survival, champion=gone))
    assert finding.status == "insufficient"
    assert "the champion could not be run: `bmi` is gone" in finding.next_step
    other = champion(estimate(0.005, 0.004), metric="brier")
    assert gate_of("non_inferiority").judge(changed(survival, champion=other)).status == "insufficient"


def test_privacy_names_the_attack_and_its_success(survival):
    finding = gate_of("privacy").judge(survival)
    assert finding.status == "pass"
    assert len(finding.comparisons) == 4
    bad = changed(survival, membership=membership(estimate(0.8, 0.01)))
    finding = gate_of("privacy").judge(bad)
    assert finding.status == "fail"
    assert finding.next_step.startswith("Learn from more patients")
    assert "the area under the ROC curve of the attack by" in finding.summary


def test_privacy_asks_for_no_rate_of_few_strangers_and_says_so(survival):
    few = membership(estimate(0.53, 0.01), rate=Estimate.absent("too few"), non_members=399)
    finding = gate_of("privacy").judge(changed(survival, membership=few))
    assert finding.status == "pass"
    assert [row.metric for row in finding.comparisons] == ["attack_auc", "attack_auc"]
    assert "399 patients whom a model did not learn from are fewer than 400" in finding.warnings[0]


def test_privacy_is_not_shown_by_one_attack_alone_nor_by_few_models(survival):
    one = membership(estimate(0.53, 0.01), loss=False)
    finding = gate_of("privacy").judge(changed(survival, membership=one))
    assert finding.status == "insufficient"
    fewer = membership(estimate(0.53, 0.01), models=19)
    finding = gate_of("privacy").judge(changed(survival, membership=fewer))
    assert finding.status == "insufficient"
    assert "19 of the 20 models" in finding.summary


def test_an_effect_is_attacked_by_its_prediction_alone():
    finding = gate_of("privacy", "treatment_effect").judge(good_evidence(STUDIES["treatment_effect"]))
    assert finding.status == "pass"
    assert {row.subject for row in finding.comparisons} == {"likelihood ratio"}
