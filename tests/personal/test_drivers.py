from dataclasses import dataclass, replace

import numpy as np
import pytest

from theragate.learning.families import FAMILIES
from theragate.learning.features import as_features
from theragate.personal.drivers import drivers, feature_effects

ALL = [
    (task, family)
    for task, families in FAMILIES.items()
    if task in {"binary", "regression", "survival"}
    for family in families
]


@dataclass(frozen=True)
class Unexplained:
    """A model of a family that knows no Shapley values of its own."""

    model: object

    @property
    def response(self):
        return self.model.response

    def score(self, matrix):
        return self.model.score(matrix)


def at_average(predictor, frame, moved):
    """What is left of each prediction without its effects."""
    return predictor.predict(frame) - moved.sum(axis=1)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_effects_add_up_to_the_prediction(world, task, family):
    made = world(task, family)
    predictor, reference = made.fitted.personal.predictor, np.array(made.fitted.personal.context.reference)
    moved = feature_effects(predictor, made.cohort, reference)
    assert moved.shape == (300, 3)
    left = at_average(predictor, made.cohort, moved)
    assert np.ptp(left) < 1e-4 * max(1.0, abs(left).max())  # trees sum in 32 bits
    assert left.min() > predictor.predict(made.cohort).min()
    assert left.max() < predictor.predict(made.cohort).max()


@pytest.mark.parametrize(("task", "family"), ALL)
def test_a_column_of_the_design_comes_from_one_feature(world, task, family):
    predictor, cohort = world(task, family).fitted.personal.predictor, world(task, family).cohort
    frame = as_features(cohort, predictor.schema)
    sources = predictor.design.sources(predictor.schema)
    usual = predictor.design.matrix(frame)
    for place, feature in enumerate(predictor.schema):
        changed = frame.assign(**{feature.name: frame[feature.name].to_numpy()[::-1]})
        differs = ~np.isclose(predictor.design.matrix(changed), usual, equal_nan=True).all(axis=0)
        assert differs.any()
        assert set(sources[differs]) == {place}


def test_a_linear_model_by_hand(world):
    made = world("regression", "linear")
    predictor, reference = made.fitted.personal.predictor, np.array(made.fitted.personal.context.reference)
    older = made.cohort.head(1).assign(age=made.cohort["age"].mean() + 10)
    average = made.cohort.head(1).assign(age=made.cohort["age"].mean())
    slope = (predictor.predict(older) - predictor.predict(average)) / 10
    assert feature_effects(predictor, older, reference)[0, 0] == pytest.approx(10 * slope[0], rel=1e-6)
    assert feature_effects(predictor, average, reference)[0, 0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("task", "family"), [("binary", "spline_logistic"), ("survival", "ridge_cox")])
def test_a_model_without_values_of_its_own_gets_the_same_where_features_only_add(world, task, family):
    made = world(task, family)
    predictor, reference = made.fitted.personal.predictor, np.array(made.fitted.personal.context.reference)
    other = replace(predictor, model=Unexplained(predictor.model))
    np.testing.assert_allclose(
        feature_effects(other, made.cohort, reference), feature_effects(predictor, made.cohort, reference), atol=1e-9
    )


def test_a_model_without_values_of_its_own_adds_up_where_features_interact(world):
    made = world("survival", "xgboost_cox")
    predictor, reference = made.fitted.personal.predictor, np.array(made.fitted.personal.context.reference)
    other = replace(predictor, model=Unexplained(predictor.model))
    left = at_average(other, made.cohort, feature_effects(other, made.cohort, reference))
    assert np.ptp(left) < 1e-6
    same = np.corrcoef(
        feature_effects(other, made.cohort, reference).ravel(),
        feature_effects(predictor, made.cohort, reference).ravel(),
    )
    assert same[0, 1] > 0.9


def test_the_largest_are_named_first_and_the_small_not_at_all():
    moved = np.array([[0.02, -0.123, 0.001, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert drivers(moved, ["age", "marker", "sex", "site"], unit="%") == ["marker −12.3 points; age +2.0 points", ""]
    in_days = drivers(10 * moved[:1], ["age", "marker", "sex", "site"], unit="days")
    assert in_days == ["marker −1.23 days; age +0.2 days"]
    assert drivers(moved[:1], ["a", "b", "c", "d"], unit="percentage points") == ["b −12.3 points; a +2.0 points"]


def test_three_are_named_at_most():
    assert drivers(np.ones((1, 5)), list("abcde"), unit="mg") == ["a +1 mg; b +1 mg; c +1 mg"]
