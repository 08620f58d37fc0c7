"""The whole road of large cohorts, from a table to a verdict: time, processor time and memory of each stage.

Memory is the largest sum over all processes of a stage, each with its share of what it shares with others, looked at
several times a second.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from theragate.files import write_text

NUMBERS, CATEGORIES = 22, {"sex": 2, "ethnicity": 6, "ward": 3, "drug": 4, "blood_group": 4, "smoking": 3, "region": 5}
ROADS = {
    "hundred_thousand": "100,000 patients",
    "million_road": "1,000,000",
    "ten_million": "10,000,000",
    "million_survival": "1,000,000, followed over time",
    "wide_road": "2,000 of 5,000 features",
}
STAGES = ("ingest", "validate", "train", "refit", "evaluate", "gate", "register")
AT_ONCE = 500_000
HELD_OUT = 1_000_000  # patients at most, who tell as much as any number
DRAFTED = 1_000_000  # patients at most whom the study is drafted from, before the table of all takes its place


def hundred_thousand_road() -> dict[str, float]:
    """Walk the road with 100,000 patients."""
    return road(100_000, "hundred_thousand")


def million_road() -> dict[str, float]:
    """Walk the road with a million patients."""
    return road(1_000_000, "million_road")


def ten_million_road() -> dict[str, float]:
    """Walk the road with ten million patients."""
    return road(10_000_000, "ten_million")


def million_survival_road() -> dict[str, float]:
    """Walk the road with a million patients who are followed over time."""
    return road(1_000_000, "million_survival", followed=True)


def wide_road() -> dict[str, float]:
    """Walk the road with 2,000 patients of 5,000 features."""
    return road(2_000, "wide_road", numbers=5_000)


def road(patients: int, name: str, *, followed: bool = False, numbers: int = NUMBERS) -> dict[str, float]:
    """Make a table, begin a project, draft a study of it, and run each stage; return the cost of all, and of each."""
    costs: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        root.mkdir()
        table = Path(folder) / "table.parquet"
        write_table(table, min(patients, DRAFTED), followed=followed, numbers=numbers)
        run(root, "theragate", "init")
        outcome = ["--time", "years", "--outcome", "died"] if followed else ["--outcome", "outcome"]
        drafted = run(root, "theragate", "new-study", "large", "--from", str(table), *outcome)
        table.unlink()
        if patients > DRAFTED:
            write_table(root / "sources" / "large" / table.name, patients, followed=followed, numbers=numbers)
        amend(root / "params.yaml", patients)
        for stage in STAGES:
            costs[stage] = run(root, "dvc", "repro", "-q", f"{stage}@large")
    whole = {
        "seconds": sum(cost["seconds"] for cost in costs.values()),
        "cpu_seconds": sum(cost["cpu_seconds"] for cost in costs.values()),
        "mib": max(cost["mib"] for cost in costs.values()),
    }
    costs["draft"] = drafted
    rows = {f"{name}_{stage}_{kind}": value for stage, cost in costs.items() for kind, value in cost.items()}
    return {f"{name}_{kind}": value for kind, value in whole.items()} | rows


def table(results: Mapping[str, Mapping[str, float]]) -> str:
    """Return the cost of each stage, for the roads that were measured, as the table of docs/performance.md."""
    shown = [(title, name) for name, title in ROADS.items() if f"{name}_seconds" in results]
    lines = [
        "| stage | " + " | ".join(title for title, _ in shown) + " |",
        "|---|" + "---|" * len(shown),
    ]
    for stage in (*STAGES, "draft"):
        cells = [cost(results, f"{name}_{stage}") for _, name in shown]
        lines.append(f"| {'`new-study`, before' if stage == 'draft' else f'`{stage}`'} | " + " | ".join(cells) + " |")
    lines.append("| **all stages** | " + " | ".join(cost(results, name) for _, name in shown) + " |")
    return "\n".join(lines)


def cost(results: Mapping[str, Mapping[str, float]], name: str) -> str:
    """Return seconds, processor seconds and memory in words."""
    seconds, used, mib = (results[f"{name}_{kind}"]["median"] for kind in ("seconds", "cpu_seconds", "mib"))
    return f"{seconds:,.0f} s ({used:,.0f} s), {mib:,.0f} MiB"


def fill(page: Path, results: Mapping[str, Mapping[str, float]]) -> None:
    """Write the table into the page, between its markers."""
    head, start, rest = page.read_text(encoding="utf-8").partition("<!-- roads -->\n")
    _, end, tail = rest.partition("<!-- end roads -->")
    write_text(page, f"{head}{start}{table(results)}\n{end}{tail}")


def write_table(path: Path, patients: int, *, followed: bool = False, numbers: int = NUMBERS) -> None:
    """Draw patients with numbers, some of which are missing, categories, and an outcome that depends on both."""
    random, writer = np.random.default_rng(1), None
    for first in range(0, patients, AT_ONCE):
        many = min(AT_ONCE, patients - first)
        values = random.normal(size=(many, numbers))
        score = -2 + values[:, :6] @ np.array([0.5, -0.4, 0.3, 0.3, 0.2, -0.2]) + 0.3 * np.maximum(values[:, 6], 0) ** 2
        columns: dict[str, Any] = {"id": [f"P{number:09d}" for number in range(first, first + many)]}
        for column in range(numbers):
            value = (50 + 10 * values[:, column]).round(2)
            if column % 3 == 0:
                value[random.random(many) < 0.08] = np.nan
            columns[f"laboratory_{column}"] = value
        for column, levels in CATEGORIES.items():
            level = random.integers(0, levels, many)
            score = score + 0.1 * (level == 0)
            columns[column] = np.array([f"{column}-{letter}" for letter in "abcdef"[:levels]])[level]
        if followed:
            event, loss = random.exponential(8 * np.exp(-score - 2)), random.uniform(1, 12, many)
            columns |= {"years": np.minimum(event, loss).round(3), "died": (event <= loss).astype(int)}
        else:
            columns["outcome"] = (random.random(many) < 1 / (1 + np.exp(-score))).astype(int)
        content = pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, content.schema)
        writer.write_table(content)
    if writer is not None:
        writer.close()


def amend(path: Path, patients: int) -> None:
    """Declare what a person would: a part that is held out, twenty subgroups, a decision, a stress of the inputs."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    study = content["studies"]["large"]
    if patients > 20_000:
        study["validation"] = {
            "scheme": "holdout",
            "fraction": min(0.3, HELD_OUT / patients),
            "inner_folds": 3,
            "reason": "So many patients tell enough.",
        }
    study["subgroups"] = {
        column: {
            "title": column.title(),
            "column": column,
            "labels": {f"{column}-{letter}": f"{column} {letter}" for letter in "abcdef"[: CATEGORIES[column]]},
            "judged": True,
        }
        for column in ("sex", "ethnicity")
    }
    study["scenarios"] = {"no_laboratory": {"missing": {"laboratory_0": 1.0}, "reason": "One analyser is broken."}}
    study["decision"] = {
        "action": "A visit at the clinic.",
        "threshold": 0.2,
        "range": [0.1, 0.4],
        "source": "For the benchmark.",
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def run(root: Path, *command: str) -> dict[str, float]:
    """Run a command of a project; return its cost."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_", "THERAGATE_"))}
    environment = {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}
    start = time.perf_counter()
    process = psutil.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with Watch(process.pid) as watch:
        output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {output.decode()[-2000:]}")
    return {"seconds": time.perf_counter() - start, "cpu_seconds": watch.cpu_seconds, "mib": watch.mib}


class Watch:
    """Looks at a process and its descendants until they end: their largest memory together, and processor seconds."""

    def __init__(self, pid: int) -> None:
        self._process, self._ended = psutil.Process(pid), threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._used: dict[int, float] = {}
        self.mib = 0.0

    @property
    def cpu_seconds(self) -> float:
        """The seconds of all, each as it was seen last."""
        return sum(self._used.values())

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.25):
            held = 0
            try:
                for process in (self._process, *self._process.children(recursive=True)):
                    held += process.memory_full_info().pss
                    times = process.cpu_times()
                    self._used[process.pid] = times.user + times.system
            except psutil.Error:
                continue
            self.mib = max(self.mib, held / 2**20)
