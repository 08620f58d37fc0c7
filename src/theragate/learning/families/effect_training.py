"""What every learner of effects needs: its data, the fixed parameters inside it, and quiet libraries."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Treated
from theragate.learning.family import Training, numerical_errors

__all__ = ["CROSS_FITS", "RIDGE", "Floats", "arms_and_values", "quiet_numerical_errors"]

Floats = NDArray[np.float64]

# The penalty of the outcome models inside a learner, on standardised features and per patient: they need not be tuned,
# since the errors of outcome models and propensity enter an effect only as a product.
RIDGE = 10.0
CROSS_FITS = 3


def arms_and_values(training: Training) -> tuple[Treated, Floats]:
    """Return who was treated, and what each patient reached, freed from censoring, shape (n,)."""
    from theragate.learning.uncensored_outcome import uncensored_outcome

    outcome = training.outcome
    if not isinstance(outcome, Treated):
        raise TypeError("an effect is learned from treated patients and controls")
    return outcome, uncensored_outcome(outcome)


@contextmanager
def quiet_numerical_errors() -> Iterator[None]:
    """Turn numerical failures into `FitError`; nobody can act on what a library says about its own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # AttributeError and the like are defects and stay what they are; ValueError: an arm too small to be divided.
        with numerical_errors(ValueError):
            yield
