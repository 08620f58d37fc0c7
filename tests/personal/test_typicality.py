import numpy as np
import pandas as pd
import pytest

from theragate.learning.features import MISSING_TEXT, Feature
from theragate.personal.typicality import SHARES, UNLIKE, fit_typicality

SCHEMA = (Feature("height", "number"), Feature("weight", "number"), Feature("lab", "number"), Feature("site", "text"))


def people(patients, *, seed):
    random = np.random.default_rng(seed)
    height = random.normal(170, 10, patients)
    return pd.DataFrame(
        {
            "height": height,
            "weight": 75 + 1.2 * (height - 170) + random.normal(0, 4, patients),
            "lab": np.where(random.uniform(size=patients) < 0.1, np.nan, random.lognormal(0, 0.5, patients)),
            "site": random.choice(["A", "B", "C"], patients, p=[0.5, 0.4, 0.1]).astype(object),
        }
    )


def wide(patients, columns, *, seed):
    random = np.random.default_rng(seed)
    common = random.normal(size=(patients, 3)) @ np.random.default_rng(0).normal(size=(3, columns))
    return pd.DataFrame(common + random.normal(size=(patients, columns)), columns=[f"g{n}" for n in range(columns)])


def test_one_of_a_hundred_new_patients_is_called_unlike():
    shares = [
        (fit_typicality(people(300, seed=seed), SCHEMA, seed=1).share(people(1000, seed=1000 + seed)) < UNLIKE).mean()
        for seed in range(20)
    ]
    assert np.mean(shares) == pytest.approx(UNLIKE, abs=0.006)


@pytest.mark.parametrize(("patients", "columns"), [(150, 60), (60, 80)])
def test_also_where_there_are_nearly_as_many_columns_as_patients_or_more(patients, columns):
    schema = tuple(Feature(f"g{n}", "number") for n in range(columns))
    shares, foreign = [], []
    for seed in range(8):
        found = fit_typicality(wide(patients, columns, seed=seed), schema, seed=1)
        shares.append((found.share(wide(1000, columns, seed=1000 + seed)) < UNLIKE).mean())
        foreign.append((found.share(wide(200, columns, seed=2000 + seed) * 1.7) < UNLIKE).mean())
    assert np.mean(shares) == pytest.approx(UNLIKE, abs=0.012)
    assert np.mean(foreign) > 0.5


def test_the_share_is_that_of_patients_who_lie_farther():
    found = fit_typicality(people(500, seed=1), SCHEMA, seed=1)
    share = found.share(people(5000, seed=2))
    for level in (0.1, 0.5, 0.9):
        assert (share <= level).mean() == pytest.approx(level, abs=0.05)
    assert ((share >= 0) & (share <= 1)).all()


def test_an_unusual_combination_of_usual_values_is_seen():
    found = fit_typicality(people(300, seed=1), SCHEMA, seed=1)
    tall_and_heavy, tall_and_light = {"height": 188.0, "weight": 97.0}, {"height": 188.0, "weight": 55.0}
    rest = {"lab": 1.0, "site": "A"}
    share = found.share(pd.DataFrame([tall_and_heavy | rest, tall_and_light | rest]))
    assert share[0] > 0.05
    assert share[1] == 0


def test_the_unknown_is_not_far():
    found = fit_typicality(people(300, seed=1), SCHEMA, seed=1)
    nothing = pd.DataFrame([{"height": np.nan, "weight": np.nan, "lab": np.nan, "site": MISSING_TEXT}])
    assert found.share(nothing)[0] > 0.5


def test_who_differs_where_nobody_does_is_unlike():
    frame = people(300, seed=1).assign(lab=1.0)
    found = fit_typicality(frame, SCHEMA, seed=1)
    assert found.share(frame.head(1).assign(lab=3.0))[0] == 0


def test_columns_that_are_empty_or_of_one_text_do_no_harm():
    frame = people(100, seed=1).assign(lab=np.nan, site=MISSING_TEXT)
    assert np.isfinite(fit_typicality(frame, SCHEMA, seed=1).share(frame)).all()
    alone = (Feature("site", "text"),)
    assert fit_typicality(frame[["site"]], alone, seed=1).share(frame[["site"]]).shape == (100,)


def test_its_size_does_not_grow_with_the_patients_and_holds_no_distance_of_theirs():
    small, large = (fit_typicality(people(patients, seed=1), SCHEMA, seed=1) for patients in (100, 2000))
    assert len(large.distances) == len(SHARES)
    assert abs(len(large.model_dump_json()) - len(small.model_dump_json())) < 100
    assert list(large.distances) == sorted(large.distances, reverse=True)


def test_more_columns_than_patients_are_measured_as_by_the_whole_covariance(monkeypatch):
    schema = tuple(Feature(f"g{n}", "number") for n in range(90))
    frame, others = wide(60, 90, seed=1), wide(200, 90, seed=2)
    narrow = fit_typicality(frame, schema, seed=1)
    monkeypatch.setattr("theragate.personal.typicality.is_wide", lambda _: False)
    whole = fit_typicality(frame, schema, seed=1)
    np.testing.assert_allclose(narrow.distances, whole.distances, rtol=1e-7)
    np.testing.assert_allclose(narrow.share(others), whole.share(others), atol=1e-6)
