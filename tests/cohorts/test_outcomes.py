"""Outcomes are whole when they are made: complete, finite, of a known code, with something to learn."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Binary, Censored, Quantity
from theragate.errors import DataError
from theragate.study import Study, parse, resolved_entry

PARAMS = Path(__file__).parents[2] / "params.yaml"
SECRET = 777.125  # a patient's value that no message may repeat


def study(name: str, **changes: Any) -> Study:
    return parse(Study, {"name": name, **resolved_entry(PARAMS, name), **changes}, at=f"studies.{name}")


DIAGNOSIS = study("breast_cancer_diagnosis")
QUANTITY = study("diabetes_progression")
SURVIVAL = study("heart_attack_survival")
CODED = study("breast_cancer_diagnosis", outcome={"column": "y", "positive": "1", "description": "A coded event."})


def binary(values: Any) -> Binary:
    outcome = read_outcome(pd.DataFrame({"diagnosis": values}), DIAGNOSIS)
    assert isinstance(outcome, Binary)
    return outcome


def quantity(values: Any) -> Quantity:
    outcome = read_outcome(pd.DataFrame({"progression": values}), QUANTITY)
    assert isinstance(outcome, Quantity)
    return outcome


def censored(time: Any, event: Any) -> Censored:
    outcome = read_outcome(pd.DataFrame({"lenfol": time, "fstat": event}), SURVIVAL)
    assert isinstance(outcome, Censored)
    return outcome


def test_binary():
    outcome = binary(["malignant", "benign", "malignant"])
    assert outcome.event.tolist() == [True, False, True]
    assert outcome.event.dtype == bool
    assert outcome.strata.tolist() == [1, 0, 1]
    assert outcome.take(np.array([1, 0])).event.tolist() == [False, True]
    assert len(outcome) == 3


def test_quantity():
    outcome = quantity(pd.array([3, 1, 2, 5, 4], dtype="Int64"))
    assert outcome.value.tolist() == [3.0, 1.0, 2.0, 5.0, 4.0]
    assert outcome.strata.tolist() == [2, 0, 1, 4, 3], "one of five in each fifth"
    assert outcome.take(np.array([3])).value.tolist() == [5.0]


def test_censored():
    outcome = censored([0.0, 365.0, 366.0, 400.0, 100.0], [1, 1, 1, 0, 0])
    assert outcome.horizon == 365
    assert outcome.strata.tolist() == [2, 2, 1, 0, 0]
    assert outcome.by_horizon.tolist() == [True, True, False, False, False]
    assert outcome.free_at_horizon.tolist() == [False, False, True, True, False], (
        "an event after the horizon is none yet"
    )
    assert outcome.take(np.array([4, 0])).time.tolist() == [100.0, 0.0]


@given(
    st.lists(st.tuples(st.floats(0, 2000), st.booleans()), max_size=30).map(
        lambda rows: [(1.0, True), (900.0, False), *rows]
    )
)
@hypothesis_settings(deadline=None, max_examples=50)
def test_nobody_has_the_event_and_is_free_of_it(rows):
    outcome = censored([time for time, _ in rows], [int(event) for _, event in rows])
    assert not (outcome.by_horizon & outcome.free_at_horizon).any()
    known = outcome.by_horizon | outcome.free_at_horizon
    early = ~outcome.event & (outcome.time <= 365)
    assert (known == ~early).all(), "only who was censored early is unknown at the horizon"


@pytest.mark.parametrize("label", ["malignant", "benign"])
def test_one_class_is_refused(label):
    with pytest.raises(DataError, match="with and without the event; received 4 patients of one class"):
        binary([label] * 4)


@pytest.mark.parametrize("extra", ["unknown", "Malignant", "malignant ", "indeterminate"])
def test_a_third_value_is_not_counted_as_no_event(extra):
    with pytest.raises(DataError, match=r"2 values|two values|3 distinct|3 values") as caught:
        binary(["malignant", "benign", "benign", extra])
    assert extra not in caught.value.received


@pytest.mark.parametrize("values", [[1, 0, 1], [1.0, 0.0, 1.0], ["1", "0", "1"], pd.array([1, 0, 1], dtype="Int64")])
def test_a_coded_event_is_found_however_the_code_is_stored(values):
    outcome = read_outcome(pd.DataFrame({"y": values}), CODED)
    assert outcome.event.tolist() == [True, False, True]


@pytest.mark.parametrize("read", [binary, quantity])
@pytest.mark.parametrize("unknown", [None, np.nan, pd.NA])
def test_an_unknown_outcome_is_counted_and_refused(read, unknown):
    with pytest.raises(DataError, match="known for every patient; received 2 missing values"):
        read(pd.Series(["malignant", unknown, "benign", unknown], dtype=object))


@pytest.mark.parametrize("spec", [DIAGNOSIS, QUANTITY, SURVIVAL])
def test_an_absent_column_and_an_empty_cohort(spec):
    with pytest.raises(DataError, match=f"outcome column `{spec.outcome_columns[0]}`.*received no such column"):
        read_outcome(pd.DataFrame({"other": [1, 2]}), spec)
    with pytest.raises(DataError, match="the cohort has patients; received an empty cohort"):
        read_outcome(pd.DataFrame({column: [] for column in spec.outcome_columns}), spec)


def test_an_outcome_column_that_is_there_twice_is_refused():
    cohort = pd.DataFrame([[1.0, 1.0, 1], [400.0, 400.0, 0]], columns=["lenfol", "lenfol", "fstat"])
    with pytest.raises(DataError, match="lenfol"):
        read_outcome(cohort, SURVIVAL)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 1, 1], "the outcome varies; received one value for all patients"),
        ([1, np.inf, 2], "the outcome is finite; received 1 infinite values"),
        (["a", "2", "3"], "holds numbers; received str values"),
        ([[1], [2], [3]], "holds numbers; received object values"),
    ],
)
def test_a_quantity_that_is_none_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        quantity(values)


@pytest.mark.parametrize(
    "values",
    [pd.to_datetime(["2001-01-01", "2002-01-01", "2003-01-01"]), pd.to_timedelta([1, 2, 3], unit="D")],
    ids=["dates", "durations"],
)
def test_dates_and_durations_are_not_taken_for_numbers(values):
    with pytest.raises(DataError, match="holds numbers"):
        quantity(values)


def test_a_negative_time_is_counted_and_not_shown():
    with pytest.raises(DataError, match="0 or above; received 2 negative times") as caught:
        censored([-SECRET, -1, 2, 400], [1, 1, 1, 0])
    assert str(SECRET) not in str(caught.value)


@pytest.mark.parametrize("codes", [[0, 1, 2], [0.5, 1, 0], [-1, 1, 0]])
def test_an_event_has_two_codes(codes):
    with pytest.raises(
        DataError,
        match=r"competing events are not supported; received 3 distinct codes. Predict the time to the first event",
    ):
        censored([1, 2, 400], codes)


@pytest.mark.parametrize(
    ("time", "event", "received"),
    [
        ([1, 2, 3], [1, 1, 0], "2 events and 0 patients beyond it"),
        ([1, 400, 500], [0, 1, 0], "0 events and 2 patients beyond it"),
        ([400, 500], [0, 0], "0 events and 2 patients"),
        ([1, 365], [1, 0], "1 events and 0 patients"),
    ],
)
def test_a_horizon_that_cannot_be_judged_is_refused(time, event, received):
    with pytest.raises(DataError, match=f"horizon of 365 days.*received {received}"):
        censored(time, event)


@pytest.mark.parametrize("text", ["Ada Lovelace", str(SECRET) + "x"])
def test_a_value_that_is_no_number_stands_in_no_message_and_no_cause(text):
    with pytest.raises(DataError) as caught:
        quantity([text, "2", "3"])
    told = [str(caught.value), str(caught.value.__cause__)]
    assert not any(text in words for words in told), "a traceback would show the patient's value"


IN_WORDS = SURVIVAL.model_copy(update={"outcome": SURVIVAL.outcome.model_copy(update={"observed": "dead"})})


def coded(*events: object) -> pd.DataFrame:
    return pd.DataFrame({"lenfol": [5.0, 2000.0, 300.0, 4000.0], "fstat": list(events)})


def test_an_event_may_be_coded_otherwise():
    assert read_outcome(coded("dead", "alive", "alive", "dead"), IN_WORDS).event.tolist() == [True, False, False, True]
    assert read_outcome(coded("dead", "dead", "dead", "dead"), IN_WORDS).event.all()


@pytest.mark.parametrize(
    ("events", "received"),
    [
        (("dead", "alive", "moved", "alive"), "3 distinct values; 1 of 4 patients have that one. Predict the time to"),
        (("Dead", "alive", "alive", "Dead"), "2 distinct values; 0 of 4 patients have that one. Correct the source"),
    ],
)
def test_of_other_codes_there_are_two_and_one_is_the_declared(events, received):
    with pytest.raises(DataError, match=rf"one of which \(`dead`\) means that it was seen; received {received}"):
        read_outcome(coded(*events), IN_WORDS)
