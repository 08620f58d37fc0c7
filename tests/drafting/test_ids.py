"""Which column names the patient, and what is done where a patient has several rows."""

import numpy as np
import pandas as pd
import pytest

from theragate.drafting.ids import find_id, repeated_rows
from theragate.errors import DataError

PATIENTS = 40


def eyes(name: str) -> pd.DataFrame:
    """Two rows of each patient, who has one age, sex and blood pressure, and two pressures of the eye."""
    random = np.random.default_rng(0)
    once = pd.DataFrame(
        {
            name: random.permutation(np.arange(100, 100 + 3 * PATIENTS, 3)),
            "age": random.integers(20, 80, PATIENTS),
            "sex": random.choice(["f", "m"], PATIENTS),
            "sbp": random.integers(100, 180, PATIENTS),
        }
    )
    twice = once.loc[np.repeat(once.index, 2)].reset_index(drop=True)
    return twice.assign(pressure=random.integers(8, 30, 2 * PATIENTS))


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"glucose": np.arange(30) % 7, **columns})


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "MRN",
        "pidnum",
        "PatNr",
        "N° patient",
        "Numéro dossier",
        "Pat.-Nr.",
        "patient",
        "Patient ID",
        "subject",
        "USUBJID",
        "record_id",
        "Fallnummer",
        "case_no",
    ],
)
def test_a_column_named_like_an_id_is_one(name):
    assert find_id(table(**{name: range(500, 530)}), None) == name


def test_a_person_comes_before_a_file_and_a_stay():
    assert find_id(table(id=range(30), case_no=range(30), patient=range(7, 37)), None) == "patient"


@pytest.mark.parametrize("column", ["record", "subject", "id", "patient"])
def test_a_name_alone_makes_no_id(column):
    assert find_id(table(**{column: ["paper", "digital"] * 15}), None) is None
    assert find_id(table(**{column: np.arange(30) / 7}), None) is None


def test_a_person_is_believed():
    frame = table(record=range(30), code=[f"x{n}" for n in range(30)])
    assert find_id(frame, "code") == "code"
    assert find_id(frame, "none") is None
    with pytest.raises(DataError, match="--id cod: it names a column of the file"):
        find_id(frame, "cod")


def test_a_column_that_repeats_as_ids_do_is_asked_about():
    with pytest.raises(DataError, match=r"column `number`.*80 rows with 40 values.*`age`.*`--id number`.*`--id none`"):
        find_id(eyes("number"), None)
    assert find_id(eyes("number"), "none") is None
    assert find_id(eyes("PatNr"), None) == "PatNr"


def test_a_measurement_that_repeats_is_not_asked_about():
    random = np.random.default_rng(3)
    measured = pd.DataFrame({name: random.integers(0, 90, 300) for name in ("glucose", "sodium", "urea")})
    assert find_id(measured.assign(sex=random.choice(["f", "m"], 300)), None) is None


def test_an_amount_whose_bands_stand_beside_it_is_not_asked_about():
    days = np.random.default_rng(5).integers(0, 120, 400)
    frame = pd.DataFrame({"days": days, "treated": (days > 0).astype(int), "band": days // 40, "before": days > 60})
    assert find_id(frame, None) is None


def test_several_rows_are_counted_and_one_row_is_not_mentioned():
    entry = repeated_rows(eyes("number")["number"])
    assert entry["keep"] == "first"
    assert entry["reason"].startswith("REVIEW: 80 rows of 40 patients, 40 of whom have several")
    assert repeated_rows(pd.Series(range(5))) is None
