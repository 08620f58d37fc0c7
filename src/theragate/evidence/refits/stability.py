"""How much one patient's prediction hangs on which patients the model happened to learn from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from theragate.evidence.checks import refused
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, Target
from theragate.evidence.metrics.censoring import RiskPatients, binary_patients, survival_patients
from theragate.evidence.metrics.ranks import area_under_curve, concordance
from theragate.evidence.refits.refitted import REFIT_AGAIN, check_values, patients_of
from theragate.evidence.sampling.crossed import crossed
from theragate.evidence.types import Z95, AuditSample, Curve, Estimate, StabilityEvidence

__all__ = ["Refits", "audit_sample_of", "instability_curve", "measure_stability"]

FEWEST_REFITS = 20
_TWENTIETHS, _SMALLEST = 20, 11  # points of the curve, and patients behind each
_USABLE = 0.95  # of the refits, in which a metric has to be defined
_SUBJECT = "refits"
_ROUNDING = 1e-12  # what arithmetic leaves of equal numbers

# A metric of one prediction among patients who each count `drawn` times; NaN where it is not defined.
Score = Callable[[Floats, Floats], float]


@dataclass(frozen=True)
class Refits:
    """The released model's predictions, and those of the same recipe fitted again on bootstrap samples.

    Parameters
    ----------
    original
        Shape (n,): by the released model, for every patient of the cohort; a risk in [0, 1] or a quantity.
    predictions
        Shape (b, n): by each refit, for the same patients.
    drawn
        Shape (b, n), whole numbers: how often each patient is in the sample that the refit learned from.
    clusters
        Shape (n,): whose patients are drawn together; None where each patient is drawn alone.
    released
        Shape (n,): by the released model, where these patients are a sample of those whom it learned from; `original`
        is then by the recipe fitted to the sample. None where the released model is `original`.
    """

    original: Floats
    predictions: Floats
    drawn: NDArray[np.integer]
    clusters: NDArray[np.generic] | None = None
    released: Floats | None = None


def measure_stability(
    target: Target | EffectTarget,
    refits: Refits,
    *,
    seed: int,  # noqa: ARG001 - every measurement takes one; these samples were drawn when the refits were made
) -> StabilityEvidence:
    """Measure the instability of individual predictions, and the optimism of the recipe.

    ``difference`` is the mean of |refit - released model| over patients and refits (Riley, Collins, Biom J
    2023;65:2200302), in probability or in the outcome's unit. Its error has two sources that cross, since each refit
    moves many patients at once, and each patient (or cluster of them) is moved by many refits; see `crossed`.

    ``optimism`` is, per metric, how much better a refit does on its own sample than on all patients, in the mean over
    the refits with its Monte-Carlo error (Harrell et al., Stat Med 1996;15:361): ``auroc`` or
    ``concordance_index`` and ``brier`` for a risk, ``r2`` and ``rmse`` for a quantity. For what is better when lower,
    an optimistic difference is below 0. A treatment's effect has none: nobody's own effect is seen.

    Parameters
    ----------
    target
        The outcomes of all patients, in the order of the predictions.
    refits
        What was predicted.
    seed
        As every measurement takes one. Nothing is drawn here, so that it changes nothing.

    Raises
    ------
    EvidenceError
        If shapes differ, there are under 20 refits, a prediction is not finite or is no risk, or ``drawn`` does not
        count samples of one size (of one number of whole clusters, where there are any).
    """
    _check(target, refits)
    scores = _scores(target)
    counted = refits.drawn.astype(np.float64)
    everybody = np.ones(refits.original.shape)
    gains = {
        name: np.array(
            [
                score(predicted, drawn) - score(predicted, everybody)
                for predicted, drawn in zip(refits.predictions, counted, strict=True)
            ]
        )
        for name, score in scores.items()
    }
    return StabilityEvidence(
        refits=len(refits.predictions),
        difference=_distance(_by_cluster(np.abs(refits.predictions - refits.original), refits.clusters)),
        optimism={name: _mean(values) for name, values in gains.items()},
    )


def audit_sample_of(refits: Refits, *, drawn_from: int) -> AuditSample | None:
    """Return how many patients the sample has, of how many, and how far its model is from the released one.

    None where the refits are those of the released model.
    """
    if refits.released is None:
        return None
    apart = float(np.abs(refits.original - refits.released).mean())
    return AuditSample(patients=len(refits.original), of=drawn_from, apart=apart)


def instability_curve(refits: Refits) -> Curve:
    """Return, from low to high predictions, the mean of the refits' and the middle 95% of them for one patient.

    Each point is the mean over a twentieth of the patients, and over at least 11 of them; no point is one patient's.
    """
    original = refits.original
    middle = refits.predictions.mean(axis=0)
    low, high = np.quantile(refits.predictions, [0.025, 0.975], axis=0)
    parts = np.array_split(np.argsort(original, kind="stable"), max(1, min(_TWENTIETHS, len(original) // _SMALLEST)))
    x, y, lower, upper = (
        tuple(float(values[rows].mean()) for rows in parts) for values in (original, middle, low, high)
    )
    return Curve(x=x, y=y, lower=lower, upper=upper)


def _by_cluster(distances: Floats, clusters: NDArray[np.generic] | None) -> Floats:
    """Return distances, (refits, patients), as (refits, clusters): sums by cluster, scaled so that the mean stays."""
    if clusters is None:
        return distances
    names, cluster = np.unique(clusters, return_inverse=True)
    sums = np.stack([np.bincount(cluster, weights=row, minlength=len(names)) for row in distances])
    scaled: Floats = sums * (len(names) / distances.shape[1])
    return scaled


def _distance(distances: Floats) -> Estimate:
    """Estimate the mean of distances, shape (refits, patients or clusters); see `crossed`.

    Limits lie on the log scale, since distances are above 0 and skewed.
    """
    if distances.mean() <= 0:
        why = "every refit predicts as the released model does, as if nothing had been learned anew"
        return Estimate(value=0.0, method="none", why=why)
    method = "crossed variance of patients and refits, t on the log scale"
    return crossed(distances).estimate(scale="log", method=method)


def _mean(values: Floats) -> Estimate:
    """Return the mean over the refits, with its Monte-Carlo limits."""
    usable = values[np.isfinite(values)]
    if len(usable) < _USABLE * len(values):
        return Estimate.absent("not defined in too many refits")
    value, error = float(usable.mean()), float(usable.std(ddof=1)) / np.sqrt(len(usable))
    if error <= _ROUNDING * (1 + float(np.abs(usable).max())):
        return Estimate(value=value, method="none", why="no spread from which an error could be estimated")
    half = float(student.ppf(0.975, len(usable) - 1)) * float(error)
    return Estimate(
        value=value, lower=value - half, upper=value + half, se=half / Z95, method="mean over refits, Monte-Carlo error"
    )


def _scores(target: Target | EffectTarget) -> Mapping[str, Score]:
    if isinstance(target, EffectTarget):
        return {}
    if isinstance(target, QuantityTarget):
        observed = target.value
        return {
            "r2": lambda predicted, drawn: _explained(predicted, observed, drawn),
            "rmse": lambda predicted, drawn: float(np.sqrt(np.average((predicted - observed) ** 2, weights=drawn))),
        }
    everybody = np.arange(len(target.event))
    if isinstance(target, BinaryTarget):
        event, patients = target.event, binary_patients(target.event, everybody)
        return {
            "auroc": lambda risk, drawn: _area(risk, event, drawn),
            "brier": lambda risk, drawn: _brier(patients, risk, drawn),
        }
    time, seen = target.time, target.event
    patients = survival_patients(time, seen, horizon=target.horizon, rows=everybody, hazard=target.hazard)
    return {
        "concordance_index": lambda risk, drawn: _concordance((time, seen), patients.rows, risk, drawn=drawn),
        "brier": lambda risk, drawn: _brier(patients, risk, drawn),
    }


def _area(risk: Floats, event: NDArray[np.bool_], drawn: Floats) -> float:
    area = area_under_curve(risk, cases=drawn * event, controls=drawn * ~event)
    return area.value if area else np.nan


def _concordance(
    outcome: tuple[Floats, NDArray[np.bool_]], order: NDArray[np.intp], risk: Floats, *, drawn: Floats
) -> float:
    """Return Harrell's index; who is drawn twice is there twice, beside each other in the order by time."""
    rows = np.repeat(order, drawn[order].astype(np.intp))
    time, event = outcome[0][rows], outcome[1][rows]
    concordant = concordance(time, event, risk[rows], weights=(event.astype(np.float64),))[0]
    return concordant.value if concordant else np.nan


def _brier(patients: RiskPatients, risk: Floats, drawn: Floats) -> float:
    """Return the Brier score by inverse-probability-of-censoring weights of this very sample."""
    rows = patients.rows
    weights = patients.seen_weights(drawn[rows][None, :])[0]
    return float(np.average((risk[rows] - patients.event) ** 2, weights=weights)) if weights.any() else np.nan


def _explained(predicted: Floats, observed: Floats, drawn: Floats) -> float:
    spread = float(np.average((observed - np.average(observed, weights=drawn)) ** 2, weights=drawn))
    return 1 - float(np.average((predicted - observed) ** 2, weights=drawn)) / spread if spread > 0 else np.nan


def _first_of_each(refits: Refits) -> NDArray[np.integer]:
    """Return how often each patient was drawn, or each cluster: shape (b, n or clusters)."""
    if refits.clusters is None:
        return refits.drawn
    # Of a cluster of which some were held out nobody is drawn: clusters are on one side of a split.
    return refits.drawn[:, np.unique(refits.clusters, return_index=True)[1]]


def _check(target: Target | EffectTarget, refits: Refits) -> None:
    n = patients_of(target, predicted=len(refits.original))
    b = len(refits.predictions) if refits.predictions.ndim == 2 else 0
    if b < FEWEST_REFITS:
        raise refused(
            _SUBJECT,
            rule=f"there are at least {FEWEST_REFITS} refits, one row each",
            received=f"{b} refits",
            remedy=REFIT_AGAIN,
        )
    if n < 2 or refits.original.shape != (n,) or refits.predictions.shape != (b, n) or refits.drawn.shape != (b, n):
        raise refused(
            _SUBJECT,
            rule=f"the released model and each of the {b} refits predict each of the {n} patients (at least 2)",
            received=f"shapes {refits.original.shape}, {refits.predictions.shape} and {refits.drawn.shape}",
            remedy=REFIT_AGAIN,
        )
    for predictions in (refits.original, refits.predictions, *(() if refits.released is None else (refits.released,))):
        check_values(_SUBJECT, predictions, target)
    if not np.issubdtype(refits.drawn.dtype, np.integer):
        raise refused(
            _SUBJECT,
            rule="`drawn` counts in whole numbers",
            received=f"{refits.drawn.dtype} values",
            remedy=REFIT_AGAIN,
        )
    # As many as the released model learned from, which is fewer than there are where a part was held out.
    size = _first_of_each(refits).sum(axis=1)
    drawn = "patients" if refits.clusters is None else "whole clusters"
    odd = int(((refits.drawn < 0).any(axis=1) | (size != size[0]) | (size < 1)).sum())
    if odd:
        raise refused(
            _SUBJECT,
            rule=f"each sample draws as many {drawn} as the others, and at least one",
            received=f"{odd} of another size",
            remedy=REFIT_AGAIN,
        )
