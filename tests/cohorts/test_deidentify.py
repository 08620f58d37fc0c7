"""Safe Harbor: identifiers refused by name and by form, ages top-coded, dates to years, ids checked."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theragate.cohorts.deidentify import TOP_AGE, check_ids, deidentify
from theragate.errors import DataError
from theragate.study import Deidentification


def one(column: str, *values: object) -> pd.DataFrame:
    return pd.DataFrame({column: list(values)})


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ("name", "names"),
        ("LastName", "names"),
        ("patient_name", "names"),
        ("street", "places"),
        ("home address", "places"),
        ("ZIP", "places"),
        ("post_code_postcode", "places"),
        ("dob", "dates of birth"),
        ("birth_date", "dates of birth"),
        ("dateOfBirth", "dates of birth"),
        ("phone_number", "telephone"),
        ("fax", "fax"),
        ("e_mail", "e-mail"),
        ("SSN", "social security"),
        ("MRN", "medical record"),
        ("insurance_no", "health plan"),
        ("account", "account"),
        ("driving_licence", "licence"),
        ("licensePlate", "licence|vehicle"),
        ("device_serial", "device"),
        ("url", "web"),
        ("ip_address", "IP|places"),
        ("fingerprint", "biometric"),
        ("photo", "photographs"),
        ("admission_date", "dates"),
        ("LastVisitDate", "dates"),
        ("timestamp", "dates"),
        ("Social Security", "social security"),
        ("medical_record_no", "medical record"),
        ("PatientID", "a code"),
    ],
)
def test_a_column_that_names_a_person_is_refused_by_its_name(column, found):
    with pytest.raises(DataError, match=f"column `{column}`.*looks like.*({found})"):
        deidentify(one(column, 1, 2), Deidentification(), study="s")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("ada@example.org", "e-mail"),
        ("https://example.org/ada", "web"),
        ("123-45-6789", "social security"),
        ("192.168.1.77", "IP"),
        ("(555) 867-5309", "telephone"),
        ("1815-12-10", "dates"),
        ("10.12.1815", "dates"),
        ("seen in March 2019", "dates"),
        ("Write to ada@example.org.", "e-mail"),
        ("seen on 1815-12-10 at noon", "dates"),
        ("SSN 123-45-6789", "social"),
    ],
)
def test_a_column_is_refused_by_the_form_of_one_value_which_is_not_repeated(value, found):
    with pytest.raises(DataError, match=f"looks like .*{found}") as caught:
        deidentify(one("note", "none", value), Deidentification(), study="s")
    assert value not in str(caught.value)


def test_a_text_that_nearly_every_patient_has_alone_is_a_code_and_a_category_is_not():
    codes = [f"sample {number}" for number in range(30)]
    with pytest.raises(DataError, match=r"column `tube`.*a code of each patient's own") as caught:
        deidentify(one("tube", *codes, "shared", "shared"), Deidentification(), study="s")
    assert "sample" not in str(caught.value)
    for column in (one("stage", *"abc" * 10), one("stage", *codes[:10]), one("marker", *range(30))):
        pd.testing.assert_frame_equal(deidentify(column, Deidentification(), study="s"), column)
    spec = Deidentification(not_identifying={"tube": "The tube's maker."})
    assert list(deidentify(one("tube", *codes), spec, study="s").columns) == ["tube"]


@pytest.mark.parametrize("dtype", ["float64", "Int64"])
def test_high_ages_that_nobody_declared_are_refused(dtype):
    old = pd.DataFrame({"age at onset": pd.array([50, 91, None], dtype=dtype)})
    with pytest.raises(DataError, match=r"column `age at onset`.*under `deidentification\.ages`") as caught:
        deidentify(old, Deidentification(), study="s")
    assert "91" not in str(caught.value)
    assert deidentify(old, Deidentification(ages=("age at onset",)), study="s")["age at onset"].max() == TOP_AGE
    weeks = Deidentification(not_identifying={"age at onset": "Weeks of pregnancy."})
    assert deidentify(old, weeks, study="s")["age at onset"].max() == 91
    coded = one("age", 50, TOP_AGE)
    pd.testing.assert_frame_equal(deidentify(coded, Deidentification(), study="s"), coded)


@pytest.mark.parametrize("column", ["age", "mean radius", "gender", "hr", "descent", "zipper", "filename_free"])
def test_clinical_columns_are_not_mistaken(column):
    frame = one(column, 1.0, 2.0)
    pd.testing.assert_frame_equal(deidentify(frame, Deidentification(), study="s"), frame)


def test_a_person_may_overrule_with_a_reason_or_have_the_column_removed():
    frame = pd.DataFrame({"name": ["a", "b"], "plate": [1, 2]})
    spec = Deidentification(removed={"name": "Not needed."}, not_identifying={"plate": "The culture plate."})
    assert list(deidentify(frame, spec, study="s").columns) == ["plate"]


@given(st.lists(st.one_of(st.none(), st.floats(0, 130)), min_size=1, max_size=20))
def test_no_age_over_89_is_left_and_no_other_is_changed(ages):
    before = pd.DataFrame({"age": pd.Series(ages, dtype="float64")})
    after = deidentify(before, Deidentification(ages=("age",)), study="s")["age"]
    assert not (after > TOP_AGE).any()
    young = before["age"] < TOP_AGE
    assert after[young].equals(before["age"][young])
    assert (after[before["age"] >= TOP_AGE] == TOP_AGE).all()
    assert (after.isna() == before["age"].isna()).all()


@pytest.mark.parametrize("dtype", ["Int64", "Float64"])
def test_an_unknown_age_stays_unknown(dtype):
    ages = pd.DataFrame({"age": pd.array([95, None, 50], dtype=dtype)})
    assert deidentify(ages, Deidentification(ages=("age",)), study="s")["age"].tolist() == [90, pd.NA, 50]


def test_dates_become_years():
    frame = pd.DataFrame({"seen": ["1999-12-31", None, "2000-01-01"], "born": [1950, 1960, 1970]})
    after = deidentify(frame, Deidentification(dates=("seen", "born")), study="s")
    assert after["seen"].tolist() == [1999, pd.NA, 2000]
    assert after["born"].tolist() == [1950, 1960, 1970]
    stamps = pd.DataFrame({"seen": pd.to_datetime(["2001-05-05"])})
    assert deidentify(stamps, Deidentification(dates=("seen",)), study="s")["seen"].tolist() == [2001]


@pytest.mark.parametrize(
    ("frame", "spec", "message"),
    [
        (one("age", "old"), {"ages": ("age",)}, "an age is a number"),
        (one("seen", "last spring"), {"dates": ("seen",)}, "YYYY-MM-DD"),
        (one("seen", 12.5), {"dates": ("seen",)}, "not years"),
        (one("age", 1), {"ages": ("years",)}, "`years`.*no such column"),
        (one("age", 1), {"removed": {"ssn": "A reason."}}, "`ssn`.*no such column"),
    ],
)
def test_a_declaration_that_does_not_fit_is_one_clear_error(frame, spec, message):
    with pytest.raises(DataError, match=message) as caught:
        deidentify(frame, Deidentification(**spec), study="s")
    assert "spring" not in str(caught.value) + str(caught.value.__cause__)


def test_ids_are_complete_and_unique():
    check_ids(pd.Series(["a", "b"]), study="s")
    with pytest.raises(DataError, match="1 rows without an id and 2 rows that repeat an earlier id") as caught:
        check_ids(pd.Series(["anna", "bert", "anna", np.nan, "anna"]), study="s")
    assert "anna" not in str(caught.value)


@pytest.mark.parametrize("column", ["Geburtsdatum", "yob", "date de naissance"])
@pytest.mark.parametrize("born", [("1927-03-04", "1960-01-01"), (1927, 1960), (19270304, 19600101)])
def test_a_year_of_birth_stays_under_no_key_that_keeps_it(column, born):
    for spec in (Deidentification(), Deidentification(dates=(column,))):
        with pytest.raises(DataError, match=f"column `{column}`: even a year of birth tells ages over 89") as caught:
            deidentify(one(column, *born), spec, study="s")
        assert "1927" not in str(caught.value)
    gone = Deidentification(removed={column: "Ages are given."})
    assert deidentify(one(column, *born), gone, study="s").columns.empty
    kept = Deidentification(dates=(column,), not_identifying={column: "The year in which the clinic was born."})
    assert deidentify(one(column, *born), kept, study="s")[column].tolist() == [1927, 1960]


@pytest.mark.parametrize(
    "months",
    [
        ("2019-03", "2020-11"),
        ("03/2019", "11/2020"),
        ("2019Q1", "2020 Q3"),
        ("Q1 2019", "T2 2020"),
        ("2019-W05", "2020-KW 7"),
        ("Mrz 19", "Okt 20"),
        ("März 2019", "août 2020"),
        (201903, 202011),
    ],
)
def test_months_and_weeks_are_finer_than_a_year_and_refused(months):
    with pytest.raises(DataError, match=r"column `x`.*looks like dates"):
        deidentify(one("x", *months * 5), Deidentification(), study="s")


def test_months_written_as_numbers_are_reduced_to_years():
    frame = one("month", 201903, 202011, 199912)
    assert deidentify(frame, Deidentification(dates=("month",)), study="s")["month"].tolist() == [2019, 2020, 1999]
    numbers = one("platelets", *range(200_000, 200_030))  # the thirteenth month and later
    pd.testing.assert_frame_equal(deidentify(numbers, Deidentification(), study="s"), numbers)
