"""dvc.yaml against the code: a stage depends on exactly the modules that it imports and the keys that it reads."""

import ast
import importlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from support import STUDY, Project

from theragate.runner.command import exit_code
from theragate.study import Study, load_study, read_parameters

ROOT = Path(__file__).resolve().parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.fixture(scope="module")
def imports():
    return grimp.build_graph("theragate", include_external_packages=False, cache_dir=None)


def file_of(module: str) -> str:
    path = Path("src", *module.split("."))
    return str(path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py"))


def closure(imports, *modules: str) -> set[str]:
    """The files of `modules`, of what they import, and of the packages around them."""
    reached = set(modules).union(*(imports.find_upstream_modules(module) for module in modules))
    packages = {module.rsplit(".", depth)[0] for module in reached for depth in range(1, module.count(".") + 1)}
    return {file_of(module) for module in reached | packages}


def covers(dependency: str, file: str) -> bool:
    return file == dependency or file.startswith(f"{dependency}/")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_modules_that_it_imports(stage, imports):
    needed = {
        file
        for file in closure(imports, f"theragate.stages.{stage}", "theragate.runner.command")
        if (ROOT / file).stat().st_size and not _does_nothing(file)
    }
    declared = [dep for dep in STAGES[stage]["do"]["deps"] if dep.startswith("src/")]
    assert sorted(file for file in needed if not any(covers(dep, file) for dep in declared)) == []
    assert [dep for dep in declared if not any(covers(dep, file) for file in needed)] == []


def _does_nothing(file: str) -> bool:
    """Whether a package's file only says what the package is, or defines functions: it then changes no result."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return file.endswith("__init__.py") and all(
        isinstance(node, ast.FunctionDef)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.ImportFrom) and node.module == "typing")
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        for node in body
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_script(stage):
    deps = STAGES[stage]["do"]["deps"]
    assert {f"pipelines/{stage}.py", "pipelines/_source.py"} <= set(deps)
    assert len((ROOT / "pipelines" / f"{stage}.py").read_text(encoding="utf-8").splitlines()) <= 30
    assert ("requirements.lock" in deps) == (stage in {"train", "refit"})


KEYS = set(Study.model_fields) - {"name"}


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
        prefix = "studies.${key}"
        declared = {param.removeprefix(prefix).removeprefix(".") for param in body["do"]["params"] if prefix in param}
        if declared == {""}:
            continue  # the whole study
        read = keys_read(stage, project, monkeypatch, gates=limits[stage])
        sections = {key.split(".")[0] for key in declared}
        assert read == sections, f"{stage} reads {sorted(read)} and declares {sorted(sections)}"
    # Of what policies share, no stage before `gate` reads anything: each study gives its own ceiling.
    assert {limit for read in limits.values() for limit in read} == {
        "suspicious_performance",
        "suspicious_performance.ceiling",
    }


def test_dvc_follows_the_policy_of_each_study_to_the_stages_that_judge_by_it():
    """A shared limit that changes is judged anew where it is shared, and nothing is trained again."""
    studies = read_parameters(ROOT / "params.yaml")["studies"]
    with Repo(str(ROOT)) as repo:
        followed = {
            stage.addressing: sorted(
                key for dep in stage.deps if isinstance(dep, ParamsDependency) for key in dep.params
            )
            for stage in repo.index.stages
        }
    for name, entry in studies.items():
        policies = sorted({"policies.every_study", f"policies.{entry['policy']}"})
        for stage in STAGES:
            found = [key for key in followed[f"{stage}@{name}"] if key.startswith("policies")]
            assert found == (policies if stage in ("gate", "register") else []), f"{stage}@{name}"


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
