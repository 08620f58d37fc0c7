import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.evidence.metrics.smoothing import FINE_SPAN, SPAN, LocalRegression, _reach


def smoothed(prediction, outcome, span=SPAN):
    regression = LocalRegression(prediction, outcome, ascending=np.sort(prediction))
    return regression.points, regression.curve(regression.sums(np.ones((1, len(prediction)))), span=span)[0]


def loess(prediction, outcome, at, span=SPAN):
    """Local quadratic regression by its definition, patient by patient."""
    distance = np.abs(prediction - at)
    reach = np.sort(distance)[int(np.ceil(span * len(prediction))) - 1]
    weight = np.clip(1 - (distance / reach) ** 3, 0, None) ** 3
    design = np.vander(prediction - at, 3, increasing=True)
    return np.linalg.lstsq(design * np.sqrt(weight)[:, None], outcome * np.sqrt(weight), rcond=None)[0][0]


@pytest.mark.parametrize("span", [SPAN, FINE_SPAN])
@pytest.mark.parametrize(("shift", "slope", "error"), [(0.0, 1.0, 1e-12), (0.1, 1.0, 1e-12), (0.1, 0.7, 4e-4)])
def test_a_straight_line_stays_as_it_is(shift, slope, error, span):
    prediction = np.random.default_rng(0).random(500)
    points, curve = smoothed(prediction, shift + slope * prediction, span)
    assert curve == pytest.approx(shift + slope * points, abs=error)


def test_a_bent_line_stays_bent():
    prediction = np.random.default_rng(0).random(2000)
    points, curve = smoothed(prediction, prediction**2)
    assert curve == pytest.approx(points**2, abs=2e-3)


@pytest.mark.parametrize(("span", "mean", "most"), [(SPAN, 3e-4, 2e-3), (FINE_SPAN, 1e-3, 2e-2)])
def test_agrees_with_loess_by_its_definition(span, mean, most):
    rng = np.random.default_rng(1)
    prediction = rng.beta(2, 4, 400)
    outcome = (rng.random(400) < prediction**1.5).astype(float)
    points, curve = smoothed(prediction, outcome, span)
    exact = np.array([loess(prediction, outcome, point, span) for point in points])
    # What sharing patients out between points costs is most at the ends, where points are far apart.
    assert np.abs(curve - exact).mean() < mean
    assert np.abs(curve - exact).max() < most


def test_the_finer_curve_follows_waves_that_the_smooth_one_loses():
    prediction = np.sort(np.random.default_rng(0).random(3000))
    points, smooth = smoothed(prediction, prediction + 0.1 * np.sin(25 * prediction))
    _, fine = smoothed(prediction, prediction + 0.1 * np.sin(25 * prediction), FINE_SPAN)
    assert np.abs(smooth - points).mean() < 0.02
    assert np.abs(fine - points).mean() > 0.05


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
