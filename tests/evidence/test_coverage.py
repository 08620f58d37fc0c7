"""How often the 95% limits hold: thinned simulations with a known truth."""

from dataclasses import replace

import pytest

from theragate.evidence.measure import measure

REPLICATES = 200
# Measures of a distance cannot come below their sampling error; only their upper limit is asked to hold.
UPPER_ONLY = {"ici", "ece"}


@pytest.mark.parametrize(
    ("task", "truths"),
    [
        ("binary", {"auroc": 0.7745, "brier": 0.1706, "observed_expected": 1.0, "calibration_slope": 1.0, "ici": 0.0}),
        ("survival", {"auc_at_horizon": 0.796, "observed_expected": 1.0, "calibration_slope": 1.0, "ici": 0.0}),
        ("regression", {"mean_error": 0.2, "calibration_slope": 2 / 1.9, "rmse": 2.005}),
    ],
)
def test_limits_hold_about_95_times_in_100(make_cohort, task, truths):
    held = dict.fromkeys(truths, 0)
    for seed in range(REPLICATES):
        target, held_out = make_cohort(task, n=300, seed=seed, repeats=1, groups=False)
        overall = measure(target, replace(held_out, scenarios={}), resamples=200, seed=seed).overall
        for name, truth in truths.items():
            estimate = overall[name]
            held[name] += (name in UPPER_ONLY or estimate.lower <= truth) and truth <= estimate.upper
    for name, count in held.items():
        highest = 1.0 if name in UPPER_ONLY else 0.99
        assert 0.90 <= count / REPLICATES <= highest, f"{name}: {count} of {REPLICATES}"
