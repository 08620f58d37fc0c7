"""Data quality: the expectations and leaks that it names."""

from gates.evidence_by_hand import (
    changed,
    gate_of,
)


def data(evidence, **facts):
    return changed(evidence, data=evidence.data.model_copy(update=facts))


def test_data_quality_names_the_expectations(survival):
    gate = gate_of("data_quality")
    finding = gate.judge(data(survival, critical=("age-range",), leakage=("chapter",)))
    assert finding.status == "fail"
    assert "`chapter` gives the outcome away and the critical expectation `age-range` is not met" in finding.summary
    three, four = (gate.judge(data(survival, warnings=tuple("abcd"[:count]))) for count in (3, 4))
    assert (three.status, four.status) == ("pass", "insufficient")
    assert "a person look" in four.next_step
    assert len(three.warnings) == 3


def test_a_suspected_leak_is_said_and_left_to_a_person(survival):
    finding = gate_of("data_quality").judge(data(survival, suspected=("futime",)))
    assert finding.status == "insufficient"
    assert "`futime` may give the outcome away" in finding.summary
    assert "no leak" not in finding.summary
    assert "no leak found" in gate_of("data_quality").judge(data(survival)).summary
    assert "suspected" not in survival.data.model_dump(mode="json")  # evidence without one is as it was


def test_an_outcome_that_goes_with_the_batch_fails_and_no_correction_is_offered(survival):
    finding = gate_of("data_quality").judge(data(survival, confounded=("plate",)))
    assert finding.status == "fail"
    assert "checked: the outcome goes with the batch `plate`" in finding.summary
    compared = gate_of("data_quality").judge(data(changed(survival, task="treatment_effect"), confounded=("plate",)))
    assert "the outcome or the treatment goes with the batch `plate`" in compared.summary
    assert "in each batch" in finding.next_step
    leaky = gate_of("data_quality").judge(data(survival, confounded=("plate",), leakage=("chapter",)))
    assert "drop the column" in leaky.next_step
    assert "confounded" not in survival.data.model_dump(mode="json")  # evidence without one is as it was
