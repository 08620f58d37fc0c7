"""Treated patients and controls: what is read of them, and what is refused in one line."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Censored, Treated
from theragate.errors import ConfigurationError, DataError
from theragate.study import Study as _Study
from theragate.study import load_study, parse


def study(tmp_study, measured: dict | None = None, **treatment):
    content = tmp_study.model_dump(mode="python", exclude_unset=True)
    outcome = content["outcome"]
    outcome["treatment"] = {k: v for k, v in (outcome["treatment"] | treatment).items() if v is not ...}
    return parse(_Study, content | {"outcome": outcome | (measured or {})}, at="test")


@pytest.fixture
def trial(request):
    return load_study(request.config.rootpath / "params.yaml", "hiv_trial_response")


def cohort(n: int = 40) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"patient": [str(i) for i in range(n)], "tx": ["0", "1"] * (n // 2)})
    return frame.assign(
        time=np.tile([100.0, 200.0, 300.0, 350.0], n // 4), censor=random.permutation([0, 1] * (n // 2))
    )


def test_reads_arms_and_what_is_reached(trial):
    frame = cohort()
    outcome = read_outcome(frame, trial)
    assert isinstance(outcome, Treated)
    assert isinstance(outcome.measured, Censored)
    assert outcome.treated.tolist() == (frame["tx"] == "1").tolist()
    early = (frame["censor"] == 1) & (frame["time"] <= 270)
    assert outcome.reached.tolist() == (-early.astype(float)).tolist()
    assert outcome.known.tolist() == (early | (frame["time"] > 270)).tolist()
    part = outcome.take(np.array([3, 1], dtype=np.intp))
    assert part.treated.tolist() == [True, True]
    assert len(part) == 2


def test_a_restricted_mean_ends_at_the_horizon(trial):
    changed = study(trial, {"effect": "restricted_mean", "better": "higher"})
    assert read_outcome(cohort(), changed).reached.tolist() == np.minimum(cohort()["time"], 270).tolist()


def test_strata_hold_the_arms_apart(trial):
    outcome = read_outcome(cohort(), trial)
    for label in np.unique(outcome.strata):
        members = outcome.strata == label
        assert len(np.unique(outcome.treated[members])) == 1
        assert len(np.unique(outcome.measured.strata[members])) == 1


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("tx", ["1"] * 40, r"treatment has two values, one of which \(`1`\).*1 distinct values; 40 of 40"),
        ("tx", ["0"] * 40, "0 of 40 patients have `1`"),
        ("tx", ["0", "1", "2", "1"] * 10, "3 distinct values"),
        ("tx", [None, "1"] * 20, "known for every patient"),
        ("tx", ["0"] + ["1"] * 39, "each arm has patients in every class|about that share"),
        (
            "censor",
            [0, 1] * 20,
            "each arm has patients in .*no patient of the class `control, with the event",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(trial, column, values, message):
    frame = cohort().assign(**{column: values})
    with pytest.raises(DataError, match=message) as found:
        read_outcome(frame, trial)
    assert "\n" not in str(found.value)


def test_shares_that_no_chance_explains_are_refused(trial):
    frame = pd.concat([cohort(400)] * 2, ignore_index=True)
    frame["tx"] = np.where(np.random.default_rng(1).uniform(size=800) < 0.1, "0", "1")
    with pytest.raises(DataError, match=r"assigned at random with a chance of 0\.5.*received \d\d% treated"):
        read_outcome(frame, trial)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"propensity": ...}, "`propensity` is given where treatment was assigned at_random"),
        ({"assigned": "in_practice"}, "`propensity` is given where treatment was assigned at_random"),
        ({"propensity": 1.0}, r"treatment\.propensity"),
    ],
)
def test_a_known_chance_belongs_to_random_assignment(trial, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        study(trial, **changes)


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ({"effect": "mean"}, "`effect: mean` is no comparison"),
        ({"effect": "restricted_mean", "better": "lower"}, "`better: higher`"),
    ],
)
def test_an_effect_has_to_fit_what_is_measured(trial, outcome, message):
    with pytest.raises(ConfigurationError, match=message):
        study(trial, outcome)


def test_a_threshold_of_risk_is_no_threshold_of_benefit(trial):
    content = trial.model_dump(mode="python", exclude_unset=True)
    risk = {"action": "A test.", "threshold": 0.2, "range": [0.1, 0.3], "source": "Made up."}
    with pytest.raises(ConfigurationError, match=r"`decision\.least_benefit` belongs to a treatment_effect study"):
        parse(_Study, content | {"decision": risk}, at="test")
