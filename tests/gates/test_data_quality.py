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
