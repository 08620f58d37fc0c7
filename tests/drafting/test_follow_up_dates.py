"""A date that ends the follow-up is no feature, not even by its year."""

import numpy as np
import pandas as pd
import pytest

from theragate.drafting.follow_up_dates import ends_of_follow_up

PATIENTS = 60


def table(unit: float = 1.0, *, decimals: int = 0) -> pd.DataFrame:
    """Patients with a diagnosis, a later visit, an end of follow-up, and the time between the first and the last."""
    random = np.random.default_rng(2)
    diagnosed = pd.Timestamp("2010-01-01") + pd.to_timedelta(random.integers(0, 2_000, PATIENTS), unit="D")
    lasted = random.integers(40, 3_000, PATIENTS)
    visit = diagnosed + pd.to_timedelta(random.integers(0, 900, PATIENTS), unit="D")
    dates = {"diagnosed": diagnosed, "visit": visit, "ended": diagnosed + pd.to_timedelta(lasted, unit="D")}
    written = {name: pd.Series(each).dt.strftime("%Y-%m-%d") for name, each in dates.items()}
    return pd.DataFrame({**written, "year": diagnosed.year, "time": np.round(lasted / unit, decimals)})


DATES = ["diagnosed", "visit", "ended", "year"]


@pytest.mark.parametrize(
    ("unit", "decimals"), [(1, 0), (7, 0), (7, 2), (365.25 / 12, 0), (365.25 / 12, 2), (365.25, 0), (365.25, 2)]
)
def test_the_end_of_follow_up_is_found_in_every_unit(unit, decimals):
    found = ends_of_follow_up(table(unit, decimals=decimals), DATES, "time")
    assert list(found) == ["ended"]
    assert "as long after `diagnosed` as the follow-up lasts" in found["ended"]


def test_what_some_patients_lack_does_not_hide_it():
    frame = table()
    frame.loc[:20, "ended"] = None
    frame.loc[30:32, "time"] += 200
    assert list(ends_of_follow_up(frame, DATES, "time")) == ["ended"]
    frame.loc[:50, "ended"] = None
    assert ends_of_follow_up(frame, DATES, "time") == {}


def test_dates_without_a_relation_to_the_time_stay():
    frame = table().assign(time=np.random.default_rng(1).integers(1, 3_000, PATIENTS))
    assert ends_of_follow_up(frame, DATES, "time") == {}
    assert ends_of_follow_up(table().assign(time=5.0), DATES, "time") == {}
