"""Drafted limits of a risk follow how rare the event is."""

import numpy as np
import pytest

from theragate.drafting.limits import draft_gates
from theragate.drafting.outcome import DraftedOutcome


@pytest.mark.parametrize(("rarer", "error", "lost"), [(0.02, 0.005, 0.001), (0.1, 0.025, 0.002), (0.4, 0.05, 0.002)])
def test_the_limits_of_a_risk_follow_the_event_rate(rarer, error, lost):
    gates = draft_gates("binary", spread=None, rarer=rarer)
    assert gates["calibration"]["ici"] == gates["fairness"]["within_group"]["ici"] == error
    assert gates["stability"]["mean_absolute_difference"] == error
    assert gates["utility"]["tolerance"] == lost
    effects = draft_gates("treatment_effect", spread=None, rarer=rarer)
    assert effects["calibration"]["effect_error"] == min(0.02, rarer / 10)
    assert draft_gates("regression", spread=10.0, rarer=rarer) == draft_gates("regression", spread=10.0, rarer=0.5)


def test_the_share_of_the_rarer_outcome_is_that_of_the_arm_in_which_it_is_rarest():
    event, treated = np.arange(100) < 10, np.arange(100) % 2 == 0
    two = {"yes": event, "no": ~event}
    assert DraftedOutcome("binary", {}, two).rarer == 0.1
    members = (("treated", treated & (np.arange(100) > 3)), ("control", ~treated))
    arms = {f"{arm}, {name}": inside & had for name, had in two.items() for arm, inside in members}
    assert DraftedOutcome("treatment_effect", {}, arms).rarer == 3 / 48
    assert DraftedOutcome("regression", {}, {"all": event}).rarer == 0.5
