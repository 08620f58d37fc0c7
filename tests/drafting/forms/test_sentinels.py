"""Codes for missing are found by value: they look like codes, and lie where no other number does."""

import numpy as np
import pytest

from theragate.drafting.forms.sentinels import find_sentinels

AGES = np.arange(200.0) % 60 + 25
PRESSURES = np.arange(300.0) % 70 + 50


def with_codes(numbers, *codes):
    return np.concatenate([numbers, np.repeat(codes, len(numbers) // 9)])


@pytest.mark.parametrize(
    ("numbers", "codes"),
    [
        (with_codes(AGES, 999.0), [999.0]),
        (np.append(AGES, 999.0), [999.0]),
        (with_codes(PRESSURES, -9.0), [-9.0]),
        (with_codes(PRESSURES, -9.0, -8.0, -7.0), [-9.0, -8.0, -7.0]),
        (with_codes(PRESSURES, -99.0, 999.0), [-99.0, 999.0]),
        (np.tile([1.0, 2.0, 3.0, 9.0], 20), [9.0]),
        (np.tile([0.0, 1.0, 9.0], 20), [9.0]),
        (np.tile([1.0, 2.0, 3.0, 4.0, 99.0], 20), [99.0]),
        (with_codes(AGES, np.nan, 999.0), [999.0]),
    ],
)
def test_codes_that_are_none_of_the_numbers(numbers, codes):
    assert find_sentinels(numbers) == codes


@pytest.mark.parametrize(
    "numbers",
    [
        AGES,
        np.arange(0.0, 1000.0),  # 999 is the next after 998
        np.tile([-1.0, 1.0], 20),
        np.tile([-1.0, 0.0, 1.0], 20),  # worse, the same, better
        np.tile(np.arange(10.0), 5),  # nodes, 0 to 9
        np.random.default_rng(1).normal(-20, 9, 200).round(),  # below 0 is usual
        np.array([5.0, 9.0]),
        np.full(9, np.nan),
        np.array([]),
    ],
)
def test_numbers_that_are_no_codes(numbers):
    assert find_sentinels(numbers) == []
