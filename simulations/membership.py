"""What a membership-inference audit finds: cohorts are drawn, halved, learned from and attacked.

No formula says how well an attack succeeds on a recipe. Of the area, whose limits claim to know the scatter between
cohorts, the truth is the mean over the cohorts of one world. The rate at one false accusation in 1,000 is about the
patients of one cohort, which is therefore audited again and again: its truth is the mean over these audits. Some
recipes store patients, which the audit has to find, and others do not.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.shares import share
from simulations.truth import Floats
from theragate.evidence.inputs.predictions import BinaryTarget
from theragate.evidence.refits.membership import Halves, measure_membership
from theragate.gates._judging import Limit, Question, answer_all
from theragate.gates.types import Status

__all__ = ["LIMITS", "RECIPES", "SIZES", "WORLDS", "Audit", "Recipe", "observe", "run", "run_recipes"]

_DIVISIONS = 10
_EFFECTS = 0.8  # of each of the first three features, on the log odds
_PENALTY = 1.0
_AUDITS = 10  # of one cohort
# Of the policies of the bundled studies.
LIMITS = {
    ("likelihood_ratio", "auc"): 0.6,
    ("likelihood_ratio", "rate"): 0.02,
    ("loss", "auc"): 0.6,
    ("loss", "rate"): 0.01,
}

# Patients and features: from hardly anything to remember to two patients a feature in each half.
WORLDS = ((300, 10), (300, 75), (1000, 10), (1000, 60))
SIZES = (200, 400, 800)

_WORDS = {"logistic": "logistic", "boosted": "boosted, depth 2", "stumps": "boosted, strongly penalised"}

Numbers = tuple[float, float, float]


class Recipe(NamedTuple):
    """A family, and the share of patients whose outcome it stores: the same ones always, or others each time."""

    family: str
    stored: float = 0.0
    always: bool = True

    def __str__(self) -> str:
        words = {"logistic": "logistic", "boosted": "boosted, depth 2", "stumps": "boosted, strongly penalised"}[
            self.family
        ]
        whom = "the same patients" if self.always else "others each time"
        return f"{words}, stores {100 * self.stored:.0f}%, {whom}" if self.stored else words


RECIPES = (
    Recipe("logistic"),
    Recipe("stumps"),
    Recipe("boosted"),
    *(Recipe("logistic", stored, always) for stored in (0.02, 0.05) for always in (True, False)),
    *(Recipe("stumps", stored) for stored in (0.02, 0.05)),
)


class Audit(NamedTuple):
    """One audit of one cohort by one recipe."""

    patients: int
    features: int
    recipe: Recipe
    cohort: int
    audit: int
    seed: int


class Found(NamedTuple):
    """What one audit found: value and limits by attack and measure, and what TG015 answers to each."""

    numbers: dict[tuple[str, str], Numbers]
    answers: dict[tuple[str, str], Status]


def run(
    replicates: int, *, seed: int, processes: int = PROCESSES, worlds: Sequence[tuple[int, int]] = WORLDS
) -> list[dict[str, Any]]:
    """Audit `replicates` cohorts of every world (patients, features); return a row for each world and attack."""
    audits = [
        Audit(*world, Recipe("logistic"), replicate, 0, seed) for world in worlds for replicate in range(replicates)
    ]
    seen: dict[tuple[int, int, str], list[Numbers]] = defaultdict(list)
    for audit, found in zip(audits, shared_out(observe, audits, processes=processes), strict=True):
        for (attack, measure), numbers in found.numbers.items():
            if measure == "auc":
                seen[audit.patients, audit.features, attack].append(numbers)
    return [_row(key, np.array(numbers)) for key, numbers in seen.items()]


def run_recipes(
    replicates: int, *, seed: int, processes: int = PROCESSES, sizes: Sequence[int] = SIZES
) -> list[dict[str, Any]]:
    """Audit cohorts of ten features, ten times each, by every recipe; return a row for each of them and each size.

    There are `replicates` audits of each, and half as many of boosted recipes, which take longer to fit.
    """
    audits = [
        Audit(size, 10, recipe, cohort, audit, seed)
        for size in sizes
        for recipe in RECIPES
        for cohort in range(max(1, replicates // (_AUDITS if recipe.family == "logistic" else 2 * _AUDITS)))
        for audit in range(_AUDITS)
    ]
    seen: dict[tuple[int, Recipe], list[Found]] = defaultdict(list)
    for audit, found in zip(audits, shared_out(observe, audits, processes=processes), strict=True):
        seen[audit.patients, audit.recipe].append(found)
    return [_answers(*key, audits) for key, audits in seen.items()]


def observe(audit: Audit) -> Found:
    """Draw a cohort and audit it once."""
    rng = generator(audit.seed, 11, audit.patients, audit.features, audit.cohort)
    features = rng.normal(size=(audit.patients, audit.features))
    event = rng.uniform(size=audit.patients) < expit(_EFFECTS * features[:, :3].sum(axis=1) - 1)
    stored = rng.permutation(audit.patients)[: round(audit.recipe.stored * audit.patients)]
    rng = generator(audit.seed, 12, audit.patients, audit.features, audit.cohort, audit.audit)
    member = np.zeros((_DIVISIONS, audit.patients), dtype=bool)
    predictions = np.empty((_DIVISIONS, 2, audit.patients))
    for division in range(_DIVISIONS):
        folder = StratifiedKFold(2, shuffle=True, random_state=int(rng.integers(2**31)))
        for side, (rows, _) in enumerate(folder.split(features, event)):
            member[division, rows] = side == 0
            predicted = _predicted(audit.recipe.family, features, event, rows)
            if audit.recipe.stored:
                others = rng.choice(rows, max(1, round(audit.recipe.stored * len(rows))), replace=False)
                known = np.intersect1d(rows, stored) if audit.recipe.always else others
                predicted[known] = event[known]
            predictions[division, side] = predicted
    found = measure_membership(BinaryTarget(event, None, None), Halves(member, predictions)).evidence
    estimates = {
        (attack, measure): estimate
        for attack, success in found.attacks.items()
        for measure, estimate in (("auc", success.auc), ("rate", success.rate_at_one_in_1000))
    }
    asked = [
        Question(attack, measure, measure, estimate, Limit(high=LIMITS[attack, measure]), None, "patients")
        for (attack, measure), estimate in estimates.items()
    ]
    return Found(
        {
            key: (estimate.value, estimate.lower, estimate.upper)
            for key, estimate in estimates.items()
            if estimate.value is not None and estimate.lower is not None and estimate.upper is not None
        },
        {key: answer.status for key, answer in zip(estimates, answer_all(asked, {}), strict=True)},
    )


def _predicted(family: str, features: Floats, event: NDArray[np.bool_], rows: NDArray[np.intp]) -> Floats:
    """Return the risks of all patients by a model of those at `rows`; boosting has the parameters that ours has."""
    if family == "logistic":
        return np.asarray(LogisticRegression(C=_PENALTY).fit(features[rows], event[rows]).predict_proba(features)[:, 1])
    from xgboost import XGBClassifier

    rounds, depth, penalty = {"boosted": (100, 2, 3.0), "stumps": (40, 1, 30.0)}[family]
    model = XGBClassifier(
        n_estimators=rounds,
        max_depth=depth,
        reg_lambda=penalty,
        learning_rate=0.08,
        subsample=0.8,
        colsample_bynode=0.8,
        min_child_weight=2.0,
        n_jobs=1,
    )
    return np.asarray(model.fit(features[rows], event[rows]).predict_proba(features)[:, 1], dtype=np.float64)


def _answers(patients: int, recipe: Recipe, audits: Sequence[Found]) -> dict[str, Any]:
    """Return what the rates of a recipe are, whether their limits hold, and what a gate answers to them."""
    rates = {
        attack: np.array([audit.numbers[attack, "rate"] for audit in audits]) for attack in ("likelihood_ratio", "loss")
    }
    held = 0
    for rate in rates.values():
        truth = np.repeat(rate[:, 0].reshape(-1, _AUDITS).mean(axis=1), _AUDITS)
        held += int(((rate[:, 1] <= truth) & (truth <= rate[:, 2])).sum())
    answers = [{audit.answers[attack, "rate"] for attack in rates} for audit in audits]
    return {
        "patients": patients,
        "recipe": str(recipe),
        "stored": recipe.stored,
        "area": round(float(np.mean([audit.numbers["likelihood_ratio", "auc"][0] for audit in audits])), 4),
        **{attack: round(float(rate[:, 0].mean()), 5) for attack, rate in rates.items()},
        "holds": share(held, 2 * len(audits)),
        "passes": share(sum(answer == {"pass"} for answer in answers), len(audits)),
        "fails": share(sum("fail" in answer for answer in answers), len(audits)),
    }


def _row(key: tuple[int, int, str], numbers: Floats) -> dict[str, Any]:
    patients, features, attack = key
    truth = float(numbers[:, 0].mean())
    held = float(((numbers[:, 1] <= truth) & (truth <= numbers[:, 2])).mean())
    return {
        "patients": patients,
        "features": features,
        "attack": attack,
        "replicates": len(numbers),
        "mean": round(truth, 4),
        "sd": round(float(numbers[:, 0].std(ddof=1)), 4),
        "coverage": round(held, 4),
        "error": round(float(np.sqrt(held * (1 - held) / len(numbers))), 4),
    }
