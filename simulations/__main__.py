"""``python -m simulations [--only NAME] [--replicates N]``: write docs/statistics.json and the tables of the page."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from simulations import answers, coverage, effects, fairness, group_answers, looks, losses, membership, pipeline
from simulations.parallel import PROCESSES
from simulations.tables import fill
from theragate.files import write_json

DOCS = Path(__file__).parents[1] / "docs"
SEED = 20261124
NAMES = ("coverage", "pipeline", "fairness", "answers", "group_answers", "effects", "membership", "looks", "losses")


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
    if name == "coverage":
        asked = coverage.cohorts(chosen.replicates, patients=chosen.patients)
        rows = coverage.run(asked, **how)
        kept = [row for row in known.get("rows", []) if row["patients"] not in asked] if chosen.patients else []
        return {"seed": SEED, "resamples": coverage.RESAMPLES, "rows": coverage.in_order([*kept, *rows])}
    if name == "pipeline":
        return {"seed": SEED, **pipeline.run(pipeline.cohorts(chosen.replicates), **how)}
    if name == "answers":
        return {"seed": SEED, "rows": answers.run(answers.cohorts(chosen.replicates), **how)}
    if name == "group_answers":
        return {"seed": SEED, "rows": group_answers.run(answers.cohorts(chosen.replicates), **how)}
    if name == "membership":
        return {
            "seed": SEED,
            "rows": membership.run(max(2, chosen.replicates // 4), **how),
            "recipes": membership.run_recipes(chosen.replicates // 10, **how),
        }
    if name == "looks":
        return {"seed": SEED, "rows": looks.run(4 * chosen.replicates, **how)}
    if name == "losses":
        return {"seed": SEED, **losses.run(losses.cohorts(max(4, chosen.replicates // 4)), **how)}
    if name == "effects":
        return {"seed": SEED, **effects.run(effects.cohorts(chosen.replicates), **how)}
    return {"seed": SEED, "resamples": fairness.RESAMPLES, **fairness.run(fairness.plan(chosen.replicates), **how)}


if __name__ == "__main__":
    main()
