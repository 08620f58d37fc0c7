"""Stability: how far one patient's prediction moves from refit to refit."""

import pytest
from gates.evidence_by_hand import (
    STUDIES,
    changed,
    estimate,
    gate_of,
    good_evidence,
    stability,
)

from theragate.evidence.types import AuditSample, Estimate, Evidence


def test_stability_speaks_of_one_patient(survival):
    finding = gate_of("stability").judge(survival)
    assert finding.status == "pass"
    assert finding.summary.startswith(
        "Had this recipe learned from other patients of the same kind, one patient's risk would differ by 2.0 "
        "percentage points on average. What a new search for family and parameters would add was not measured. "
    )
    assert "0.020 (0.016 to 0.024), over 50 refits: as required (upper limit at most 0.05)" in finding.summary
    quantity = gate_of("stability", "regression").judge(good_evidence(STUDIES["regression"]))
    assert "one patient's predicted value would differ by 8.0 on average. " in quantity.summary


def test_optimism_is_listed_and_decides_nothing(survival):
    found = stability(estimate(0.02, 0.002), metric="concordance_index")
    dreadful = found.model_copy(update={"optimism": {"concordance_index": estimate(0.4, 0.01)}})
    finding = gate_of("stability").judge(changed(survival, stability=dreadful))
    assert finding.status == "pass"
    row = finding.comparisons[1]
    assert (row.metric, row.value, row.decides, row.status) == ("concordance_index", 0.4, False, "not_applicable")


def test_more_refits_decide_what_is_uncertain(survival):
    found = stability(estimate(0.045, 0.005), metric="concordance_index")
    finding = gate_of("stability").judge(changed(survival, stability=found))
    assert finding.status == "insufficient"
    # half-width .0098, distance .005: 3.84 times 50 refits
    assert "About 150 more refits (there are 50)" in finding.next_step


def test_fewer_refits_than_declared_are_no_stability(survival):
    found = stability(estimate(0.02, 0.002), metric="concordance_index").model_copy(update={"refits": 49})
    finding = gate_of("stability").judge(changed(survival, stability=found))
    assert finding.status == "insufficient"
    assert "measured in 49 of the 50 refits that the study declares" in finding.summary


@pytest.mark.parametrize(
    "broken",
    [
        Estimate(value=0.0, method="none", why="every refit predicts as the released model does"),
        Estimate(value=-0.5, lower=-0.6, upper=-0.4, se=0.05, method="by hand"),
        Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="by hand"),
    ],
)
def test_a_distance_that_cannot_be_is_no_stability(survival, broken):
    found = stability(broken, metric="concordance_index")
    finding = gate_of("stability").judge(changed(survival, stability=found))
    assert finding.status == "insufficient"
    assert "Had other patients" not in finding.summary


def audited(evidence: Evidence, *, apart: float) -> Evidence:
    return changed(evidence, audited=AuditSample(patients=50_000, of=9_000_000, apart=apart))


@pytest.mark.parametrize("gate", ["stability", "privacy"])
def test_a_sample_is_told_as_one(survival, gate):
    whole = gate_of(gate).judge(survival)
    finding = gate_of(gate).judge(audited(survival, apart=0.039))
    said = " It was measured in a random sample of 50,000 of the 9,000,000 patients learned from, and a model of fewer "
    assert finding.summary.startswith(f"{whole.summary}{said}")
    assert finding.summary.endswith(" on the strict side.")
    assert (finding.status, finding.warnings) == (whole.status, whole.warnings)


def test_a_released_model_unlike_that_of_the_sample_is_warned_of(survival):
    far = audited(survival, apart=0.041)  # refits are 0.02 apart
    finding = gate_of("stability").judge(far)
    assert finding.status == "pass"
    (warning,) = finding.warnings
    assert "differ from those of a model of the sample by 4.1 percentage points on average, far more than" in warning
    for gate in ("stability", "privacy"):
        assert gate_of(gate).judge(far).summary.endswith(" of the 9,000,000 patients learned from.")
