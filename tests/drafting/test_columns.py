"""What the columns of a new table seem to be."""

import numpy as np
import pandas as pd
import pytest

from theragate.drafting import columns as module
from theragate.drafting.columns import Columns, differs, read_columns
from theragate.errors import DataError

N = 120


def columns_of(*, own: tuple[str, ...] = (), timed: bool = False, **columns: object) -> Columns:
    random = np.random.default_rng(2)
    frame = pd.DataFrame({"glucose": random.normal(6, 1, N).round(1), **columns})
    return read_columns(frame, list(own), time=timed)


def test_identifiers_and_numbers_of_patients_are_removed_with_what_they_look_like():
    columns = columns_of(Vorname="A", PLZ=12345, x7=np.random.default_rng(0).permutation(N) + 5000)
    assert columns.removed == {
        "Vorname": "REVIEW: the column looks like names.",
        "PLZ": "REVIEW: the column looks like places.",
        "x7": "REVIEW: the column looks like numbers of the patients, of whom no two share one.",
    }


def test_a_column_of_the_name_that_ids_have_is_removed():
    assert "Rename it" in columns_of(patient=["in", "out"] * 60).removed["patient"]


def test_what_says_nothing_or_the_same_is_dropped_with_the_reason():
    sex = np.array(["f", "m"] * 60)
    columns = columns_of(
        empty=np.nan,
        same="x",
        one_or_none=["x", None] * 60,
        endless=[np.inf, 1.5] * 60,
        sex=sex,
        sex_code=np.where(sex == "f", 2, 1),
        twin=np.random.default_rng(2).normal(6, 1, N).round(1),
    )
    assert {name: reason.removeprefix("REVIEW: ") for name, reason in columns.dropped.items()} == {
        "empty": "the column is empty.",
        "same": "the column has one value for all patients.",
        "one_or_none": "the column has one value, or none.",
        "endless": "the column has infinite values (rows: 60), from which nothing can be learned.",
        "sex_code": "the column says the same as `sex`.",
        "twin": "the column says the same as `glucose`.",
    }


def test_two_measurements_whose_values_all_differ_are_not_the_same():
    random = np.random.default_rng(4)
    assert columns_of(a=random.normal(size=N), b=random.normal(size=N)).dropped == {}


@pytest.mark.parametrize(
    "name", ["time", "futime", "follow-up", "FollowUpTime", "Überlebenszeit", "suivi", "seguimiento"]
)
def test_follow_up_is_never_a_feature(name):
    reason = columns_of(**{name: np.arange(N) % 50}).dropped[name]
    assert f"run the command again with `--time {name}`" in reason
    assert "--time" not in columns_of(**{name: np.arange(N) % 50}, timed=True).dropped[name]


@pytest.mark.parametrize("name", ["status", "death", "vital_status", "verstorben", "décès", "fallecido", "overleden"])
def test_neither_is_its_end(name):
    assert "end of follow-up" in columns_of(**{name: [0, 1] * 60}).dropped[name]
    assert columns_of(**{f"er_{name}_marker": [0, 1] * 60}).dropped == {}


def test_ages_are_found_in_their_unit_and_the_outcome_may_be_one():
    columns = columns_of(Alter=np.arange(N) % 95, age_days=np.arange(N) * 300.5, own=("Alter",))
    assert columns.ages == {"Alter": "years", "age_days": "days"}
    assert columns.deidentification == {"ages": ["Alter", "age_days"], "age_units": {"age_days": "days"}}


def test_ages_that_are_none_in_any_unit_are_refused_with_their_number():
    with pytest.raises(DataError, match=r"column `age`.*received 3 numbers above 130 among 120.*a code such as 999"):
        columns_of(age=[*range(117), 999, 999, 999])


def test_dates_are_reduced_and_what_only_is_called_a_date_is_removed():
    columns = columns_of(seen=[20200131, 20211231] * 60, date_in=np.linspace(1990, 2020, N), visit_date=[4, 9] * 60)
    assert columns.dates == ["seen", "date_in"]
    assert list(columns.removed) == ["visit_date"]


@pytest.mark.parametrize(
    "born", [[19270304, 19601231] * 60, [*range(1927, 1987)] * 2, ["1927-03-04", "1960-12-31"] * 60]
)
@pytest.mark.parametrize("name", ["birthdate", "year of birth", "Geburtsjahr"])
def test_even_the_year_of_a_birth_is_removed_and_an_age_may_stay(name, born):
    columns = columns_of(**{name: born}, age=np.arange(N) % 95)
    assert (columns.dates, columns.ages) == ([], {"age": "years"})
    assert "even their years tell ages over 89" in columns.removed[name]
    assert "add a column of ages" not in columns.removed[name]
    assert "add a column of ages" in columns_of(**{name: born}).removed[name]


def test_what_is_the_same_after_de_identification_is_dropped_too():
    day = pd.Series(pd.date_range("2015-01-01", periods=N, freq="17D"))
    age = np.arange(N) % 60 + 35.0
    columns = columns_of(
        admission_date=day.dt.strftime("%Y-%m-%d"),
        discharge_date=(day.dt.strftime("%Y") + "-12-31"),
        visit_date="2019-03-04",
        age=age,
        age_at_entry=np.where(age > 90, age + 5, age),
    )
    assert columns.dates == ["admission_date", "discharge_date", "visit_date"]
    assert {name: reason.removeprefix("REVIEW: ") for name, reason in columns.dropped.items()} == {
        "visit_date": "of dates, the years are kept: the column has one value for all patients.",
        "discharge_date": "the column says the same as `admission_date`.",
        "age_at_entry": "the column says the same as `age`.",
    }


def test_columns_that_begin_alike_are_compared_to_their_end(monkeypatch):
    monkeypatch.setattr(module, "_BEGINNING", 10)
    first = np.random.default_rng(5).choice(["a", "b"], N)
    other, copy = first.copy(), np.where(first == "a", "x", "y")
    other[-1] = "a" if first[-1] == "b" else "b"
    dropped = columns_of(first=first, other=other, copy=copy).dropped
    assert dropped == {"copy": "REVIEW: the column says the same as `first`."}


@pytest.mark.parametrize("values", [[1.0, None, 1.0], ["a", "b", "b"], [1, 2, 3], [None, None, None]])
@pytest.mark.parametrize("beginning", [1, 100])
def test_a_column_differs_wherever_its_values_do(values, beginning, monkeypatch):
    monkeypatch.setattr(module, "_BEGINNING", beginning)
    column = pd.Series(values)
    assert [differs(column, most) for most in range(4)] == [column.nunique() > most for most in range(4)]
