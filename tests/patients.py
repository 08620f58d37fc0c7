"""Worlds with a known truth, and models of them with their answers, made without a search."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from support import small_study

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Outcome, Treated
from theragate.learning.families import FAMILIES
from theragate.learning.features import as_features, read_features
from theragate.learning.nuisances import fit_nuisances
from theragate.learning.predictor import fit_predictor
from theragate.learning.scenarios import Stress
from theragate.personal.fitting import FittedPersonalModel, Sampled, fit_personal_model
from theragate.study import AcceptedInputs, InputRule, Study, parse

OUTCOMES: dict[str, dict[str, Any]] = {
    "binary": {"column": "ill", "positive": "yes", "description": "Illness."},
    "regression": {"column": "dose", "unit": "mg/week", "description": "The dose."},
    "survival": {
        "time": "time",
        "event": "died",
        "unit": "days",
        "horizon": 400,
        "horizon_reason": "For the tests.",
        "description": "Death.",
    },
    "treatment_effect": {
        "treatment": {
            "column": "arm",
            "treated": "drug",
            "name": "the drug",
            "control": "placebo",
            "assigned": "at_random",
            "propensity": 0.5,
            "reason": "The tests draw lots.",
        },
        "measured": {"column": "walked", "unit": "metres", "description": "How far a patient walks."},
        "effect": "mean",
        "better": "higher",
        "reason": "For the tests.",
    },
}
RULES = (
    InputRule(id="age-range", kind="between", columns=("age",), decisive=True, low=18, high=90, unit="years"),
    InputRule(id="sex-codes", kind="one_of", columns=("sex",), decisive=True, values=("f", "m")),
    InputRule(id="marker-usual", kind="between", columns=("marker",), decisive=False, low=-4, high=4),
    InputRule(id="dose-range", kind="between", columns=("dose",), decisive=True, low=1, high=200, unit="mg/week"),
)


def gain(frame: pd.DataFrame, *, same: bool) -> NDArray[np.float64]:
    """The true benefit of the drug, in metres: the same for everybody, or the more the younger a patient is."""
    return 40 + (0.0 if same else 2.0) * (60 - frame["age"].to_numpy(dtype=np.float64))


def draw(task: str, patients: int, *, seed: int, same: bool = False) -> pd.DataFrame:
    """A cohort in which age, a marker (missing for a tenth) and sex matter; the noise of a dose grows with it."""
    random = np.random.default_rng(seed)
    age = random.uniform(30, 90, patients).round()
    marker = random.normal(0, 1, patients).round(3)
    sex = random.choice(["f", "m"], patients)
    score = 0.05 * (age - 60) + marker + 0.5 * (sex == "m")
    frame = pd.DataFrame({"patient": np.arange(patients), "age": age, "sex": sex, "marker": marker})
    frame["marker"] = frame["marker"].mask(random.uniform(size=patients) < 0.1)
    if task == "binary":
        frame["ill"] = np.where(random.uniform(size=patients) < 1 / (1 + np.exp(0.4 - score)), "yes", "no")
    elif task == "regression":
        mean = np.maximum(35 + 6 * score, 5)
        frame["dose"] = np.clip(mean + 0.2 * mean * random.normal(size=patients), 1, 200)
    elif task == "treatment_effect":
        frame["arm"] = random.permutation(["drug", "placebo"] * (patients // 2))
        walked = 300 + 20 * score + gain(frame, same=same) * (frame["arm"] == "drug")
        frame["walked"] = walked + 30 * random.normal(size=patients)
    else:
        death, lost = random.exponential(900 * np.exp(-score)), random.uniform(100, 1500, patients)
        frame["time"], frame["died"] = np.minimum(death, lost).round(), (death <= lost).astype(int)
    return frame


def study_of(task: str, **changes: Any) -> Study:
    content = small_study() | {"name": f"small_{task}", "task": task, "outcome": OUTCOMES[task]}
    if task == "regression":
        content |= {"decision": {"none": "A dose is no decision at a threshold."}}
    if task == "treatment_effect":
        least = {"action": "Give the drug.", "least_benefit": 30.0, "range": [0.0, 60.0], "source": "For the tests."}
        content |= {"decision": least}
    return parse(Study, content | changes, at="test")


class Frozen(dict):
    """Scenarios that can be a key of the cache of worlds."""

    def __hash__(self) -> int:
        return hash(str(self))


@dataclass(frozen=True)
class World:
    cohort: pd.DataFrame
    outcome: Outcome
    study: Study
    fitted: FittedPersonalModel


@cache
def make_world(
    task: str,
    family: str,
    *,
    patients: int = 300,
    seed: int = 5,
    held_out: int = 0,
    same: bool = False,
    stressed_too: bool = False,
    every: int = 0,
    **changes: Any,
) -> World:
    """Fit a family, cross-validated (or with the last `held_out` patients held out), and its answers.

    `every`: of so many patients one is in the sample from which answers are learned; 0 for no sample.
    `same`: a treatment helps everybody as much. `stressed_too`: predict under the scenarios too.
    `changes` replace keys of the study.
    """
    cohort = draw(task, patients, seed=seed, same=same)
    scheme = {"scheme": "holdout", "fraction": 0.3, "inner_folds": 2, "reason": "For the tests."}
    study = study_of(task, **({"validation": scheme} if held_out else {}), **changes)
    outcome, schema = read_outcome(cohort, study), read_features(cohort, study)
    features, params = as_features(cohort, schema), FAMILIES[task][family].fixed
    rows = np.arange(patients)

    def fitted_on(some):
        return fit_predictor(
            features.iloc[some], outcome.take(some), task=task, family=family, params=params, schema=schema, seed=3
        )

    folds = rows % 5 if not held_out else np.where(rows < patients - held_out, -1, 0)
    parts = []
    for fold in range(folds.max() + 1):
        test = np.flatnonzero(folds == fold)
        train = np.flatnonzero(folds != fold)
        found = {"selected": fitted_on(train).predict(features.iloc[test])}
        if isinstance(outcome, Treated):
            found |= vars(fit_nuisances(features.iloc[train], outcome.take(train), schema).predict(features.iloc[test]))
        scored = {"clean": found}
        for name, scenario in study.scenarios.items() if stressed_too else ():
            stress = Stress.drawn(scenario, patients=len(features), study=study.name, name=name, seed=11)
            frame = stress.of(features)
            scored[name] = {"selected": fitted_on(train).predict(frame.iloc[test])}
        parts += [
            pd.DataFrame({"patient": cohort["patient"].to_numpy()[test], "model": model, "prediction": values}).assign(
                fold=fold, scenario=name
            )
            for name, models in scored.items()
            for model, values in models.items()
        ]
    predictions = pd.concat(parts).assign(repeat=0)
    released = fitted_on(rows[: patients - held_out])
    accepted = AcceptedInputs(study=study.name, rules=RULES, top_coded={"age": 90})
    sampled = None
    if every:
        sampled = Sampled(patients, rows[::every])
        cohort, outcome = cohort.iloc[::every].reset_index(drop=True), outcome.take(rows[::every])
        predictions = predictions[predictions["patient"].isin(cohort["patient"])]
    return World(
        cohort,
        outcome,
        study,
        fit_personal_model(
            released,
            cohort,
            outcome,
            study=study,
            predictions=predictions,
            accepted=accepted,
            simulated=True,
            seed=11,
            sampled=sampled,
        ),
    )
