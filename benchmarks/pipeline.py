"""The pipeline of all studies: fresh, with one job and two, with nothing to do, and against graphs that do nothing."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("ingest", "validate", "train", "refit", "evaluate", "gate", "register")

# A stage's script that also writes down which modules it had loaded, and how long the work itself took.
TIMED = """
import _source, atexit, json, psutil, sys, time
from pathlib import Path
from theragate.stages import {stage} as module
from theragate.runner.command import run_stage

inside = 0.0
def timed(work):
    def run(*arguments, **options):
        global inside
        start = time.perf_counter()
        try:
            return work(*arguments, **options)
        finally:
            inside += time.perf_counter() - start
    return run

if __name__ == "__main__":
    if "{stage}" == "validate":
        import great_expectations  # its import is not part of the work
    for name in {work}:
        setattr(module, name, timed(getattr(module, name)))
    @atexit.register
    def note():
        process = time.time() - psutil.Process().create_time()
        modules = sorted({{name.split(".")[0] for name in sys.modules}})
        notes = {{"inside": inside, "process": process, "modules": modules}}
        Path(".theragate", f"{stage}-{{sys.argv[1]}}.json").write_text(json.dumps(notes))
    run_stage(module.{stage})
"""
WORK = {"validate": ["validate_cohort"], "train": ["train_study"], "refit": ["fit_again"]}

# A stage's script that takes its time and writes what it is called with.
WRITING = """
import random, sys, time
from pathlib import Path

time.sleep(random.uniform(0, 0.2))
for output in {outputs}:
    path = Path(output.replace("${{key}}", sys.argv[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(" ".join(sys.argv))
"""
TRIES = 20

# A stage's script that imports what the stage imported, and makes its outputs out of nothing.
IMPORTING = """
import importlib, sys
from pathlib import Path
import _source
import theragate.stages.{stage}
for name in {modules}:
    try:
        importlib.import_module(name)
    except Exception:
        pass
for output in {outputs}:
    path = Path(output.replace("${{key}}", sys.argv[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{{}}")
"""


def all_studies() -> dict[str, float]:
    """Measure fresh runs of all studies, two jobs and one; both have to leave ``dvc.lock`` as it was."""
    taken = {}
    for jobs in ("2", "1"):
        with clone() as folder:
            taken[jobs] = seconds(folder, "theragate", "repro", "--jobs", jobs)
            subprocess.run(["git", "diff", "--exit-code", "--stat", "dvc.lock"], cwd=folder, check=True)
    return {"all_studies_seconds": taken["2"], "jobs_speedup": taken["1"] / taken["2"]}


def equal_locks() -> dict[str, float]:
    """Run the graph of all studies with commands of random length, two jobs, and compare each lock with DVC's own."""
    with clone() as folder:
        for stage in STAGES:
            script = WRITING.format(outputs=outputs(folder, stage))
            (folder / "pipelines" / f"{stage}.py").write_text(script, encoding="utf-8")
        lock = folder / "dvc.lock"
        lock.unlink()  # what is there decides the order of the entries
        seconds(folder, "dvc", "repro", "--keep-going", "-q")
        serial = lock.read_bytes()
        equal = 0
        for _ in range(TRIES):
            lock.unlink()
            shutil.rmtree(folder / ".dvc" / "cache")
            seconds(folder, "theragate", "repro", "--jobs", "2")
            equal += lock.read_bytes() == serial
    return {"equal_locks": equal, "equal_locks_tries": TRIES}


def repro() -> dict[str, float]:
    """Measure one fresh ``dvc repro`` of all studies, and the same graph importing only."""
    with clone() as folder:
        for stage in STAGES:
            script = TIMED.format(stage=stage, work=WORK.get(stage, []))
            (folder / "pipelines" / f"{stage}.py").write_text(script, encoding="utf-8")
        (folder / ".theragate").mkdir(exist_ok=True)
        whole = seconds(folder, "dvc", "repro", "-q")
        notes = {path.stem: json.loads(path.read_text()) for path in (folder / ".theragate").glob("*-*.json")}
    inside = sum(note["inside"] for note in notes.values())
    process = sum(note["process"] for note in notes.values())
    with clone() as folder:
        for stage in STAGES:
            modules = sorted(set().union(*(note["modules"] for key, note in notes.items() if key.startswith(stage))))
            script = IMPORTING.format(stage=stage, modules=importable(modules), outputs=outputs(folder, stage))
            (folder / "pipelines" / f"{stage}.py").write_text(script, encoding="utf-8")
        importing = seconds(folder, "dvc", "repro", "-q")
    return {
        "repro_seconds": whole,
        "repro_dvc_seconds": whole - process,
        "repro_inside_seconds": inside,
        "repro_imports_seconds": importing,
        "repro_overhead": (whole - inside) / importing,
    }


def noop_overhead() -> dict[str, float]:
    """Measure a ``dvc repro`` that has nothing to do, and one of the same graph without the step that asks what has."""
    with clone() as folder:
        for stage in STAGES:
            script = IMPORTING.format(stage=stage, modules=[], outputs=outputs(folder, stage))
            (folder / "pipelines" / f"{stage}.py").write_text(script, encoding="utf-8")
        seconds(folder, "dvc", "repro", "-q")
        ours = min(seconds(folder, "dvc", "repro", "-q") for _ in range(3))
        bare_graph(folder)
        seconds(folder, "dvc", "repro", "-q")
        bare = min(seconds(folder, "dvc", "repro", "-q") for _ in range(3))
    return {"noop_seconds": ours, "noop_overhead": ours / bare}


def bare_graph(folder: Path) -> None:
    """Leave the step `digests` out, and make every command ``true``, with the same outputs, marked to persist."""
    path = folder / "dvc.yaml"
    (folder / "pipelines" / "dvc.yaml").unlink()
    pipeline: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for stage in STAGES:
        body = pipeline["stages"][stage]["do"]
        body["cmd"] = "true ${key}"
        body["deps"] = [dep for dep in body["deps"] if dep != "data/begun"]
        metrics = {next(iter(metric)) for metric in body.get("metrics", [])}
        body["outs"] = [{o: {"persist": True, "cache": o not in metrics}} for o in outputs(folder, stage)]
        body.pop("metrics", None)
        body.pop("plots", None)
    path.write_text(yaml.safe_dump(pipeline, sort_keys=False), encoding="utf-8")


def outputs(folder: Path, stage: str) -> list[str]:
    """Return the outputs of a stage as ``dvc.yaml`` declares them."""
    body = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]["do"]
    declared = [*body["outs"], *body.get("plots", []), *body.get("metrics", [])]
    return [next(iter(item)) if isinstance(item, dict) else item for item in declared]


def importable(modules: list[str]) -> list[str]:
    """Leave out what is no module of its own: scripts, and names that only appear while something runs."""
    return [name for name in modules if not name.startswith("_") and name not in sys.stdlib_module_names]


def seconds(folder: Path, *command: str) -> float:
    """Run a command in a clone; return its wall time."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_", "THERAGATE_"))}
    environment = {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


@contextmanager
def clone() -> Iterator[Path]:
    """Yield a fresh clone of HEAD."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["git", "clone", "-q", str(ROOT), f"{name}/clone"], check=True)
        yield Path(name) / "clone"
