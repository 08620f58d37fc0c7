"""``python -m simulations [--only NAME] [--replicates N]``: write docs/statistics.json and the tables of the page."""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulations import (
    answers,
    calibration,
    clusters,
    coverage,
    effects,
    fairness,
    group_answers,
    leaks,
    looks,
    losses,
    membership,
    pipeline,
    tails,
)
from simulations.parallel import PROCESSES
from simulations.tables import fill
from theragate.files import write_json

DOCS = Path(__file__).parents[1] / "docs"
SEED = 20261124
# A part of the programme -> what it gives, from so many replicates; `coverage` is apart, since a size can be asked for.
_PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "calibration": lambda n, **how: calibration.run(max(2, n // 4), **how),
    "tails": lambda n, **how: {"rows": tails.run(n, **how)},
    "pipeline": lambda n, **how: pipeline.run(pipeline.cohorts(n), **how),
    "fairness": lambda n, **how: {"resamples": fairness.RESAMPLES, **fairness.run(fairness.plan(n), **how)},
    "answers": lambda n, **how: {"rows": answers.run(answers.cohorts(n), **how)},
    "group_answers": lambda n, **how: {"rows": group_answers.run(answers.cohorts(n), **how)},
    "effects": lambda n, **how: effects.run(effects.cohorts(n), **how),
    "membership": lambda n, **how: {
        "rows": membership.run(max(2, n // 4), **how),
        "recipes": membership.run_recipes(n // 10, **how),
    },
    "clusters": lambda n, **how: {"resamples": clusters.RESAMPLES, "rows": clusters.run(max(2, n * 2 // 5), **how)},
    "looks": lambda n, **how: {"rows": looks.run(4 * n, **how)},
    "losses": lambda n, **how: losses.run(losses.cohorts(max(4, n // 4)), **how),
    "leaks": lambda n, **how: {"rows": leaks.run(max(2, n // 5), **how)},
}
NAMES = ("coverage", *_PARTS)


def main() -> None:
    """Simulate what is named, or all, and merge it into the file."""
    parser = argparse.ArgumentParser(prog="python -m simulations")
    parser.add_argument("--only", choices=NAMES, help="one part alone")
    parser.add_argument("--patients", type=int, choices=coverage.SIZES, help="of coverage, cohorts of this size alone")
    parser.add_argument(
        "--replicates",
        type=int,
        default=1000,
        help="cohorts of each kind with up to 1,000 patients; of larger ones, and of trainings, there are fewer",
    )
    parser.add_argument("--processes", type=int, default=PROCESSES, help="how many run at once, with a thread each")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where statistics.json and statistics.md are")
    chosen = parser.parse_args()
    if chosen.patients and chosen.only != "coverage":
        parser.error("--patients goes with --only coverage")
    path = chosen.docs / "statistics.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in (chosen.only,) if chosen.only else NAMES:
        started = time.monotonic()
        results[name] = simulated(name, chosen, known=results.get(name, {}))
        print(f"{name}: {time.monotonic() - started:.0f} s")
        write_json(path, results)
    fill(chosen.docs / "statistics.md", results)


def simulated(name: str, chosen: argparse.Namespace, *, known: dict[str, Any]) -> dict[str, Any]:
    """Run one part of the programme; of coverage, keep what is `known` of sizes that were not asked for."""
    how = {"seed": SEED, "processes": chosen.processes}
    if name != "coverage":
        return {"seed": SEED, **_PARTS[name](chosen.replicates, **how)}
    asked = coverage.cohorts(chosen.replicates, patients=chosen.patients)
    rows = coverage.run(asked, **how)
    kept = [row for row in known.get("rows", []) if row["patients"] not in asked] if chosen.patients else []
    return {"seed": SEED, "resamples": coverage.RESAMPLES, "rows": coverage.in_order([*kept, *rows])}


if __name__ == "__main__":
    main()
