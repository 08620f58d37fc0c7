"""A stored forest: the same predictions as its library's, nothing that can run, and no way out of its arrays."""

import io
import zipfile
from dataclasses import fields, replace

import numpy as np
import pytest
from sksurv.ensemble import RandomSurvivalForest

from theragate.cohorts.outcomes import Censored
from theragate.learning.families import FAMILIES, FitError, Training
from theragate.learning.survival_forest import (
    SurvivalForest,
    SurvivalForestModel,
    pack_survival_forest,
    unpack_survival_forest,
)

FAMILY = FAMILIES["survival"]["random_survival_forest"]


def training(patients: int = 120, *, horizon: float = 2.0) -> Training:
    random = np.random.default_rng(4)
    matrix = random.normal(size=(patients, 4))
    matrix[random.uniform(size=matrix.shape) < 0.1] = np.nan
    time = random.exponential(np.exp(-np.nan_to_num(matrix[:, 0]))).round(3) + 0.001
    censoring = random.uniform(0.5, 4.0, patients)
    outcome = Censored(np.minimum(time, censoring), time <= censoring, horizon)
    return Training(matrix, outcome, slice(0, 0))


@pytest.fixture(scope="module")
def forest() -> SurvivalForest:
    return FAMILY.fit(training(), FAMILY.fixed, seed=3).forest


def by_hand() -> SurvivalForest:
    """One tree with one split on column 0 at 1.5; missing values go right."""
    return SurvivalForest(
        roots=np.array([0], dtype=np.int32),
        left=np.array([1, -1, -1], dtype=np.int32),
        right=np.array([2, -1, -1], dtype=np.int32),
        feature=np.array([0, -2, -2], dtype=np.int32),
        threshold=np.array([1.5, -2.0, -2.0]),
        missing_left=np.array([False, False, False]),
        risk=np.array([0.5, 0.1, 0.9]),
    )


def test_who_goes_where_by_hand():
    matrix = np.array([[1.0], [1.5], [1.6], [np.nan], [np.inf], [-1e300]])
    np.testing.assert_array_equal(by_hand().mean_risk(matrix), [0.1, 0.1, 0.9, 0.9, 0.9, 0.1])


def test_its_risk_is_that_of_scikit_survival(monkeypatch):
    from sksurv import ensemble

    grown = []

    class Watched(RandomSurvivalForest):
        def fit(self, X, y):  # noqa: N803 - the library's names
            grown.append((super().fit(X, y), y))
            return self

    monkeypatch.setattr(ensemble, "RandomSurvivalForest", Watched)
    data = training()
    model = FAMILY.fit(data, FAMILY.fixed, seed=3)
    library, _ = grown[0]
    theirs = [1 - curve(data.outcome.horizon) for curve in library.predict_survival_function(data.matrix)]
    np.testing.assert_allclose(model.response.of(model.score(data.matrix)), theirs, rtol=1e-12)


def test_coarse_times_let_nobody_cross_the_horizon(monkeypatch):
    from sksurv import ensemble

    seen = []

    class Watched(RandomSurvivalForest):
        def fit(self, X, y):  # noqa: N803 - the library's names
            seen.append(y)
            return super().fit(X, y)

    monkeypatch.setattr(ensemble, "RandomSurvivalForest", Watched)
    data = training(500)
    FAMILY.fit(data, {**FAMILY.fixed, "leaf": 100}, seed=3)
    coarse = seen[0]["time"]
    assert len(np.unique(coarse)) <= 51 < len(np.unique(data.outcome.time))
    np.testing.assert_array_equal(coarse <= data.outcome.horizon, data.outcome.time <= data.outcome.horizon)
    assert (coarse >= data.outcome.time).all()


def test_a_risk_of_nothing_and_of_certainty_come_back():
    certain = SurvivalForestModel(replace(by_hand(), risk=np.array([0.5, 0.0, 1.0])), FAMILY_RESPONSE)
    score = certain.score(np.array([[1.0], [2.0]]))
    np.testing.assert_array_equal(certain.response.of(score), [0.0, 1.0])


def test_packed_and_unpacked_it_is_the_same(forest):
    again = unpack_survival_forest(pack_survival_forest(forest))
    for field in fields(SurvivalForest):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(forest, field.name))
    assert pack_survival_forest(again) == pack_survival_forest(forest)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("left", [0, -1, -1]),
        ("right", [9, -1, -1]),
        ("left", [-1, -1, -1]),
        ("feature", [-3, 0, 0]),
        ("threshold", [np.nan, 0.0, 0.0]),
        ("risk", [0.5, 0.1, 1.5]),
        ("risk", [0.5, np.nan, 0.5]),
        ("risk", [0.5, 0.1]),
        ("roots", [1]),
        ("roots", []),
        ("roots", [0, 3]),
        ("roots", [0, 1]),
    ],
    ids=lambda value: str(value),
)
def test_arrays_that_are_no_forest_are_refused(name, value):
    kind = getattr(by_hand(), name).dtype
    with pytest.raises(ValueError, match=r"array|tree|node|split|risk"):
        replace(by_hand(), **{name: np.array(value, dtype=kind)})


def test_a_split_on_a_column_beyond_the_design_is_refused():
    with pytest.raises(ValueError, match="a column that the design lacks"):
        replace(by_hand(), feature=np.array([3, -2, -2], dtype=np.int32)).mean_risk(np.zeros((1, 3)))


def rewritten(content: bytes, *, name: str, member: bytes, compress: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members[name] = member
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w", compress) as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return changed.getvalue()


def test_a_pickle_among_the_arrays_is_refused(forest):
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"harm": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="another type or length"):
        unpack_survival_forest(rewritten(pack_survival_forest(forest), name="risk.npy", member=pickled.getvalue()))


def test_a_header_that_claims_more_than_there_is_makes_no_room_for_it(forest):
    claimed = io.BytesIO()
    np.lib.format.write_array_header_1_0(claimed, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    with pytest.raises(ValueError, match="another type or length"):
        unpack_survival_forest(rewritten(pack_survival_forest(forest), name="risk.npy", member=claimed.getvalue()))


def test_a_stray_or_compressed_member_is_refused(forest):
    packed = pack_survival_forest(forest)
    with pytest.raises(ValueError, match="members that no forest has"):
        unpack_survival_forest(rewritten(packed, name="more.npy", member=b""))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        risk = archive.read("risk.npy")
    with pytest.raises(ValueError, match="compressed"):
        unpack_survival_forest(rewritten(packed, name="risk.npy", member=risk, compress=zipfile.ZIP_DEFLATED))


def test_no_event_among_the_patients_is_no_solution():
    data = training()
    nobody = Censored(data.outcome.time, np.zeros(len(data.outcome), dtype=bool), data.outcome.horizon)
    with pytest.raises(FitError):
        FAMILY.fit(Training(data.matrix, nobody, slice(0, 0)), FAMILY.fixed, seed=3)


FAMILY_RESPONSE = FAMILY.fit(training(), FAMILY.fixed, seed=3).response
