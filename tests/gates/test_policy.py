"""From params.yaml to a policy: strict, complete, and named by a digest."""

import pytest
from gates.evidence_by_hand import ROOT, STUDIES, gate_of, task_for

from theragate.errors import ConfigurationError
from theragate.gates import GATES, read_policy
from theragate.study import LabelledGroups, NoDecision, Study, load_studies


def with_gate(study: Study, gate: str, **limits) -> Study:
    merged = {key: value for key, value in (study.gates[gate] | limits).items() if value is not ...}
    return study.model_copy(update={"gates": study.gates | {gate: merged}})


def test_every_study_of_the_project_has_a_policy_of_all_gates():
    for study in load_studies(ROOT / "params.yaml"):
        asked = [name for name, kind in GATES.items() if study.task in kind.tasks]
        assert [gate.name for gate in read_policy(study).gates] == asked


def test_a_gate_of_another_task_is_refused_by_name():
    study = STUDIES["binary"]
    odd = study.model_copy(update={"gates": study.gates | {"personalisation": {"reason": "To have it all."}}})
    with pytest.raises(ConfigurationError, match=r"gates of a binary study .* `personalisation`, which is not one"):
        read_policy(odd)


@pytest.mark.parametrize(
    ("task_limits", "message"),
    [({"outside": ...}, "`outside` and `imbalance` are required"), ({"imbalance": 0.0}, r"comparability\.imbalance")],
)
def test_a_treatment_chosen_in_practice_needs_limits_of_comparability(task_limits, message):
    with pytest.raises(ConfigurationError, match=message):
        read_policy(with_gate(STUDIES["treatment_effect"], "comparability", **task_limits))


def test_an_unknown_gate_is_refused_by_name():
    study = STUDIES["binary"]
    odd = study.model_copy(update={"gates": study.gates | {"horoscope": {"reason": "For fun."}}})
    with pytest.raises(ConfigurationError, match=r"studies\.breast_cancer_diagnosis\.gates.*unknown gate `horoscope`"):
        read_policy(odd)


@pytest.mark.parametrize("left_out", list(GATES))
def test_no_gate_may_be_left_out(left_out):
    study = STUDIES[task_for(left_out)]
    fewer = study.model_copy(update={"gates": {k: v for k, v in study.gates.items() if k != left_out}})
    with pytest.raises(ConfigurationError, match=f"no entry `{left_out}`"):
        read_policy(fewer)


@pytest.mark.parametrize("name", list(GATES))
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"reason": ...}, r"(gates|policies\.\w+)\.{name}\.reason.*this key is required"),
        ({"reason": ""}, r"(gates|policies\.\w+)\.{name}\.reason"),
        ({"luck": 1.0}, r"(gates|policies\.\w+)\.{name}\.luck.*an unknown key"),
        ({"declared": {}}, r"(gates|policies\.\w+)\.{name}`.*unknown key `declared`"),
        ({"code": "TG999"}, r"(gates|policies\.\w+)\.{name}\.code.*an unknown key"),
    ],
)
def test_every_gate_is_strict_about_its_keys(name, limits, message):
    with pytest.raises(ConfigurationError, match=message.replace("{name}", name)):
        read_policy(with_gate(STUDIES[task_for(name)], name, **limits))


@pytest.mark.parametrize(
    ("task", "gate", "limits", "message"),
    [
        ("binary", "discrimination", {"floor": "0.95"}, r"discrimination\.floor"),
        ("binary", "discrimination", {"floor": True}, r"discrimination\.floor"),
        ("binary", "discrimination", {"floor": float("nan")}, r"discrimination\.floor"),
        ("binary", "discrimination", {"floor": ...}, r"discrimination\.floor.*required"),
        ("binary", "discrimination", {"margin": -0.01}, r"discrimination\.margin"),
        ("binary", "discrimination", {"metric": "r2"}, r"`metric: r2`.*binary.*may be auroc"),
        ("binary", "discrimination", {"metric": "accuracy"}, r"`metric: accuracy`"),
        ("regression", "discrimination", {"skill": 0.0}, r"`skill`.*regression study does not have"),
        ("survival", "discrimination", {"metric": "auroc"}, r"may be concordance_index"),
        ("binary", "suspicious_performance", {"metric": "f1"}, r"`metric: f1`"),
        ("survival", "robustness", {"metric": "r2"}, r"`metric: r2`"),
        ("survival", "data_quality", {"max_warnings": -1}, r"data_quality\.max_warnings"),
        ("survival", "data_quality", {"max_warnings": 2.5}, r"data_quality\.max_warnings"),
        ("survival", "calibration", {"slope": [0.85]}, r"calibration\.slope"),
        ("survival", "calibration", {"slope": ["0.85", 1.15]}, r"calibration\.slope"),
        ("survival", "calibration", {"slope": [1.15, 0.85]}, r"with 1, which is perfect"),
        ("survival", "calibration", {"ici": ...}, r"gives `slope`, `ici` and `observed_expected`"),
        ("survival", "calibration", {"mean_error": 1.0}, r"and no other limit"),
        ("regression", "calibration", {"mean_error": ...}, r"gives `slope`, `mean_error`"),
        ("survival", "utility", {"tolerance": -0.1}, r"utility\.tolerance"),
        ("survival", "utility", {"group_tolerance": -0.1}, r"utility\.group_tolerance"),
        ("survival", "utility", {"group_tolerance": ...}, r"utility\.group_tolerance.*required"),
        ("regression", "utility", {"group_tolerance": ...}, r"utility\.group_tolerance.*required"),
        ("survival", "fairness", {"against_reference": {"auroc": 0.05}}, r"reference: auroc.*concordance_index"),
        ("survival", "fairness", {"against_reference": {"concordance_index": 0}}, r"concordance_index"),
        ("regression", "fairness", {"within_group": {"ici": 0.05}}, r"`within_group: ici`.*may be mean_error"),
        ("survival", "fairness", {"within_group": {}}, r"fairness\.within_group"),
        ("survival", "fairness", {"within_group": {"luck": 0.1}}, r"`within_group: luck`"),
        ("survival", "fairness", {"within_group": {"log_observed_expected": 0}}, r"log_observed_expected"),
        ("survival", "fairness", {"between_groups": {"concordance_index": 0.05}}, r"moves with the mix of patients"),
        ("survival", "fairness", {"between_groups": {"selection_rate": 0.05}}, r"selection_rate"),
        ("survival", "fairness", {"share_that_blocks": 0}, r"share_that_blocks"),
        ("survival", "fairness", {"share_that_blocks": 1.0}, r"share_that_blocks"),
        ("survival", "subgroup_adequacy", {"events": 0}, r"subgroup_adequacy\.events"),
        ("survival", "subgroup_adequacy", {"patients": 100}, r"and no other number"),
        ("regression", "subgroup_adequacy", {"patients": ...}, r"gives `patients`"),
        ("survival", "subgroup_adequacy", {"half_width": {"luck": 0.1}}, r"`half_width: luck` is not judged"),
        ("survival", "subgroup_adequacy", {"half_width": {"net_benefit": 0.1}}, r"`half_width: net_benefit` is not"),
        ("survival", "subgroup_adequacy", {"half_width": {"ici": 0}}, r"half_width\.ici"),
        ("survival", "subgroup_adequacy", {"half_width": {"ici": "0.1"}}, r"half_width\.ici"),
        ("regression", "subgroup_adequacy", {"half_width": {"ici": 0.1}}, r"`half_width: ici` is not judged"),
        ("survival", "stability", {"mean_absolute_difference": 0}, r"stability\.mean_absolute_difference"),
        ("survival", "stability", {"mean_absolute_difference": ...}, r"mean_absolute_difference.*required"),
        ("survival", "non_inferiority", {"margin": 0}, r"non_inferiority\.margin"),
        ("survival", "non_inferiority", {"margin": "0.01"}, r"non_inferiority\.margin"),
        ("survival", "non_inferiority", {"metric": "auc_at_horizon"}, r"`metric: auc_at_horizon`"),
        ("regression", "non_inferiority", {"metric": "auroc"}, r"may be r2"),
    ],
)
def test_a_limit_that_does_not_fit_is_refused_under_its_key(task, gate, limits, message):
    with pytest.raises(ConfigurationError, match=message):
        read_policy(with_gate(STUDIES[task], gate, **limits))


@pytest.mark.parametrize(
    ("gate", "limits"),
    [
        ("fairness", {}),
        ("subgroup_adequacy", {"half_width": {"sensitivity": 0.05}}),
    ],
)
def test_what_is_asked_at_a_threshold_needs_a_decision(gate, limits):
    harmless = {"within_group": {"log_observed_expected": 0.2}, "between_groups": {}} if gate != "fairness" else {}
    study = with_gate(with_gate(STUDIES["survival"], "fairness", **harmless), gate, **limits)
    undecided = study.model_copy(update={"decision": NoDecision(none="Nothing is decided.")})
    with pytest.raises(ConfigurationError, match=rf"{gate}.*needs a `decision` with a threshold"):
        read_policy(undecided)


def test_whole_numbers_are_fine_where_a_limit_is_a_number():
    assert gate_of("discrimination", "binary", skill=0).skill == 0.0


def test_the_digest_follows_limits_reasons_groups_scenarios_and_decision():
    study = STUDIES["survival"]
    sex = study.subgroups["sex"]
    assert isinstance(sex, LabelledGroups)
    variants = [
        study,
        with_gate(study, "discrimination", floor=0.71),
        with_gate(study, "discrimination", reason="Another reason."),
        study.model_copy(update={"subgroups": study.subgroups | {"sex": sex.model_copy(update={"judged": False})}}),
        study.model_copy(update={"subgroups": {}}),
        study.model_copy(update={"scenarios": {}}),
        study.model_copy(update={"decision": study.decision.model_copy(update={"threshold": 0.25})}),
    ]
    digests = [read_policy(variant).sha256 for variant in variants]
    assert len(set(digests)) == len(variants)
    assert all(len(digest) == 64 for digest in digests)


def test_the_digest_ignores_what_no_gate_depends_on():
    study = STUDIES["survival"]
    other = study.model_copy(update={"tuning": study.tuning.model_copy(update={"trials": 99})})
    assert read_policy(other).sha256 == read_policy(study).sha256
    same = with_gate(study, "discrimination", floor=0.70, margin=0.02)
    assert read_policy(same).sha256 == read_policy(study).sha256


def test_the_order_in_the_file_does_not_matter():
    study = STUDIES["survival"]
    turned = study.model_copy(update={"gates": dict(reversed(study.gates.items()))})
    assert read_policy(turned).sha256 == read_policy(study).sha256
