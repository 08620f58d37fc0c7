"""A project of one's own, as a user has it: begun from the wheel, in a folder with umlauts, and run to a verdict."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from mlflow_plugin.attested_by_hand import Deployment
from mlflow_plugin.servers import PASSWORD, Server, running
from ruamel.yaml import YAML
from support import ROOT, small_cohort
from wheels import Installed

from theragate.digests import sha256_tree
from theragate.project.stage_digests import digest_files

STUDY = "leber_2026"
NOBODY = 65534
pytestmark = pytest.mark.xdist_group("own-project")


def quick(params: Path, name: str = STUDY) -> None:
    """Make a drafted study one that runs in seconds."""
    yaml = YAML()
    content = yaml.load(params)
    study = content["studies"][name]
    study["validation"] |= {"repeats": 1, "folds": 3, "inner_folds": 2}
    study["tuning"] |= {"trials": 2, "families": study["tuning"]["families"][:1]}
    study["stability"] |= {"refits": 20}
    yaml.dump(content, params)


@pytest.fixture(scope="module")
def run_once(user: Installed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project with one study of a table that git ignores, run and committed; and what `theragate repro` said."""
    here = tmp_path_factory.mktemp("Früh & spät")
    small_cohort(160).to_csv(here / "export.csv", index=False)
    assert "cd projekt" in user.run(here, "theragate", "init", "projekt")
    project = here / "projekt"
    user.run(project, "theragate", "new-study", STUDY, "--from", "../export.csv", "--outcome", "ill")
    quick(project / "params.yaml")
    (project / "notes").mkdir()
    said = user.run(project / "notes", "theragate", "repro")
    user.run(project, "git", "add", "-A")
    user.run(project, "git", "commit", "-qm", "A study")
    return project, said


@pytest.fixture
def own(run_once: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy in another folder, whose path has ASCII letters only: DVC queues experiments in no other."""
    return shutil.copytree(run_once[0], tmp_path / "copy", symlinks=True)


def test_a_folder_and_a_table_become_a_verdict(user, run_once):
    project, said = run_once
    assert f"{STUDY}: BLOCKED by TG000" in said
    assert "digests: 7 stages, 1 study" in said
    assert "data were last" not in said
    assert f"{STUDY}  BLOCKED" in user.run(project, "theragate", "summary")
    user.run(project, "theragate", "verdict", "--require-pass", code=1)


def test_the_code_that_ran_is_the_installed_one(user, run_once):
    """What the stages were noticed by is what the installed package digests to, which is what the source tree does."""
    code = "import json, pathlib; from theragate.project.stage_digests import digest_files;"
    code += "print(json.dumps(digest_files(pathlib.Path.cwd())))"
    told = json.loads(user.run(run_once[0], "python", "-c", code))
    assert told == digest_files(run_once[0])
    assert {path: json.loads((run_once[0] / path).read_text(encoding="utf-8")) for path in told} == told


def test_a_commit_holds_all_but_patients(user, run_once):
    project, _ = run_once
    tracked = user.run(project, "git", "ls-files").split()
    assert not [name for name in tracked if name.endswith((".csv", ".parquet", ".pem", ".db"))]
    assert {"dvc.lock", "pipelines/dvc.lock", f"looks/{STUDY}.jsonl", f"reports/{STUDY}/metrics.json"} <= set(tracked)
    assert user.run(project, "git", "status", "--porcelain") == ""


def test_a_second_run_does_nothing(user, run_once):
    shown = user.run(run_once[0], "theragate", "repro")
    assert "Data and pipelines are up to date." in shown
    shown = user.run(run_once[0], "dvc", "repro")
    assert "Running stage 'train" not in shown


def test_a_queued_experiment_finds_the_table(user, own):
    """A changed limit is judged anew; the table is the same, so that nothing before the gate runs again."""
    floor = f"studies.{STUDY}.gates.discrimination.floor=0.61"
    user.run(own, "dvc", "exp", "run", "--queue", "-n", "lower-floor", "-S", floor, f"gate@{STUDY}")
    user.run(own, "dvc", "exp", "run", "--run-all")
    shown = user.run(own, "dvc", "queue", "logs", "lower-floor")
    assert f"Stage 'ingest@{STUDY}' didn't change" in shown
    assert f"Running stage 'gate@{STUDY}'" in shown
    assert "lower-floor" in user.run(own, "dvc", "exp", "list", "--name-only")
    assert not (own / "sources" / STUDY / "export.csv").is_symlink()


def test_the_targets_of_make_run_in_the_environment_of_the_project(user, own):
    (own / ".venv").symlink_to(user.folder)
    (user.folder / "installed").write_text(f"{own}\n", encoding="utf-8")
    shown = user.run(own, "make", "test")
    assert f"1 study is well declared: {STUDY}" in shown
    assert "OK" in shown
    assert "Making the environment" not in shown
    user.run(own, "git", "add", "-f", f"sources/{STUDY}/export.csv")
    assert "test_no_table_is_tracked" in user.run(own, "make", "test", code=2)


def test_a_moved_environment_is_made_anew(user, own):
    (own / ".venv").mkdir()
    for made_in, again in ((own, False), (own.parent / "elsewhere", True)):
        (own / ".venv" / "installed").write_text(f"{made_in}\n", encoding="utf-8")
        assert ("-m venv --clear .venv" in user.run(own, "make", "-n", "environment")) is again
    assert "make repro" in user.run(own, "make", "help")


def test_a_copied_and_then_moved_project_has_nothing_to_do(user, run_once, own):
    """Neither place is a fault to MLflow's database, which names files by full paths, and no store is mixed up."""
    original = run_once[0] / "mlflow-store"
    before = sha256_tree(original)
    (own / ".venv").symlink_to(user.folder)
    moved = own.parent / "Früh & spät" / "umgezogen"
    for folder in (own, moved):
        if folder == moved:
            moved.parent.mkdir()
            own.rename(moved)
        (user.folder / "installed").write_text(f"{folder}\n", encoding="utf-8")
        shown = user.run(folder, "make", "repro")
        assert "Data and pipelines are up to date." in shown
        assert f"{STUDY}: MLflow has it" in shown
        assert f"{STUDY}  BLOCKED" in user.run(folder, "theragate", "verdict")
    user.run(moved, "dvc", "repro", "-f", f"register@{STUDY}")
    assert sha256_tree(original) == before
    assert f"{STUDY}: MLflow has it" in user.run(run_once[0], "theragate", "sync")


def ci_commands() -> list[str]:
    template = ROOT / "src" / "theragate" / "project" / "template"
    github = YAML(typ="safe").load(template / ".github" / "workflows" / "theragate.yml")
    gitlab = YAML(typ="safe").load(template / ".gitlab-ci.yml")
    jobs = [[step["run"] for step in job["steps"] if "run" in step] for job in github["jobs"].values()]
    assert jobs == [gitlab[job]["script"] for job in gitlab["stages"]]
    return list(dict.fromkeys(command for job in jobs for command in job))


def test_the_commands_of_ci_run_in_a_fresh_clone(user, own, tmp_path):
    """As on a runner at the site: sources and random ids come from there, the environment is made already."""
    site, clone = tmp_path / "site", tmp_path / "clone"
    shutil.copytree(own / "sources", site / "sources")
    shutil.copytree(own / "private" / "ids", site / "private" / "ids")
    user.run(tmp_path, "git", "clone", "-q", str(own), str(clone))
    shutil.copytree(own / ".dvc" / "cache", clone / ".dvc" / "cache")  # what the job before has left
    (clone / ".venv").symlink_to(user.folder)
    (user.folder / "installed").write_text(f"{clone}\n", encoding="utf-8")
    commands = ci_commands()
    assert commands[-1] == ".venv/bin/theragate attest"
    for command in commands:
        blocked = "--require-pass" in command
        shown = user.run(clone, "bash", "-ec", command, code=1 if blocked else 0, SITE=str(site))
    assert "made again from commit" in shown
    assert "DEVELOPMENT KEY" in shown


def other_project(user: Installed, folder: Path) -> Path:
    """A project with another study, up to its verdict."""
    small_cohort(150, seed=11).to_csv(folder / "other.csv", index=False)
    user.run(folder, "theragate", "init", "zweites Projekt")
    project = folder / "zweites Projekt"
    user.run(project, "theragate", "new-study", "nieren", "--from", "../other.csv", "--outcome", "ill")
    quick(project / "params.yaml", "nieren")
    user.run(project, "theragate", "repro", "gate@nieren")
    user.run(project, "git", "add", "-A")
    user.run(project, "git", "commit", "-qm", "Another study")
    return project


def test_two_projects_share_a_server(user, run_once, own, tmp_path):
    """Each registers its own study, and neither sees or changes anything of the other."""
    other = other_project(user, tmp_path)
    server = Server(tmp_path / "server", f"sqlite:///{tmp_path}/server/mlflow.db", Deployment(tmp_path / "keys"))
    with running(server):
        server.hire()
        ada = server.person("ada")
        signed_in = {
            "MLFLOW_TRACKING_URI": server.address,
            "MLFLOW_TRACKING_USERNAME": "ada",
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        }
        both = [
            subprocess.Popen(
                [user.bin / "theragate", "repro", f"register@{study}"],
                cwd=project,
                env=user.environment(**signed_in),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for project, study in ((own, STUDY), (other, "nieren"))
        ]
        said = [process.communicate(timeout=300)[0] for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        assert any("this registry does not count the DEVELOPMENT KEY" in text for text in said)
        assert f"{STUDY}: " in user.run(own, "theragate", "sync", **signed_in)
        assert ada.version(STUDY, "1")["tags"]
        assert ada.version("nieren", "1")["tags"]
    assert not (other / "mlflow-store").exists()
    assert "nieren" not in user.run(own, "theragate", "summary")


def test_a_user_without_rights_on_the_installation(user, run_once, tmp_path):
    """Everything that is written lies in the project, and git and DVC are content with its owner."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser can become somebody else")
    folder = Path(tempfile.mkdtemp(prefix="theragate-", dir="/tmp"))
    try:
        user.run(folder, "python", "-c", "import theragate", user=NOBODY)
    except PermissionError:
        folder.rmdir()
        pytest.skip("this Python, or the tests' folder, is the superuser's alone")
    try:
        folder.chmod(0o755)
        project = shutil.copytree(run_once[0], folder / "projekt", symlinks=True)
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        shown = user.run(project, "theragate", "repro", user=NOBODY, HOME=str(folder))
        assert "Data and pipelines are up to date." in shown
        assert f"{STUDY}  BLOCKED" in user.run(project, "theragate", "summary", user=NOBODY, HOME=str(folder))
    finally:
        shutil.rmtree(folder)
