import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.evidence.metrics.smoothing import SPAN, LocalRegression, _reach


def smoothed(prediction, outcome):
    regression = LocalRegression(prediction, outcome, ascending=np.sort(prediction))
    return regression.points, regression.curve(regression.sums(np.ones((1, len(prediction)))))[0]


def loess(prediction, outcome, at):
    """Local linear regression by its definition, patient by patient."""
    distance = np.abs(prediction - at)
    reach = np.sort(distance)[int(np.ceil(SPAN * len(prediction))) - 1]
    weight = np.clip(1 - (distance / reach) ** 3, 0, None) ** 3
    design = np.column_stack([np.ones_like(prediction), prediction - at])
    return np.linalg.lstsq(design * np.sqrt(weight)[:, None], outcome * np.sqrt(weight), rcond=None)[0][0]


@pytest.mark.parametrize(("shift", "slope", "error"), [(0.0, 1.0, 1e-12), (0.1, 1.0, 1e-12), (0.1, 0.7, 2e-4)])
def test_a_straight_line_stays_as_it_is(shift, slope, error):
    prediction = np.random.default_rng(0).random(500)
    points, curve = smoothed(prediction, shift + slope * prediction)
    assert curve == pytest.approx(shift + slope * points, abs=error)


def test_agrees_with_loess_by_its_definition():
    rng = np.random.default_rng(1)
    prediction = rng.beta(2, 4, 400)
    outcome = (rng.random(400) < prediction**1.5).astype(float)
    points, curve = smoothed(prediction, outcome)
    exact = np.array([loess(prediction, outcome, point) for point in points])
    # Sharing patients out between points costs less than a thousandth on average.
    assert np.abs(curve - exact).mean() < 1e-3
    assert np.abs(curve - exact).max() < 5e-3


def test_binning_keeps_patients_and_their_mean():
    prediction = np.random.default_rng(2).random(1000)
    regression = LocalRegression(prediction, prediction, ascending=np.sort(prediction))
    counts = regression.bin(np.ones((1, 1000)))[0]
    assert counts.sum() == pytest.approx(1000)
    assert counts @ regression.points == pytest.approx(prediction.sum())


@pytest.mark.parametrize("prediction", [np.full(20, 0.3), np.repeat([0.2, 0.7], [18, 2])], ids=["one", "two"])
def test_few_distinct_predictions_give_means(prediction):
    outcome = np.arange(len(prediction)) % 2.0
    points, curve = smoothed(prediction, outcome)
    at = [outcome[prediction == point].mean() for point in (points[0], points[-1])]
    assert curve[[0, -1]] == pytest.approx(at, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.floats(-1, 31), st.data())
def test_reach_is_the_distance_to_the_nearest_so_many(values, point, data):
    nearest = data.draw(st.integers(1, len(values)))
    ascending = np.sort(np.array(values, float))
    expected = np.sort(np.abs(ascending - point))[nearest - 1]
    assert _reach(ascending, np.array([point]), nearest=nearest) == pytest.approx([expected], abs=0)
