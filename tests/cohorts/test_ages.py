"""Ages: by name in six languages, in the unit that their name or height says."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.ages import age_unit, is_named_age, top_of
from theragate.cohorts.deidentify import as_years, deidentify
from theragate.errors import DataError
from theragate.study import Deidentification
from theragate.study.reading import parse

YEARS = np.array([1.0, 34, 60, 77, 94])


@pytest.mark.parametrize(
    "name",
    ["age", "Age (years)", "Alter", "ALTER_JAHRE", "Patientenalter", "âge", "Edad", "età", "leeftijd", "agedays"],
)
def test_an_age_has_a_name_in_six_languages(name):
    assert is_named_age(name)


@pytest.mark.parametrize("name", ["stage", "dosage", "ager", "alternate", "usage", "beta", "metal"])
def test_what_only_contains_the_letters_is_no_age(name):
    assert not is_named_age(name)


@pytest.mark.parametrize(
    ("name", "times", "unit"),
    [
        ("age", 1, "years"),
        ("age", 12, "months"),
        ("age", 365.25, "days"),
        ("age_weeks", 52.18, "weeks"),
        ("Alter in Tagen", 365.25, "days"),
        ("âge (mois)", 12, "months"),
        ("edad_dias", 365, "days"),
        ("età", 1, "years"),
        ("agedays", 365, "days"),
    ],
)
def test_the_unit_is_that_of_the_name_or_of_the_height(name, times, unit):
    assert age_unit(name, pd.Series(YEARS * times)) == unit


def test_a_name_that_the_numbers_contradict_does_not_count():
    assert age_unit("age_months", pd.Series([30.0, 5000.0])) is None
    assert age_unit("age", pd.Series([*range(20, 90), 999, 999])) is None
    assert age_unit("age", pd.Series([30.0, 40.0, 999.0])) is None
    assert age_unit("age", pd.Series([np.nan, np.nan])) is None


def test_ages_of_children_in_months_go_on_beyond_130_and_codes_do_not():
    months = [*range(1, 129)] * 8
    assert age_unit("age", pd.Series([*months, 131, 140, 188])) == "months"
    assert age_unit("age", pd.Series([*months, 888, 997, 999])) is None
    assert age_unit("age", pd.Series([*range(20, 95), 131, 140, 188])) is None


def test_ages_are_top_coded_in_their_unit():
    spec = Deidentification(ages=("age_days", "months"), age_units={"age_days": "days", "months": "months"})
    frame = pd.DataFrame({"age_days": [400, 33_000, 40_000], "months": [1200.0, None, 12.0]})
    after = deidentify(frame, spec, study="s")
    assert after["age_days"].tolist() == [400, 32_872, 32_872]
    assert after["months"].tolist()[::2] == [1080.0, 12.0]
    assert top_of("years") == 90


def test_an_age_that_nobody_reaches_is_refused_without_its_value():
    with pytest.raises(DataError, match=r"column `age`: an age in years.*received 2 higher numbers among 3") as caught:
        deidentify(pd.DataFrame({"age": [50, 777, 777]}), Deidentification(ages=("age",)), study="s")
    assert "777" not in str(caught.value)
    with pytest.raises(DataError, match="declared to hold ages"):
        deidentify(pd.DataFrame({"Alter": [50, 94]}), Deidentification(), study="s")


def test_a_unit_belongs_to_a_column_of_ages():
    with pytest.raises(Exception, match="`age_units` gives the unit of columns of `ages`, which `x` is not"):
        parse(Deidentification, {"age_units": {"x": "days"}}, at="deidentification")


@pytest.mark.parametrize(
    ("dates", "years"),
    [
        ([20190613, 19991231], [2019, 1999]),
        ([1781.454, 1821.35], [1781, 1821]),
        (["20190613", "1999-12-31"], [2019, 1999]),
        ([2019.0, None], [2019, pd.NA]),
    ],
)
def test_a_date_becomes_its_year_however_it_is_written(dates, years):
    assert as_years(pd.Series(dates)).tolist() == years


@pytest.mark.parametrize("dates", [[12.5], [43629, 43630], ["06/13/19"]])
def test_what_is_no_date_is_refused_without_its_value(dates):
    with pytest.raises(ValueError, match=r"texts of another form|numbers that are not years") as caught:
        as_years(pd.Series(dates))
    assert str(dates[0]) not in str(caught.value)
