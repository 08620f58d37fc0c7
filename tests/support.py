"""A small study that runs in seconds, from a CSV file, as a user would declare one."""

import contextlib
import io
import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import yaml

from theragate.cli import main

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[1]
STUDY = "small_study"


def small_cohort(patients: int = 160, *, seed: int = 7) -> pd.DataFrame:
    """A cohort in which age and a marker raise the risk; the marker is missing for some."""
    random = np.random.default_rng(seed)
    age = random.uniform(30, 95, patients).round()
    marker = random.normal(0, 1, patients).round(3)
    sex = random.choice(["f", "m"], patients)
    risk = 1 / (1 + np.exp(-(-0.4 + 0.05 * (age - 60) + 1.2 * marker)))
    ill = np.where(random.uniform(size=patients) < risk, "yes", "no")
    marker[random.uniform(size=patients) < 0.1] = np.nan
    record = [f"record {number:05d}" for number in range(patients)]
    return pd.DataFrame({"record": record, "age": age, "sex": sex, "marker": marker, "ill": ill})


def small_study() -> dict[str, Any]:
    """The entry of ``params.yaml`` that goes with `small_cohort`."""
    return {
        "task": "binary",
        "card": {
            "title": "A small study",
            "intended_use": "To try the pipeline.",
            "users": "Testers.",
            "population": "Nobody: the patients are drawn.",
            "out_of_scope": ["Any use on a person."],
            "cautions": ["It means nothing."],
            "owner": "The tests",
        },
        "source": {
            "kind": "file",
            "path": "small.csv",
            "id": "record",
            "citation": "Drawn by the tests.",
            "licence": "None needed.",
        },
        "deidentification": {"ages": ["age"]},
        "outcome": {"column": "ill", "positive": "yes", "description": "Illness within a year."},
        "features": {"labels": {"marker": "blood marker, mg/dl"}},
        "subgroups": {
            "sex": {"title": "Sex", "column": "sex", "labels": {"f": "female", "m": "male"}, "judged": True},
            "age_band": {"title": "Age in years", "column": "age", "bands": [60], "judged": False},
        },
        "decision": {
            "action": "A test.",
            "threshold": 0.45,
            "range": [0.2, 0.5],
            "source": "Made up for the tests.",
        },
        "validation": {
            "scheme": "nested_cross_validation",
            "repeats": 2,
            "folds": 3,
            "inner_folds": 2,
            "reason": "A small cohort.",
        },
        "tuning": {"reference": "logistic", "families": ["xgboost"], "trials": 4},
        "stability": {"refits": 20, "reason": "For the tests."},
        "scenarios": {"no_marker": {"missing": {"marker": 1.0}, "reason": "The laboratory is closed."}},
        "gates": {
            "data_quality": {"max_warnings": 1, "reason": "For the tests."},
            "suspicious_performance": {"metric": "auroc", "ceiling": 0.99, "reason": "For the tests."},
            "discrimination": {
                "metric": "auroc",
                "floor": 0.6,
                "skill": 0.0,
                "margin": 0.05,
                "reason": "For the tests.",
            },
            "calibration": {
                "slope": [0.5, 2.0],
                "observed_expected": [0.5, 2.0],
                "ici": 0.2,
                "reason": "For the tests.",
            },
            "utility": {"tolerance": 0.1, "group_tolerance": 0.5, "reason": "For the tests."},
            "fairness": {
                "share_that_blocks": 0.05,
                "within_group": {"log_observed_expected": 0.7},
                "between_groups": {"sensitivity": 0.5},
                "reason": "For the tests.",
            },
            "subgroup_adequacy": {"events": 10, "non_events": 10, "reason": "For the tests."},
            "robustness": {"metric": "auroc", "margin": 0.5, "reason": "For the tests."},
            "stability": {"mean_absolute_difference": 0.2, "reason": "For the tests."},
            "non_inferiority": {"metric": "auroc", "margin": 0.05, "reason": "For the tests."},
            "privacy": {
                "attack_auc": 0.9,
                "rate_at_one_in_1000": {"likelihood_ratio": 0.9, "loss": 0.9},
                "reason": "For the tests.",
            },
            "lineage": {"reason": "For the tests."},
            "held_out_use": {"most": 5, "reason": "For the tests."},
        },
    }


def small_suite() -> dict[str, Any]:
    """An expectation suite that `small_cohort` meets."""
    return {
        "name": STUDY,
        "meta": {"purpose": "For the tests."},
        "expectations": [
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "age", "min_value": 18, "max_value": 90},
                "severity": "critical",
                "meta": {"id": "age-range", "description": "Adults; ages over 89 are top-coded to 90."},
            },
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "sex", "value_set": ["f", "m"]},
                "severity": "critical",
                "meta": {"id": "sex-codes", "description": "Sex is coded f or m."},
            },
        ],
    }


class Project:
    """A project folder with one small study; its parts can be changed before it is used."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # The study says every limit itself, so that a test can change any of them.
        self.params: dict[str, Any] = {
            "seed": 11,
            "policies": {"every_study": {}},
            "studies": {STUDY: {"policy": "every_study", **small_study()}},
        }
        self.suite: dict[str, Any] = small_suite()
        self.table.parent.mkdir(parents=True, exist_ok=True)
        self.put(small_cohort())

    @property
    def table(self) -> Path:
        """The study's source file."""
        return self.root / "sources" / STUDY / "small.csv"

    @property
    def study(self) -> dict[str, Any]:
        """The study's entry."""
        return self.params["studies"][STUDY]

    def put(self, frame: pd.DataFrame) -> None:
        """Write another table, whose texts the study declares."""
        source = self.study["source"]
        texts = frame.select_dtypes(exclude=["number", "bool"]).columns
        source["text"] = [name for name in texts if name != source.get("id")]
        self.write()
        frame.to_csv(self.table, index=False)

    def write(self) -> None:
        """Write params and suite as they are now, and what is decided about a study before its first release."""
        (self.root / "params.yaml").write_text(yaml.safe_dump(self.params, sort_keys=False), encoding="utf-8")
        folder = self.root / "expectations"
        folder.mkdir(exist_ok=True)
        (folder / f"{STUDY}.json").write_text(json.dumps(self.suite, indent=2), encoding="utf-8")
        for name in self.params["studies"]:
            decided = self.root / "release" / name
            decided.mkdir(parents=True, exist_ok=True)
            for file, empty in (("champion.json", {"champion": None}), ("waivers.json", {"waivers": []})):
                if not (decided / file).exists():
                    (decided / file).write_text(json.dumps({"study": name} | empty), encoding="utf-8")


def environment(**more: str) -> dict[str, str]:
    # Without the last, every process would compile a clone's modules again.
    ours = ("DVC_", "MLFLOW_", "THERAGATE_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    author = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Test"), ("EMAIL", "test@example.org"))
    }
    return {**kept, **author, "PATH": f"{BIN}{os.pathsep}{kept['PATH']}", **more}


def run(folder: Path, *command: str, code: int = 0, **more: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(**more), capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{command} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def theragate(folder: Path, *words: str, code: int = 0, **more: str) -> str:
    """Run a command of ours in this process, which has imported its libraries already; return what it says."""
    said = io.StringIO()
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, environment(**more), clear=True),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        found = main(words)
    assert found == code, said.getvalue()
    return said.getvalue()


def dvc_repository(folder: Path) -> None:
    """Make `folder` a git repository with DVC, as `dvc init` does in a second."""
    run(folder, "git", "init", "-q", "-b", "main")
    (folder / ".dvc" / "tmp").mkdir(parents=True)
    (folder / ".dvc" / "config").touch()
    (folder / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n", encoding="utf-8")
    run(folder, "git", "add", ".dvc")


_START = 20_000 + os.getpid() * 40 % 12_000  # other workers, and other runs on this machine, begin elsewhere
_PORTS = itertools.chain(range(_START, 32_000), range(20_000, _START))


def free_port() -> int:
    """Return a loopback port that no other test is given and no client of any program is likely to take.

    The system hands out ports from 32768 on: one that was free when it was asked for may be a client's a second later,
    when a server wants to listen there.
    """
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("every port from 20000 to 31999 was given away or is in use")
