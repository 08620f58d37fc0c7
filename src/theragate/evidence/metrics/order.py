"""Patients in ascending order of risk: sorted once, checked on the way in, parted by group without another sort."""

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.checks import check_finite, refused
from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["ascend", "bring_together", "check_weights", "levels"]


def ascend(
    risk: Floats, order: NDArray[np.intp] | None, *columns: NDArray[np.generic]
) -> tuple[NDArray[np.intp], Floats]:
    """Return an order that sorts the risks, and the sorted risks.

    Parameters
    ----------
    risk
        Shape (n,).
    order
        Shape (n,): such an order, where it is known already.
    columns
        What else is known of the patients, each of shape (n,).

    Raises
    ------
    EvidenceError
        If a risk is not finite, lengths differ, or `order` does not sort `risk`.
    """
    columns = columns if order is None else (*columns, order)
    if any(column.shape != (len(risk),) for column in columns):
        raise refused(
            "predictions",
            rule="there is one for each patient, and one outcome",
            received=f"columns of {', '.join(str(len(column)) for column in (risk, *columns))} rows",
        )
    order = np.argsort(risk, kind="stable") if order is None else order
    ascending = risk[order]
    if not np.isfinite(ascending[:1]).all() or not np.isfinite(ascending[-1:]).all():  # NaN sorts to the end
        check_finite("predictions", risk)
    descents = np.count_nonzero(ascending[1:] < ascending[:-1])
    if descents:
        raise refused("order of the predictions", rule="it sorts them", received=f"{descents} that descend")
    return order, ascending


def check_weights(*columns: Floats) -> None:
    """Raise an `EvidenceError` unless every weight (or time) is finite and at least 0."""
    if any(not 0 <= column.min(initial=0) <= column.max(initial=0) < np.inf for column in columns):
        unfit = sum(int((~(np.isfinite(column) & (column >= 0))).sum()) for column in columns)
        raise refused(
            "times and weights", rule="every number is finite and at least 0", received=f"{unfit} that are not"
        )


def levels(ascending: Floats) -> NDArray[np.int32]:
    """Return each value's number among the distinct ones of a sorted column, from 0."""
    level = np.zeros(len(ascending), dtype=np.int32)
    np.cumsum(ascending[1:] != ascending[:-1], out=level[1:])
    return level


def bring_together(codes: NDArray[np.integer], groups: int) -> tuple[NDArray[np.intp], list[slice]]:
    """Return an order that brings groups together and keeps the order within each, and where each then lies.

    Parameters
    ----------
    codes
        Shape (n,): each patient's group, from 0 to `groups` - 1.

    Raises
    ------
    EvidenceError
        If a code lies outside its range.
    """
    if len(codes) and not 0 <= codes.min() <= codes.max() < groups:
        raise refused(
            "group codes",
            rule=f"each lies between 0 and {groups - 1}",
            received=f"codes from {codes.min()} to {codes.max()}",
        )
    # Codes of one or two bytes are sorted by counting.
    together = np.argsort(codes.astype(np.min_scalar_type(max(groups - 1, 0))), kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=groups))
    return together, [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
