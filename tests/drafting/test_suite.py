"""Bounds of a drafted suite: round, and of the shape of the values."""

import numpy as np
import pytest

from theragate.drafting.suite import _bounds

RANDOM = np.random.default_rng(6)
SHAPES = {
    "normal": RANDOM.normal(140, 3, 5000),
    "negative": RANDOM.normal(-3, 20, 5000),
    "skewed": np.exp(RANDOM.normal(0, 1, 5000)),
    "very skewed": np.exp(RANDOM.normal(3, 1.6, 5000)),
    "mostly zero": np.where(RANDOM.random(5000) < 0.8, 0, np.exp(RANDOM.normal(1, 1, 5000))),
    "counts": RANDOM.poisson(0.4, 5000).astype(float),
    "constant but for some": np.where(RANDOM.random(5000) < 0.03, 7.0, 1.0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_bounds_hold_the_values_that_they_were_drafted_from(shape):
    values = SHAPES[shape]
    low, high = _bounds(values)
    assert low <= values.min() <= values.max() <= high


@pytest.mark.parametrize("shape", SHAPES)
def test_bounds_are_no_patients_values(shape):
    low, high = _bounds(SHAPES[shape])
    assert not np.isin([low, high], SHAPES[shape][SHAPES[shape] != 0]).any()


@pytest.mark.parametrize("shape", ["normal", "skewed"])
def test_a_slip_of_the_keyboard_stays_outside(shape):
    values = np.append(SHAPES[shape], SHAPES[shape].max() * 1000)
    assert _bounds(values)[1] < values.max()


def test_what_is_never_negative_has_no_negative_bound():
    assert all(_bounds(SHAPES[shape])[0] >= 0 for shape in SHAPES if SHAPES[shape].min() >= 0)
