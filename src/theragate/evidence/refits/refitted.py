"""What is asked of predictions by models that were fitted again, whatever is measured of them."""

import numpy as np

from theragate.errors import EvidenceError
from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.inputs.predictions import QuantityTarget, Target
from theragate.evidence.metrics.arrays import Floats

__all__ = ["check_values", "patients_of", "refused"]


def patients_of(target: Target | EffectTarget, *, predicted: int) -> int:
    """Return how many outcomes there are; of an effect, which nobody sees, as many as were `predicted`."""
    if isinstance(target, EffectTarget):
        return predicted
    return len(target.value if isinstance(target, QuantityTarget) else target.event)


def check_values(subject: str, predictions: Floats, target: Target | EffectTarget) -> None:
    """Refuse predictions that are not finite or are no risks where risks are due.

    Raises
    ------
    EvidenceError
        With how many there are.
    """
    unfit = int((~np.isfinite(predictions)).sum())
    if unfit:
        raise refused(subject, "every prediction is a finite number", f"{unfit} that are not")
    risks = not isinstance(target, QuantityTarget | EffectTarget)
    outside = int(((predictions < 0) | (predictions > 1)).sum()) if risks else 0
    if outside:
        raise refused(subject, "a risk lies between 0 and 1", f"{outside} values outside")


def refused(subject: str, rule: str, received: str) -> EvidenceError:
    """Return the error about what the stage `refit` has written."""
    return EvidenceError(
        subject, rule=rule, received=received, remedy="Run the stage `refit` again: `dvc repro -f refit@STUDY`."
    )
