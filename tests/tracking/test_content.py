import json
from dataclasses import replace

from mlflow.utils.validation import _validate_metric_name, _validate_param, _validate_tag

from theragate.evidence.types import Estimate
from theragate.gates.types import Verdict
from theragate.tracking import content


def test_metrics_are_named_so_that_a_table_of_runs_reads_well(make_bundle):
    found = content.metrics(make_bundle())
    assert found["concordance_index"] == 0.77
    assert found["concordance_index.lower"] == 0.72
    assert found["concordance_index.upper"] == 0.82
    assert found["concordance_index/sex female"] == 0.7
    assert found["concordance_index/age_band up to 65.lower"] == 0.65
    assert found["concordance_index/stress weight_unknown"] == 0.76
    assert "concordance_index/minus reference.lower" in found
    assert {name.split("/")[0] for name in found if "/sex" in name} == {
        "concordance_index",
        "log_observed_expected",
        "net_benefit_gain",
        "sensitivity",
    }, "of groups only what the gates look at"


def test_what_could_not_be_estimated_has_no_number(make_bundle):
    found = content.metrics(make_bundle())
    assert not [name for name in found if name.startswith("ici") or "withheld" in name]
    assert all(isinstance(value, float) for value in found.values())


def test_a_value_without_limits_is_logged_alone(make_bundle):
    bundle = make_bundle()
    alone = bundle.evidence.model_copy(update={"overall": {"brier": Estimate(value=0.1, method="hand")}})
    found = content.metrics(replace(bundle, evidence=alone, artifacts={}))
    assert [name for name in found if name.startswith("brier")] == ["brier"]


def test_mlflow_takes_every_name_and_value(make_bundle):
    bundle = make_bundle()
    for name in content.metrics(bundle):
        _validate_metric_name(name)
    for name, value in content.parameters(bundle).items():
        _validate_param(name, value)
    for name, value in content.tags(bundle).items():
        _validate_tag(name, value)


def test_tags_bind_the_run_to_what_it_was_made_of(make_bundle):
    bundle = make_bundle(decision="BLOCKED", experiment="calm-owl", baseline="2" * 40)
    found = content.tags(bundle)
    assert found["theragate.verdict"] == "BLOCKED"
    assert found["theragate.blocked_by"] == "fairness"
    assert found["sha256.data"] == "c" * 64
    assert found["sha256.policy"] == "f" * 64
    assert found["sha256.evidence"] == "e" * 64
    assert found["sha256.model"] == bundle.verdict.model_sha256
    assert found["git.commit"] == "1" * 40
    assert (found["git.dirty"], found["dvc.experiment"], found["dvc.baseline"]) == ("false", "calm-owl", "2" * 40)
    assert "theragate.simulated" not in found


def test_outside_git_no_commit_is_invented(make_bundle):
    found = content.tags(make_bundle(commit=None))
    assert not [name for name in found if "commit" in name]


def test_a_simulated_cohort_is_labelled_everywhere(make_bundle):
    bundle = make_bundle()
    cohort = bundle.evidence.cohort.model_copy(update={"simulated": True})
    bundle = replace(bundle, evidence=bundle.evidence.model_copy(update={"cohort": cohort}), artifacts={})
    assert content.run_name(bundle).startswith("SIMULATED · PASS · spline_cox · ")
    assert content.tags(bundle)["theragate.simulated"] == "true"
    assert "SIMULATED COHORT" in content.run_text(bundle)
    assert "SIMULATED COHORT" in content.experiment_text(bundle)


def test_what_is_never_judged_is_named(make_bundle):
    text = content.experiment_text(make_bundle())
    assert "Reported and never judged: `cox_calibration_slope`, `positive_predictive_value`, `net_benefit`." in text


def test_parameters_say_what_was_chosen(make_bundle):
    found = content.parameters(make_bundle())
    assert found["family"] == "spline_cox"
    assert found["model.alpha"] == "12.5"
    assert found["reference"] == "ridge_cox"
    assert found["validation.scheme"] == "nested_cross_validation"
    assert found["seed"] == "7"
    assert "validation.reason" not in found


def test_a_long_verdict_is_cut_at_a_row_and_keeps_the_command(make_bundle):
    bundle = make_bundle(description="| gate | answer |\n|---|---|\n" + "| fairness | " + "word " * 30 + "|\n" * 1)
    assert "The rest is in" not in content.run_text(bundle)
    rows = "".join(f"| gate {number} | {'word ' * 30}|\n" for number in range(60))
    text = content.run_text(replace(bundle, description=rows))
    assert len(text) <= 5000
    assert text.endswith("Reproduce: `dvc repro register@heart_attack_survival`")
    assert text.split("\n\n")[0].endswith("|")
    assert "The rest is in the artifact `card.md`" in text


def test_the_dataset_is_described_without_its_table(make_bundle):
    bundle = make_bundle()
    fields = content.dataset_fields(bundle)
    assert fields["digest"] == "c" * 12
    assert json.loads(fields["profile"]) == {"num_rows": 500, "events": 138, "sha256": "c" * 64}
    columns = json.loads(fields["schema"])["mlflow_colspec"]
    assert [(column["name"], column["type"]) for column in columns] == [("age", "double"), ("sex", "string")]


def test_a_comparator_is_carried(make_bundle):
    bundle = make_bundle()
    verdict = Verdict.model_validate(bundle.verdict.model_dump() | {"comparator": "version 3"})
    assert content.tags(replace(bundle, verdict=verdict))["theragate.comparator"] == "version 3"
