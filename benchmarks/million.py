"""The whole evidence of a large binary cohort: time and memory in a process of its own."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut
from theragate.evidence.measure import RESAMPLES, measure

ROOT = Path(__file__).resolve().parents[1]
ROWS, FEWER = 1_000_000, 5


def million_rows() -> dict[str, float]:
    """Measure a million patients in 20 subgroups: two attributes' labels, and their intersections.

    Seconds on the clock depend on what else the machine does, those of the processor hardly. The scaling is what a
    row more costs, over what a row of a fifth of the cohort does: 1 where cost is proportional to rows, less where a
    part of it stands for any number.
    """
    found = in_a_process(ROWS)
    few = in_a_process(ROWS // FEWER)
    return {
        "million_rows_seconds": found["seconds"],
        "million_rows_cpu_seconds": found["cpu_seconds"],
        "million_rows_mib": found["mib"],
        "million_rows_scaling": (found["cpu_seconds"] - few["cpu_seconds"]) / few["cpu_seconds"] / (FEWER - 1),
    }


def in_a_process(rows: int) -> dict[str, float]:
    """Measure so many patients in a new process; return its seconds, without imports, and its greatest memory."""
    command = [sys.executable, "-m", "benchmarks.million", str(rows)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def cohort(rows: int, *, seed: int = 0) -> tuple[BinaryTarget, HeldOut]:
    """Draw a cohort with a reference model, a stress of the inputs, and groups of 2% to 60% of the patients."""
    random = np.random.default_rng(seed)
    marker = random.normal(size=rows)
    risk = 1 / (1 + np.exp(2 - 1.2 * marker))
    event = random.random(rows) < risk
    held_out = HeldOut(
        selected=risk[None],
        reference=1 / (1 + np.exp(2 - 0.8 * (marker + random.normal(size=(1, rows))))),
        null=np.full((1, rows), event.mean()),
        scenarios={"noise": np.clip(risk + random.normal(0, 0.02, (1, rows)), 0, 1)},
        groups={
            "sex": np.array(["female", "male"])[random.integers(0, 2, rows)],
            "ethnicity": np.array(list("abcdef"))[random.choice(6, rows, p=[0.6, 0.15, 0.1, 0.08, 0.05, 0.02])],
        },
        judged=frozenset({"sex", "ethnicity"}),
    )
    return BinaryTarget(event, 0.2, (0.05, 0.5)), held_out


def main() -> None:
    """Measure as many patients as the one argument says, and print the cost."""
    drawn = cohort(int(sys.argv[1]))
    start, used = time.perf_counter(), time.process_time()
    found = measure(*drawn, resamples=RESAMPLES, seed=1)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    if len(found.groups) != 20:
        raise RuntimeError(f"{len(found.groups)} groups were measured, not 20")
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu_seconds": used, "mib": mib}))


if __name__ == "__main__":
    main()
