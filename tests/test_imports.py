"""Imports are a cost that a user pays at every stage: what is light stays light."""

import subprocess
import sys

import pytest

HEAVY = {"great_expectations", "matplotlib", "mlflow", "optuna", "pandas", "pyarrow", "scipy", "sklearn", "sksurv"}
HEAVY |= {"xgboost"}


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint('\\n'.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "theragate",
        "theragate.cli",
        "theragate.study",
        "theragate.evidence.types",
        "theragate.evidence.catalogue",
        "theragate.evidence.published",
        "theragate.gates",
        "theragate.reports.card",
        "theragate.stages.gate",
        "theragate.runner.command",
        "theragate.publishing.sync",
        "theragate.commands.summary",
        "theragate.tracking.bundle",
        "theragate.mlflow_plugin.entry",
        "theragate.mlflow_plugin.server",
        "theragate.release.waivers",
        "theragate.release.looks",
        "theragate.release.champion",
        "theragate.commands.waive",
        "theragate.project.readiness",
        "theragate.commands.champion",
        "theragate.reports.verdict",
        "theragate.release.admission",
        "theragate.release.model_files",
        "theragate.commands.keys",
        "theragate.commands.results",
        "theragate.door.project",
    ],
)
def test_a_light_module_imports_nothing_heavy(module):
    assert not loaded_by(f"import {module}") & HEAVY


def test_the_package_itself_imports_nothing_of_ours_or_of_others():
    ours = {"theragate.door", "theragate.registry", "pydantic", "ruamel"}
    code = f"import theragate, sys; print({ours!r} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_help_of_the_command_is_light():
    statement = "import theragate.cli\ntry: theragate.cli.main(['--help'])\nexcept SystemExit: pass"
    assert not loaded_by(statement) & HEAVY


@pytest.mark.parametrize(
    ("stage", "alone"),
    [
        ("ingest", set()),
        ("validate", {"great_expectations"}),
        ("train", {"optuna", "xgboost", "sksurv"}),
        ("refit", {"xgboost", "sksurv"}),
        ("evaluate", {"matplotlib"}),
        ("register", {"mlflow"}),
    ],
)
def test_a_stage_imports_only_the_engine_that_it_runs(stage, alone):
    engines = {"great_expectations", "optuna", "xgboost", "matplotlib", "mlflow"}
    loaded = loaded_by(f"import theragate.stages.{stage}")
    assert not loaded & (engines - alone)
