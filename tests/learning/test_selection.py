import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.learning.selection import TrialResult, select


def trial(number: int, folds: tuple[float, ...], state: str = "complete") -> TrialResult:
    return TrialResult(number, "reference" if number == 0 else "candidate", {}, state, folds)


def test_one_standard_error_by_hand() -> None:
    # Differences .1, .2, .3: mean .2, sample standard deviation .1, standard error .1 / sqrt(3) = .0577.
    selection = select([trial(0, (0.5, 0.6, 0.7)), trial(1, (0.4, 0.4, 0.4))])
    assert selection.difference == pytest.approx(0.2)
    assert selection.standard_error == pytest.approx(0.1 / math.sqrt(3))
    assert selection.chosen.number == 1
    assert not selection.reference_kept


def test_a_gain_within_one_standard_error_keeps_the_reference() -> None:
    # Differences -.1, .0, .2: mean .0333, standard deviation .1528, standard error .0882.
    selection = select([trial(0, (0.5, 0.5, 0.5)), trial(1, (0.6, 0.5, 0.3))])
    assert selection.difference == pytest.approx(0.1 / 3)
    assert selection.standard_error == pytest.approx(0.0881917)
    assert selection.reference_kept
    assert selection.best.number == 1


def test_a_gain_of_exactly_one_standard_error_is_not_more() -> None:
    # Differences 0 and 2: mean 1, standard deviation sqrt(2), standard error 1.
    assert select([trial(0, (2.0, 4.0)), trial(1, (2.0, 2.0))]).reference_kept


def test_the_same_losses_keep_the_reference() -> None:
    assert select([trial(0, (1.0, 2.0)), trial(1, (1.0, 2.0))]).reference_kept


def test_pruned_and_failed_trials_are_no_rivals() -> None:
    selection = select([trial(0, (0.5, 0.6)), trial(1, (0.1, 0.1), "pruned"), trial(2, (), "failed")])
    assert selection.reference_kept
    assert selection.best.number == 0
    assert (selection.difference, selection.standard_error) == (0.0, 0.0)


def test_the_first_of_equal_trials_is_the_best() -> None:
    assert select([trial(0, (9.0, 9.5)), trial(1, (1.0, 2.0)), trial(2, (2.0, 1.0))]).best.number == 1


@pytest.mark.parametrize(
    "trials",
    [[], [trial(0, (), "failed")], [trial(0, (0.5,))], [trial(1, (0.5, 0.5))]],
    ids=["no", "bad", "one", "rival"],
)
def test_no_selection_without_a_reference(trials: list[TrialResult]) -> None:
    with pytest.raises(ValueError, match="the first trial is the reference"):
        select(trials)


losses = st.floats(0.01, 10, allow_nan=False)


@settings(deadline=None)
@given(st.lists(st.tuples(losses, losses, losses), min_size=1, max_size=6))
def test_what_is_chosen_is_never_worse_than_the_reference(table: list[tuple[float, float, float]]) -> None:
    trials = [trial(number, folds) for number, folds in enumerate(table)]
    chosen = select(trials).chosen
    assert chosen.value is not None
    assert trials[0].value is not None
    assert chosen.value <= trials[0].value
