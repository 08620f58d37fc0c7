"""A stage that needs more memory than it may have says so in one sentence, and leaves nothing half-written."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from support import ROOT, STUDY, environment

from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest
from theragate.stages.validate import validate
from theragate.validation._checks import Answer

LIMIT = "THERAGATE_MEMORY_LIMIT"


@pytest.fixture
def checked(project, monkeypatch):
    """A project whose cohort may be learned from."""
    monkeypatch.chdir(project.root)
    for stage in (ingest, validate):
        assert exit_code(stage, [STUDY]) == 0
    return project


def ended(folder: Path, *command: str, **more: str) -> str:
    """Run Python in a process of its own, which has to end with one line; return it."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment(**more), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def files(folder: Path) -> dict[Path, bytes]:
    made = (path for part in ("data", "models", "reports") for path in (folder / part).rglob("*"))
    return {path: path.read_bytes() for path in made if path.is_file()}


@pytest.mark.parametrize("stage", ["validate", "train"])
def test_a_stage_beyond_its_limit_is_one_sentence_and_changes_no_file(stage, checked):
    before = files(checked.root)
    said = ended(checked.root, str(ROOT / "pipelines" / f"{stage}.py"), STUDY, **{LIMIT: "64MiB"})
    assert said.startswith(f"error: memory of the stage `{stage}`: it and its workers hold at most 64 MiB ({LIMIT});")
    assert f"Set {LIMIT} to more" in said
    assert files(checked.root) == before


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from theragate.runner.command import run_stage
import held
run_stage(held.{stage})
"""

HELD = """
from theragate.workers.backend import run_in_workers
from theragate.workers.processes import Processes

def fill(_):
    held = []
    while True:  # until it is ended
        held.append(bytearray(b"x" * 2**20))
        if len(held) > 4096:
            raise AssertionError("nobody ends it")

def workers(call):
    return str(list(run_in_workers(fill, [0, 1], backend=Processes(2), of="a test")))

def alone(call):
    import numpy
    return str(numpy.ones(2**27).sum())
"""


@pytest.mark.parametrize("stage", ["workers", "alone"])
def test_the_memory_of_workers_counts_and_so_does_what_is_asked_for_at_once(stage, tmp_path):
    (tmp_path / "held.py").write_text(HELD, encoding="utf-8")
    script = SCRIPT.format(tests=str(tmp_path), stage=stage)
    said = ended(tmp_path, "-c", script, "a_study", **{LIMIT: "300MiB", "PYTHONPATH": str(tmp_path)})
    assert "hold at most 300 MiB" in said


def refuse(kind: str) -> object:
    if kind == "numpy":
        return np.zeros(2**55)
    if kind == "arrow":
        return pa.allocate_buffer(2**58)
    if kind == "python":
        return bytearray(2**58)
    raise RuntimeError("[10:00:00] src/data.cc:1: std::bad_alloc")  # as XGBoost words it


@pytest.mark.parametrize("kind", ["numpy", "arrow", "python", "xgboost"])
def test_memory_that_is_refused_is_the_same_sentence(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(LIMIT, raising=False)
    assert exit_code(lambda call: str(refuse(kind)), ["a_study"]) == 1
    said = capsys.readouterr().err
    assert "hold at most" in said
    assert "(what the machine has); received" in said
    assert "and no more to be had" in said


def test_a_rule_that_found_no_memory_is_not_taken_for_a_fault_of_the_column():
    information = {"column_values.between": {"exception_traceback": "… numpy._core._exceptions._ArrayMemoryError: …"}}
    with pytest.raises(MemoryError):
        Answer(SimpleNamespace(result={}, success=False, exception_info=information))


def test_a_stage_that_ends_in_time_keeps_its_own_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(LIMIT, "1TiB")
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda call: str(1 / 0), ["a_study"])
    assert exit_code(lambda call: "done", ["a_study"]) == 0
    assert capsys.readouterr().out == "a_study: done\n"


def test_arrow_gives_memory_back_in_a_stage():
    script = "import theragate.runner.command, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "system\n"
