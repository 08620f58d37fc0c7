"""Patients who do not exist are labelled in the data, in their provenance, in the evidence and on the card."""

import json

import pandas as pd
import pytest
from support import ROOT, STUDY, Project

from theragate.cohorts.parquet import is_simulated
from theragate.evidence.types import Evidence
from theragate.files import read_json
from theragate.gates import decide, read_policy
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.train import train
from theragate.stages.validate import validate
from theragate.study import load_study, resolved_entry


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """The warfarin study with few patients and no search, up to its verdict."""
    folder = tmp_path_factory.mktemp("simulated")
    project = Project(folder)
    entry = resolved_entry(ROOT / "params.yaml", "warfarin_dose") | {"policy": "every_study"}
    entry["source"]["patients"] = 300
    entry["tuning"] |= {"families": [], "trials": 1}
    project.params["studies"][STUDY] = entry
    project.suite["expectations"] = project.suite["expectations"][:1]
    project.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("THERAGATE_JOBS", "1")
        patch.delenv("DVC_ROOT", raising=False)
        for stage in (ingest, validate, train, refit, evaluate, gate):
            assert exit_code(stage, [STUDY]) == 0
    return folder


def test_the_data_and_their_provenance_say_so(simulated):
    path = simulated / "data" / STUDY / "cohort.parquet"
    assert is_simulated(path)
    patients = pd.read_parquet(path)["patient"]
    assert patients.str.startswith("simulated-").all()
    assert patients.is_unique
    provenance = read_json(simulated / "data" / STUDY / "provenance.json", remedy="")
    assert provenance["simulated"] is True
    assert provenance["version"].startswith("SIMULATED: world iwpc_warfarin, seed ")


def test_the_evidence_and_the_card_say_so(simulated):
    report = simulated / "reports" / STUDY
    assert json.loads((report / "evidence.json").read_text(encoding="utf-8"))["cohort"]["simulated"] is True
    assert "> **SIMULATED**: these patients do not exist" in (report / "card.md").read_text(encoding="utf-8")


def test_errors_by_dose_band_are_reported_and_decide_nothing(simulated):
    evidence = Evidence.model_validate_json((simulated / "reports" / STUDY / "evidence.json").read_bytes())
    low = next(group for group in evidence.groups if group.key == "dose_band=≤21")
    assert low.metrics["mean_error"].lower > 0
    assert low.metrics["within_20_percent"].value is not None
    policy = read_policy(load_study(simulated / "params.yaml", STUDY))
    finding = next(one for one in decide(evidence, policy, evidence_sha256="0" * 64).findings if one.gate == "fairness")
    bands = [row for row in finding.comparisons if "dose_band" in row.subject]
    assert bands
    assert not any(row.decides for row in bands)
    assert not any("&" in row.subject or " - " in row.subject for row in bands)


def test_a_real_cohort_carries_no_such_label(tmp_path, monkeypatch):
    Project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert exit_code(ingest, [STUDY]) == 0
    assert not is_simulated(tmp_path / "data" / STUDY / "cohort.parquet")
    assert read_json(tmp_path / "data" / STUDY / "provenance.json", remedy="")["simulated"] is False
