"""Calibration: each of its limits, in both directions."""

import pytest
from gates.evidence_by_hand import (
    STUDIES,
    estimate,
    gate_of,
    good_evidence,
    overall,
)

from theragate.evidence.types import Estimate


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


def distance(value, upper, se):
    return Estimate(value=value, upper=upper, se=se, method="upper limit")


@pytest.mark.parametrize(
    ("ici", "status"),
    [
        (distance(0.03, 0.05, 0.016), "pass"),
        (distance(0.03, 0.051, 0.016), "insufficient"),
        (distance(0.12, 0.14, 0.01), "fail"),
        (distance(0.12, 0.14, 0.05), "insufficient"),
    ],
)
def test_the_upper_limit_alone_passes_the_index_and_its_standard_error_fails_it(survival, ici, status):
    finding = gate_of("calibration").judge(overall(survival, ici=ici))
    row = next(row for row in finding.comparisons if row.metric == "ici")
    assert (finding.status, row.lower, row.upper) == (status, None, ici.upper)
    assert f"{ici.value:.3f} (≤ {ici.upper:.3f})" in finding.summary


@pytest.mark.parametrize("crossed", [True, False])
def test_under_cross_validation_the_finding_says_what_is_right_by_construction(survival, crossed):
    finding = gate_of("calibration").judge(survival.model_copy(update={"cross_validated": crossed}))
    assert ("right by construction under cross-validation" in finding.summary) == crossed


@pytest.mark.parametrize(("value", "status"), [(-20.0, "fail"), (20.0, "fail"), (-12.0, "insufficient"), (5.0, "pass")])
def test_a_mean_error_counts_in_both_directions(value, status):
    evidence = overall(good_evidence(STUDIES["regression"]), mean_error=estimate(value, 2.0))
    assert gate_of("calibration", "regression").judge(evidence).status == status
