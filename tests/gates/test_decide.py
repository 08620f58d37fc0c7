"""From evidence and policy to a verdict."""

import pytest
from gates.evidence_by_hand import STUDIES, changed, estimate, good_evidence, overall, treatment

from theragate.errors import EvidenceError
from theragate.evidence.types import CensoringEvidence
from theragate.gates import GATES, Policy, decide, read_policy
from theragate.gates.types import Verdict

SHA = "9" * 64


def verdict_of(task: str, evidence=None) -> Verdict:
    study = STUDIES[task]
    return decide(evidence or good_evidence(study), read_policy(study), evidence_sha256=SHA)


def test_evidence_that_every_gate_lets_through_passes():
    for task in ("regression", "survival", "treatment_effect"):
        verdict = verdict_of(task)
        assert verdict.decision == "PASS"
        assert verdict.blocking == ()


def test_a_study_without_groups_is_blocked_once_and_for_that():
    verdict = verdict_of("binary")
    assert verdict.decision == "BLOCKED"
    assert [finding.gate for finding in verdict.blocking] == ["fairness"]
    assert "no protected attribute was recorded" in verdict.blocking[0].summary


def test_one_finding_that_is_not_a_pass_blocks(survival):
    for slope in (estimate(1.0, 0.1), estimate(0.3, 0.05), None):
        assert verdict_of("survival", overall(survival, calibration_slope=slope)).decision == "BLOCKED"


def test_findings_come_in_the_order_of_the_registry(survival):
    assert [finding.gate for finding in verdict_of("survival", survival).findings] == list(GATES)


def test_an_empty_policy_blocks(survival):
    empty = Policy(declared=read_policy(STUDIES["survival"]).declared, gates=())
    verdict = decide(survival, empty, evidence_sha256=SHA)
    assert verdict.decision == "BLOCKED"
    asked = {name for name, kind in GATES.items() if "survival" in kind.tasks}
    assert {finding.status for finding in verdict.blocking} == {"insufficient"}
    assert {finding.gate for finding in verdict.blocking} == asked
    assert {f.status for f in verdict.findings if f.gate not in asked} == {"not_applicable"}


def test_a_policy_that_lacks_one_gate_blocks(survival):
    policy = read_policy(STUDIES["survival"])
    fewer = policy.model_copy(update={"gates": policy.gates[:-1]})
    assert [finding.gate for finding in decide(survival, fewer, evidence_sha256=SHA).blocking] == ["privacy"]


def test_without_a_shown_difference_nothing_is_personalised_and_the_average_effect_stands():
    evidence = good_evidence(STUDIES["treatment_effect"])
    for autoc in (estimate(10.0, 10.0), estimate(-60.0, 10.0), None):
        verdict = verdict_of("treatment_effect", overall(evidence, autoc=autoc))
        assert verdict.decision == "NOT_PERSONALISED"
        found = next(finding for finding in verdict.blocking if finding.gate == "personalisation")
        assert "use the average effect, 99 (60 to 138) days free of the event gained" in found.summary
        assert not found.waivable


@pytest.mark.parametrize(
    "parts",
    [
        {"treatment": treatment(outside=0.4)},
        {"data": good_evidence(STUDIES["treatment_effect"]).data.model_copy(update={"critical": ("range",)})},
    ],
)
def test_an_average_effect_that_is_not_sound_is_blocked(parts):
    evidence = overall(good_evidence(STUDIES["treatment_effect"]), autoc=estimate(0.0, 10.0))
    assert verdict_of("treatment_effect", changed(evidence, **parts)).decision == "BLOCKED"


def test_a_personal_model_that_is_not_calibrated_is_blocked_where_a_difference_is_shown():
    evidence = overall(good_evidence(STUDIES["treatment_effect"]), calibration_slope=estimate(0.2, 0.05))
    assert verdict_of("treatment_effect", evidence).decision == "BLOCKED"


def test_the_verdict_carries_every_digest(survival):
    verdict = verdict_of("survival", survival)
    policy = read_policy(STUDIES["survival"])
    assert verdict.evidence_sha256 == SHA
    assert verdict.policy_sha256 == policy.sha256
    assert (verdict.cohort_sha256, verdict.predictions_sha256, verdict.model_sha256) == (
        survival.cohort.sha256,
        survival.predictions_sha256,
        survival.model_sha256,
    )


def test_a_verdict_survives_json(study, evidence):
    verdict = decide(evidence, read_policy(study), evidence_sha256=SHA)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    assert Verdict.model_validate(verdict.model_dump(mode="json")).model_dump_json() == verdict.model_dump_json()


def test_evidence_of_another_study_or_task_is_refused(survival):
    policy = read_policy(STUDIES["binary"])
    with pytest.raises(EvidenceError, match="evidence of `heart_attack_survival`, task `survival`"):
        decide(survival, policy, evidence_sha256=SHA)
    with pytest.raises(EvidenceError, match="task `binary`"):
        decide(changed(survival, study="breast_cancer_diagnosis"), policy, evidence_sha256=SHA)


def test_the_verdict_names_the_model_that_it_was_compared_with(survival):
    assert verdict_of("survival", survival).comparator == f"champion {'c' * 64}"
    first = verdict_of("survival", changed(survival, champion=None))
    assert first.comparator == "none: first release"
    assert first.decision == "PASS"
    assert {f.gate: f.status for f in first.findings}["non_inferiority"] == "not_applicable"


def losses(weights, **depends_on):
    return CensoringEvidence(
        weights=weights, features=3, penalty=0.1, unobserved=0.01, depends_on=depends_on, level=0.05
    )


def test_what_rests_on_outcomes_says_what_is_assumed_of_patients_who_were_lost(survival):
    by_features = changed(survival, censoring=losses("features", age=0.001))
    findings = verdict_of("survival", by_features).findings
    stated = {finding.gate for finding in findings if "with like features" in finding.assumption}
    assert {"discrimination", "calibration", "utility", "fairness", "robustness"} <= stated
    assert not stated & {"data_quality", "stability", "privacy"}
    assert not any(finding.assumption for finding in findings if finding.status == "not_applicable")


def test_marginal_weights_that_a_test_contradicts_are_told(survival):
    doubted = changed(survival, censoring=losses("marginal", age=0.001, sex=0.01))
    assumed = {finding.assumption for finding in verdict_of("survival", doubted).findings} - {""}
    assert len(assumed) == 1
    assert assumed.pop().endswith("nothing to do with the outcome. Losses do differ by `age` and 1 more.")


def test_where_nobody_was_lost_nothing_is_assumed(survival):
    assert not any(finding.assumption for finding in verdict_of("survival", survival).findings)
