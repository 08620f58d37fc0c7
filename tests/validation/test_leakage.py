"""Leaks that are put in are found; what a real cohort holds, or chance makes, is not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.cohorts.cohort_frame import CohortFrame
from theragate.study import Study
from theragate.validation import leakage
from theragate.validation._feature_column import read_feature_column
from theragate.validation.types import LeakageFinding

SURVIVAL = ("heart_attack_survival", "light_chain_mortality")
EVENTS = ("breast_cancer_diagnosis", *SURVIVAL)


def find_leaks(frame: pd.DataFrame, study: Study) -> tuple[LeakageFinding, ...]:
    return leakage.find_leaks(CohortFrame(frame), study)


def seen(study: Study, column: str) -> Study:
    """The study without its decision to drop a column."""
    dropped = {name: why for name, why in study.features.dropped.items() if name != column}
    return study.model_copy(update={"features": study.features.model_copy(update={"dropped": dropped})})


def event_of(frame: pd.DataFrame, study: Study) -> np.ndarray:
    column = frame[study.outcome_columns[-1]]
    return (column == "malignant").to_numpy(bool) if study.task == "binary" else (column == 1).to_numpy(bool)


def found_in(frame: pd.DataFrame, study: Study, column: object) -> dict[str, str]:
    """Checks that fire, and their severity, for a column put into the cohort."""
    leaks = find_leaks(frame.assign(planted=column), study)
    assert {leak.feature for leak in leaks} <= {"planted"}
    return {leak.check: leak.severity for leak in leaks}


def test_the_real_cohorts_as_declared_hold_no_leak(name, real):
    assert find_leaks(*real(name)) == ()


def test_the_cause_of_death_is_found_when_it_is_a_feature_again(real):
    frame, study = real("light_chain_mortality")
    leaks = find_leaks(frame, seen(study, "chapter"))
    assert {(leak.check, leak.feature, leak.severity) for leak in leaks} == {
        ("missingness", "chapter", "critical"),
        ("value", "chapter", "critical"),
    }
    missing = next(leak for leak in leaks if leak.check == "missingness")
    assert (missing.estimate, missing.limit) == (1.0, 0.8)
    assert missing.sentence == (
        "`chapter` is missing exactly where no event happened: it was filled in after the outcome."
    )


def test_the_year_of_the_sample_is_no_leak(real):
    frame, study = real("light_chain_mortality")
    assert find_leaks(frame, seen(study, "sample.yr")) == ()


def test_the_hospital_stay_is_found_when_it_is_a_feature_again(real):
    frame, study = real("heart_attack_survival")
    (leak,) = find_leaks(frame, seen(study, "los"))
    assert (leak.check, leak.feature, leak.severity) == ("outcome_time", "los", "critical")
    assert leak.estimate == pytest.approx(40 / 500)
    assert "it may end with the event" in leak.sentence


def test_a_stay_that_sometimes_outlasts_the_follow_up_is_a_warning(real):
    frame, study = real("heart_attack_survival")
    late = frame.index[(frame["fstat"] == 1) & (frame["los"] < frame["lenfol"])][:1]
    column = frame["los"].mask(frame.index.isin(late), frame["lenfol"] + 1)
    assert found_in(frame, study, column) == {"outcome_time": "warning"}


@pytest.mark.parametrize("study_name", EVENTS)
def test_the_event_in_other_words_is_found(study_name, real):
    frame, study = real(study_name)
    event = event_of(frame, study)
    random = np.random.default_rng(0)
    finer = np.where(event, random.choice(["a", "b", "c"], len(event)), random.choice(["d", "e"], len(event)))
    copies = {
        "truth values": event,
        "reversed numbers": 1.0 - event,
        "words": np.where(event, "u", "v"),
        "finer words": finer,
        "2% wrong": event ^ (random.random(len(event)) < 0.02),
        "with noise": event + random.normal(0, 0.1, len(event)),
        "two-sided": np.where(event, 0.0, random.choice([-1.0, 1.0], len(event))) + random.normal(0, 0.1, len(event)),
    }
    for words, column in copies.items():
        found = found_in(frame, study, column)
        assert found, words
        assert set(found.values()) == {"critical"}, words


@pytest.mark.parametrize("study_name", SURVIVAL)
def test_the_follow_up_time_in_other_words_is_found(study_name, real):
    frame, study = real(study_name)
    time = frame[study.outcome.time].to_numpy()
    random = np.random.default_rng(0)
    exact = found_in(frame, study, time)
    assert exact["value"] == exact["outcome_time"] == "critical"
    assert "outcome_time" in found_in(frame, study, [f"{entry:.0f}" for entry in time])
    assert found_in(frame, study, time / 365.25)["value"] == "critical"
    assert found_in(frame, study, -(time // 365))["value"] == "critical"
    assert found_in(frame, study, time * np.exp(random.normal(0, 0.1, len(time))))["value"] == "critical"
    cut_short = np.minimum(time, random.integers(0, 500, len(time)))
    assert found_in(frame, study, cut_short) == {"outcome_time": "critical"}
    by_horizon = event_of(frame, study) & (time <= study.outcome.horizon)
    assert found_in(frame, study, np.where(by_horizon, "early", "not"))["copy"] == "critical"


def test_a_quantity_in_other_words_is_found(real):
    frame, study = real("diabetes_progression")
    value = frame["progression"].to_numpy()
    random = np.random.default_rng(0)
    assert found_in(frame, study, value) == {"value": "critical", "copy": "critical"}
    assert found_in(frame, study, -np.exp(value / 50)) == {"value": "critical", "copy": "critical"}
    assert found_in(frame, study, [f"code {entry:.0f}" for entry in value]) == {"copy": "critical"}
    assert found_in(frame, study, value + random.normal(0, 25, len(value))) == {"value": "critical"}
    assert found_in(frame, study, np.where(random.random(len(value)) < 0.5, value, -value)) == {"value": "critical"}
    assert found_in(frame, study, pd.qcut(value, 8).astype(str)) == {"value": "critical", "copy": "critical"}
    assert found_in(frame, study, np.where(value > 150, 1.0, np.nan)) == {"missingness": "critical"}


def test_an_outcome_that_is_cut_is_found_and_what_is_related_to_it_is_not(real):
    frame, study = real("diabetes_progression")
    value = frame["progression"].to_numpy()
    random = np.random.default_rng(0)
    assert found_in(frame, study, np.where(value < 90, "low", "not")) == {"copy": "critical"}
    assert found_in(frame, study, value > 300)["copy"] == "critical"
    nearly = (value + random.normal(0, 1, len(value))) < 90
    assert found_in(frame, study, nearly) == {"copy": "critical"}
    assert found_in(frame, study, (value + random.normal(0, 60, len(value))) < 90) == {}
    assert found_in(frame, study, value >= value.max()) == {}  # of one patient, chance does it


def test_a_follow_up_that_is_cut_is_found(real):
    frame, study = real("heart_attack_survival")
    time = frame[study.outcome.time].to_numpy()
    assert found_in(frame, study, pd.cut(time, [-1, 400, 1000, 1e9]).astype(str))["copy"] == "critical"


@pytest.mark.parametrize("study_name", EVENTS)
def test_who_has_a_value_may_tell_the_event(study_name, real):
    frame, study = real(study_name)
    event = event_of(frame, study)
    random = np.random.default_rng(0)
    assert found_in(frame, study, np.where(event, 1.0, np.nan))["missingness"] == "critical"
    assert found_in(frame, study, np.where(event, np.nan, 1.0))["missingness"] == "critical"
    nearly = event ^ (random.random(len(event)) < 0.05)
    assert found_in(frame, study, np.where(nearly, 1.0, np.nan))["missingness"] == "critical"
    some = event & (random.random(len(event)) < 0.6)
    assert found_in(frame, study, np.where(some, 1.0, np.nan)) == {"missingness": "critical"}
    few = np.cumsum(event) * event
    assert found_in(frame, study, np.where((few > 0) & (few < 40), 1.0, np.nan))["missingness"] in (
        "warning",
        "critical",
    )
    assert found_in(frame, study, np.where(random.random(len(event)) < 0.3, 1.0, np.nan)) == {}


@pytest.mark.parametrize("study_name", EVENTS)
def test_a_few_gaps_that_happen_to_be_of_one_outcome_are_no_leak(study_name, real):
    frame, study = real(study_name)
    alive = np.flatnonzero(~event_of(frame, study))[:8]
    assert found_in(frame, study, np.where(np.isin(frame.index, alive), np.nan, 1.0)) == {}


@pytest.mark.parametrize("study_name", SURVIVAL)
def test_a_strong_marker_of_the_event_below_the_limits_is_no_leak(study_name, real):
    frame, study = real(study_name)
    event = event_of(frame, study)
    marker = event + np.random.default_rng(0).normal(0, 0.6, len(event))  # an AUROC of .88
    assert found_in(frame, study, marker) == {}


def test_a_few_measured_patients_are_not_enough_for_a_quantity(real):
    frame, study = real("diabetes_progression")
    rank = frame["progression"].rank(method="first")
    words = np.where(rank <= 12, "low", "high").astype(object)
    words[(rank > 12) & (rank <= len(frame) - 12)] = None
    assert "value" not in found_in(frame, study, words)


def test_a_token_for_each_patient_is_no_copy_of_an_outcome_that_never_repeats(real):
    frame, study = real("diabetes_progression")
    frame["progression"] = frame["progression"] + np.arange(len(frame)) / 1000
    assert found_in(frame, study, [f"token {number}" for number in range(len(frame))]) == {}


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_no_leak(name, real, seed):
    frame, study = real(name)
    random = np.random.default_rng(seed)
    hidden = {"patient", *study.outcome_columns}
    shuffled = {f"shuffled {column}": random.permutation(frame[column].to_numpy()) for column in frame.columns}
    made = {
        "noise": random.normal(size=len(frame)),
        "letters": random.choice(list("abcdefghijklmnopqrstuvwxyz"), len(frame)),
        "unique": [f"token {number}" for number in random.permutation(len(frame))],
        "sparse": np.where(random.random(len(frame)) < 0.02, 1.0, np.nan),
        "constant": 1.0,
        "endless": np.where(random.random(len(frame)) < 0.5, np.inf, 3.0),
    }
    planted = pd.DataFrame({**shuffled, **made}, index=frame.index)
    kept = frame[[column for column in frame.columns if column in hidden]]
    assert find_leaks(pd.concat([kept, planted], axis=1), study) == ()


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), at=st.sampled_from(("diabetes_progression", "heart_attack_survival")))
def test_the_order_of_rows_and_the_ids_make_no_difference(seed, at, real):
    frame, study = real(at)
    random = np.random.default_rng(seed)
    leaky = frame.assign(planted=frame[study.outcome_columns[0]], gaps=frame.iloc[:, 3].where(frame.index % 7 > 0))
    study = seen(study, "los")
    moved = leaky.iloc[random.permutation(len(leaky))].assign(patient=[f"x{n}" for n in range(len(leaky))])
    before = find_leaks(leaky, study)
    assert before
    assert find_leaks(moved, study) == before
    assert find_leaks(moved.reset_index(drop=True), study) == before


def test_the_declared_ceiling_decides(real):
    frame, study = real("breast_cancer_diagnosis")
    strict = study.model_copy(
        update={"gates": {**study.gates, "suspicious_performance": {"metric": "auroc", "ceiling": 0.95}}}
    )
    leaks = find_leaks(frame, strict)
    alone = [leak for leak in leaks if leak.check == "value"]
    together = [leak for leak in leaks if leak.check == "joint"]
    assert len(alone) + len(together) == len(leaks)
    assert "worst perimeter" in {leak.feature for leak in alone}
    assert all(leak.limit == 0.95 < leak.lower < leak.estimate for leak in alone)
    assert all(0.95 <= leak.limit < leak.lower < leak.estimate for leak in together)
    assert not {leak.feature for leak in alone} & {leak.feature for leak in together}
    above = max(leak.lower for leak in leaks)
    lenient = {"suspicious_performance": {"metric": "auroc", "ceiling": above}}
    assert find_leaks(frame, study.model_copy(update={"gates": {**study.gates, **lenient}})) == ()
    assert find_leaks(frame, study.model_copy(update={"gates": {}})) == ()


def test_a_small_cohort_is_not_accused_of_what_chance_could_do(study):
    few = pd.DataFrame(
        {"patient": list("abcdef"), "age": [1.0, 2, 3, 4, 5, 6], "ill": ["no", "no", "no", "yes", "yes", "yes"]}
    )
    assert find_leaks(few, study) == ()


def test_an_empty_feature_is_left_to_the_suite(real):
    frame, study = real("diabetes_progression")
    assert find_leaks(frame.assign(empty=np.nan, void=None), study) == ()


@pytest.mark.parametrize(
    ("column", "number"),
    [
        (pd.Series([True, False, True]), [1, 0, 1]),
        (pd.Series([1, None, 3], dtype="Int64"), [1, np.nan, 3]),
        (pd.Series([True, None, False], dtype="boolean"), [1, np.nan, 0]),
        (pd.Series(["1.5", None, "-2"], dtype="str"), [1.5, np.nan, -2]),
        (pd.Series([np.inf, 0, np.nan]), [np.inf, 0, np.nan]),
        (pd.Series(["a", None, "b"]).astype("category"), None),
        (pd.Series(["1", "2", "x"]), None),
    ],
)
def test_columns_of_every_type_are_read(column, number):
    read = read_feature_column(column, "x")
    assert read.present.tolist() == column.notna().tolist()
    if number is None:
        assert read.number is None
        assert read.ranks is None
    else:
        np.testing.assert_array_equal(read.number, number)
        assert len(read.ranks) == column.notna().sum()
    assert len(set(read.label[read.present])) == column.nunique()


def test_dates_keep_their_order():
    dates = read_feature_column(pd.Series(pd.to_datetime(["2021-01-01", None, "2020-01-01"])), "x")
    spans = read_feature_column(pd.Series(pd.to_timedelta([2, None, 1], unit="D")), "x")
    assert dates.ranks.tolist() == spans.ranks.tolist() == [1, 0]


def test_levels_hold_enough_patients():
    rare = ["often"] * 30 + ["seldom"] * 4 + ["once"] * 7
    assert np.bincount(read_feature_column(pd.Series(rare), "x").level).tolist() == [30, 11]
    cut = read_feature_column(pd.Series(np.random.default_rng(0).normal(size=105)), "x")
    assert np.bincount(cut.level).min() >= 10
    many = read_feature_column(pd.Series(np.arange(2000.0)), "x")
    assert (many.ranks.max(), many.level.max()) == (255, 19)


@pytest.mark.parametrize("study_name", EVENTS)
def test_a_category_that_only_patients_with_the_event_have_is_found(study_name, real):
    frame, study = real(study_name)
    event = event_of(frame, study)
    random = np.random.default_rng(0)
    some = event & (random.random(len(event)) < 0.4)
    assert (
        found_in(frame, study, np.where(some, "palliative", random.choice(["a", "b"], len(event))))["level"]
        == "warning"
    )
    assert found_in(frame, study, np.where(some, 3, random.integers(0, 3, len(event))))["level"] == "warning"
    elsewhere = np.flatnonzero(~event)[: max(len(event) // 50, 3)]
    seldom = some | np.isin(np.arange(len(event)), elsewhere)
    assert found_in(frame, study, np.where(seldom, "sign", "none")) == {}


@pytest.mark.parametrize("study_name", SURVIVAL)
@pytest.mark.parametrize("words", [("alive", "dead"), (0, 1)])
def test_a_status_of_which_one_in_twenty_is_wrong_is_found(study_name, words, real):
    frame, study = real(study_name)
    event = event_of(frame, study)
    wrong = event ^ (np.random.default_rng(1).random(len(event)) < 0.05)
    assert found_in(frame, study, np.where(wrong, words[1], words[0]))["value"] == "critical"
    test = event ^ (np.random.default_rng(1).random(len(event)) < 0.15)
    assert found_in(frame, study, np.where(test, words[1], words[0])) == {}


@pytest.mark.parametrize("study_name", EVENTS)
def test_two_columns_that_give_the_event_away_together_are_both_named(study_name, real):
    frame, study = real(study_name)
    first = np.random.default_rng(0).random(len(frame)) < 0.5
    leaks = find_leaks(frame.assign(first=first, second=first ^ event_of(frame, study)), study)
    assert [(leak.check, leak.feature, leak.severity) for leak in leaks] == [
        ("joint", "first", "critical"),
        ("joint", "second", "critical"),
    ]
    assert "`first` and `second` tell the outcome together" in leaks[0].sentence
    partly = first ^ event_of(frame, study) ^ (np.random.default_rng(1).random(len(frame)) < 0.2)
    assert find_leaks(frame.assign(first=first, second=partly), study) == ()


def test_three_columns_are_found_and_two_dates_with_a_quantity_between_them(real):
    frame, study = real("heart_attack_survival")
    first, second = np.random.default_rng(0).random((2, len(frame))) < 0.5
    leaks = find_leaks(frame.assign(one=first, two=second, three=first ^ second ^ event_of(frame, study)), study)
    assert {(leak.check, leak.feature) for leak in leaks} == {("joint", name) for name in ("one", "two", "three")}
    frame, study = real("diabetes_progression")
    begun = np.random.default_rng(0).normal(0, 300, len(frame))
    leaks = find_leaks(frame.assign(begun=begun, ended=begun + frame["progression"]), study)
    assert {(leak.check, leak.feature) for leak in leaks} == {("joint", "begun"), ("joint", "ended")}


@pytest.mark.parametrize("study_name", SURVIVAL)
@pytest.mark.parametrize("unit", [1.0, 365.25])
def test_a_time_that_keeps_to_one_side_of_the_event_is_found(study_name, unit, real):
    frame, study = real(study_name)
    random = np.random.default_rng(0)
    time, event = frame[study.outcome.time].to_numpy(), event_of(frame, study)
    scale = float(np.median(time))
    known = random.random(len(frame)) < 0.5
    after = np.where(known, time * event + random.exponential(scale / 4, len(frame)), np.nan) / unit
    assert found_in(frame, study, after)["outcome_time"] == "critical"
    within = np.where(known, np.maximum(time * random.beta(3, 1, len(frame)), 1e-3), np.nan) / unit
    assert found_in(frame, study, within)["outcome_time"] == "warning"
    unrelated = np.where(known, random.exponential(scale, len(frame)), np.nan) / unit
    assert found_in(frame, study, unrelated) == {}
