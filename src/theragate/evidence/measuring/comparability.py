"""Whether the arms can be compared, and what two simpler methods say of the same effect."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.doubly_robust import uncensored_values
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget
from theragate.evidence.intervals.limits import FEW_CLUSTERS, few
from theragate.evidence.measuring.effect_samples import share
from theragate.evidence.metrics.cox import cox_regression
from theragate.evidence.sampling.units import FEWEST_CLUSTERS, Units
from theragate.evidence.types import (
    Z95,
    Estimate,
    OverlapEvidence,
    SimultaneousBand,
    TreatmentArm,
    TreatmentEvidence,
)

__all__ = ["treatment_evidence"]

_FEWEST, _MOST = 0.1, 0.9  # chances of treatment between which arms overlap (Crump et al., Biometrika 2009;96:187)
_LEVEL = 0.95


def treatment_evidence(
    target: EffectTarget, held_out: EffectHeldOut, errors: Mapping[str, tuple[Estimate, Floats]]
) -> TreatmentEvidence:
    """Return what is known of a treatment besides the metrics of its prediction.

    Parameters
    ----------
    errors
        Group -> the estimate of its average effect, and the replicates of that.

    Raises
    ------
    EvidenceError
        If Cox regression has no solution.
    """
    adjusted = target.propensity is None
    columns = list(held_out.covariates.values()) if adjusted else []
    bands, critical = _bands(errors)
    units = Units.of_rows(held_out.predictions)
    return TreatmentEvidence(
        assigned="in_practice" if adjusted else "at_random",
        effect=target.effect,
        unit=target.unit,
        arms=tuple(_arm(target, treated=treated) for treated in (False, True)),
        propensity=target.propensity,
        overlap=_overlap(target, held_out, units),
        crude=_crude(target, units),
        hazard_ratio=_hazard_ratio(target, columns, clustered=units.clustered),
        adjusted_for=len(columns),
        bands=bands,
        critical=critical,
    )


def _arm(target: EffectTarget, *, treated: bool) -> TreatmentArm:
    rows = target.treated == treated
    if target.event is None:
        return TreatmentArm(treated=treated, n=int(rows.sum()), events=None, non_events=None)
    events, free = int((rows & target.with_event).sum()), int((rows & target.without_event).sum())
    return TreatmentArm(treated=treated, n=int(rows.sum()), events=events, non_events=free)


def _overlap(target: EffectTarget, held_out: EffectHeldOut, units: Units) -> OverlapEvidence:
    chance = held_out.propensity.mean(axis=0)
    weight = np.where(target.treated, 1 / chance, 1 / (1 - chance))
    arms = (~target.treated, target.treated)
    effective = tuple(float(weight[arm].sum() ** 2 / (weight[arm] ** 2).sum()) for arm in arms)
    return OverlapEvidence(
        outside=share((chance < _FEWEST) | (chance > _MOST), rows=np.arange(len(chance)), units=units),
        effective=(effective[0], effective[1]),
        before={name: _distance(x, arms, np.ones(len(x))) for name, x in held_out.covariates.items()},
        after={name: _distance(x, arms, weight) for name, x in held_out.covariates.items()},
    )


def _distance(values: Floats, arms: tuple[NDArray[np.bool_], NDArray[np.bool_]], weight: Floats) -> float:
    """Return the absolute difference of the arms' weighted means, in standard deviations of the arms as they are."""
    spread = float(np.sqrt(np.mean([values[arm].var() for arm in arms])))
    means = [float(np.average(values[arm], weights=weight[arm])) for arm in arms]
    return abs(means[1] - means[0]) / spread if spread > 0 else 0.0


def _crude(target: EffectTarget, units: Units) -> Estimate:
    """Return the difference of the arms' means, freed of censoring alone."""
    values = uncensored_values(target.reached, target.treated, target.weight)
    arms = [values[rows] for rows in (target.treated, ~target.treated)]
    value = float(arms[0].mean() - arms[1].mean())
    se = float(np.sqrt(sum(arm.var(ddof=1) / len(arm) for arm in arms)))
    everybody = np.arange(len(values))
    clusters = units.effective(everybody)
    if clusters is not None:
        if units.count < FEWEST_CLUSTERS:
            return Estimate(value=value, method="none", why=FEW_CLUSTERS)
        moves = np.where(
            target.treated, (values - arms[0].mean()) / len(arms[0]), -(values - arms[1].mean()) / len(arms[1])
        )
        sums = units.sums(moves, everybody)
        se = float(np.sqrt(sums @ sums)) * few(None, clusters)
    if not se > 0:
        return Estimate(value=value, method="none", why="no spread within the arms")
    return Estimate(
        value=value, lower=value - Z95 * se, upper=value + Z95 * se, se=se, method="difference of weighted means"
    )


def _hazard_ratio(target: EffectTarget, columns: list[Floats], *, clustered: bool) -> Estimate | None:
    if target.time is None or target.event is None:
        return None
    beta, covariance = cox_regression(
        target.time, target.event, np.stack([target.treated.astype(np.float64), *columns], axis=1)
    )
    if clustered:
        why = "limits of Cox regression count patients one by one, and these are of clusters"
        return Estimate(value=float(np.exp(beta[0])), method="none", why=why)
    se = float(np.sqrt(covariance[0, 0]))
    low, value, high = (float(np.exp(beta[0] + z * se)) for z in (-Z95, 0.0, Z95))
    return Estimate(value=value, lower=low, upper=high, se=se, scale="log", method="Cox regression, Efron's ties")


def _bands(errors: Mapping[str, tuple[Estimate, Floats]]) -> tuple[dict[str, SimultaneousBand], float]:
    """Return limits for all groups at once, from the largest standardised error in each resample (max-t)."""
    if not errors:
        return {}, Z95
    drawn = np.stack([replicates for _, replicates in errors.values()], axis=1)
    largest = np.abs((drawn - drawn.mean(axis=0)) / drawn.std(axis=0, ddof=1)).max(axis=1)
    critical = max(Z95, float(np.quantile(largest, _LEVEL)))
    bands = {}
    for key, (estimate, _) in errors.items():
        limits = estimate.band(critical)
        if limits is not None:
            bands[key] = SimultaneousBand(lower=limits[0], upper=limits[1])
    return bands, critical
