"""In a cohort of which a sample is looked at, a leak is found that all rows show, and one that a few do."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.cohort_frame import CohortFrame
from theragate.cohorts.outcomes import Binary, Censored
from theragate.study import Study
from theragate.validation._association import auroc
from theragate.validation._feature_column import read_feature_column, read_labels
from theragate.validation._leaks_of_many import ENOUGH, sampled_patients
from theragate.validation.leakage import find_leaks, is_sampled, leaks_of

ROWS, SAMPLE = 40_000, 5_000


@pytest.fixture
def sampled(study: Study) -> Study:
    return study.model_copy(update={"tuning": study.tuning.model_copy(update={"sample": SAMPLE})})


def honest(rows: int = ROWS, *, share: float = 0.1) -> pd.DataFrame:
    random = np.random.default_rng(4)
    marker = random.normal(size=rows)
    ill = random.random(rows) < share * np.exp(0.8 * marker) / np.exp(0.32)
    return pd.DataFrame(
        {
            "patient": [f"p{number}" for number in range(rows)],
            "age": random.integers(30, 90, rows),
            "marker": pd.Series(marker).where(random.random(rows) < 0.9),
            "sex": random.choice(["f", "m"], rows),
            "ill": np.where(ill, "yes", "no"),
        }
    )


def checks(frame: pd.DataFrame, study: Study, **planted: object) -> dict[str, str]:
    found = find_leaks(CohortFrame(frame.assign(**planted)), study)
    assert {leak.feature for leak in found} <= {*planted}
    return {leak.check: leak.severity for leak in found}


def test_an_honest_cohort_has_none(sampled):
    assert is_sampled(CohortFrame(honest()), sampled)
    assert checks(honest(), sampled) == {}


def test_a_leak_in_all_rows_is_found(sampled):
    frame = honest()
    ill = (frame["ill"] == "yes").to_numpy()
    assert checks(frame, sampled, again=ill.astype(int)).keys() >= {"copy", "value"}
    assert checks(frame, sampled, noted=np.where(ill, 1.0, np.nan)) == {"missingness": "critical"}
    one = np.random.default_rng(5).random(ROWS) < 0.5
    assert checks(frame, sampled, one=one.astype(int), two=(one ^ ill).astype(int)) == {"joint": "critical"}


def test_a_category_of_one_patient_in_a_thousand_is_found(sampled):
    frame = honest()
    ill = np.flatnonzero(frame["ill"] == "yes")
    ward = np.full(ROWS, "general", dtype=object)
    ward[ill[:40]] = "hospice"  # of whom the sample has too few to say
    rows = sampled_patients(Binary((frame["ill"] == "yes").to_numpy()), most=SAMPLE)
    part = pd.DataFrame({"ward": ward}).iloc[rows].reset_index(drop=True)
    assert leaks_of(part, Binary((frame["ill"] == "yes").to_numpy()[rows]), ceiling=0.9) == ()
    assert checks(frame, sampled, ward=ward) == {"level": "warning"}


def test_a_feature_of_few_patients_is_looked_at_in_those_who_have_it(sampled):
    frame = honest()
    ill, random = (frame["ill"] == "yes").to_numpy(), np.random.default_rng(6)
    few = np.concatenate([np.flatnonzero(ill)[:60], np.flatnonzero(~ill)[:60]])
    biopsy = np.full(ROWS, np.nan)
    biopsy[few] = ill[few] + random.random(len(few)) / 2
    assert checks(frame, sampled, biopsy=biopsy) == {"copy": "critical"}
    biopsy[few] = random.random(len(few))
    assert checks(frame, sampled, biopsy=biopsy) == {}


def test_of_a_rare_outcome_all_patients_are_looked_at():
    event = np.zeros(ROWS, dtype=bool)
    event[np.random.default_rng(7).choice(ROWS, 300, replace=False)] = True
    rows = sampled_patients(Binary(event), most=SAMPLE)
    assert (event[rows].sum(), len(np.unique(rows))) == (300, len(rows))
    assert SAMPLE <= len(rows) <= SAMPLE + 300
    assert (np.diff(rows) > 0).all()


def test_each_stratum_has_enough_patients():
    random = np.random.default_rng(8)
    outcome = Censored(random.exponential(50, ROWS), random.random(ROWS) < 0.05, horizon=2.0)
    rows = sampled_patients(outcome, most=SAMPLE)
    for stratum, size in zip(*np.unique(outcome.strata, return_counts=True), strict=True):
        assert (outcome.strata[rows] == stratum).sum() >= min(size, ENOUGH)


def test_a_cohort_of_no_more_than_the_sample_is_looked_at_as_a_whole(sampled):
    frame = honest(SAMPLE)
    frame["again"] = frame["ill"].map({"yes": "x", "no": "y"})
    assert not is_sampled(CohortFrame(frame), sampled)
    event = Binary((frame["ill"] == "yes").to_numpy())
    assert find_leaks(CohortFrame(frame), sampled) == leaks_of(
        frame.drop(columns=["patient", "ill"]), event, ceiling=0.99
    )


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([2.0, np.nan, 1.0, 2.0]),
        pd.Series(["b", None, "a", "b"]),
        pd.Series(["2", "10", "2.0", None]),
        pd.Series([True, False, None], dtype=object),
        pd.Series([None, None], dtype=object),
        pd.Series(pd.to_datetime(["2020-01-02", None, "2019-01-01"])),
    ],
)
def test_labels_are_those_of_the_whole_reading(column):
    quick, thorough = read_labels(column, "x"), read_feature_column(column, "x")
    np.testing.assert_array_equal(quick.label, thorough.label)
    np.testing.assert_array_equal(quick.present, thorough.present)


def test_the_area_under_the_curve_of_a_sign_is_counted():
    random = np.random.default_rng(9)
    for rows in (2, 3, 17, 1000):
        sign, event = random.random(rows) < 0.4, np.arange(rows) % 2 == 0
        assert auroc(sign, event) == auroc(sign.astype(float), event)
