"""Privacy: attacks that tell who was learned from."""

import pytest
from gates.evidence_by_hand import (
    STUDIES,
    changed,
    estimate,
    gate_of,
    good_evidence,
    membership,
)


def test_privacy_names_the_attack_and_its_success(survival):
    finding = gate_of("privacy").judge(survival)
    assert finding.status == "pass"
    assert len(finding.comparisons) == 4
    bad = changed(survival, membership=membership(estimate(0.8, 0.01)))
    finding = gate_of("privacy").judge(bad)
    assert finding.status == "fail"
    assert finding.next_step.startswith("Learn from more patients")
    assert "the area under the ROC curve of the attack by" in finding.summary


@pytest.mark.parametrize(("rate", "status"), [(0.003, "pass"), (0.0105, "insufficient"), (0.05, "fail")])
def test_privacy_asks_for_patients_who_are_recognised_among_a_thousand(survival, rate, status):
    """However many patients there are: a mean does not see a few who are remembered word for word."""
    few = membership(estimate(0.53, 0.01), rate=estimate(rate, 0.001), patients=200)
    finding = gate_of("privacy").judge(changed(survival, membership=few))
    assert finding.status == status
    assert [row.metric for row in finding.comparisons] == ["attack_auc", "attack_rate_at_one_in_1000"] * 2
    assert not finding.warnings
    if status == "fail":
        assert "recognised where 1 of 1,000 strangers is accused" in finding.summary


def test_privacy_is_not_shown_by_one_attack_alone_nor_by_few_models(survival):
    one = membership(estimate(0.53, 0.01), loss=False)
    finding = gate_of("privacy").judge(changed(survival, membership=one))
    assert finding.status == "insufficient"
    fewer = membership(estimate(0.53, 0.01), models=19)
    finding = gate_of("privacy").judge(changed(survival, membership=fewer))
    assert finding.status == "insufficient"
    assert "19 of the 20 models" in finding.summary


def test_an_effect_is_attacked_by_its_prediction_alone():
    finding = gate_of("privacy", "treatment_effect").judge(good_evidence(STUDIES["treatment_effect"]))
    assert finding.status == "pass"
    assert {row.subject for row in finding.comparisons} == {"likelihood ratio"}
