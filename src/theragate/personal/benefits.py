"""What patients like this one gain on average from a treatment, learned from the held-out predictions of training.

Nobody's own benefit is ever seen, since nobody is both treated and not, so no interval can claim to hold it. What
is given is a confidence interval of the *average* benefit among patients to whom the model gives this prediction. It
is the best linear predictor of the benefit by the prediction: doubly robust scores, whose mean in any group of patients
is their mean benefit, are regressed on the held-out predictions (Semenova, Chernozhukov, Econom J 2021;24:264; for
a test of differences between patients Chernozhukov et al., Econometrica 2025;93:1121). Predictions are taken
from the mean of their fold: the model of a fold whose patients gained much has learned from others who gained less, so
that the means of the folds run against the truth by chance alone.

Where the slope is not above 0 beyond chance, the study has not shown that benefits differ between patients as the model
says. What is known is then their average, and no patient gets a number of their own.
"""

from dataclasses import fields
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from theragate.cohorts.outcomes import Treated
from theragate.evidence.inputs.doubly_robust import Nuisances, doubly_robust_scores
from theragate.learning.predictor import Predictor
from theragate.learning.uncensored_outcome import inverse_censoring_weights
from theragate.personal.intervals import NORMAL, REFIT, Floats, HeldOut
from theragate.personal.rounding import nine_digits
from theragate.study import Spec

__all__ = ["EffectInterval", "fit_benefits", "held_out_benefits"]

_NORMAL95 = 1.959963984540054  # 97.5% of a standard normal distribution lie below
_NUISANCES = [field.name for field in fields(Nuisances)]
_SAME = 1e-9  # predictions that differ by less, relative to their size, are the same for everybody

Variance = Annotated[float, Field(ge=0)]


class EffectInterval(Spec):
    """The mean benefit of patients by their prediction: ``average`` at ``centre``, and ``slope`` for each unit from it.

    ``covariance`` has the variances of average and slope, and their covariance; of one prediction for everybody the
    slope is 0, with certainty.
    """

    kind: Literal["effect"] = "effect"
    centre: float
    average: float
    slope: float
    covariance: tuple[Variance, Variance, float]

    def limits(self, prediction: Floats) -> tuple[Floats, Floats]:
        """Return lower and upper limits, which hold the prediction itself, each of shape (n,)."""
        middle, reach = self.line(prediction)
        return np.minimum(middle - reach, prediction), np.maximum(middle + reach, prediction)

    def line(self, prediction: Floats) -> tuple[Floats, Floats]:
        """Return the mean benefit of patients with each prediction and how far either limit is from it, (n,) each."""
        distance = prediction - self.centre
        first, second, both = self.covariance
        variance = np.maximum(first + 2 * distance * both + distance**2 * second, 0.0)
        return self.average + self.slope * distance, NORMAL * REFIT * np.sqrt(variance)

    @property
    def average_limits(self) -> tuple[float, float]:
        """The 95% confidence limits of the average benefit of all patients."""
        reach = _NORMAL95 * self.covariance[0] ** 0.5
        return self.average - reach, self.average + reach

    @property
    def slope_limits(self) -> tuple[float, float]:
        """The 95% confidence limits of the slope."""
        reach = _NORMAL95 * REFIT * self.covariance[1] ** 0.5
        return self.slope - reach, self.slope + reach

    @property
    def shown(self) -> bool:
        """Whether the study has shown that patients with a higher prediction gain more."""
        return self.slope_limits[0] > 0


def held_out_benefits(
    predictor: Predictor,
    cohort: pd.DataFrame,
    outcome: Treated,
    *,
    predictions: pd.DataFrame,
    clusters: NDArray[np.intp] | None = None,
) -> HeldOut:
    """Return the held-out predictions, each from its fold's mean, around the released model's, and the scores.

    Parameters
    ----------
    predictor
        The released model.
    cohort, outcome
        All patients.
    predictions
        Of unchanged inputs: the rows of the model ``selected``, and of the nuisances by their names.
    clusters
        Those of all patients, shape (n,), where there are any.
    """
    index = ["repeat", "fold", "patient", "model"]
    wanted = predictions[predictions["model"].isin(["selected", *_NUISANCES])]
    table = wanted.set_index(index)["prediction"].unstack("model").reset_index()
    rows = pd.Index(cohort["patient"]).get_indexer(table["patient"])
    patients, position = np.unique(rows, return_inverse=True)
    own = outcome.take(patients)
    weight = inverse_censoring_weights(own, own)[position]
    nuisances = Nuisances(**{name: table[name].to_numpy() for name in _NUISANCES})
    scores = doubly_robust_scores(own.reached[position], own.treated[position], weight, nuisances)
    released = predictor.predict(cohort.iloc[patients])
    centre = float(released.mean())
    apart = (table["selected"] - table.groupby(["repeat", "fold"])["selected"].transform("mean")).to_numpy()
    if _all_same(released - centre, centre):
        apart = np.zeros(len(rows))  # whatever the folds' models do, this one predicts the same for everybody
    cluster = None if clusters is None else clusters[rows]
    return HeldOut(centre + apart, scores, weight=np.ones(len(rows)), patient=rows, cluster=cluster, centre=centre)


def fit_benefits(held_out: HeldOut) -> EffectInterval:
    """Regress the scores on the predictions; every patient counts once, however often predicted."""
    distance = held_out.prediction - held_out.centre
    weight = 1 / np.bincount(held_out.patient)[held_out.patient]
    scale, same = float(np.sqrt(np.average(distance**2, weights=weight))), _all_same(distance, held_out.centre)
    design = np.column_stack([np.ones_like(distance), *([] if same else [distance / scale])])
    inverse = np.linalg.inv((design * weight[:, None]).T @ design)
    coefficients = inverse @ (design.T @ (weight * held_out.target))
    influence = design * (weight * (held_out.target - design @ coefficients))[:, None]
    covariance = held_out.covariance(inverse, influence)
    (centre, average) = nine_digits([held_out.centre, coefficients[0]])
    if same:
        return EffectInterval(
            centre=centre, average=average, slope=0.0, covariance=(nine_digits([covariance[0, 0]])[0], 0.0, 0.0)
        )
    first, second, both = nine_digits([covariance[0, 0], covariance[1, 1] / scale**2, covariance[0, 1] / scale])
    return EffectInterval(
        centre=centre,
        average=average,
        slope=nine_digits([coefficients[1] / scale])[0],
        covariance=(first, second, both),
    )


def _all_same(distance: Floats, centre: float) -> bool:
    return float(np.abs(distance).max()) <= _SAME * (1 + abs(centre))
