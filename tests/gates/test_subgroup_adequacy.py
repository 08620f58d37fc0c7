"""Subgroup adequacy: enough patients and events, and intervals narrow enough, in each declared group."""

import pytest
from gates.evidence_by_hand import (
    STUDIES,
    estimate,
    gate_of,
    good_evidence,
    group,
    with_groups,
)

from theragate.evidence.types import Estimate

AGES = [group("age_band", label) for label in ("≤65", "65–75", ">75")]


def test_adequacy_counts_exactly_and_says_what_is_missing(survival):
    ages = [group("age_band", label) for label in ("≤65", "65–75", ">75")]
    gate = gate_of("subgroup_adequacy")
    for events, status in ((100, "pass"), (99, "insufficient")):
        women = group("sex", "female", events=events)
        finding = gate.judge(with_groups(survival, [group("sex", "male"), women, *ages]))
        assert finding.status == status
    assert "Sex female lacks 1 patient with the event (it has 99)" in finding.summary


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
    assert "Sex female has too few patients with the event" in finding.summary
    assert all(row.value is None for row in finding.comparisons if row.subject.startswith("sex="))


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
