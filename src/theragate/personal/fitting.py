"""From a training to its answers for one patient, and how well their intervals held on held-out patients."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import threadpoolctl
from numpy.typing import NDArray

from theragate.accepted import AcceptedInputs
from theragate.cohorts.outcomes import Outcome, Quantity, Treated
from theragate.learning.features import as_features
from theragate.learning.loss import Loss
from theragate.learning.predictor import Predictor
from theragate.learning.scenarios import CLEAN
from theragate.learning.seeds import derive
from theragate.personal.answers import Personal
from theragate.personal.inputs import missing_inputs
from theragate.personal.intervals import LEVEL, Held, Interval, QuantityInterval, fit_interval
from theragate.personal.numbers import stored
from theragate.personal.sheet import MissingInputs, Sheet
from theragate.personal.table import NO_ANSWER, NOT_SURE, PREDICTION
from theragate.personal.typicality import fit_typicality
from theragate.study import Decision, NestedCrossValidation, QuantityOutcome, Study

__all__ = ["FittedPersonal", "fit_personal"]

_FOLDS = 10
_FIFTHS = 5
_SOME = 10  # patients who lacked a feature, before it counts as known to be missing at times
_QUANTITY = "Of 10 patients like those of the cohort, 9 have their own value inside the interval."
_RISK = (
    "Of patients to whom the model gives this prediction, the share with the event lies inside the interval, with 90% "
    "confidence. It is no statement about one patient's own fate."
)
_EFFECT = (
    "Nobody's own benefit is ever seen, so that an interval of it cannot be tested and none is given: every answer is "
    "left to a clinician."
)
_UNKNOWN = QuantityInterval(spread=(1.0, 0.0), least=1.0, lower=None, upper=None)


@dataclass(frozen=True)
class FittedPersonal:
    """``record``: what the intervals claim and how they held, fit for JSON and free of small groups."""

    personal: Personal
    record: dict[str, Any]


def fit_personal(
    predictor: Predictor,
    cohort: pd.DataFrame,
    outcome: Outcome,
    *,
    study: Study,
    predictions: pd.DataFrame,
    accepted: AcceptedInputs,
    seed: int,
) -> FittedPersonal:
    """Learn the interval, what is typical and who is average; on one thread, so that sums give the same bits.

    Parameters
    ----------
    predictor
        The released model.
    cohort, outcome, study
        What it was trained on.
    predictions
        The held-out predictions of training, of which those of the selected model on the data as they are count.
    accepted
        What the study's suite says of one patient.
    seed
        That of training.
    """
    with threadpoolctl.threadpool_limits(1):
        selected = predictions[(predictions["model"] == "selected") & (predictions["scenario"] == CLEAN)]
        rows = pd.Index(cohort["patient"]).get_indexer(selected["patient"])
        learned = np.arange(len(cohort))
        if not isinstance(study.validation, NestedCrossValidation):
            learned = np.setdiff1d(learned, rows)  # who is held out once stays out of the released model
        features = as_features(cohort.iloc[learned], predictor.schema).reset_index(drop=True)
        low, high = _bounds(study, accepted)
        held = None
        interval: Interval = _UNKNOWN
        if not isinstance(outcome, Treated):
            held = _held(outcome, rows, learned, selected["prediction"].to_numpy())
            interval = fit_interval(held, risk=not isinstance(outcome, Quantity), low=low, high=high)
        sheet = Sheet(
            accepted=accepted,
            labels={name: label for name, label in study.features.labels.items() if name in predictor.features},
            reference=stored(_means(predictor.design.matrix(features))),
            threshold=study.decision.threshold if isinstance(study.decision, Decision) else None,
            interval=interval,
            typicality=fit_typicality(features, predictor.schema, seed=derive(seed, study.name, "typicality")),
            missing=_missing(features, study, predictor.features),
        )
        personal = Personal(predictor, sheet)
        record = {
            "level": LEVEL,
            "claim": _EFFECT if held is None else _QUANTITY if isinstance(outcome, Quantity) else _RISK,
            "measured": {}
            if held is None
            else _measured(held, outcome, low=low, high=high, seed=derive(seed, study.name, "coverage")),
            "answers": _answers(personal.answer(features)),
        }
        return FittedPersonal(personal, record)


def _held(outcome: Outcome, rows: NDArray[np.intp], learned: NDArray[np.intp], prediction: NDArray[np.float64]) -> Held:
    loss = Loss.of(outcome.take(rows), development=outcome.take(learned))
    known = loss.weight > 0  # whoever is lost before the horizon says nothing of the risk
    return Held(prediction[known], loss.target[known], weight=loss.weight[known], patient=rows[known])


def _bounds(study: Study, accepted: AcceptedInputs) -> tuple[float | None, float | None]:
    """Return between which values the suite says that the outcome lies, whatever the patient."""
    if isinstance(study.outcome, QuantityOutcome):
        for rule in accepted.rules:
            if rule.decisive and rule.kind == "between" and rule.columns == (study.outcome.column,):
                return rule.low, rule.high
    return None, None


def _means(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(matrix)
    return np.asarray(np.where(known, matrix, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _missing(features: pd.DataFrame, study: Study, names: list[str]) -> MissingInputs:
    missing = missing_inputs(features)
    often = missing.sum(axis=0) >= max(_SOME, 0.01 * len(features))
    tested = {name for scenario in study.scenarios.values() for name in scenario.missing}
    counts = missing.sum(axis=1)
    most = max([int(np.quantile(counts, 0.99)), *(len(scenario.missing) for scenario in study.scenarios.values())])
    known = tuple(name for name, some in zip(names, often, strict=True) if some or name in tested)
    return MissingInputs(known=known, most=most)


def _measured(
    held: Held, outcome: Outcome, *, low: float | None, high: float | None, seed: int
) -> dict[str, float | int]:
    """Return how intervals held for patients from whom they were not learned, by ten-fold cross-fitting."""
    fold = (np.random.default_rng(seed).permutation(held.patients) % _FOLDS)[held.patient]
    lower, upper = np.empty(len(fold)), np.empty(len(fold))
    risk = not isinstance(outcome, Quantity)
    for number in np.unique(fold):
        interval = fit_interval(held.of(fold != number), risk=risk, low=low, high=high)
        lower[fold == number], upper[fold == number] = interval.limits(held.prediction[fold == number])
    width = float(np.nanmean(upper - lower)) if np.isfinite(upper - lower).any() else 0.0
    found: dict[str, float | int] = {"patients": held.patients, "mean_width": stored([width])[0]}
    if not risk:
        inside = (lower <= held.target) & (held.target <= upper)
        return {**found, "coverage": round(float(inside.mean()), 4)}
    return {**found, "fifths": _FIFTHS, "fifths_in_agreement": _agreeing(held, lower, upper)}


def _agreeing(held: Held, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> int:
    """Return in how many fifths of the predictions the share with the event agrees with the interval, chance allowed.

    Nobody sees a risk, so that the coverage of a risk's interval cannot be counted; its agreement with groups can.
    """
    order = np.argsort(held.prediction, kind="stable")
    agreeing = 0
    for rows in np.array_split(order, _FIFTHS):
        weight, target = held.weight[rows], held.target[rows]
        total = weight.sum()
        share = float((weight * target).sum() / total)
        # A patient who was predicted in several repeats is one patient.
        times = len(rows) / len(np.unique(held.patient[rows]))
        error = np.sqrt(times * (np.square(weight) * np.square(target - share)).sum()) / total
        middle = float((weight * held.prediction[rows]).sum() / total)
        error = max(error, np.sqrt(middle * (1 - middle) / (len(rows) / times)))
        low, high = ((weight * limit[rows]).sum() / total for limit in (lower, upper))
        agreeing += bool(low - 1.645 * error <= share <= high + 1.645 * error)
    return agreeing


def _answers(table: pd.DataFrame) -> dict[str, float]:
    """Return the shares of the answers among the patients learned from."""
    shares = table["answer"].value_counts(normalize=True)
    return {answer: round(float(shares.get(answer, 0.0)), 3) for answer in (PREDICTION, NOT_SURE, NO_ANSWER)}
