"""How often the interval of one patient's answer holds: cohorts are drawn, learned from, and new patients answered.

A quantity's interval has to hold the new patient's own value; a risk's the share with the event among new patients to
whom the released model gives the same prediction; that of a benefit the mean true benefit among such patients. Where
the study has not shown that benefits differ, patients get no interval, and there is nothing to hold.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from simulations.effects import WORLDS, Trial
from simulations.parallel import PROCESSES, generator, shared_out
from simulations.pipeline import TASKS, Training
from simulations.studies import simulated_study
from simulations.truth import Floats
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Outcome
from theragate.learning.training import train
from theragate.personal.fitting import FittedPersonalModel, fit_personal_model
from theragate.personal.typicality import UNLIKE
from theragate.study import AcceptedInputs, Study, TaskName
from theragate.workers.processes import Processes

__all__ = ["cohorts", "fitted", "mean", "observe", "observe_benefits", "run"]

_EFFECTS = np.array([1.0, 0.7, 0.4, 0.0, 0.0, 0.0])
_HORIZON = 1.0
_WORLDS = ("same effect", "different effects")
_NEW = 20_000
_BAND = 200  # new patients who count as given the same prediction


def cohorts(replicates: int) -> dict[int, int]:
    """Return how many cohorts of each size are learned from, of each task."""
    few = max(2, replicates // 16)
    return {200: few, 800: max(2, few // 2)}


def run(replicates: Mapping[int, int], *, seed: int, processes: int = PROCESSES) -> list[dict[str, Any]]:
    """Learn from cohorts of every task and size (patients -> replicates); return one row for each.

    Of treatments there are two worlds, and twice as many cohorts, since not all of them show a difference.
    """
    trainings: list[Training | Trial] = []
    for patients, count in replicates.items():
        trainings += [Training(task, patients, replicate, seed) for replicate in range(count) for task in TASKS]
        trainings += [Trial(world, patients, replicate, seed) for replicate in range(2 * count) for world in _WORLDS]
    seen: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    for training, found in zip(trainings, shared_out(_seen, trainings, processes=processes), strict=True):
        task = training.task if isinstance(training, Training) else f"treatment effect, {training.world}"
        seen[task, training.patients].append(found)
    return [
        {"task": task, "patients": patients} | {name: mean([one[name] for one in found]) for name in found[0]}
        for (task, patients), found in seen.items()
    ]


def _seen(training: Training | Trial) -> dict[str, float]:
    return observe(training) if isinstance(training, Training) else observe_benefits(training)


def observe(training: Training) -> dict[str, float]:
    """Learn from one cohort; return which share of new patients the interval holds for, and who is called unlike."""
    rng = generator(training.seed, 7, TASKS.index(training.task), training.patients, training.replicate)
    features = rng.normal(size=(training.patients, len(_EFFECTS)))
    cohort = _frame(features).assign(patient=np.arange(training.patients), **_outcome(training.task, features, rng))
    study = simulated_study(training.task, horizon=_HORIZON)
    learned = fitted(cohort, read_outcome(cohort, study), study, seed=int(rng.integers(2**31)))
    new = rng.normal(size=(_NEW, len(_EFFECTS)))
    answers = learned.personal.answer(_frame(new))
    new, answers = _answered(new, answers)
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
    measured = learned.record.measured
    return found | ({"coverage_as_recorded": measured["coverage"]} if training.task == "regression" else {})


def observe_benefits(trial: Trial) -> dict[str, float]:
    """Learn from one cohort of treated patients and controls; return the same, and whether a difference is shown.

    ``coverage`` and ``width`` are not a number where none is, and nobody gets an interval.
    """
    world = WORLDS[trial.world]
    rng = generator(trial.seed, 8, list(WORLDS).index(trial.world), trial.patients, trial.replicate)
    x, outcome = world.draw(trial.patients, rng)
    cohort = _frame(x).assign(patient=np.arange(trial.patients))
    study = simulated_study("treatment_effect", horizon=_HORIZON)
    learned = fitted(cohort, outcome, study, seed=int(rng.integers(2**31)))
    new = rng.normal(size=(_NEW, x.shape[1]))
    answers, effects = learned.personal.answer(_frame(new)), world.effects(new)
    found = {
        "coverage": np.nan,
        "width": np.nan,
        "called_unlike": float((answers["typical"] < UNLIKE).mean()),
        "shown": float(learned.record.differences is not None and learned.record.differences.shown),
    }
    if not found["shown"]:
        return found
    effects, answers = _answered(effects, answers)
    truth = _alike(answers["prediction"].to_numpy(), effects)
    inside = (answers["lower"].to_numpy() <= truth) & (truth <= answers["upper"].to_numpy())
    return found | {"coverage": float(inside.mean()), "width": float((answers["upper"] - answers["lower"]).mean())}


def fitted(cohort: pd.DataFrame, outcome: Outcome, study: Study, *, seed: int) -> FittedPersonalModel:
    """Put a cohort through the real training, and learn its answers."""
    with TemporaryDirectory() as storage:
        trained = train(
            cohort,
            outcome,
            study,
            seed=seed,
            backend=Processes(1),
            storage=Path(storage),
            progress=lambda _done, _total, _text: None,
        )
    accepted = AcceptedInputs(study=study.name, rules=(), top_coded={})
    return fit_personal_model(
        trained.predictor,
        cohort,
        outcome,
        study=study,
        predictions=trained.predictions,
        accepted=accepted,
        simulated=True,
        seed=seed,
    )


def _alike(prediction: Floats, risk: Floats) -> Floats:
    """Return for each patient the mean true risk of those with nearly the same prediction."""
    order = np.argsort(prediction, kind="stable")
    alike = np.empty(len(risk))
    for band in np.array_split(order, len(order) // _BAND):
        alike[band] = risk[band].mean()
    return alike


def _answered(values: Floats, answers: pd.DataFrame) -> tuple[Floats, pd.DataFrame]:
    """Leave out new patients so far from everybody that they get no answer."""
    given = answers["lower"].notna().to_numpy()
    return values[given], answers[given]


def _frame(features: Floats) -> pd.DataFrame:
    return pd.DataFrame(features, columns=[f"feature_{place}" for place in range(features.shape[1])])


def _risk(task: TaskName, features: Floats) -> Floats:
    linear = features @ _EFFECTS
    return np.asarray(expit(linear - 1) if task == "binary" else -np.expm1(-np.exp(0.8 * linear - 0.7) * _HORIZON))


def _outcome(task: TaskName, features: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Draw outcomes; the noise of a quantity grows with it, as that of a dose does."""
    risk = _risk(task, features)
    if task == "binary":
        return {"event": np.where(rng.random(len(risk)) < risk, "yes", "no")}
    if task == "regression":
        mean = 30 + 8 * features @ _EFFECTS
        return {"value": mean + 0.2 * np.maximum(mean, 10) * rng.normal(size=len(mean))}
    died, lost = rng.exponential(-_HORIZON / np.log1p(-risk)), rng.uniform(0.4, 2.4, len(risk))
    return {"time": np.minimum(died, lost), "event": (died <= lost).astype(int)}


def mean(values: list[float]) -> dict[str, float]:
    """Return the mean over the cohorts that have it, with its standard error; of none, or of one, there is none."""
    array = np.array(values)[np.isfinite(values)]
    found: dict[str, float] = {"replicates": len(array)}
    if len(array):
        found["value"] = round(float(array.mean()), 4)
    if len(array) > 1:
        found["se"] = round(float(array.std(ddof=1) / np.sqrt(len(array))), 4)
    return found
