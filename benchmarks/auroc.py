"""Areas under the ROC curve with DeLong's errors, overall and in 20 groups, against sorting the scores once."""

import time
from collections.abc import Callable

import numpy as np

from theragate.evidence.metrics.ranks import area_under_curve, areas_by_group

ROWS, GROUPS, TRIES = 1_000_000, 20, 3


def auroc_over_sort() -> dict[str, float]:
    """Time both in turns on the same million scores, the best of three each; check two of the areas."""
    random = np.random.default_rng(0)
    risk, group = random.random(ROWS), random.integers(0, GROUPS, ROWS)
    event = random.random(ROWS) < risk

    def sort() -> None:
        np.argsort(risk, kind="stable")

    def areas() -> None:
        areas_by_group(risk, event, group, groups=GROUPS)

    pairs = [(seconds(sort), seconds(areas)) for _ in range(TRIES)]
    sorting, measuring = (min(times) for times in zip(*pairs, strict=True))
    values, errors = areas_by_group(risk, event, group, groups=GROUPS)
    for place, rows in ((0, group == 0), (GROUPS, np.ones(ROWS, dtype=bool))):
        cases = event[rows].astype(np.float64)
        expected = area_under_curve(risk[rows], cases=cases, controls=1 - cases)
        if expected is None:
            raise RuntimeError("a group of the benchmark has one class only")
        np.testing.assert_allclose(values[place], expected.value, rtol=1e-10)
        np.testing.assert_allclose(errors[place] ** 2, np.sum(expected.influence**2), rtol=1e-10)
    return {"auroc_seconds": measuring, "auroc_over_sort": measuring / sorting}


def seconds(work: Callable[[], None]) -> float:
    """Return the seconds of the processor that it took; both sides use one."""
    start = time.process_time()
    work()
    return time.process_time() - start
