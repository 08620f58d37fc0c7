"""The contract of a task: a small cohort is split, learned from, predicted and measured."""

import pandas as pd
import pytest
from support import STUDY, Project

from theragate.evidence.catalogue import metrics_of
from theragate.evidence.types import Evidence
from theragate.learning.families import FAMILIES
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.train import train
from theragate.stages.validate import validate
from theragate.study import TASKS
from theragate.testing.cohorts import make_cohort, study_entry

STAGES = (ingest, validate, train, refit, evaluate)


@pytest.mark.parametrize("task", TASKS)
def test_a_small_cohort_goes_from_its_table_to_evidence(task: str, project: Project, monkeypatch, capsys) -> None:
    entry = {"policy": "every_study", **study_entry(task)}
    entry["source"] |= {"kind": "file", "path": project.table.name, "id": "patient"}
    del entry["source"]["name"]
    entry["tuning"] |= {"families": [], "trials": 1}
    project.params["studies"][STUDY] = entry
    project.suite["expectations"] = project.suite["expectations"][:1]  # of the column `age`, which every cohort has
    project.write()
    cohort = make_cohort(task)
    project.put(cohort)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("THERAGATE_JOBS", "1")
    monkeypatch.delenv("DVC_ROOT", raising=False)

    for stage in STAGES:
        assert exit_code(stage, [STUDY]) == 0, capsys.readouterr().err

    predictions = pd.read_parquet(project.root / "models" / STUDY / "predictions.parquet")
    clean = predictions[(predictions["model"] == "selected") & (predictions["scenario"] == "clean")]
    assert clean.groupby("repeat")["patient"].nunique().tolist() == [len(cohort)] * 2, "each is held out once a repeat"
    report = project.root / "reports" / STUDY
    evidence = Evidence.model_validate_json((report / "evidence.json").read_bytes())
    assert (evidence.task, evidence.cohort.patients) == (task, len(cohort))
    assert evidence.family in FAMILIES[task]
    judged = {metric.name for metric in metrics_of(task) if not metric.report_only}
    without_decision = {"net_benefit_gain", "sensitivity", "specificity", "selection_rate", "policy_gain"}
    assert set(evidence.overall) >= judged - without_decision
    assert evidence.scenarios
    assert evidence.stability is not None
    assert evidence.membership is not None
