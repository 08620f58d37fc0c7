"""What is refused at the door of a measurement: messages count what is wrong, and never show a patient's value."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from theragate.errors import EvidenceError

__all__ = ["check_finite", "check_labels", "refused"]

_CORRECT = "Correct the predictions (or the cohort) and run `dvc repro`."


def refused(
    subject: str,
    *,
    rule: str,
    received: str,
    remedy: str = _CORRECT,
) -> EvidenceError:
    """Return the error about an input that cannot be measured."""
    return EvidenceError(subject, rule=rule, received=received, remedy=remedy)


def check_finite(subject: str, values: NDArray[np.float64], *, remedy: str = _CORRECT) -> None:
    """Refuse numbers that are not finite.

    Raises
    ------
    EvidenceError
        With how many there are.
    """
    infinite = int((~np.isfinite(values)).sum())
    if infinite:
        raise refused(subject, rule="every number is finite", received=f"{infinite} that are not", remedy=remedy)


def check_labels(groups: Mapping[str, NDArray[np.str_]], n: int) -> None:
    """Refuse an attribute that does not give each of the `n` patients a label.

    Raises
    ------
    EvidenceError
        With the attribute, and the shape or the number of empty labels.
    """
    for name, labels in groups.items():
        empty = int((labels == "").sum())
        if labels.shape != (n,) or empty:
            raise refused(
                f"groups `{name}`",
                rule=f"each of the {n} patients has a label",
                received=f"labels of shape {labels.shape}" if labels.shape != (n,) else f"{empty} empty labels",
            )
