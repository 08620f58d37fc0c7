"""Fairness: who decides, who is listed, and that nobody vanishes."""

import pytest
from gates.evidence_by_hand import FAIR, STUDIES, changed, estimate, gate_of, good_evidence, group, with_groups

from theragate.evidence.published import publish
from theragate.evidence.types import Estimate
from theragate.gates import GATES, read_policy

HARMED = {"log_observed_expected": estimate(0.6, 0.05)}
AGES = [group("age_band", label) for label in ("≤65", "65–75", ">75")]
MEN, WOMEN = group("sex", "male"), group("sex", "female")


def judge(*groups, gate=None, **differences):
    evidence = with_groups(good_evidence(STUDIES["survival"]), [*groups], **differences)
    return (gate or gate_of("fairness")).judge(evidence)


def without(*attributes):
    study = STUDIES["survival"]
    kept = {
        name: spec.model_copy(update={"judged": False}) for name, spec in study.subgroups.items() if name in attributes
    }
    policy = read_policy(study.model_copy(update={"subgroups": kept}))
    return policy.gates[list(GATES).index("fairness")]


def test_a_harmed_judged_group_fails_and_is_named_as_a_ratio():
    finding = judge(MEN, group("sex", "female", metrics=HARMED), *AGES)
    assert finding.status == "fail"
    assert "observed over expected events in sex female is 1.82 (1.65 to 2.01)" in finding.summary
    assert "within 0.82 to 1.22" in finding.summary


def test_a_gap_between_groups_fails_and_both_sides_are_told():
    lower = group("sex", "female", metrics={"sensitivity": estimate(0.78, 0.01)})
    finding = judge(MEN, lower, *AGES, sensitivity=estimate(0.12, 0.014))
    assert finding.status == "fail"
    assert "+0.120 (0.093 to 0.147)" in finding.summary
    women = next(row for row in finding.comparisons if row.subject == "sex=male - sex=female")
    assert women.note == "that is 0.900 (0.880 to 0.920) against 0.780 (0.760 to 0.800)"


def test_net_benefit_is_one_sided():
    gains = group("sex", "female", metrics={"net_benefit_gain": estimate(0.5, 0.01)})
    assert judge(MEN, gains, *AGES).status == "pass"
    loses = group("sex", "female", metrics={"net_benefit_gain": estimate(-0.05, 0.01)})
    assert judge(MEN, loses, *AGES).status == "fail"


def test_a_small_judged_group_is_insufficient_and_more_events_are_asked_for():
    few = group("sex", "female", n=150, events=40, metrics={"log_observed_expected": estimate(0.05, 0.16)})
    finding = judge(MEN, few, *AGES)
    assert finding.status == "insufficient"
    # half-width .3136, distance .15: 4.4 times 40 events
    assert "About 140 more events (there are 40)" in finding.next_step


def test_a_judged_group_without_an_estimate_never_passes():
    unknown = group("sex", "female", metrics={"log_observed_expected": Estimate.absent("one class only")})
    finding = judge(MEN, unknown, *AGES)
    assert finding.status == "insufficient"
    assert "one class only" in finding.next_step


def test_a_declared_group_that_is_not_in_the_evidence_never_passes():
    finding = judge(MEN, *AGES)
    assert finding.status == "insufficient"
    assert any("only 1 of 2 declared groups" in row.note for row in finding.comparisons)


def test_groups_that_were_not_compared_never_pass(survival):
    finding = gate_of("fairness").judge(changed(survival, contrasts=()))
    assert finding.status == "insufficient"
    assert any(row.note == "the two groups were not compared" for row in finding.comparisons)


def test_groups_that_are_compared_the_other_way_round_are_found(survival):
    turned = [c.model_copy(update={"group": c.other, "other": c.group}) for c in survival.contrasts]
    finding = gate_of("fairness").judge(changed(survival, contrasts=tuple(turned)))
    assert finding.status == "pass"
    assert "sex=female - sex=male" in {row.subject for row in finding.comparisons}


@pytest.mark.parametrize(("share", "status"), [(0.05, "fail"), (0.049, "pass")])
def test_a_harmed_listed_group_blocks_from_the_declared_share_on(share, status):
    crossed = group("sex & age_band", "female & >75", judged=False, share=share, metrics=HARMED)
    finding = judge(MEN, WOMEN, *AGES, crossed)
    assert finding.status == status
    row = next(row for row in finding.comparisons if row.subject == crossed.key and row.status == "fail")
    assert row.decides == (status == "fail")
    assert any("sex & age band: female & >75" in warning for warning in finding.warnings)


def test_an_uncertain_listed_group_is_noted_and_blocks_nothing():
    unsure = {"log_observed_expected": estimate(0.1, 0.5), "net_benefit_gain": Estimate.absent("no events")}
    crossed = group("sex & age_band", "female & >75", judged=False, share=0.2, metrics=unsure)
    finding = judge(MEN, WOMEN, *AGES, crossed)
    assert finding.status == "pass"
    rows = [row for row in finding.comparisons if row.subject == crossed.key]
    assert sorted((row.status, row.decides) for row in rows) == [("insufficient", False)] * 2 + [("pass", False)]
    assert finding.warnings == ()


@pytest.mark.parametrize(("share", "decides"), [(0.06, True), (0.02, False)])
def test_missing_is_a_group_and_is_judged_when_it_is_large(share, decides):
    missing = group("sex", "Missing", share=share, metrics={"log_observed_expected": estimate(0.15, 0.1)})
    finding = judge(MEN, WOMEN, missing, *AGES)
    assert finding.status == ("insufficient" if decides else "pass")
    rows = [row for row in finding.comparisons if "Missing" in row.subject]
    assert len(rows) == 6  # three metrics within, one with each sex, one with the reference
    assert {row.decides for row in rows} == {decides}


def test_no_attribute_recorded_is_not_assessable():
    finding = judge(gate=without())
    assert finding.status == "insufficient"
    assert finding.summary == "Not assessable: no protected attribute was recorded."
    assert "named person" in finding.next_step


def test_attributes_that_are_only_listed_are_not_assessable_but_can_fail():
    gate = without("sex")
    finding = judge(MEN, WOMEN, gate=gate)
    assert (finding.status, finding.summary) == ("insufficient", "Not assessable: no attribute is declared as judged.")
    assert len(finding.comparisons) > 0
    assert judge(MEN, group("sex", "female", metrics=HARMED), gate=gate).status == "fail"


def test_the_policy_says_who_is_judged_and_not_the_evidence():
    harmed = group("sex", "female", judged=False, share=0.01, metrics=HARMED)
    assert judge(MEN, harmed, *AGES).status == "fail"


def test_no_group_and_no_pair_goes_unlisted():
    crossed = [group("sex & age_band", f"female & {age}", judged=False) for age in ("≤65", ">75")]
    finding = judge(MEN, WOMEN, *AGES, *crossed)
    subjects = [row.subject for row in finding.comparisons]
    # five groups and two intersections, three metrics each; one pair of sexes and three of ages, one metric; and the
    # five judged groups with the reference
    assert len(subjects) == 7 * 3 + 4 + 5
    assert {item.key for item in (MEN, WOMEN, *AGES, *crossed)} <= set(subjects)


def test_numbers_of_a_small_group_and_of_its_complement_are_withheld():
    few = group("sex", "Missing", n=7, events=3, share=0.003, metrics={"sensitivity": estimate(0.6667, 0.2)})
    women = group("sex", "female", n=300, events=90, metrics={"log_observed_expected": estimate(0.1357, 0.02)})
    finding = judge(MEN, women, few, *AGES)
    shown = {row.subject: row.value for row in finding.comparisons if row.metric == "log_observed_expected"}
    assert shown["sex=male"] == FAIR["log_observed_expected"].value
    assert shown["sex=female"] is None
    assert shown["sex=Missing"] is None
    assert "0.6667" not in finding.model_dump_json()
    assert "0.1357" not in finding.model_dump_json()


def test_what_published_evidence_withholds_no_finding_shows():
    crossed = [
        group("sex & age_band", f"{sex} & {age}", judged=False, n=200, events=count)
        for sex, age, count in (("female", "≤65", 4), ("female", ">75", 80), ("male", "≤65", 50), ("male", ">75", 60))
    ]
    evidence = with_groups(good_evidence(STUDIES["survival"]), [MEN, WOMEN, *AGES, *crossed])
    published = {item.key for item in publish(evidence).groups}
    finding = gate_of("fairness").judge(evidence)
    assert crossed[0].key not in published
    for row in finding.comparisons:
        if " - " not in row.subject:
            assert (row.value is None) == (row.subject not in published)


def test_a_tiny_cohort_shows_no_group():
    evidence = with_groups(good_evidence(STUDIES["survival"]), [MEN, WOMEN, *AGES])
    tiny = changed(evidence, cohort=evidence.cohort.model_copy(update={"patients": 10, "events": 5}))
    finding = gate_of("fairness").judge(tiny)
    assert all(row.value is None for row in finding.comparisons)


def test_calibration_within_a_group_is_judged_from_above_only():
    right = group("sex", "female", metrics={"ici": estimate(0.005, 0.002)})
    assert judge(MEN, right, *AGES).status == "pass"
    wrong = group("sex", "female", metrics={"ici": estimate(0.12, 0.01)})
    finding = judge(MEN, wrong, *AGES)
    assert finding.status == "fail"
    assert "integrated calibration index in sex female" in finding.summary


@pytest.mark.parametrize(
    ("difference", "status"),
    [
        (estimate(0.1, 0.01), "pass"),
        (estimate(-0.02, 0.01), "pass"),
        (estimate(-0.04, 0.01), "insufficient"),
        (estimate(-0.12, 0.01), "fail"),
        (Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the same predictions"), "pass"),
        (Estimate.absent("too few patients"), "insufficient"),
    ],
)
def test_no_group_is_ranked_worse_than_the_reference_ranks_it(difference, status):
    finding = judge(MEN, group("sex", "female", against=difference), *AGES)
    assert finding.status == status
    row = next(row for row in finding.comparisons if row.subject == "sex=female - reference")
    assert (row.metric, row.status, row.decides) == ("concordance_index", status, True)


def test_a_judged_group_that_was_not_compared_with_the_reference_never_passes():
    silent = group("sex", "female").model_copy(update={"comparisons": ()})
    assert judge(MEN, silent, *AGES).status == "insufficient"
    listed = group("sex & age_band", "female & >75", judged=False, share=0.2)
    assert judge(MEN, WOMEN, *AGES, listed).status == "pass"


def test_the_reference_is_asked_for_only_where_declared():
    worse = group("sex", "female", against=estimate(-0.12, 0.01))
    assert judge(MEN, worse, *AGES, gate=gate_of("fairness", against_reference={})).status == "pass"


def test_members_of_the_reference_family_share_its_correlation():
    """Ten comparisons: independent, the band takes 2.80 standard errors; five of them as one, 2.63."""
    beyond = estimate(-0.05 - 0.027, 0.01)
    names = (("sex", "male"), ("sex", "female"), ("age_band", "≤65"), ("age_band", "65–75"), ("age_band", ">75"))
    evidence = with_groups(good_evidence(STUDIES["survival"]), [group(a, b, against=beyond) for a, b in names])
    gate = gate_of("fairness", within_group={"ici": 0.05}, between_groups={})
    assert gate.judge(evidence).status == "insufficient"
    family = evidence.families["against_reference"].model_copy(update={"correlation": ((1.0,) * 5,) * 5})
    together = changed(evidence, families=evidence.families | {"against_reference": family})
    assert gate.judge(together).status == "fail"
