"""How often the interval of one patient's answer holds: cohorts are drawn, learned from, and new patients answered.

A quantity's interval has to hold the new patient's own value; a risk's the share with the event among new patients to
whom the released model gives the same prediction.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from simulations.parallel import PROCESSES, generator, shared_out
from simulations.pipeline import TASKS, Training
from simulations.studies import Task, simulated_study
from simulations.truth import Floats
from theragate.accepted import AcceptedInputs
from theragate.cohorts.outcomes import read_outcome
from theragate.learning import train
from theragate.personal.fitting import fit_personal
from theragate.personal.typicality import UNLIKE

__all__ = ["cohorts", "observe", "run"]

_EFFECTS = np.array([1.0, 0.7, 0.4, 0.0, 0.0, 0.0])
_HORIZON = 1.0
_NEW = 20_000
_BAND = 200  # new patients who count as given the same prediction


def cohorts(replicates: int) -> dict[int, int]:
    """Return how many cohorts of each size are learned from, of each task."""
    few = max(2, replicates // 16)
    return {200: few, 800: max(2, few // 2)}


def run(replicates: Mapping[int, int], *, seed: int, processes: int = PROCESSES) -> list[dict[str, Any]]:
    """Learn from cohorts of every task and size (patients -> replicates); return one row for each."""
    trainings = [
        Training(task, patients, replicate, seed)
        for patients, count in replicates.items()
        for replicate in range(count)
        for task in TASKS
    ]
    seen: dict[tuple[Task, int], list[dict[str, float]]] = defaultdict(list)
    for training, found in zip(trainings, shared_out(observe, trainings, processes=processes), strict=True):
        seen[training.task, training.patients].append(found)
    return [
        {"task": task, "patients": patients} | {name: _mean([one[name] for one in found]) for name in found[0]}
        for (task, patients), found in seen.items()
    ]


def observe(training: Training) -> dict[str, float]:
    """Learn from one cohort; return which share of new patients the interval holds for, and who is called unlike."""
    rng = generator(training.seed, 7, TASKS.index(training.task), training.patients, training.replicate)
    features = rng.normal(size=(training.patients, len(_EFFECTS)))
    cohort = _frame(features).assign(patient=np.arange(training.patients), **_outcome(training.task, features, rng))
    study = simulated_study(training.task, horizon=_HORIZON)
    outcome, seed = read_outcome(cohort, study), int(rng.integers(2**31))
    with TemporaryDirectory() as storage:
        trained = train(
            cohort, outcome, study, seed=seed, jobs=1, storage=Path(storage),
            progress=lambda _done, _total, _text: None,
        )  # fmt: skip
    accepted = AcceptedInputs(study=study.name, rules=(), top_coded={})
    fitted = fit_personal(
        trained.predictor, cohort, outcome, study=study, predictions=trained.predictions, accepted=accepted, seed=seed
    )
    new = rng.normal(size=(_NEW, len(_EFFECTS)))
    answers = fitted.personal.answer(_frame(new))
    if training.task == "regression":
        truth = _outcome(training.task, new, rng)["value"]
    else:
        truth = _alike(answers["prediction"].to_numpy(), _risk(training.task, new))
    inside = (answers["lower"].to_numpy() <= truth) & (truth <= answers["upper"].to_numpy())
    found = {
        "coverage": float(inside.mean()),
        "width": float((answers["upper"] - answers["lower"]).mean()),
        "called_unlike": float((answers["typical"] < UNLIKE).mean()),
    }
    measured = fitted.record["measured"]
    return found | ({"coverage_as_recorded": measured["coverage"]} if training.task == "regression" else {})


def _alike(prediction: Floats, risk: Floats) -> Floats:
    """Return for each patient the mean true risk of those with nearly the same prediction."""
    order = np.argsort(prediction, kind="stable")
    means = risk[order].reshape(-1, _BAND).mean(axis=1)
    alike = np.empty(len(risk))
    alike[order] = np.repeat(means, _BAND)
    return alike


def _frame(features: Floats) -> pd.DataFrame:
    return pd.DataFrame(features, columns=[f"feature_{place}" for place in range(features.shape[1])])


def _risk(task: Task, features: Floats) -> Floats:
    linear = features @ _EFFECTS
    return np.asarray(expit(linear - 1) if task == "binary" else -np.expm1(-np.exp(0.8 * linear - 0.7) * _HORIZON))


def _outcome(task: Task, features: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Draw outcomes; the noise of a quantity grows with it, as that of a dose does."""
    risk = _risk(task, features)
    if task == "binary":
        return {"event": np.where(rng.random(len(risk)) < risk, "yes", "no")}
    if task == "regression":
        mean = 30 + 8 * features @ _EFFECTS
        return {"value": mean + 0.2 * np.maximum(mean, 10) * rng.normal(size=len(mean))}
    died, lost = rng.exponential(-_HORIZON / np.log1p(-risk)), rng.uniform(0.4, 2.4, len(risk))
    return {"time": np.minimum(died, lost), "event": (died <= lost).astype(int)}


def _mean(values: list[float]) -> dict[str, float]:
    """Return the mean over cohorts with its standard error."""
    array = np.array(values)
    error = float(array.std(ddof=1) / np.sqrt(len(array))) if len(array) > 1 else float("nan")
    return {"value": round(float(array.mean()), 4), "se": round(error, 4), "replicates": len(array)}
