"""Learners of effects: they find who benefits. The contract of every family is in `test_families.py`."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.outcomes import Binary, Censored, Quantity, Treated
from theragate.errors import DataError
from theragate.learning.causal_forest import CausalForestModel, pack_causal_forest, unpack_causal_forest
from theragate.learning.families import FAMILIES
from theragate.learning.features import Feature
from theragate.learning.models import Response
from theragate.learning.nuisances import fit_nuisances, scores
from theragate.learning.overlap import check_random_assignment
from theragate.learning.predictor import fit_predictor

SCHEMA = (Feature("x", "number"), Feature("z", "number"), Feature("stage", "text"))
NAMES = list(FAMILIES["treatment_effect"])


def drawn(kind: str = "quantity", *, n: int = 400, propensity: float | None = 0.5) -> tuple[pd.DataFrame, Treated]:
    random = np.random.default_rng(8)
    x, z = random.normal(size=n), random.normal(size=n)
    frame = pd.DataFrame(
        {
            "x": np.where(random.uniform(size=n) < 0.1, np.nan, x),
            "z": z,
            "stage": pd.Series(random.choice(["I", "II"], n), dtype="str"),
        }
    )
    treated = random.uniform(size=n) < (1 / (1 + np.exp(-x)) if propensity is None else propensity)
    score = x + treated * (0.5 + z) + random.normal(0, 0.5, n)
    if kind == "quantity":
        return frame, Treated(Quantity(score), treated, "mean", higher_is_better=True, propensity=propensity)
    if kind == "binary":
        return frame, Treated(Binary(score > 0.5), treated, "event", higher_is_better=True, propensity=propensity)
    time, lost = np.exp(0.7 * score), random.uniform(0.5, 4, n)
    measured = Censored(np.minimum(time, lost), time <= lost, 2.0)
    return frame, Treated(measured, treated, "restricted_mean", higher_is_better=True, propensity=propensity)


def fitted(name: str, kind: str = "quantity", *, propensity: float | None = 0.5):
    frame, outcome = drawn(kind, propensity=propensity)
    params = FAMILIES["treatment_effect"][name].fixed
    return frame, fit_predictor(
        frame, outcome, task="treatment_effect", family=name, params=params, schema=SCHEMA, seed=3
    )


@pytest.mark.parametrize("propensity", [0.5, None])
@pytest.mark.parametrize("name", NAMES)
def test_finds_who_benefits(name, propensity):
    frame, predictor = fitted(name, propensity=propensity)
    predicted = predictor.predict(frame)
    if name == "constant_effect":
        assert np.unique(predicted).size == 1
        assert predicted[0] == pytest.approx(0.5, abs=0.3)
    else:
        assert np.corrcoef(predicted, frame["z"])[0, 1] > 0.6


@pytest.mark.parametrize("kind", ["binary", "censored"])
def test_learns_from_events_and_from_censored_times(kind):
    frame, predictor = fitted("dr_learner", kind)
    assert np.corrcoef(predictor.predict(frame), frame["z"])[0, 1] > 0.6


def test_scores_of_patients_that_nobody_learned_from_have_the_effect_as_their_mean():
    frame, outcome = drawn(n=2000, propensity=None)
    train, test = np.arange(1000), np.arange(1000, 2000)
    models = fit_nuisances(frame.iloc[train], outcome.take(train), SCHEMA)
    found = scores(frame.iloc[test], outcome.take(test), development=outcome.take(train), models=models)
    assert found.mean() == pytest.approx(0.5, abs=4 * found.std() / np.sqrt(1000))


@pytest.mark.parametrize(
    ("propensity", "rule"),
    [
        (None, "treated patients and controls overlap: either was possible"),
        (0.5, "where treatment is assigned at random, no features tell who was treated"),
    ],
)
def test_arms_that_two_features_tell_apart_are_refused_in_one_line(propensity, rule):
    frame, outcome = drawn()
    frame = frame.assign(x=frame["x"].fillna(0.0))
    treated = (frame["x"] + frame["z"]).to_numpy() > 0
    apart = replace(outcome, treated=treated, propensity=propensity, name="study `any`, treatment `arm`")
    message = rf"study `any`, treatment `arm`: {rule}.*; received features that tell how at least \d+% of the"
    check = fit_nuisances if propensity is None else check_random_assignment
    with pytest.raises(DataError, match=message) as found:
        check(frame, apart, SCHEMA[:2])
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("propensity", [None, 0.5])
def test_more_features_than_patients_are_no_lack_of_overlap(propensity):
    _, outcome = drawn(n=60, propensity=propensity)
    random = np.random.default_rng(4)
    genes = pd.DataFrame({f"gene_{number}": random.normal(size=60) for number in range(100)})
    schema = tuple(Feature(name, "number") for name in genes)
    if propensity is not None:
        check_random_assignment(genes, outcome, schema)
    nuisances = fit_nuisances(genes, outcome, schema).predict(genes)
    assert np.isfinite(nuisances.control).all()
    assert ((nuisances.propensity > 0) & (nuisances.propensity < 1)).all()


def forest() -> CausalForestModel:
    place = lambda *values: np.array(values, dtype=np.intp)  # noqa: E731
    return CausalForestModel(
        left=place(1, -1, -1, -1),
        right=place(2, -1, -1, -1),
        feature=place(0, 0, 0, 0),
        threshold=np.array([0.5, 0, 0, 0.0]),
        moment=np.array([0.0, 1.0, 3.0, 4.0]),
        weight=np.array([2.0, 1.0, 1.0, 2.0]),
        response=Response("effect"),
    )


def test_a_forest_by_hand():
    assert forest().roots.tolist() == [0, 3]
    # Left: (1 + 4) / (1 + 2); right: (3 + 4) / 3.
    assert forest().score(np.array([[0.5], [0.6]])) == pytest.approx([5 / 3, 7 / 3])
    assert np.array_equal(unpack_causal_forest(pack_causal_forest(forest()), Response("effect")).left, forest().left)


@pytest.mark.parametrize(
    ("row", "node", "value", "message"),
    [
        (0, 1, 0.0, "does not descend"),
        (0, 0, 9.0, "does not descend"),
        (0, 0, 0.5, "not a whole number"),
        (1, 0, 1.0, "two parents"),
        (5, 1, 0.0, "without patients"),
        (3, 0, np.nan, "without finite numbers"),
        (2, 0, -1, "not a whole number"),
    ],
)
def test_a_forest_whose_nodes_are_no_trees_is_refused(row, node, value, message):
    table = np.load(io.BytesIO(pack_causal_forest(forest())))["nodes"]
    table[row, node] = value
    member, content = io.BytesIO(), io.BytesIO()
    np.save(member, table)
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("nodes.npy", member.getvalue())
    with pytest.raises(ValueError, match=message):
        unpack_causal_forest(content.getvalue(), Response("effect"))
