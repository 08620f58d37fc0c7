"""Nobody is predicted by a model that learned from that patient, and the same seed gives the same splits."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from theragate.cohorts.outcomes import Binary, Censored, Outcome, Quantity
from theragate.cohorts.splits import Split, development_rows, inner_folds, outer_splits
from theragate.errors import DataError
from theragate.study import Study, parse, resolved_entry

PARAMS = Path(__file__).parents[2] / "params.yaml"
NAME = "breast_cancer_diagnosis"
PATIENTS = 100


def study(scheme: str, **keys: Any) -> Study:
    validation = {"scheme": scheme, "inner_folds": 2, "reason": "A test.", **keys}
    return parse(Study, {"name": NAME, **resolved_entry(PARAMS, NAME), "validation": validation}, at=NAME)


def nested(*, repeats: int = 2, folds: int = 5, inner: int = 2) -> Study:
    return study("nested_cross_validation", repeats=repeats, folds=folds, inner_folds=inner)


EVENT = Binary(np.arange(PATIENTS) % 4 == 0)
COHORT = pd.DataFrame(
    {
        "year": np.repeat([2000.0, 2001.0], PATIENTS // 2),
        "date": ["2001-02-03"] * PATIENTS,
        "site": ["A"] * 50 + ["B"] * 30 + ["C"] * 20,
        "code": np.repeat([1.0, 2.0], PATIENTS // 2),
    }
)


def split(spec: Study, *, outcome: Outcome = EVENT, cohort: pd.DataFrame = COHORT, seed: int = 1) -> list[Split]:
    return outer_splits(cohort, outcome, spec, seed=seed)


def rows(splits: list[Split]) -> list[tuple[int, int, list[int], list[int]]]:
    return [(each.repeat, each.fold, each.train.tolist(), each.test.tolist()) for each in splits]


@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(2, 6))
@hypothesis_settings(deadline=None, max_examples=25)
def test_cross_validation_predicts_everybody_once_per_repeat(seed, repeats, folds):
    splits = split(nested(repeats=repeats, folds=folds), seed=seed)
    assert [(each.repeat, each.fold) for each in splits] == [(r, f) for r in range(repeats) for f in range(folds)]
    for repeat in range(repeats):
        tested = np.concatenate([each.test for each in splits if each.repeat == repeat])
        assert sorted(tested) == list(range(PATIENTS))
    for each in splits:
        assert not set(each.train) & set(each.test)
        assert len(each.train) + len(each.test) == PATIENTS


def test_the_same_seed_gives_the_same_splits_and_repeats_differ():
    assert rows(split(nested())) == rows(split(nested()))
    assert rows(split(nested())) != rows(split(nested(), seed=2))
    first, second = (sorted(each.test.tolist() for each in split(nested()) if each.repeat == r) for r in (0, 1))
    assert first != second


def test_folds_are_balanced_by_the_outcome():
    for each in split(nested()):
        assert EVENT.event[each.test].sum() == 5


def test_a_holdout_is_stratified_and_in_order():
    (only,) = split(study("holdout", fraction=0.2))
    assert len(only.test) == 20
    assert EVENT.event[only.test].sum() == 5
    assert only.test.tolist() == sorted(only.test.tolist())
    assert set(only.train) | set(only.test) == set(range(PATIENTS))


def test_a_split_by_time():
    (only,) = split(study("temporal", column="year", since=2001))
    assert only.train.tolist() == list(range(50))
    assert only.test.tolist() == list(range(50, 100))


def test_a_split_by_site():
    (only,) = split(study("site", column="site", held_out=["B", "C"]))
    assert only.test.tolist() == list(range(50, 100))


def test_what_is_held_out_once_stays_out_of_the_released_model():
    held = split(study("temporal", column="year", since=2001))
    assert development_rows(held, PATIENTS).tolist() == list(range(50))
    assert development_rows(split(nested(repeats=1)), PATIENTS).tolist() == list(range(PATIENTS))


@pytest.mark.parametrize(
    ("scheme", "keys", "received"),
    [
        ("temporal", {"column": "yaer", "since": 2001}, "column `yaer` is in the cohort; received no such column"),
        ("site", {"column": "clinic", "held_out": ["A"]}, "column `clinic` is in the cohort"),
        ("temporal", {"column": "year", "since": 1990}, "received 100 of 100 held out"),
        ("temporal", {"column": "year", "since": 2050}, "received 0 of 100 held out"),
        ("site", {"column": "site", "held_out": ["Z"]}, "received 0 of 100 held out|Z"),
        ("site", {"column": "site", "held_out": ["A", "B", "C"]}, "received 100 of 100 held out"),
    ],
)
def test_a_split_that_leaves_a_side_empty_is_refused(scheme, keys, received):
    with pytest.raises(DataError, match=received):
        split(study(scheme, **keys))


def test_a_site_that_is_not_in_the_cohort_is_not_passed_over():
    with pytest.raises(DataError, match="Bb"):
        split(study("site", column="site", held_out=["C", "Bb"]))


def test_sites_that_are_numbers_are_found():
    (only,) = split(study("site", column="code", held_out=["2"]))
    assert only.test.tolist() == list(range(50, 100))


@pytest.mark.parametrize(
    ("scheme", "keys"),
    [("temporal", {"column": "year", "since": 2001}), ("site", {"column": "site", "held_out": ["B"]})],
)
def test_a_patient_of_unknown_time_or_site_is_not_quietly_learned_from(scheme, keys):
    cohort = COHORT.copy()
    cohort.loc[:4, keys["column"]] = None
    with pytest.raises(DataError, match=r"5 (missing|unknown|patients)"):
        split(study(scheme, **keys), cohort=cohort)


def test_a_time_that_is_a_text_is_refused_without_showing_it():
    with pytest.raises(DataError, match="numbers") as caught:
        split(study("temporal", column="date", since=2001))
    assert "2001-02-03" not in str(caught.value)


def test_a_declared_split_needs_events_on_both_sides():
    late = Binary(np.arange(PATIENTS) < 20)
    with pytest.raises(DataError, match="event"):
        split(study("temporal", column="year", since=2001), outcome=late)


@pytest.mark.parametrize("fraction", [0.005, 0.015, 0.995])
def test_a_holdout_that_is_too_small_is_refused_in_one_line(fraction):
    with pytest.raises(DataError, match="validation"):
        split(study("holdout", fraction=fraction))


def test_fewer_events_than_folds_are_refused_by_number():
    few = Binary(np.arange(PATIENTS) < 4)
    with pytest.raises(DataError, match=f"study `{NAME}`, validation: .*at least 5 patients; received 4 with the"):
        split(nested(), outcome=few)


def test_too_few_events_for_the_inner_folds_are_found_before_training():
    few = Binary(np.arange(PATIENTS) < 5)  # a training part holds four of them
    with pytest.raises(DataError, match=f"study `{NAME}`, validation"):
        split(nested(folds=5, inner=5), outcome=few)


def test_an_error_of_the_inner_folds_names_no_study_that_does_not_exist():
    with pytest.raises(DataError) as caught:
        inner_folds(Binary(np.arange(PATIENTS) < 3), 5, seed=1)
    assert "study `inner folds`" not in str(caught.value)


def test_a_few_events_after_the_horizon_do_not_stop_a_study():
    time = np.concatenate([np.arange(1.0, 51.0), np.arange(400.0, 450.0)])
    event = np.arange(PATIENTS) < 53  # 50 by the horizon, three after it, 47 censored later
    outcome = Censored(time, event, 365.0)
    splits = split(nested(repeats=1), outcome=outcome)
    assert all(outcome.by_horizon[each.test].sum() == 10 for each in splits)


def test_an_outlying_quantity_does_not_stop_a_study():
    outcome = Quantity(np.concatenate([np.zeros(99), [1.0]]))
    assert len(inner_folds(outcome, 5, seed=1)) == 5


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
@hypothesis_settings(deadline=None, max_examples=25)
def test_inner_folds_cover_everybody_once(seed, folds):
    parts = inner_folds(EVENT, folds, seed=seed)
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(PATIENTS))
    assert all(not set(train) & set(test) for train, test in parts)


def test_fewer_events_by_the_horizon_than_folds_do_not_join_the_others():
    time = np.concatenate([np.full(3, 10.0), np.full(97, 400.0)])
    outcome = Censored(time, np.arange(PATIENTS) < 50, 365.0)
    with pytest.raises(DataError, match=r"at least 5 patients; received 3 with the event by the horizon"):
        inner_folds(outcome, 5, seed=1)


def test_the_folds_of_a_survival_keep_the_later_events_apart_where_there_are_enough():
    time = np.concatenate([np.full(50, 10.0), np.full(50, 400.0)])
    outcome = Censored(time, np.arange(PATIENTS) < 60, 365.0)
    for _, test in inner_folds(outcome, 5, seed=1):
        assert np.bincount(outcome.strata[test]).tolist() == [8, 2, 10]


def test_quantities_that_are_fewer_than_the_folds_are_refused():
    with pytest.raises(DataError, match="at least 5 patients; received 4 with the quantity"):
        inner_folds(Quantity(np.arange(4.0)), 5, seed=1)
