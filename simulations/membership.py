"""How often the limits of a membership-inference audit hold: cohorts are drawn, halved, learned from and attacked.

No formula says how well an attack succeeds on a recipe, so the truth is the mean over the replicates of one world,
whose scatter between cohorts the limits claim to know.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.truth import Floats
from theragate.evidence.inputs.predictions import BinaryTarget
from theragate.evidence.refits.membership import Halves, measure_membership

__all__ = ["WORLDS", "Audit", "observe", "run"]

_DIVISIONS = 10
_EFFECTS = 0.8  # of each of the first three features, on the log odds
_PENALTY = 1.0

# Patients and features: from hardly anything to remember to two patients a feature in each half.
WORLDS = ((300, 10), (300, 75), (1000, 10), (1000, 60))


class Audit(NamedTuple):
    """One cohort to audit."""

    patients: int
    features: int
    replicate: int
    seed: int


def run(
    replicates: int, *, seed: int, processes: int = PROCESSES, worlds: Sequence[tuple[int, int]] = WORLDS
) -> list[dict[str, Any]]:
    """Audit `replicates` cohorts of every world (patients, features); return a row for each world, attack, measure."""
    audits = [Audit(*world, replicate, seed) for world in worlds for replicate in range(replicates)]
    seen: dict[tuple[int, int, str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for audit, found in zip(audits, shared_out(observe, audits, processes=processes), strict=True):
        for (attack, measure), numbers in found.items():
            seen[audit.patients, audit.features, attack, measure].append(numbers)
    return [_row(key, np.array(numbers)) for key, numbers in seen.items()]


def observe(audit: Audit) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Draw and audit one cohort; return value and limits of each measure."""
    rng = generator(audit.seed, 11, audit.patients, audit.features, audit.replicate)
    features = rng.normal(size=(audit.patients, audit.features))
    event = rng.uniform(size=audit.patients) < expit(_EFFECTS * features[:, :3].sum(axis=1) - 1)
    member = np.zeros((_DIVISIONS, audit.patients), dtype=bool)
    predictions = np.empty((_DIVISIONS, 2, audit.patients))
    for division in range(_DIVISIONS):
        folder = StratifiedKFold(2, shuffle=True, random_state=int(rng.integers(2**31)))
        for side, (rows, _) in enumerate(folder.split(features, event)):
            member[division, rows] = side == 0
            model = LogisticRegression(C=_PENALTY).fit(features[rows], event[rows])
            predictions[division, side] = model.predict_proba(features)[:, 1]
    found = measure_membership(BinaryTarget(event, None, None), Halves(member, predictions)).evidence
    return {
        (attack, measure): (estimate.value, estimate.lower, estimate.upper)
        for attack, success in found.attacks.items()
        for measure, estimate in (("auc", success.auc), ("true_positive_rate", success.true_positive_rate))
        if estimate.value is not None and estimate.lower is not None and estimate.upper is not None
    }


def _row(key: tuple[int, int, str, str], numbers: Floats) -> dict[str, Any]:
    patients, features, attack, measure = key
    truth = float(numbers[:, 0].mean())
    held = float(((numbers[:, 1] <= truth) & (truth <= numbers[:, 2])).mean())
    return {
        "patients": patients,
        "features": features,
        "attack": attack,
        "measure": measure,
        "replicates": len(numbers),
        "mean": round(truth, 4),
        "sd": round(float(numbers[:, 0].std(ddof=1)), 4),
        "coverage": round(held, 4),
        "error": round(float(np.sqrt(held * (1 - held) / len(numbers))), 4),
    }
