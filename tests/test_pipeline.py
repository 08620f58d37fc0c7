"""dvc.yaml and the digests against the code: a stage depends on what it imports and on the keys that it reads."""

import importlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml
from support import BIN, STUDY, Project, environment

import theragate
from theragate.project.imported_code import read_package
from theragate.project.stage_digests import READS, code_modules
from theragate.runner.command import exit_code
from theragate.study import Study, load_study

ROOT = Path(__file__).resolve().parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.fixture(scope="module")
def code():
    return read_package(Path(theragate.__file__).parent, {})


@pytest.fixture(scope="module")
def imports():
    return grimp.build_graph("theragate", include_external_packages=False, cache_dir=None)


@pytest.mark.parametrize("stage", STAGES)
def test_the_digest_of_a_stage_is_of_the_modules_that_another_reader_of_imports_finds(stage, code, imports):
    begun = code_modules(stage)
    reached = set(begun).union(*(imports.find_upstream_modules(module) for module in begun))
    packages = {module.rsplit(".", depth)[0] for module in reached for depth in range(1, module.count(".") + 1)}
    at_once = {package for package in packages if not code.modules[package].inert}
    assert set(code.reached(begun)) == reached | at_once


def test_the_stages_are_those_that_have_digests_and_each_depends_on_its_own():
    assert set(STAGES) == set(READS)
    for stage, body in STAGES.items():
        assert {f"data/_code/{stage}.json", f"data/_keys/${{key}}/{stage}.json"} <= set(body["do"]["deps"])
    assert "data/begun" in STAGES["ingest"]["do"]["deps"], "which is made together with the digests"


def test_the_pipeline_stays_small():
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) <= 120
    assert len((ROOT / "dvc.lock").read_text(encoding="utf-8").splitlines()) <= 5_000
    for script in (ROOT / "pipelines").glob("*.py"):
        assert len(script.read_text(encoding="utf-8").splitlines()) <= 30


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_fitted_depends_on_the_versions_of_libraries(stage):
    assert ("requirements.lock" in STAGES[stage]["do"]["deps"]) == (stage in {"train", "refit"})


KEYS = set(Study.model_fields) - {"name", "extensions"}  # every stage depends on those, by a digest of its own


class Looked(dict[str, Any]):
    """A mapping of mappings that notes what is looked at in it, as ``gate.limit``."""

    def __init__(self, content: dict[str, Any], *, at: str = "", seen: set[str]) -> None:
        inside = {
            key: Looked(each, at=f"{key}.", seen=seen) if isinstance(each, dict) else each
            for key, each in content.items()
        }
        super().__init__(inside)
        self._at, self._seen = at, seen

    def __getitem__(self, key: str) -> Any:
        self._seen.add(self._at + key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._seen.add(self._at + key)
        return super().get(key, default)


def keys_read(stage: str, project: Project, monkeypatch, *, gates: set[str] | None = None) -> set[str]:
    """Run a stage in this process; return the keys of the study that it looked at, and add to `gates` which limits."""
    module = importlib.import_module(f"theragate.stages.{stage}")
    seen: set[str] = set()
    limits: set[str] = set() if gates is None else gates

    class Watched(Study):
        def __getattribute__(self, name: str) -> Any:
            if name in KEYS:
                seen.add(name)
            return super().__getattribute__(name)

    def watched(path: Path, name: str) -> Study:
        study = load_study(path, name)
        fields = {key: getattr(study, key) for key in Study.model_fields}
        made = Watched.model_construct(**fields | {"gates": Looked(study.gates, seen=limits)})
        seen.clear()
        return made

    monkeypatch.setattr(module, "load_study", watched)
    assert exit_code(getattr(module, stage), [STUDY]) == 0
    return seen


@pytest.mark.xdist_group("watched")
def test_a_stage_depends_on_exactly_the_keys_that_it_reads(tmp_path, monkeypatch):
    project = Project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THERAGATE_JOBS", "1")
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    limits: dict[str, set[str]] = {stage: set() for stage in STAGES}
    for stage, body in STAGES.items():
        if not READS[stage]:
            continue  # the whole study
        shown = {param.removeprefix("studies.${key}.") for param in body["do"].get("params", ())}
        read = keys_read(stage, project, monkeypatch, gates=limits[stage])
        sections = {key.split(".")[0] for key in shown.union(READS[stage]) - {"seed"}}
        assert read == sections, f"{stage} reads {sorted(read)} and declares {sorted(sections)}"
    # Of what policies share, no stage before `gate` reads anything: each study gives its own ceiling.
    assert {limit for read in limits.values() for limit in read} == {
        "suspicious_performance",
        "suspicious_performance.ceiling",
    }


_IMPORTED = """
import json, runpy, sys
try:
    runpy.run_path(sys.argv.pop(1), run_name="__main__")
finally:
    json.dump([name for name in sys.modules if name.startswith("theragate.")], open("imported.json", "w"))
"""


@pytest.mark.xdist_group("watched")
def test_a_stage_imports_no_module_that_its_digest_leaves_out(tmp_path, code):
    Project(tmp_path)
    for stage in STAGES:
        script = str(ROOT / "pipelines" / f"{stage}.py")
        command = [str(BIN / "python"), "-c", _IMPORTED, script, STUDY]
        environ = environment(THERAGATE_JOBS="1", PYTHONPATH=str(ROOT / "pipelines"))
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        imported = set(json.loads((tmp_path / "imported.json").read_text(encoding="utf-8")))
        inert = {name for name, module in code.modules.items() if module.inert}
        # MLflow loads the guarded store, by an entry point: it keeps what `register` makes, and changes nothing of it.
        guard = code.reached(name for name in imported if name.startswith("theragate.mlflow_plugin."))
        assert imported - inert <= set(code.reached(code_modules(stage))).union(guard), stage


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the kernels of other processors have other names")
@pytest.mark.parametrize(("given", "kernels"), [({}, "Haswell"), ({"OPENBLAS_CORETYPE": "Nehalem"}, "Nehalem")])
def test_stages_compute_with_the_same_kernels_on_all_processors(given, kernels):
    code = (
        "import os, _source, numpy, scipy.linalg, threadpoolctl;"
        "print(os.environ['OPENBLAS_CORETYPE']);"
        "print(*{pool['architecture'] for pool in threadpoolctl.threadpool_info() if pool['user_api'] == 'blas'});"
        "print(*numpy.show_config('dicts')['SIMD Extensions'].get('found', []))"
    )
    ours = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")
    environ = {key: value for key, value in os.environ.items() if key not in ours} | given
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT / "pipelines", env=environ, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [kernels, kernels, "X86_V3"]
