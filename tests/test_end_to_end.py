"""A small study through the whole pipeline in a clone, as a user runs it: `dvc repro`, `dvc exp run`, `theragate`."""

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from clones import run
from mlflow import MlflowClient
from support import STUDY, environment

from theragate.package_form import environment as environment_files
from theragate.release.examination import read_unverified

pytestmark = pytest.mark.xdist_group("pipeline")  # one clone serves all of these tests
OUTPUTS = (
    "data/{}/cohort.parquet",
    "models/{}/predictions.parquet",
    "reports/{}/evidence.json",
    "reports/{}/verdict.json",
)


def digests(folder: Path) -> dict[str, str]:
    paths = [folder / output.format(STUDY) for output in OUTPUTS]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def runs_and_versions(folder: Path) -> tuple[int, int]:
    """Count the parent runs and the versions in MLflow's database, which takes MLflow itself seconds to open."""
    parents = "SELECT count(*) FROM runs WHERE lifecycle_stage = 'active' AND run_uuid NOT IN "
    children = "(SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')"
    versions = "SELECT count(*) FROM model_versions WHERE current_stage != 'Deleted_Internal'"
    with closing(sqlite3.connect(folder / "mlflow-store" / "mlflow.db")) as database:
        return tuple(database.execute(question).fetchone()[0] for question in (parents + children, versions))


def looks(folder: Path) -> list[str]:
    return (folder / "looks" / f"{STUDY}.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def clone(tmp_path_factory, pipeline_clone):
    """A clone whose only study is the small one, after its first `dvc repro`."""
    return pipeline_clone(tmp_path_factory.mktemp("clone"))


def test_every_output_is_there_and_the_work_tree_is_clean(clone):
    for name in ("evidence.json", "verdict.json", "card.md", "validation.html", "metrics.json", "registration.json"):
        assert (clone / "reports" / STUDY / name).stat().st_size > 0
    assert run(clone, "git", "status", "--porcelain") == ""
    assert runs_and_versions(clone) == (1, 1)


def stages_that_ran(shown: str) -> list[str]:
    """The stages whose commands DVC has run, but for the step that asks what has changed."""
    ran = re.findall(r"^Running stage '(.*)':$", shown, flags=re.MULTILINE)
    assert ran[0] == "pipelines/dvc.yaml:digests"
    return ran[1:]


def test_a_second_repro_does_nothing_and_says_so(clone):
    lock = (clone / "dvc.lock").read_bytes()
    shown = run(clone, "dvc", "repro")
    assert "digests: nothing changed" in shown
    assert stages_that_ran(shown) == []
    assert (clone / "dvc.lock").read_bytes() == lock


def test_other_code_runs_the_stages_again_that_import_it(clone):
    gate = clone / "src" / "theragate" / "gates" / "_calibration.py"
    before = gate.read_bytes()
    try:
        gate.write_bytes(before + b"# an upgrade\n")
        shown = run(clone, "dvc", "repro")
        assert "digests: changed since the last run: code of gate, register" in shown
        assert stages_that_ran(shown) == [f"gate@{STUDY}", f"register@{STUDY}"]
    finally:
        gate.write_bytes(before)
        run(clone, "dvc", "repro")
        assert run(clone, "git", "status", "--porcelain") == ""


def test_an_evaluator_makes_everything_again_and_attests_it(clone):
    assert "DEVELOPMENT KEY" in run(clone, "theragate", "sync") + tags_of(clone)["theragate.attested_by"]
    said = run(clone, "theragate", "attest", STUDY)
    assert "to the same bytes; version 1 attested (DEVELOPMENT KEY " in said
    about = read_unverified(tags_of(clone)["theragate.attestation"])
    assert (about.recomputed, about.author) == (True, "Test <test@example.org>")
    assert about.conditions == {"lineage": "pass", "held_out_use": "pass"}
    assert about.commit == run(clone, "git", "rev-parse", "HEAD").strip()
    assert run(clone, "git", "status", "--porcelain") == ""


def test_an_evaluator_does_not_sign_a_package_that_somebody_changed(clone):
    (requirements,) = (clone / "mlflow-store" / "artifacts" / STUDY).rglob("requirements.txt")
    before, signed = {path: path.read_bytes() for path in requirements.parent.glob("*.*")}, tags_of(clone)
    python = json.loads((requirements.parent / "python_env.yaml").read_bytes())["python"]
    files = environment_files(python, [*requirements.read_text().splitlines(), "zlib-fast==6.6.6"])
    client = MlflowClient(*[f"sqlite:///{clone / 'mlflow-store' / 'mlflow.db'}"] * 2)
    client.delete_model_version_tag(STUDY, "1", "theragate.attestation")
    try:
        for name, content in files.items():
            (requirements.parent / name).write_bytes(content)
        said = run(clone, "theragate", "attest", STUDY, code=3)
        assert "the registered package is the one that the commit makes, byte for byte; received other content" in said
        assert "zlib-fast" not in said
        assert "theragate.attestation" not in tags_of(clone)
    finally:
        for path, content in before.items():
            path.write_bytes(content)
        client.set_model_version_tag(STUDY, "1", "theragate.attestation", signed["theragate.attestation"])


def tags_of(folder: Path) -> dict[str, str]:
    client = MlflowClient(*[f"sqlite:///{folder / 'mlflow-store' / 'mlflow.db'}"] * 2)
    return dict(client.get_model_version(STUDY, "1").tags)


def test_a_changed_limit_is_judged_anew_without_training(clone):
    params = (clone / "params.yaml").read_text(encoding="utf-8")
    changed = yaml.safe_load(params)
    changed["studies"][STUDY]["gates"]["discrimination"]["floor"] = 0.999
    try:
        (clone / "params.yaml").write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
        shown = run(clone, "dvc", "repro", f"gate@{STUDY}")
        assert f"Running stage 'gate@{STUDY}'" in shown
        assert "train@" not in shown.replace(f"Stage 'train@{STUDY}' didn't change", "")
        assert "evaluate@" not in shown.replace(f"Stage 'evaluate@{STUDY}' didn't change", "")
        verdict = json.loads((clone / "reports" / STUDY / "verdict.json").read_text(encoding="utf-8"))
        assert verdict["decision"] == "BLOCKED"
        assert "discrimination" in run(clone, "dvc", "metrics", "diff")
        assert "floor" in run(clone, "dvc", "params", "diff")
        run(clone, "theragate", "verdict", STUDY, "--require-pass", code=1)
    finally:
        (clone / "params.yaml").write_text(params, encoding="utf-8")
        run(clone, "dvc", "repro")
    assert run(clone, "git", "status", "--porcelain") == f" M looks/{STUDY}.jsonl\n"
    assert [json.loads(line).get("decision", "seen") for line in looks(clone)] == ["seen", "PASS", "BLOCKED"]
    run(clone, "git", "commit", "-qam", "Another limit was looked at")


def test_a_lost_mlflow_is_rebuilt_once(clone):
    import shutil

    shutil.rmtree(clone / "mlflow-store")
    assert "written to MLflow" in run(clone, "theragate", "sync")
    assert "MLflow has it" in run(clone, "theragate", "sync")
    assert runs_and_versions(clone) == (1, 1)


def test_an_experiment_is_logged_and_nothing_is_registered(clone):
    before = runs_and_versions(clone)
    shown = run(clone, "dvc", "exp", "run", "-n", "more-trials", "-S", f"studies.{STUDY}.tuning.trials=6")
    assert "more-trials" in shown
    assert runs_and_versions(clone) == (before[0] + 1, before[1])
    assert "not what was registered last" in run(clone, "theragate", "sync")
    assert runs_and_versions(clone) == (before[0] + 1, before[1])
    assert "more-trials" in run(clone, "dvc", "exp", "show", "--csv")
    run(clone, "git", "checkout", "-q", ".")
    run(clone, "dvc", "checkout")


def test_an_experiment_in_a_temporary_folder_uses_the_stores_of_the_clone(clone):
    before, looked = runs_and_versions(clone), looks(clone)
    floor = f"studies.{STUDY}.gates.discrimination.floor=0.55"
    shared = "+policies.every_study.robustness.margin=0.4"
    run(clone, "dvc", "exp", "run", "--temp", "-n", "elsewhere", "-S", floor, "-S", shared)
    assert runs_and_versions(clone) == (before[0] + 1, before[1])
    assert looks(clone)[:-1] == looked
    run(clone, "git", "commit", "-qam", "An experiment was looked at")


def test_a_second_clone_has_the_same_bytes(clone, tmp_path):
    run(tmp_path, "git", "clone", "-q", str(clone), "second")
    second = tmp_path / "second"
    ids = Path("private") / "ids" / f"{STUDY}.csv"
    (second / ids).parent.mkdir(parents=True)
    (second / ids).write_bytes((clone / ids).read_bytes())
    run(second, "dvc", "repro")
    assert digests(second) == digests(clone)
    assert run(second, "git", "status", "--porcelain") == ""


def test_the_commands_that_show_results(clone):
    assert STUDY in run(clone, "theragate", "summary")
    assert "auroc" in run(clone, "dvc", "metrics", "show")
    assert f"train@{STUDY}" in run(clone, "dvc", "dag")
    assert "TG" in run(clone, "theragate", "verdict", STUDY)


def test_two_pipelines_at_once_lose_nothing(clone):
    run(clone, "dvc", "repro", "-f", f"ingest@{STUDY}")
    lock = (clone / "dvc.lock").read_bytes()
    command = ["dvc", "repro", "-f", f"validate@{STUDY}"]
    both = [
        subprocess.Popen(
            command, cwd=clone, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    shown = [process.communicate()[0] for process in both]
    assert 0 in [process.returncode for process in both], shown
    assert not any("Traceback" in text for text in shown)
    assert (clone / "dvc.lock").read_bytes() == lock
    assert stages_that_ran(run(clone, "dvc", "repro")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_training_that_was_killed_goes_on_and_ends_the_same(clone):
    before = digests(clone)
    process = subprocess.Popen(
        ["dvc", "repro", "-f", "-s", f"train@{STUDY}"],
        cwd=clone,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    searches = clone / ".theragate" / "searches"
    while process.poll() is None and not any(searches.rglob("*")):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    run(clone, "dvc", "repro")
    assert digests(clone) == before
    assert run(clone, "git", "status", "--porcelain") == ""
