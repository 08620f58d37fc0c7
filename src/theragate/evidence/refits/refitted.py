"""What is asked of predictions by models that were fitted again, whatever is measured of them."""

from theragate.evidence.checks import check_finite, refused
from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.inputs.predictions import QuantityTarget, Target

__all__ = ["REFIT_AGAIN", "check_values", "patients_of"]

REFIT_AGAIN = "Run the stage `refit` again: `dvc repro -f refit@STUDY`."


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
    check_finite(subject, predictions, remedy=REFIT_AGAIN)
    risks = not isinstance(target, QuantityTarget | EffectTarget)
    outside = int(((predictions < 0) | (predictions > 1)).sum()) if risks else 0
    if outside:
        raise refused(
            subject, rule="a risk lies between 0 and 1", received=f"{outside} values outside", remedy=REFIT_AGAIN
        )
