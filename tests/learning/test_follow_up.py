"""Whether patients were followed long enough."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.outcomes import Censored, Treated, with_hazard
from theragate.errors import DataError
from theragate.learning.features import Feature
from theragate.learning.follow_up import check_follow_up, share_unobserved

SCHEMA = (Feature("entry", "number"), Feature("age", "number"))


def by_entry(n=600, *, marginal=False):
    """Draw patients who are followed from their entry to one day, which says nothing of their risk."""
    rng = np.random.default_rng(2)
    entry, age, died = rng.uniform(0, 10, n), rng.normal(size=n), rng.exponential(20, n)
    until = 12 - entry
    outcome = Censored(np.minimum(died, until), died <= until, 10.0, marginal=marginal)
    return pd.DataFrame({"entry": entry, "age": age}), outcome


def refusal(frame, outcome, schema=SCHEMA):
    with pytest.raises(DataError) as caught:
        check_follow_up(frame, outcome, schema, name="relapse", whose="those held out")
    return str(caught.value)


def test_patients_of_a_kind_that_was_never_followed_so_far_are_named_by_the_feature():
    said = refusal(*by_entry())
    assert said.startswith("study `relapse`, follow-up to the horizon of 10: ")
    assert "95% or more of those held out have a chance of at least 5% to be followed so far" in said
    assert "losses differ most by `entry`" in said
    assert "`censoring: marginal`" in said
    assert "\n" not in said


@pytest.mark.parametrize("declared", [True, False], ids=["declared marginal", "the feature dropped"])
def test_what_the_remedy_names_helps(declared):
    frame, outcome = by_entry(marginal=declared)
    check_follow_up(frame, outcome, SCHEMA if declared else SCHEMA[1:], name="relapse", whose="the patients")


def test_a_horizon_that_next_to_nobody_reached_is_refused_whatever_the_features():
    rng = np.random.default_rng(1)
    time = np.append(rng.uniform(0, 5, 198), [9.0, 9.0])
    outcome = Censored(time, rng.random(200) < 0.2, 8.0)
    frame = pd.DataFrame({"entry": rng.normal(size=200), "age": rng.normal(size=200)})
    assert "followed so far" in refusal(frame, outcome)


def test_the_share_is_that_of_both_arms():
    _, outcome = by_entry()
    treated = np.arange(600) < 150
    hazard = np.where(treated, 1.0, 1.0)
    arms = Treated(outcome, treated, effect="event", higher_is_better=False, propensity=None)
    assert share_unobserved(with_hazard(arms, hazard)) == share_unobserved(arms) == 0
    certain = np.where(np.arange(600) % 150 == 0, 1000.0, 1.0)
    assert share_unobserved(with_hazard(arms, certain)) == pytest.approx(4 / 600)
