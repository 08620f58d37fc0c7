"""Treated patients and controls as evidence takes them: their outcomes, and the features that may tell them apart."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Binary, Censored, Treated
from theragate.evidence.inputs.doubly_robust import censoring_weights
from theragate.evidence.inputs.effects import EffectTarget
from theragate.study import EffectOutcome, Study, TreatmentDecision

__all__ = ["covariates_of", "effect_target"]

_SKEWED = 1.0  # skewness, from which on an amount is taken by its logarithm
_RARE = 10  # patients; a category of fewer is no column of its own


def effect_target(outcome: Treated, study: Study) -> EffectTarget:
    """Return the outcomes of the arms, weighted for censoring, with the study's decision."""
    if not isinstance(study.outcome, EffectOutcome):
        raise TypeError("the study compares no treatments")
    measured, decision = outcome.measured, study.decision
    time, event, horizon, weight = None, None, None, np.ones(len(outcome))
    if isinstance(measured, Binary):
        event = measured.event
    elif isinstance(measured, Censored):
        time, event, horizon = measured.time, measured.event, measured.horizon
        everybody = np.ones(len(outcome), dtype=bool)
        weight = censoring_weights(
            time, event, outcome.treated, horizon=horizon, among=everybody, hazard=measured.hazard
        )
    return EffectTarget(
        reached=np.asarray(outcome.reached, dtype=np.float64),
        weight=weight,
        treated=outcome.treated,
        time=time,
        event=event,
        horizon=horizon,
        propensity=outcome.propensity,
        threshold=decision.threshold if isinstance(decision, TreatmentDecision) else None,
        threshold_range=decision.range if isinstance(decision, TreatmentDecision) else None,
        effect=study.outcome.effect,
        unit=study.outcome.unit,
        extensions=tuple(study.installed),
    )


def covariates_of(cohort: pd.DataFrame, study: Study) -> dict[str, NDArray[np.float64]]:
    """Return the features as columns of numbers, by which arms are compared and Cox regression is adjusted.

    Numbers are in standard deviations, with the median for what is missing, and amounts with a long tail to the right
    as logarithms; of the categories of a text the commonest
    is the one that others are compared with, and those of under ten patients are left with it.
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for name in (str(column) for column in cohort.columns if column not in study.hidden):
        values = cohort[name]
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.astype(np.float64).to_numpy()
            known = numbers[np.isfinite(numbers)]
            filled = np.where(np.isfinite(numbers), numbers, np.median(known) if len(known) else 0.0)
            if np.ptp(filled) > 0:
                columns[name] = _in_deviations(filled)
            continue
        text = values.astype("str").where(values.notna(), "(missing)")
        counts = text.value_counts()
        order = sorted(counts.index, key=lambda code: (-counts[code], code))
        for code in order[1:]:
            if counts[code] >= _RARE:
                columns[f"{name} {code}"] = (text == code).to_numpy(dtype=np.float64)
    return columns


def _in_deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    scores = (values - values.mean()) / values.std()
    if values.min() < 0 or float((scores**3).mean()) <= _SKEWED:
        return np.asarray(scores, dtype=np.float64)
    logarithms = np.log1p(values)
    return np.asarray((logarithms - logarithms.mean()) / logarithms.std(), dtype=np.float64)
