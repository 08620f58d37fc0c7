"""How often the best of several models passes a limit that none of them is better than, by how often one looked.

Every model has exactly the AUROC that is the floor, so that each pass is one by chance. Models share a part of what
they get wrong, as recipes do that are tried on the same patients. In the last scene the models are noise (the floor is
0.5), and the last one is built of those before it, each with the sign that the held-out data have shown for it: the
attack against which no count of looks protects (Blum, Hardt, ICML 2015).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import share
from simulations.truth import Floats
from theragate.evidence.intervals.limits import ranking
from theragate.evidence.metrics.ranks import area_under_curve
from theragate.evidence.types import Estimate
from theragate.gates import shared_critical

__all__ = ["LOOKS", "SHARED", "Cohort", "observe", "run"]

LOOKS = (1, 5, 20)
SHARED = (0.0, 0.6, 0.9)  # of the variance of the models' noise
_FLOOR, _PREVALENCE = 0.75, 0.3
_PATIENTS = (200, 1000)
_BUILT = "built from earlier looks"
_Z95 = float(norm.ppf(0.975))


class Cohort(NamedTuple):
    """One cohort of held-out patients; ``shared`` is negative where the last model is built from the others."""

    patients: int
    shared: float
    replicate: int
    seed: int


def run(
    replicates: int, *, seed: int, processes: int = PROCESSES, patients: Sequence[int] = _PATIENTS
) -> list[dict[str, Any]]:
    """Return, per scene, patients, number of looks and rule, how often the best model passes by chance."""
    cohorts = [
        Cohort(size, shared, replicate, seed)
        for size in patients
        for shared in (*SHARED, -1.0)
        for replicate in range(replicates)
    ]
    passes: dict[tuple[float, int, int, str], int] = defaultdict(int)
    for cohort, found in zip(cohorts, shared_out(observe, cohorts, processes=processes), strict=True):
        for (looks, rule), passed in found.items():
            passes[cohort.shared, cohort.patients, looks, rule] += passed
    return [
        {
            "models": _BUILT if shared < 0 else f"{100 * shared:.0f}% shared",
            "patients": size,
            "looks": looks,
            "limits": rule,
            "best_passes": share(count, replicates),
        }
        for (shared, size, looks, rule), count in passes.items()
    ]


def observe(cohort: Cohort) -> dict[tuple[int, str], bool]:
    """Draw one cohort and the scores of all models; return whether the best of the first ones passes, by rule."""
    rng = generator(cohort.seed, 13, cohort.patients, round(100 * cohort.shared) + 100, cohort.replicate)
    event = rng.random(cohort.patients) < _PREVALENCE
    most = max(LOOKS)
    built = cohort.shared < 0
    shared, own = rng.normal(size=cohort.patients), rng.normal(size=(most, cohort.patients))
    part = max(cohort.shared, 0.0)
    effect, floor = (0.0, 0.5) if built else (np.sqrt(2) * norm.ppf(_FLOOR), _FLOOR)
    scores = np.sqrt(part) * shared + np.sqrt(1 - part) * own + effect * event
    if built:
        signs = [np.sign(scores[model][event].mean() - scores[model][~event].mean()) for model in range(most - 1)]
        scores[-1] = np.asarray(signs) @ scores[:-1]
    areas = [_area(score, event) for score in scores]
    found: dict[tuple[int, str], bool] = {}
    for looks in (most,) if built else LOOKS:
        for rule, critical in (("95%", _Z95), (f"shared by {most} looks", shared_critical(most))):
            found[looks, rule] = any(_passes(area, critical, floor) for area in areas[:looks])
    return found


def _area(score: Floats, event: NDArray[np.bool_]) -> Estimate:
    cases, controls = event.astype(np.float64), (~event).astype(np.float64)
    area = area_under_curve(score, cases=cases, controls=controls)
    if area is None:
        return Estimate.absent("one class alone")
    return ranking(area.value, area.influence, fewer=int(min(cases.sum(), controls.sum())), method="influence")


def _passes(area: Estimate, critical: float, floor: float) -> bool:
    """Whether the lower limit at `critical` keeps the floor."""
    band = area.band(critical)
    return band is not None and band[0] >= floor
