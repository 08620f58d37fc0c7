"""An extension that adds one of each, from the table to the registry: on the card, in MLflow, in the verdict."""

import json

import pytest
from made_extensions import FAMILY, GATE, METRIC, SOURCE, MadeExtensions
from mlflow import MlflowClient
from support import STUDY, Project

from theragate import extensions, open_project
from theragate.commands.policy import policy_json
from theragate.project.stage_digests import READS, digest_files
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.register import register
from theragate.stages.train import train
from theragate.stages.validate import validate
from theragate.testing.cohorts import make_cohort, study_entry

NAME = "acme-theragate"
STAGES = (ingest, validate, train, refit, evaluate, gate, register)


def install(acme: MadeExtensions) -> None:
    modules = {"gates": GATE, "metrics": METRIC, "sources": SOURCE, "families": FAMILY}
    acme.add(
        NAME,
        {f"acme_theragate/{module}.py": source for module, source in modules.items()},
        {
            extensions.GATES: {"follow_up": "acme_theragate.gates:FollowUp"},
            extensions.METRICS: {"spread": "acme_theragate.metrics:SPREAD"},
            extensions.SOURCES: {"acme": "acme_theragate.sources:AcmeSource"},
            extensions.FAMILIES: {"normal_ridge": "acme_theragate.families:NORMAL_RIDGE"},
        },
    )


def declare(project: Project) -> None:
    entry = {"policy": "every_study", **study_entry("regression"), "extensions": [NAME]}
    origin = {"citation": "Drawn by the tests.", "licence": "None needed."}
    entry["source"] = {"kind": "acme", "file": project.table.name, "rows": 500, "id": "patient", **origin}
    entry["tuning"] = {"reference": "linear", "families": ["normal_ridge"], "trials": 2}
    reason = "For the tests of extensions."
    entry["gates"] = {
        "data_quality": {"max_warnings": 3},
        "suspicious_performance": {"metric": "r2", "ceiling": 0.9},
        "discrimination": {"metric": "r2", "floor": 0.1, "margin": 0.5},
        "calibration": {"slope": [0.1, 3.0], "mean_error": 5.0},
        "utility": {"tolerance": 0.002, "group_tolerance": 0.005},
        "fairness": {"share_that_blocks": 0.05, "within_group": {"mean_error": 5.0}, "between_groups": {"mae": 5.0}},
        "subgroup_adequacy": {"patients": 10, "half_width": {"mean_error": 5.0}},
        "robustness": {"metric": "r2", "margin": 0.9},
        "stability": {"mean_absolute_difference": 5.0},
        "non_inferiority": {"metric": "r2", "margin": 0.02},
        "privacy": {"attack_auc": 0.9, "rate_at_one_in_1000": {"likelihood_ratio": 0.9, "loss": 0.9}},
        "lineage": {},
        "held_out_use": {"most": 20},
        "follow_up": {"most": 0.5},
    }
    entry["gates"] = {name: {**limits, "reason": reason} for name, limits in entry["gates"].items()}
    project.params["policies"] = {"every_study": {}}
    project.params["studies"][STUDY] = entry
    project.suite["expectations"] = project.suite["expectations"][:1]  # of the column `age`, which every cohort has
    project.write()
    make_cohort("regression").to_csv(project.table, index=False)


@pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow uses what SQLAlchemy deprecates
@pytest.mark.xdist_group("register")
def test_from_the_table_to_the_registry(acme: MadeExtensions, project: Project, monkeypatch, capsys) -> None:
    install(acme)
    declare(project)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("THERAGATE_JOBS", "1")
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    for stage in STAGES:
        assert exit_code(stage, [STUDY]) == 0, (stage, capsys.readouterr().err)

    report = project.root / "reports" / STUDY
    evidence = json.loads((report / "evidence.json").read_text())
    estimate = evidence["overall"]["spread"]
    assert "spread" in evidence["report_only"]
    verdict = json.loads((report / "verdict.json").read_text())
    (finding,) = (finding for finding in verdict["findings"] if finding["gate"] == "follow_up")
    assert (finding["code"], finding["status"]) == ("ACME001", "insufficient")
    assert verdict["decision"] == "BLOCKED"
    shown = json.loads(policy_json(project.root, STUDY))
    assert shown["policy_sha256"] == verdict["policy_sha256"]
    digest = shown["policy"]["declared"]["extensions"][NAME]["sha256"]
    assert digest == extensions.find(NAME).sha256
    files = digest_files(project.root)
    assert all("extensions" in files[f"data/_keys/{STUDY}/{stage}.json"] for stage in READS)

    card = (report / "card.md").read_text()
    assert "Mean square of what is predicted (report only)" in card
    assert "Follow-up that is long enough" in card
    assert f"`{NAME}` 1.0 ({digest[:12]})." in card
    record = json.loads((project.root / "models" / STUDY / "record.json").read_text())
    assert "normal_ridge" in record["families"]["known"]
    assert {trial["family"] for trial in record["trials"]} == {"linear", "normal_ridge"}

    url = f"sqlite:///{project.root / 'mlflow-store' / 'mlflow.db'}"
    client = MlflowClient(url, url)
    version = client.get_model_version(STUDY, "1")
    logged = client.get_run(version.run_id).data.metrics
    assert logged["spread"] == pytest.approx(estimate["value"], rel=1e-5)

    (project.root / "dvc.yaml").touch()
    study = open_project(project.root).study(STUDY)
    assert "Follow-up that is long enough" in study.verdict._repr_html_()
    assert (study.evidence()["metric"] == "spread").any()
