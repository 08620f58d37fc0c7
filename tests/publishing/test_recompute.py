"""Everything again in a clone: the same bytes or a refusal, and no key within reach of the commit's own code."""

import os
import shutil

import pytest
from support import dvc_repository, run

from theragate.errors import EvidenceError
from theragate.publishing.recompute import recomputed

PIPELINE = """stages:
  gate:
    foreach: [mini]
    do:
      cmd: python stage.py
      deps: [stage.py]
      outs: [out.txt]
      metrics: [{seen.txt: {cache: false}}]
"""
STAGE = """import os, pathlib
secrets = sorted(name for name in os.environ if "KEY" in name or "PASSWORD" in name)
private = sorted(str(path) for path in pathlib.Path("private").rglob("*") if path.is_file())
pathlib.Path("seen.txt").write_text(f"{secrets} {private}")
pathlib.Path("out.txt").write_text("result")
"""


def anything(clone):
    """Let any pipeline run."""


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """A pipeline of one stage, run and committed, beside a private folder with ids and a key."""
    root = tmp_path_factory.mktemp("committed")
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "stage.py").write_text(STAGE)
    (root / "private" / "keys").mkdir(parents=True)
    (root / "private" / "ids.csv").write_text("source_id,patient\n")
    dvc_repository(root)
    (root / ".gitignore").write_text("/private/\n/out.txt\n")
    run(root, "dvc", "repro")
    (root / "private" / "keys" / "ci.pem").write_text("secret")
    commit(root)
    return root


@pytest.fixture
def project(committed, tmp_path, monkeypatch):
    """A copy that a test may change, and secrets in the environment."""
    root = shutil.copytree(committed, tmp_path / "project")
    monkeypatch.setenv("THERAGATE_EVALUATOR_KEY", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    return root


def commit(root) -> str:
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-qm", "Results", "--allow-empty")
    return head(root)


def head(root) -> str:
    return run(root, "git", "rev-parse", "HEAD").strip()


def test_the_same_bytes_without_keys_or_cache(project):
    with recomputed(
        project, "mini", commit=head(project), private=project / "private", environ=os.environ, check=anything
    ) as (
        clone,
        settings,
    ):
        assert (clone / "out.txt").read_text() == "result"
        assert (clone / "seen.txt").read_text() == "[] ['private/ids.csv']"
        assert settings.home == clone
        assert not (clone / "private" / "keys").exists()
    assert not clone.exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("dvc.lock", "md5: ", "md5: 0", r"other results: `dvc\.lock` would change"),
        ("seen.txt", "[]", "['more']", r"other results: `seen\.txt` would change"),
        ("stage.py", '"result"', "1 / 0", r"a failure of `repro --force gate@mini`"),
    ],
)
def test_what_a_clone_makes_otherwise_is_refused(project, file, old, new, message):
    text = (project / file).read_text()
    (project / file).write_text(text.replace(old, new, 1))
    changed = commit(project)
    with (
        pytest.raises(EvidenceError, match=message),
        recomputed(project, "mini", commit=changed, private=project / "private", environ=os.environ, check=anything),
    ):
        pass


def test_an_unknown_commit_is_refused(project):
    with (
        pytest.raises(EvidenceError, match="a failure of `--quiet --detach"),
        recomputed(project, "mini", commit="0" * 40, private=project / "private", environ=os.environ, check=anything),
    ):
        pass


def test_a_source_that_git_ignores_is_the_one_beside_the_pipeline(project):
    """As in every project: the table lies in sources/, and only its description in git."""
    source = project / "sources" / "mini"
    source.mkdir(parents=True)
    (source / "README.md").write_text("A table.\n")
    (source / "table.csv").write_text("secret\n")
    (project / ".gitignore").write_text("/private/\n/out.txt\n*.csv\n")
    described = commit(project)
    with recomputed(
        project, "mini", commit=described, private=project / "private", environ=os.environ, check=anything
    ) as (clone, _):
        assert (clone / "sources" / "mini" / "table.csv").read_text() == "secret\n"
    assert (source / "table.csv").is_file()


def test_a_project_may_lie_in_a_folder_of_its_repository(project, tmp_path):
    inner = tmp_path / "Alle Modelle" / "für Herzen"
    shutil.copytree(project, inner, ignore=shutil.ignore_patterns(".git", "tmp"))
    run(tmp_path / "Alle Modelle", "git", "init", "-q", "-b", "main")
    whole = commit(tmp_path / "Alle Modelle")
    with recomputed(inner, "mini", commit=whole, private=inner / "private", environ=os.environ, check=anything) as (
        clone,
        settings,
    ):
        assert clone.name == "für Herzen"
        assert (clone / "out.txt").read_text() == "result"
        assert settings.home == clone


def test_no_worker_of_a_cluster_decides_what_is_signed(project):
    """Whoever had a certificate for the cluster that CI used had its results signed unseen."""
    elsewhere = {"THERAGATE_CLUSTER": "tls://scheduler.example:8786", "THERAGATE_SHARED": "s3://bucket/folder"}
    (project / "stage.py").write_text(
        "import os, pathlib\n"
        'said = [os.environ.get(name, "") for name in ("THERAGATE_CLUSTER", "THERAGATE_SHARED")]\n'
        'pathlib.Path("seen.txt").write_text("".join(said))\n'
        'pathlib.Path("out.txt").write_text("result")\n'
    )
    run(project, "dvc", "repro")
    commit(project)
    head = run(project, "git", "rev-parse", "HEAD").strip()
    private, environ = project / "private", os.environ | elsewhere
    with recomputed(project, "mini", commit=head, private=private, environ=environ, check=anything) as (clone, own):
        assert (clone / "seen.txt").read_text() == ""
        assert (own.cluster, own.shared) == ("", "")


@pytest.mark.parametrize("name", ["dvc.py", "configparser.py", "joblib/__init__.py", "multiprocessing/__init__.py"])
def test_no_module_of_the_commit_is_imported(project, tmp_path, name):
    """Not by DVC, which Python runs as a module, and not by a worker, which it runs in the same folder."""
    planted = project / name
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")
    worker = '[sys.executable, "-c", "import joblib, multiprocessing.resource_tracker"]'
    (project / "stage.py").write_text(f"import subprocess, sys; subprocess.run({worker}, check=True)\n{STAGE}")
    with (
        pytest.raises(EvidenceError, match="would change"),  # the stage's own file is another one now
        recomputed(
            project,
            "mini",
            commit=commit(project),
            private=project / "private",
            environ=os.environ | {"PYTHONPATH": f".{os.pathsep}"},
            check=anything,
        ),
    ):
        pass
    assert not (tmp_path / "ran").exists()


def test_a_clone_that_is_refused_runs_nothing(project, tmp_path):
    def refuse(clone):
        assert (clone / "dvc.yaml").is_file()
        raise EvidenceError("the pipeline", rule="it is ours", received="another", remedy="Look.")

    (project / "stage.py").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()")
    arguments = {"commit": commit(project), "private": project / "private", "environ": os.environ}
    with pytest.raises(EvidenceError, match="it is ours"), recomputed(project, "mini", **arguments, check=refuse):
        pass
    assert not (tmp_path / "ran").exists()
    with pytest.raises(EvidenceError, match="repro"), recomputed(project, "mini", **arguments, check=anything):
        pass
    assert (tmp_path / "ran").exists(), "it would have run"
