"""How far a prediction may be off, learned from the held-out predictions of training.

A quantity has a prediction interval: 9 of 10 patients like those of the cohort have their own value inside. It is
split conformal prediction with the residuals of the cross-validation (Lei et al., J Am Stat Assoc 2018;113:1094), each
divided by the spread that is usual at such a prediction, and 5% of the patients beyond either limit. Where a part of
the patients was held out once and the released model never saw them, that holds whatever the model is. Under
cross-validation the released model is none of those that were tested, and it holds as far as a few more patients do
not change a model much (Steinberger, Leeb, Ann Stat 2023;51:290).

A risk has no value of its own to lie anywhere: a patient has the event or not, and no data can tell one patient's true
risk without assumptions (Barber, Electron J Stat 2020;14:3487). What is given is a confidence interval of the
*calibrated* risk: the share with the event among patients to whom the model gives this prediction. It comes from a
logistic recalibration of the held-out predictions (Cox 1958), clustered by patient, or by what the study declares as
`clusters`, and is widened to hold the prediction itself. It does not say how much other features, that the model does
not know, would change.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theragate.personal.rounding import nine_digits
from theragate.study import Spec

__all__ = [
    "LEVEL",
    "NORMAL",
    "REFIT",
    "Flags",
    "Floats",
    "Group",
    "HeldOut",
    "QuantityInterval",
    "RiskInterval",
    "fit_interval",
]

LEVEL = 0.9

NORMAL = 1.6448536269514722  # 95% of a standard normal distribution lie below
# The recalibration is that of the models of the folds; the released model has a line of its own around theirs. By
# this factor the limits of risks and of benefits hold in simulation (tests/personal, docs/statistics.md).
REFIT = 1.2
_CERTAIN = 1e-4  # no risk is farther from 0 and 1 for the recalibration
_PRIOR = 2.0  # standard deviation, in log odds, of a prior around perfect calibration, which keeps limits finite
_LEAST = 0.3  # no spread is smaller than this share of the mean one

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Group: TypeAlias = tuple[str, str]  # the key of its attribute under `subgroups`, and its name


class HeldOut:
    """Held-out predictions: ``patient`` numbers the patients, of whom each may occur once per repeat.

    ``target`` is the value, 1 for the event, or a doubly robust score; ``weight`` that of the inverse probability of
    censoring. ``centre`` is the mean prediction of an effect, 0 of anything else. ``groups`` are those that get limits
    of their own, and ``members`` says who belongs to them, shape (n, groups). ``cluster`` numbers whose patients
    resemble one another; without any, each patient stands alone.
    """

    def __init__(
        self,
        prediction: Floats,
        target: Floats,
        *,
        weight: Floats,
        patient: NDArray[np.intp],
        cluster: NDArray[np.intp] | None = None,
        centre: float = 0.0,
        groups: tuple[Group, ...] = (),
        members: Flags | None = None,
    ) -> None:
        self.prediction, self.target, self.weight, self.centre = prediction, target, weight, centre
        self.groups = groups
        self.members: Flags = np.zeros((len(prediction), 0), dtype=bool) if members is None else members
        numbers, self.patient = np.unique(patient, return_inverse=True)
        self.patients = len(numbers)
        self._clustered = cluster is not None
        numbers, self.cluster = (numbers, self.patient) if cluster is None else np.unique(cluster, return_inverse=True)
        self.clusters = len(numbers)

    def of(self, rows: NDArray[np.bool_]) -> "HeldOut":
        """Return some of the rows."""
        return HeldOut(
            self.prediction[rows],
            self.target[rows],
            weight=self.weight[rows],
            patient=self.patient[rows],
            cluster=self.cluster[rows] if self._clustered else None,
            centre=self.centre,
            groups=self.groups,
            members=self.members[rows],
        )

    def with_groups(self, groups: tuple[Group, ...], members: Flags) -> "HeldOut":
        """Return the same predictions with groups, of which `members` has shape (n, groups)."""
        return HeldOut(
            self.prediction,
            self.target,
            weight=self.weight,
            patient=self.patient,
            cluster=self.cluster if self._clustered else None,
            centre=self.centre,
            groups=groups,
            members=members,
        )

    def patients_of(self, rows: NDArray[np.intp]) -> int:
        """Return how many patients are among these rows."""
        return int(np.unique(self.patient[rows]).size)

    def sums(self, values: Floats) -> Floats:
        """Return the sums of `values`, (n, k), over the rows of each patient or cluster, (clusters, k)."""
        found = np.zeros((self.clusters, values.shape[1]))
        np.add.at(found, self.cluster, values)
        return found

    def covariance(self, inverse: NDArray[np.floating], scores: Floats) -> Floats:
        """Return the covariance of k coefficients that is robust to how patients, or clusters, resemble themselves.

        `inverse` is the inverse of the information, (k, k), and `scores` are those of the rows, (n, k) (Liang, Zeger,
        Biometrika 1986;73:13). Few clusters say little about their own spread: limits are drawn at normal quantiles, so
        that the covariance grows by the square of Student's over theirs, at the effective number of clusters, less one.
        """
        sums = self.sums(scores)
        found: Floats = inverse @ (sums.T @ sums) @ inverse * self.clusters / max(self.clusters - sums.shape[1], 1)
        return found * self._few() if self._clustered else found

    def _few(self) -> float:
        from scipy.stats import t

        sizes = np.bincount(self.cluster)
        effective = float(sizes.sum()) ** 2 / float(np.square(sizes).sum())
        return float((t.ppf((1 + LEVEL) / 2, max(effective - 1, 1)) / NORMAL) ** 2)


class GroupLimits(Spec):
    """The limits of one group in spreads; ``attribute`` is the key of its attribute under ``subgroups``."""

    attribute: str
    group: str
    lower: float
    upper: float


class QuantityInterval(Spec):
    """``lower`` and ``upper`` are in spreads; None: too few patients to say. The bounds are those of the suite.

    ``groups`` have limits of their own: a patient of several gets the lowest and the highest of them.
    """

    kind: Literal["quantity"] = "quantity"
    spread: tuple[float, float] = Field(description="the spread at prediction 0, and what each unit adds")
    least: Annotated[float, Field(gt=0)]
    lower: float | None
    upper: float | None
    low: float | None = None
    high: float | None = None
    groups: tuple[GroupLimits, ...] = ()

    def limits(self, prediction: Floats, members: Flags | None = None) -> tuple[Floats, Floats]:
        """Return lower and upper limits, each of shape (n,); `members` says who is in which group, (n, groups)."""
        spread = _spread(prediction, self.spread, self.least)
        nobody = np.zeros((len(prediction), len(self.groups)), dtype=bool)
        lower, upper = self._reach(nobody if members is None else members)
        lower, upper = prediction + spread * lower, prediction + spread * upper
        if self.low is not None or self.high is not None:
            lower, upper = np.clip(lower, self.low, self.high), np.clip(upper, self.low, self.high)
        return np.minimum(lower, prediction), np.maximum(upper, prediction)

    def _reach(self, members: Flags) -> tuple[Floats, Floats]:
        """Return the limits in spreads: of everybody, or the widest of a patient's groups, where there are some."""
        everybody = [np.nan if limit is None else limit for limit in (self.lower, self.upper)]
        own = [np.array([getattr(group, side) for group in self.groups]) for side in ("lower", "upper")]
        some = members.any(axis=1)
        lowest = np.where(members, own[0], np.inf).min(axis=1, initial=np.inf)
        highest = np.where(members, own[1], -np.inf).max(axis=1, initial=-np.inf)
        return np.where(some, lowest, everybody[0]), np.where(some, highest, everybody[1])


class RiskInterval(Spec):
    """Logistic recalibration around ``centre``: log odds are moved by intercept and slope; ``covariance`` is theirs."""

    kind: Literal["risk"] = "risk"
    centre: float
    scale: Annotated[float, Field(gt=0)]
    coefficients: tuple[float, float]
    covariance: tuple[float, float, float] = Field(description="variances of intercept and slope, and their covariance")

    def limits(self, prediction: Floats) -> tuple[Floats, Floats]:
        """Return lower and upper limits, each of shape (n,)."""
        odds = _log_odds(prediction)
        standardised = (odds - self.centre) / self.scale
        middle = odds + self.coefficients[0] + self.coefficients[1] * standardised
        first, second, both = self.covariance
        reach = NORMAL * REFIT * np.sqrt(np.maximum(first + 2 * standardised * both + standardised**2 * second, 0.0))
        lower, upper = _inverse(middle - reach), _inverse(middle + reach)
        return np.minimum(lower, prediction), np.maximum(upper, prediction)


def fit_interval(
    held_out: HeldOut, *, risk: bool, low: float | None = None, high: float | None = None
) -> QuantityInterval | RiskInterval:
    """Learn the interval of a risk, or of a quantity that lies between `low` and `high`."""
    return _fit_risk(held_out) if risk else _fit_quantity(held_out, low, high)


def _fit_quantity(held_out: HeldOut, low: float | None, high: float | None) -> QuantityInterval:
    residual = held_out.target - held_out.prediction
    size = np.abs(residual)
    # A straight line through the sizes of the residuals: larger doses are off by more.
    design = np.column_stack([np.ones_like(held_out.prediction), held_out.prediction])
    line = np.linalg.lstsq(design, size, rcond=None)[0]
    spread = nine_digits(line)
    (least,) = nine_digits([max(_LEAST * float(size.mean()), 1e-12)])
    scaled = residual / _spread(held_out.prediction, (spread[0], spread[1]), least)
    lower, upper = _tails(scaled, held_out.patients)
    return QuantityInterval(
        spread=(spread[0], spread[1]),
        least=least,
        lower=nine_digits([lower])[0] if np.isfinite(lower) else None,
        upper=nine_digits([upper])[0] if np.isfinite(upper) else None,
        low=low,
        high=high,
        groups=tuple(_group_limits(held_out, scaled)),
    )


def _group_limits(held_out: HeldOut, scaled: Floats) -> Iterator[GroupLimits]:
    for (attribute, group), rows in zip(held_out.groups, held_out.members.T, strict=True):
        lower, upper = nine_digits(_tails(scaled[rows], held_out.patients_of(np.flatnonzero(rows))))
        yield GroupLimits(attribute=attribute, group=group, lower=lower, upper=upper)


def _tails(scaled: Floats, patients: int) -> tuple[float, float]:
    return -_quantile(-scaled, patients), _quantile(scaled, patients)


def _spread(prediction: Floats, line: tuple[float, float], least: float) -> Floats:
    return np.maximum(line[0] + line[1] * prediction, least)


def _quantile(values: Floats, patients: int) -> float:
    """Return what all but 5% of the values and a new one do not exceed, between two patients; infinite if too few."""
    share = (1 + LEVEL) / 2 * (patients + 1) / patients
    return float(np.quantile(values, share)) if share <= 1 else float("inf")


def _fit_risk(held_out: HeldOut) -> RiskInterval:
    odds = _log_odds(held_out.prediction)
    (centre, scale) = nine_digits([float(odds.mean()), float(odds.std()) or 1.0])
    design = np.column_stack([np.ones_like(odds), (odds - centre) / scale])
    # Every patient counts once, however often predicted.
    weight = held_out.weight / np.bincount(held_out.patient)[held_out.patient]
    coefficients = np.zeros(2)
    for _ in range(50):
        risk = _inverse(odds + design @ coefficients)
        information = (design * (weight * risk * (1 - risk))[:, None]).T @ design + np.eye(2) / _PRIOR**2
        step = np.linalg.solve(information, design.T @ (weight * (held_out.target - risk)) - coefficients / _PRIOR**2)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-10:
            break
    scores = design * (weight * (held_out.target - _inverse(odds + design @ coefficients)))[:, None]
    covariance = held_out.covariance(np.linalg.inv(information), scores)
    first, second, both = nine_digits([covariance[0, 0], covariance[1, 1], covariance[0, 1]])
    intercept, slope = nine_digits(coefficients)
    return RiskInterval(centre=centre, scale=scale, coefficients=(intercept, slope), covariance=(first, second, both))


def _log_odds(risk: Floats) -> Floats:
    bounded = np.clip(risk, _CERTAIN, 1 - _CERTAIN)
    return np.asarray(np.log(bounded) - np.log1p(-bounded))


def _inverse(odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -700, 700))))
