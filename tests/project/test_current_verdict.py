"""A file that says PASS is no evidence of a pass: what is shown, counted in CI or registered is judged anew."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support import STUDY, Project, environment, run

from theragate import cli
from theragate.errors import DataError, EvidenceError
from theragate.project.current_verdict import read_judged
from theragate.project.git import read_code_state
from theragate.project.snapshot import take_snapshot
from theragate.publishing.gather import gather
from theragate.runner.command import exit_code
from theragate.runner.workspace import Workspace
from theragate.settings import read_settings
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.register import register
from theragate.stages.train import train
from theragate.stages.validate import validate

pytestmark = pytest.mark.xdist_group("judged")


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> Path:
    """A project whose small study has been judged and registered; its floor of discrimination blocks it."""
    folder = tmp_path_factory.mktemp("judged")
    project = Project(folder)
    project.study["gates"]["discrimination"]["floor"] = 0.95
    project.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("THERAGATE_JOBS", "1")
        for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        for stage in (ingest, validate, train, refit, evaluate, gate, register):
            assert exit_code(stage, [STUDY]) == 0
    return folder


@pytest.fixture
def folder(judged, tmp_path, monkeypatch) -> Path:
    """A copy that a test may spoil."""
    copy = tmp_path / "copy"
    shutil.copytree(judged, copy)
    monkeypatch.chdir(copy)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return copy


def change(path: Path, edit: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def say_pass(verdict: dict) -> None:
    verdict["decision"] = "PASS"


def say_pass_everywhere(verdict: dict) -> None:
    verdict["decision"] = "PASS"
    for finding in verdict["findings"]:
        finding["status"] = "pass"


def lower_floor(folder: Path) -> None:
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params["studies"][STUDY]["gates"]["discrimination"]["floor"] = 0.6
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def raise_evidence(evidence: dict) -> None:
    evidence["overall"]["auroc"] |= {"value": 0.98, "lower": 0.97, "upper": 0.985}


SPOILT = {
    "the decision": lambda folder: change(folder / "reports" / STUDY / "verdict.json", say_pass),
    "decision and findings": lambda folder: change(folder / "reports" / STUDY / "verdict.json", say_pass_everywhere),
    "the evidence": lambda folder: change(folder / "reports" / STUDY / "evidence.json", raise_evidence),
    "the limit": lower_floor,
    "the cohort": lambda folder: (folder / "data" / STUDY / "cohort.parquet").write_bytes(b"other patients"),
    "the predictions": lambda folder: (folder / "models" / STUDY / "predictions.parquet").write_bytes(b"others"),
    "what was validated": lambda folder: change(
        folder / "data" / STUDY / "validated.json", lambda validated: validated.update(cohort_sha256="0" * 64)
    ),
    "data and models are gone": lambda folder: (shutil.rmtree(folder / "data"), shutil.rmtree(folder / "models")),
}


def test_an_untouched_verdict_is_believed(folder, capsys):
    judged = read_judged(Workspace(folder, STUDY))
    verdict = judged.verdict
    assert (judged.evidence.study, verdict.decision) == (STUDY, "BLOCKED")
    assert [finding.gate for finding in verdict.blocking] == ["discrimination"]
    assert cli.main(["verdict", STUDY]) == 0
    assert cli.main(["verdict", STUDY, "--require-pass"]) == 1
    assert cli.main(["summary"]) == 0
    assert "blocked by TG003" in capsys.readouterr().out


@pytest.mark.parametrize("what", SPOILT)
def test_a_verdict_about_other_files_is_refused_everywhere(what, folder, capsys):
    shutil.rmtree(folder / "mlflow-store")
    SPOILT[what](folder)
    with pytest.raises((EvidenceError, DataError)):
        read_judged(Workspace(folder, STUDY))
    assert cli.main(["verdict", STUDY, "--require-pass"]) == 1
    assert cli.main(["summary"]) == 1
    assert cli.main(["sync"]) == 1
    shown = capsys.readouterr()
    assert "PASS" not in shown.out
    assert "Traceback" not in shown.err
    assert not (folder / "mlflow-store").exists(), "nothing may be published"


def test_a_limit_that_was_changed_after_a_result_is_told(folder, capsys):
    lower_floor(folder)
    assert cli.main(["verdict", STUDY]) == 1
    assert "limits or their reasons are not those under which that result was seen" in capsys.readouterr().err
    assert exit_code(gate, [STUDY]) == 0
    capsys.readouterr()
    assert cli.main(["verdict", STUDY]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 look of 2 at these held-out data was under another policy than the present one" in shown
    assert "decided BLOCKED of these very predictions: what it said is not known" in shown, "there is no git here"


def test_what_was_judged_after_the_last_registration_is_not_registered_in_passing(folder, capsys):
    lower_floor(folder)
    assert exit_code(gate, [STUDY]) == 0
    assert "PASS" in capsys.readouterr().out
    assert cli.main(["sync"]) == 0
    assert "not what was registered last" in capsys.readouterr().out


def test_sync_goes_on_after_a_broken_study(folder, capsys):
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params["studies"] = {"another_study": params["studies"][STUDY], **params["studies"]}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    (folder / "reports" / "another_study").mkdir()
    (folder / "reports" / "another_study" / "registration.json").write_text("[]", encoding="utf-8")
    assert cli.main(["sync"]) == 1
    shown = capsys.readouterr()
    assert "MLflow has it" in shown.out
    assert shown.err.startswith("error: ")


def test_a_version_without_figures_is_refused(folder, capsys):
    shutil.rmtree(folder / "reports" / STUDY / "figures")
    assert cli.main(["sync"]) == 1
    assert "a version is registered with its figures" in capsys.readouterr().err


@pytest.mark.parametrize("study", ["nobody", "../elsewhere"])
def test_an_unknown_study_is_named_as_such(study, folder, capsys):
    assert cli.main(["verdict", study]) == 1
    assert f"there are {STUDY}" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["99999", "-1", "80", "http"])
def test_a_port_is_one_that_a_user_may_open(port, folder):
    with pytest.raises(SystemExit) as ended:
        cli.main(["ui", "--port", port])
    assert ended.value.code == 2


def reproduce(folder: Path) -> str:
    snapshot = take_snapshot(folder, os.environ)
    return gather(read_judged(Workspace(folder, STUDY)), read_settings({}, folder), snapshot).reproduce


def test_the_commit_is_named_only_where_it_holds_everything(folder, monkeypatch):
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", "params.yaml")
    run(folder, "git", "commit", "-qm", "one file")
    assert read_code_state(folder, {}).dirty, "files that are in no commit"
    assert reproduce(folder) == ""
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "all files")
    code = read_code_state(folder, {})
    assert not code.dirty
    assert code.commit in reproduce(folder)
    monkeypatch.setenv("DVC_EXP_NAME", "tried")
    assert reproduce(folder) == ""
