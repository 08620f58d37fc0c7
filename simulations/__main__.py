"""``python -m simulations [--only NAME] [--replicates N]``: write docs/statistics.json and the tables of the page."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from simulations import coverage, fairness, pipeline
from simulations.tables import fill
from theragate.files import write_json

DOCS = Path(__file__).parents[1] / "docs"
SEED = 20261124
NAMES = ("coverage", "pipeline", "fairness")


def main() -> None:
    """Simulate what is named, or all, and merge it into the file."""
    parser = argparse.ArgumentParser(prog="python -m simulations")
    parser.add_argument("--only", choices=NAMES, help="one part alone")
    parser.add_argument(
        "--replicates", type=int, default=1000,
        help="cohorts of each kind with up to 1,000 patients; of larger ones, and of trainings, there are fewer",
    )  # fmt: skip
    parser.add_argument("--docs", type=Path, default=DOCS, help="where statistics.json and statistics.md are")
    chosen = parser.parse_args()
    path = chosen.docs / "statistics.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in (chosen.only,) if chosen.only else NAMES:
        started = time.monotonic()
        results[name] = simulated(name, chosen.replicates)
        print(f"{name}: {time.monotonic() - started:.0f} s")
        write_json(path, results)
    fill(chosen.docs / "statistics.md", results)


def simulated(name: str, replicates: int) -> dict[str, Any]:
    """Run one part of the programme."""
    few = max(2, replicates // 8)
    if name == "coverage":
        sizes = {200: replicates, 1000: replicates, 10_000: max(2, replicates // 25)}
        return {"seed": SEED, "resamples": coverage.RESAMPLES, "rows": coverage.run(sizes, seed=SEED)}
    if name == "pipeline":
        return {"seed": SEED, **pipeline.run({200: few, 800: max(2, few * 2 // 5)}, seed=SEED)}
    return {"seed": SEED, "resamples": fairness.RESAMPLES, **fairness.run(fairness.plan(few), seed=SEED)}


if __name__ == "__main__":
    main()
