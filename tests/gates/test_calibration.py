"""Calibration: each of its limits, in both directions."""

import pytest
from gates.evidence_by_hand import (
    STUDIES,
    estimate,
    gate_of,
    good_evidence,
    overall,
)


@pytest.mark.parametrize(
    ("metric", "value", "status"),
    [
        ("observed_expected", estimate(1.6, 0.05), "fail"),
        ("observed_expected", estimate(1.2, 0.05), "insufficient"),
        ("ici", estimate(0.12, 0.01), "fail"),
        ("ici", estimate(0.045, 0.01), "insufficient"),
        ("calibration_slope", estimate(1.5, 0.05), "fail"),
    ],
)
def test_each_limit_of_calibration_counts(survival, metric, value, status):
    finding = gate_of("calibration").judge(overall(survival, **{metric: value}))
    assert finding.status == status


@pytest.mark.parametrize(("value", "status"), [(-20.0, "fail"), (20.0, "fail"), (-12.0, "insufficient"), (5.0, "pass")])
def test_a_mean_error_counts_in_both_directions(value, status):
    evidence = overall(good_evidence(STUDIES["regression"]), mean_error=estimate(value, 2.0))
    assert gate_of("calibration", "regression").judge(evidence).status == status
