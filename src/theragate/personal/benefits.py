"""What patients like this one gain on average from a treatment, learned from the held-out predictions of training.

Nobody's own benefit is ever seen, since nobody is both treated and not, so that no interval can claim to hold it. What
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
from pydantic import Field

from theragate.cohorts.outcomes import Treated
from theragate.evidence.scores import Nuisances, doubly_robust_scores
from theragate.learning.predictor import Predictor
from theragate.learning.uncensored_outcome import weights_of
from theragate.personal.intervals import NORMAL, REFIT, Floats, Held
from theragate.personal.rounding import stored
from theragate.study import Spec

__all__ = ["EffectInterval", "fit_benefits", "held_benefits"]

_NORMAL95 = 1.959963984540054  # 97.5% of a standard normal distribution lie below
_NUISANCES = [field.name for field in fields(Nuisances)]
_SAME = 1e-9  # predictions that differ by less, relative to their size, are one prediction for everybody

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
        place = prediction - self.centre
        first, second, both = self.covariance
        variance = np.maximum(first + 2 * place * both + place**2 * second, 0.0)
        return self.average + self.slope * place, NORMAL * REFIT * np.sqrt(variance)

    @property
    def average_limits(self) -> tuple[float, float]:
        """Between what the average benefit of all patients lies, with 95% confidence."""
        reach = _NORMAL95 * self.covariance[0] ** 0.5
        return self.average - reach, self.average + reach

    @property
    def slope_limits(self) -> tuple[float, float]:
        """Between what the slope lies, with 95% confidence."""
        reach = _NORMAL95 * REFIT * self.covariance[1] ** 0.5
        return self.slope - reach, self.slope + reach

    @property
    def shown(self) -> bool:
        """Whether the study has shown that those of whom more is predicted gain more."""
        return self.slope_limits[0] > 0


def held_benefits(predictor: Predictor, cohort: pd.DataFrame, outcome: Treated, *, predictions: pd.DataFrame) -> Held:
    """Return the held-out predictions, each from its fold's mean, around the released model's, and the scores.

    Parameters
    ----------
    predictor
        The released model.
    cohort, outcome
        All patients.
    predictions
        Of unchanged inputs: the rows of the model ``selected``, and of the nuisances by their names.
    """
    index = ["repeat", "fold", "patient", "model"]
    wanted = predictions[predictions["model"].isin(["selected", *_NUISANCES])]
    table = wanted.set_index(index)["prediction"].unstack("model").reset_index()
    rows = pd.Index(cohort["patient"]).get_indexer(table["patient"])
    held_out, place = np.unique(rows, return_inverse=True)
    own = outcome.take(held_out)
    weight = weights_of(own, own)[place]
    nuisances = Nuisances(**{name: table[name].to_numpy() for name in _NUISANCES})
    scores = doubly_robust_scores(own.reached[place], own.treated[place], weight, nuisances)
    released = predictor.predict(cohort.iloc[held_out])
    centre = float(released.mean())
    apart = (table["selected"] - table.groupby(["repeat", "fold"])["selected"].transform("mean")).to_numpy()
    if _all_same(released - centre, centre):
        apart = np.zeros(len(rows))  # whatever the models of folds do, this one tells nobody from anybody
    return Held(centre + apart, scores, weight=np.ones(len(rows)), patient=rows, centre=centre)


def fit_benefits(held: Held) -> EffectInterval:
    """Regress the scores on the predictions; every patient counts once, however often predicted."""
    place = held.prediction - held.centre
    weight = 1 / np.bincount(held.patient)[held.patient]
    scale, same = float(np.sqrt(np.average(place**2, weights=weight))), _all_same(place, held.centre)
    design = np.column_stack([np.ones_like(place), *([] if same else [place / scale])])
    inverse = np.linalg.inv((design * weight[:, None]).T @ design)
    found = inverse @ (design.T @ (weight * held.target))
    influence = np.zeros((held.patients, len(found)))
    np.add.at(influence, held.patient, design * (weight * (held.target - design @ found))[:, None])
    free = max(held.patients - len(found), 1)
    covariance = inverse @ (influence.T @ influence) @ inverse * held.patients / free
    (centre, average) = stored([held.centre, found[0]])
    if same:
        return EffectInterval(
            centre=centre, average=average, slope=0.0, covariance=(stored([covariance[0, 0]])[0], 0.0, 0.0)
        )
    first, second, both = stored([covariance[0, 0], covariance[1, 1] / scale**2, covariance[0, 1] / scale])
    return EffectInterval(
        centre=centre, average=average, slope=stored([found[1] / scale])[0], covariance=(first, second, both)
    )


def _all_same(place: Floats, centre: float) -> bool:
    return float(np.abs(place).max()) <= _SAME * (1 + abs(centre))
