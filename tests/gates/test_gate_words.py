"""How numbers, metrics and groups are put into words."""

import pytest

from theragate.gates.words import capital, group_words, interval, listing, number, percent, plural, title


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.5, 2, "0.50"),
        (-0.5, 2, "−0.50"),
        (-0.0004, 3, "0.000"),
        (0.0, 1, "0.0"),
        (12345.6, 0, "12,346"),
        (-1234.5, 1, "−1,234.5"),
    ],
)
def test_numbers(value, decimals, text):
    assert number(value, decimals) == text


def test_intervals():
    assert interval("sensitivity", 0.93, lower=0.88, upper=0.96) == "0.930 (0.880 to 0.960)"
    assert interval("mean_error", -1.26, lower=-3.0, upper=0.5) == "−1.3 (−3.0 to 0.5)"
    assert interval("auroc", 0.01, lower=-0.01, upper=0.03, difference=True) == "+0.010 (−0.010 to 0.030)"
    assert interval("auroc", 0.9) == "0.900 (no interval)"


def test_a_log_ratio_is_spoken_of_as_the_ratio():
    assert interval("log_observed_expected", 0.0, lower=-0.6931472, upper=0.6931472) == "1.00 (0.50 to 2.00)"
    assert title("log_observed_expected") == "observed over expected events"


def test_titles_stand_in_a_sentence():
    assert title("sensitivity") == "sensitivity"
    assert title("brier_skill") == "Brier skill score"
    assert title("something_new") == "something new"


def test_small_words():
    assert percent(0.125) == "12.5%"
    assert plural(1, "event") == "1 event"
    assert plural(2000, "event") == "2,000 events"
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert capital("area under the ROC curve") == "Area under the ROC curve"
    assert group_words("age_band", ">75") == "age band >75"
    assert group_words("sex & age_band", "female & >75") == "sex & age band: female & >75"
