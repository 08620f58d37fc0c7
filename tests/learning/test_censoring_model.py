import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.outcomes import Binary, Censored, Treated, with_hazard
from theragate.learning.censoring_dependence import dependence
from theragate.learning.censoring_model import as_losses, censoring_hazards, random_folds
from theragate.learning.features import Feature

SCHEMA = (Feature("age", "number"), Feature("noise", "number"), Feature("ward", "text"))


def patients(n, *, by_age=0.0, by_ward=0.0, seed=0):
    """Draw patients whose losses depend on age and ward, with a binary feature that has nothing to do with them."""
    rng = np.random.default_rng(seed)
    age, ward = rng.normal(size=n), rng.integers(0, 3, n)
    frame = pd.DataFrame({"age": age, "noise": rng.normal(size=n), "ward": np.array(["a", "b", "c"])[ward]})
    log = by_age * age + by_ward * (ward == 2)
    died, lost = rng.exponential(np.exp(-0.5 * age)), rng.exponential(np.exp(0.3 - log))
    return frame.astype({"ward": object}), Censored(np.minimum(died, lost), died <= lost, 1.0), log


def test_hazards_recover_what_losses_depend_on():
    frame, outcome, log = patients(3000, by_age=0.8, by_ward=0.7)
    found = censoring_hazards(frame, outcome, SCHEMA, folds=random_folds(outcome, seed=1))
    estimated = np.log(found.own)
    assert np.corrcoef(estimated, log)[0, 1] > 0.97
    assert np.polyfit(log, estimated, 1)[0] == pytest.approx(1.0, abs=0.12)


def test_hazards_are_nearly_equal_where_losses_depend_on_nothing():
    frame, outcome, _ = patients(3000)
    assert np.log(censoring_hazards(frame, outcome, SCHEMA, folds=random_folds(outcome, seed=1)).own).std() < 0.08


def test_others_are_predicted_by_a_model_of_all():
    frame, outcome, _ = patients(3000, by_age=0.8)
    more, _, log = patients(500, by_age=0.8, seed=9)
    found = censoring_hazards(frame, outcome, SCHEMA, folds=random_folds(outcome, seed=1), others=more)
    assert np.corrcoef(np.log(found.others), log)[0, 1] > 0.97
    assert found.own.shape == (3000,)


def test_no_patient_moves_the_own_hazard():
    frame, outcome, _ = patients(400, by_age=0.8)
    folds = random_folds(outcome, seed=1)
    before = censoring_hazards(frame, outcome, SCHEMA, folds=folds).own
    time, event = outcome.time.copy(), outcome.event.copy()
    time[7], event[7] = 0.001, not event[7]
    after = censoring_hazards(frame, Censored(time, event, 1.0), SCHEMA, folds=folds)
    # But for the one stretch, which is everybody's; it moves all log hazards in one proportion.
    own_fold = np.flatnonzero((folds[0] == folds[0][7]) & (np.abs(np.log(before)) < 2.5))
    ratio = np.log(after.own[own_fold]) / np.log(before[own_fold])
    assert np.ptp(ratio) < 1e-6


@pytest.mark.parametrize(
    "outcome",
    [
        Binary(np.arange(50) % 2 == 0),
        Censored(np.linspace(0.5, 3, 50), np.ones(50, dtype=bool), 2.0),
        Censored(np.linspace(0.5, 3, 50), np.arange(50) % 3 == 0, 2.0, marginal=True),
    ],
    ids=["without times", "nobody lost", "declared marginal"],
)
def test_where_nothing_is_to_be_modelled_all_hazards_are_one(outcome):
    frame = patients(50)[0]
    found = censoring_hazards(frame, outcome, SCHEMA, folds=random_folds(outcome, seed=1), others=frame[:3])
    assert (found.penalty, set(found.own), found.others.tolist()) == (None, {1.0}, [1, 1, 1])


def test_losses_of_two_arms_are_compared_within_each():
    frame, outcome, _ = patients(2000)
    treated = np.random.default_rng(1).random(2000) < 0.5
    frame["age"] = np.where(treated, 1.0, -1.0) + 0.01 * frame["age"]  # age tells the arm, and nothing within it
    sooner = Censored(np.where(treated & ~outcome.event, outcome.time / 4, outcome.time), outcome.event, 1.0)
    arms = Treated(sooner, treated, effect="event", higher_is_better=False, propensity=0.5)
    assert dependence(frame, sooner, SCHEMA)["age"] < 1e-6
    assert dependence(frame, arms, SCHEMA)["age"] > 0.01


def test_of_an_event_and_a_loss_at_one_time_the_event_came_first():
    outcome = Censored(np.array([1.0, 1.0, 2.0, 9.0, 9.0]), np.array([False, True, False, True, False]), 3.0)
    losses = as_losses(outcome)
    assert losses.event.tolist() == [True, False, True, False, False]
    assert losses.time[1] < losses.time[0] < losses.time[2] < losses.time[3] == losses.time[4]


def test_the_test_of_dependence_is_scikit_survivals_log_rank_test():
    from sksurv.compare import compare_survival
    from sksurv.util import Surv

    frame, outcome, _ = patients(300, by_ward=0.6)
    losses = as_losses(outcome)
    expected = compare_survival(Surv.from_arrays(losses.event, losses.time), frame["ward"].to_numpy(str))[1]
    assert dependence(frame[["ward"]], outcome, SCHEMA[2:])["ward"] == pytest.approx(expected, rel=1e-3)


def test_dependence_is_rarely_found_where_there_is_none_and_nearly_always_where_there_is():
    alone = [min(dependence(*patients(200, seed=seed)[:2], SCHEMA).values()) < 0.05 for seed in range(60)]
    some = [dependence(*patients(400, by_age=0.7, seed=seed)[:2], SCHEMA)["age"] < 0.05 for seed in range(20)]
    assert np.mean(alone) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    assert np.mean(some) == 1


def test_a_hazard_goes_with_its_patient():
    _, outcome, _ = patients(5)
    found = with_hazard(outcome, np.arange(1.0, 6.0)).take(np.array([3, 1]))
    assert isinstance(found, Censored)
    assert found.hazard is not None
    assert found.hazard.tolist() == [4, 2]
