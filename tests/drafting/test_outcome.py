"""What a new study predicts: codes as the field writes them."""

import numpy as np
import pandas as pd
import pytest

from theragate.drafting.outcome import draft_outcome
from theragate.errors import DataError

N = 60


def entry(values: list[object], name: str = "ill", **timed: str) -> dict[str, object]:
    frame = pd.DataFrame({name: (values * N)[:N], "months": np.arange(N) % 20 + 1.0})
    return draft_outcome(frame, name, timed.get("time")).entry


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (["no", "yes"], "yes"),
        (["neg", "pos"], "pos"),
        (["Nein", "Ja"], "Ja"),
        (["non", "oui"], "oui"),
        (["No", "Sí"], "Sí"),
        (["no", "sì"], "sì"),
        (["nee", "ja"], "ja"),
        (["NEGATIV", "POSITIV"], "POSITIV"),
        (["négatif", "positif"], "positif"),
        ([-1, 1], "1"),
        ([0.0, 1.0], "1"),
        ([False, True], "True"),
        (["control", "patient"], "patient"),
        (["benign", "in situ"], "in situ"),
        (["lebt", "verstorben"], "verstorben"),
        (["a", "b", "b"], "a"),  # the rarer
        ([1, 2, 2], "1"),
    ],
)
def test_the_event_is_what_the_values_say(values, positive):
    drafted = entry(values)
    assert drafted["positive"] == positive
    assert f"REVIEW: what happened, and by when? `{positive}` was taken for the event" in drafted["description"]


@pytest.mark.parametrize("name", ["status", "vital_status", "death"])
def test_of_1_and_2_in_a_status_the_second_is_the_event(name):
    assert entry([1, 2, 2], name)["positive"] == "2"


@pytest.mark.parametrize(
    ("values", "observed"),
    [
        ([0, 1], None),
        ([1, 2], "2"),
        ([-1, 1], None),
        (["alive", "dead"], "dead"),
        (["censored", "relapse"], "relapse"),
        (["nein", "ja"], "ja"),
        ([1], None),
        ([2], "2"),
    ],
)
def test_beside_a_time_any_two_codes_are_an_event_and_everybody_may_have_it(values, observed):
    drafted = entry(values, "status", time="months")
    assert drafted.get("observed") == observed
    assert drafted["unit"] == "months"
    if values not in ([0, 1], [1]):
        assert "was taken for" in drafted["description"]


@pytest.mark.parametrize(
    ("values", "time", "message"),
    [
        ([0, 1, 2], "months", r"competing events.*a column of 3 codes.*first event of any kind.*`0` in 20 patients"),
        ([0], "months", "somebody had the event; received nobody who had it"),
        (["no"], "months", "nobody who had it"),
        (["a", "b", "c"], None, "a column of 3 classes.*column of two values.*`a` in 20 patients"),
        ([1, 2, 3], None, "a column of 3 classes"),
        (["yes"], None, "it varies; received one value for all patients"),
    ],
)
def test_what_cannot_be_one_is_refused_with_what_to_do(values, time, message):
    with pytest.raises(DataError, match=message):
        entry(values, time=time)


def test_classes_of_few_patients_are_not_named():
    with pytest.raises(DataError, match="a column of 4 classes") as caught:
        entry(["a", "b", "c", "a", "b", "c", "hermit", *"abcabc"])
    assert "hermit" not in str(caught.value)


@pytest.mark.parametrize("name", ["cens", "Censored", "zensiert"])
def test_of_a_column_that_is_named_like_censoring_a_person_is_asked_what_1_means(name):
    assert "named like censoring. Is it?" in entry([0, 1], name, time="months")["description"]


def test_times_of_zero_are_refused():
    frame = pd.DataFrame({"status": [0, 1] * 30, "weeks": [0.0] * 58 + [1.0, 2.0]})
    with pytest.raises(DataError, match="most times are above 0"):
        draft_outcome(frame, "status", "weeks")
