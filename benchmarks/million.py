"""The whole evidence of a large cohort, binary or followed over time: time and memory in a process of its own."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, SurvivalTarget
from theragate.evidence.measure import RESAMPLES, measure

Floats = NDArray[np.float64]

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


def million_followed() -> dict[str, float]:
    """Measure a million patients of whom some are lost, the older ones sooner, in the same subgroups."""
    found = in_a_process(ROWS, "followed")
    return {
        "million_followed_seconds": found["seconds"],
        "million_followed_cpu_seconds": found["cpu_seconds"],
        "million_followed_mib": found["mib"],
    }


def in_a_process(rows: int, kind: str = "binary") -> dict[str, float]:
    """Measure so many patients in a new process; return its seconds, without imports, and its greatest memory."""
    command = [sys.executable, "-m", "benchmarks.million", str(rows), kind]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def cohort(rows: int, *, seed: int = 0) -> tuple[BinaryTarget, HeldOut]:
    """Draw a cohort with a reference model, a stress of the inputs, and groups of 2% to 60% of the patients."""
    random = np.random.default_rng(seed)
    marker = random.normal(size=rows)
    risk = 1 / (1 + np.exp(2 - 1.2 * marker))
    event = random.random(rows) < risk
    reference = 1 / (1 + np.exp(2 - 0.8 * (marker + random.normal(size=rows))))
    held_out = held_out_of(risk, reference, null=event.mean(), random=random)
    return BinaryTarget(event, 0.2, (0.05, 0.5)), held_out


def followed(rows: int, *, seed: int = 0) -> tuple[SurvivalTarget, HeldOut]:
    """Draw times to an event by the hazard and losses by another, known for each patient; the horizon is 1."""
    random = np.random.default_rng(seed)
    marker, age = random.normal(size=(2, rows))
    hazard, loss = 0.2 * np.exp(marker + 0.5 * age), 0.3 * np.exp(0.5 * age)
    time_of_event, time_of_loss = random.exponential(1 / hazard), random.exponential(1 / loss)
    seen = np.minimum(time_of_event, time_of_loss)
    risk, reference = -np.expm1(-hazard), -np.expm1(-0.2 * np.exp(0.5 * age))
    held_out = held_out_of(risk, reference, null=risk.mean(), random=random)
    target = SurvivalTarget(
        time=seen,
        event=time_of_event <= time_of_loss,
        horizon=1.0,
        threshold=0.2,
        threshold_range=(0.05, 0.5),
        hazard=loss,
    )
    return target, held_out


def held_out_of(risk: Floats, reference: Floats, *, null: float, random: np.random.Generator) -> HeldOut:
    """Return the predictions of all models, one each, with the groups of the patients."""
    rows = len(risk)
    return HeldOut(
        selected=risk[None],
        reference=reference[None],
        null=np.full((1, rows), null),
        scenarios={"noise": np.clip(risk + random.normal(0, 0.02, (1, rows)), 0, 1)},
        groups={
            "sex": np.array(["female", "male"])[random.integers(0, 2, rows)],
            "ethnicity": np.array(list("abcdef"))[random.choice(6, rows, p=[0.6, 0.15, 0.1, 0.08, 0.05, 0.02])],
        },
        judged=frozenset({"sex", "ethnicity"}),
    )


def main() -> None:
    """Measure as many patients, of the kind, as the two arguments say, and print the cost."""
    rows, kind = sys.argv[1:]
    target, held_out = (cohort if kind == "binary" else followed)(int(rows))
    start, used = time.perf_counter(), time.process_time()
    found = measure(target, held_out, resamples=RESAMPLES, seed=1)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    if len(found.groups) != 20:
        raise RuntimeError(f"{len(found.groups)} groups were measured, not 20")
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu_seconds": used, "mib": mib}))


if __name__ == "__main__":
    main()
