"""Robustness: every declared scenario has to hold."""

from gates.evidence_by_hand import (
    STUDIES,
    changed,
    estimate,
    gate_of,
)

from theragate.evidence.types import Estimate
from theragate.gates import GATES, read_policy


def test_every_declared_scenario_has_to_hold(survival):
    first, second = survival.scenarios
    lost = second.model_copy(update={"differences": {"concordance_index": estimate(-0.1, 0.01)}})
    finding = gate_of("robustness").judge(changed(survival, scenarios=(first, lost)))
    assert finding.status == "fail"
    assert "weight unknown is −0.100" in finding.summary


def test_no_declared_scenario_is_not_robustness(survival):
    policy = read_policy(STUDIES["survival"].model_copy(update={"scenarios": {}}))
    finding = policy.gates[list(GATES).index("robustness")].judge(survival)
    assert finding.status == "insufficient"
    assert "declares no scenario" in finding.summary


def test_a_stress_that_changes_nothing_passes(survival):
    nothing = Estimate(value=0.0, lower=0.0, upper=0.0, se=0.0, method="the feature is not used")
    scenarios = [s.model_copy(update={"differences": {"concordance_index": nothing}}) for s in survival.scenarios]
    assert gate_of("robustness").judge(changed(survival, scenarios=tuple(scenarios))).status == "pass"
