"""One estimate against one limit: by hand, and whatever the numbers."""

import math

import pytest
from gates.evidence_by_hand import estimate, independent
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.evidence.types import Estimate
from theragate.gates._conclusion import more_data, overall_status, worst
from theragate.gates._judging import Limit, Question, answer_all

ORDER = {"fail": 0, "insufficient": 1, "pass": 2}
ordinary = st.floats(-5, 5, allow_nan=False)
errors = st.floats(0.001, 2)


def question(value: Estimate, limit: Limit, **more) -> Question:
    return Question(
        subject=more.pop("subject", "overall"),
        metric=more.pop("metric", "calibration_slope"),
        label="slope",
        estimate=value,
        limit=limit,
        amount=more.pop("amount", 100),
        unit="events",
        **more,
    )


def status(value: Estimate, limit: Limit, **more) -> str:
    return answer_all([question(value, limit, **more)], {})[0].status


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.80, "pass"),
        (0.7196, "pass"),
        (0.71, "insufficient"),
        (0.70, "insufficient"),
        (0.69, "insufficient"),
        (0.67, "fail"),
    ],
)
def test_a_floor_of_070_with_a_standard_error_of_one_point(value, expected):
    assert status(estimate(value, 0.01), Limit(low=0.7)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "pass"), (0.03, "pass"), (0.04, "insufficient"), (-0.04, "insufficient"), (0.07, "fail"), (-0.07, "fail")],
)
def test_equivalence_within_five_points(value, expected):
    assert status(estimate(value, 0.009), Limit(low=-0.05, high=0.05)) == expected


def test_a_strict_limit_is_not_met_by_reaching_it():
    zero = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="by hand")
    assert status(zero, Limit(low=0.0), exact=True) == "pass"
    assert status(zero, Limit(low=0.0, strict=True), exact=True) == "insufficient"


def test_an_interval_without_width_is_believed_only_of_paired_differences():
    perfect = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="resamples without a miss")
    assert status(perfect, Limit(low=-0.05, high=0.05)) == "insufficient"
    assert status(perfect, Limit(low=-0.05, high=0.05), exact=True) == "pass"
    certain = perfect.model_copy(update={"value": 0.01, "lower": 0.01, "upper": 0.01})
    assert status(certain, Limit(low=-0.05, high=0.05), exact=True) == "insufficient"


def test_rounding_gives_an_interval_no_width():
    c_index = Estimate(value=0.78, lower=0.78, upper=0.78 + 2e-16, se=0.0, method="by hand")
    assert c_index.lower != c_index.upper
    assert status(c_index, Limit(low=0.7), metric="concordance_index") == "insufficient"
    assert status(estimate(0.78, 0.001), Limit(low=0.7), metric="concordance_index") == "pass"


@pytest.mark.parametrize("outside", [(0.4, 0.75, 0.9), (0.95, 0.75, 0.9)])
def test_a_value_outside_its_own_interval_decides_nothing(outside):
    value, lower, upper = outside
    broken = estimate(0.8, 0.02).model_copy(update={"value": value, "lower": lower, "upper": upper})
    asked = question(broken, Limit(low=0.7))
    assert answer_all([asked], {})[0].status == "insufficient"
    assert asked.why_not == "its interval does not hold its value"


@pytest.mark.parametrize(
    ("metric", "value", "lower", "upper", "limit"),
    [
        ("ici", 0.0, -1e9, 0.0, Limit(high=0.05)),
        ("ici", -0.1, -0.2, 0.04, Limit(high=0.05)),
        ("auroc", 0.9, 0.8, 1.1, Limit(low=0.7)),
        ("brier_skill", 1.5, 1.2, 1.8, Limit(low=0.0)),
    ],
)
def test_what_is_not_possible_for_a_metric_never_passes(metric, value, lower, upper, limit):
    impossible = Estimate(value=value, lower=lower, upper=upper, se=0.01, method="by hand")
    asked = question(impossible, limit, metric=metric)
    assert answer_all([asked], {})[0].status == "insufficient"
    assert asked.why_not == f"its numbers are not possible for the metric `{metric}`"


@pytest.mark.parametrize(("value", "expected"), [(-0.01, "pass"), (0.99, "pass"), (1.2, "insufficient")])
def test_a_difference_may_be_below_what_its_metric_may_be(value, expected):
    assert status(estimate(value, 0.01), Limit(low=-0.05), metric="auroc", difference=True) == expected


def test_a_name_with_a_dash_is_no_difference():
    low = estimate(-0.01, 0.01)
    assert status(low, Limit(high=0.05), metric="ici", subject="origin=Hispanic - other") == "insufficient"


@pytest.mark.parametrize(
    "estimate_",
    [
        Estimate.absent("too few patients"),
        Estimate(value=0.9, method="no interval"),
        Estimate.model_construct(
            value=math.nan, lower=math.nan, upper=math.nan, se=math.nan, scale="identity", method="broken", why=""
        ),
        Estimate.model_construct(
            value=0.9, lower=math.nan, upper=math.nan, se=0.1, scale="identity", method="broken", why=""
        ),
    ],
)
@pytest.mark.parametrize("limit", [Limit(low=0.7), Limit(high=0.95), Limit(low=0.5, high=2.0)])
def test_what_is_missing_or_not_a_number_decides_nothing(estimate_, limit):
    assert status(estimate_, limit) == "insufficient"


def test_a_fail_takes_the_simultaneous_band_and_a_pass_its_own_interval():
    bad = estimate(0.67, 0.0125)  # 2.4 standard errors below the floor
    members = [f"m{i}" for i in range(12)]
    others = [question(estimate(0.9, 0.01), Limit(low=0.7), family="f", member=m) for m in members[1:]]
    questions = [question(bad, Limit(low=0.7), family="f", member="m0"), *others]
    answers = answer_all(questions, {"f": independent(*members)})
    assert status(bad, Limit(low=0.7)) == "fail"
    assert [answer.status for answer in answers] == ["insufficient", *["pass"] * 11]


def test_the_band_is_drawn_on_the_scale_of_the_estimate():
    ratio = Estimate(value=0.5, lower=0.35, upper=0.71, se=0.18, scale="log", method="by hand")
    pair = [question(ratio, Limit(low=0.8), member="a"), question(estimate(0.9, 0.01), Limit(low=0.8), member="b")]
    # log .5 + 2.24 x .18 = log .748: below .8
    assert answer_all(pair, {})[0].status == "fail"


def test_without_a_standard_error_no_joint_band_fails():
    bare = Estimate(value=0.5, lower=0.45, upper=0.55, method="percentile")
    pair = [question(bare, Limit(low=0.8)), question(estimate(0.9, 0.01), Limit(low=0.8))]
    assert answer_all(pair, {})[0].status == "insufficient"
    assert answer_all(pair[:1], {})[0].status == "fail"


def test_how_much_more_data_would_decide():
    # half-width .0392, distance .02: (1.96)^2 = 3.84 times the data, 284 more than 100
    answers = answer_all([question(estimate(0.72, 0.02), Limit(low=0.7))], {})
    assert "About 290 more events (there are 100)" in more_data(answers)


def test_a_point_estimate_beyond_the_limit_is_told_apart():
    answers = answer_all([question(estimate(0.69, 0.02), Limit(low=0.7))], {})
    assert "more data would probably end in a fail" in more_data(answers)


def test_an_estimate_on_its_limit_is_told_apart():
    answers = answer_all([question(estimate(0.7001, 0.02), Limit(low=0.7))], {})
    assert "No realistic number of events" in more_data(answers)


def test_numbers_of_a_few_patients_are_in_no_text():
    answers = answer_all([question(estimate(0.7234, 0.02), Limit(low=0.7), withheld=True, amount=None)], {})
    texts = answers[0].sentence + more_data(answers) + answers[0].judged.model_dump_json()
    assert "0.72" not in texts
    assert answers[0].judged.status == "insufficient"


def test_what_is_only_listed_decides_nothing_and_a_heavy_group_only_by_harm():
    good, bad = estimate(0.9, 0.01), estimate(0.3, 0.01)
    limit = Limit(low=0.7)
    listed = [question(good, limit), question(bad, limit, weight="listed")]
    heavy = [question(good, limit), question(bad, limit, weight="blocks on harm")]
    unsure = [question(good, limit), question(estimate(0.7, 0.1), limit, weight="blocks on harm")]
    assert [overall_status(answer_all(qs, {})) for qs in (listed, heavy, unsure)] == ["pass", "fail", "pass"]
    assert overall_status([]) == "insufficient"


def test_the_worst_is_a_fail_then_what_needs_most_data():
    limit = Limit(low=0.7)
    questions = [question(estimate(value, 0.02), limit) for value in (0.9, 0.72, 0.5, 0.8)]
    answers = answer_all(questions, {})
    assert worst(answers).question is questions[2]
    assert worst([answers[0], answers[1], answers[3]]).question is questions[1]


@settings(deadline=None, max_examples=200)
@given(value=ordinary, se=errors, floor=ordinary, worse=st.floats(0, 5), strict=st.booleans())
def test_a_lower_value_never_fares_better_against_a_floor(value, se, floor, worse, strict):
    limit = Limit(low=floor, strict=strict)
    assert ORDER[status(estimate(value - worse, se), limit)] <= ORDER[status(estimate(value, se), limit)]


@settings(deadline=None, max_examples=200)
@given(value=ordinary, se=errors, middle=ordinary, margin=st.floats(0.01, 2), worse=st.floats(0, 5))
def test_moving_away_from_the_middle_never_fares_better(value, se, middle, margin, worse):
    limit = Limit(low=middle - margin, high=middle + margin)
    away = value + math.copysign(worse, value - middle)
    assert ORDER[status(estimate(away, se), limit)] <= ORDER[status(estimate(value, se), limit)]


@settings(deadline=None, max_examples=200)
@given(value=ordinary, se=errors, floor=ordinary, wider=st.floats(1, 10))
def test_a_wider_interval_never_turns_anything_into_a_pass_or_a_fail(value, se, floor, wider):
    before = status(estimate(value, se), Limit(low=floor))
    assert status(estimate(value, se * wider), Limit(low=floor)) in {before, "insufficient"}


@settings(deadline=None, max_examples=200)
@given(value=ordinary, se=errors, floor=ordinary, stricter=st.floats(0, 5))
def test_a_stricter_limit_never_fares_better(value, se, floor, stricter):
    before = status(estimate(value, se), Limit(low=floor))
    assert ORDER[status(estimate(value, se), Limit(low=floor + stricter))] <= ORDER[before]


@settings(deadline=None, max_examples=30)
@given(values=st.lists(st.tuples(ordinary, errors), min_size=2, max_size=6), floor=ordinary, worse=st.floats(0, 5))
def test_one_worse_member_never_turns_a_failing_family_into_a_pass(values, floor, worse):
    members = [f"m{i}" for i in range(len(values))]
    families = {"f": independent(*members)}

    def judged(first: float) -> str:
        shifted = [(first, values[0][1]), *values[1:]]
        questions = [
            question(estimate(v, se), Limit(low=floor), family="f", member=m)
            for m, (v, se) in zip(members, shifted, strict=True)
        ]
        return overall_status(answer_all(questions, families))

    assert ORDER[judged(values[0][0] - worse)] <= ORDER[judged(values[0][0])]
