"""One order of the patients that does not depend on the file's: by prediction, then by all else that is known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut, SurvivalTarget, Target

__all__ = ["by_appearance", "codes_of", "in_canonical_order"]


def in_canonical_order(target: Target, held_out: HeldOut) -> tuple[Target, HeldOut]:
    """Sort the rows by the model's mean prediction, so that their order in a file changes no number at all.

    Rows of equal prediction are sorted by their outcomes and other predictions, and rows alike in all of that by
    their labels and patients. Labels and patients are compared by whom they stand for (how many rows, and which), so
    that other names for them move nothing. Rows alike in everything may change places, which nobody can notice.
    """
    keys = _keys(target, held_out)
    order = np.argsort(keys[0], kind="stable")
    order = _settled(order, _changes([keys[0]], order), keys[1:])
    changes = _changes(keys, order)
    named = (held_out.patients, held_out.clusters)
    names = [*held_out.groups.values(), *(each for each in named if each is not None)]
    order = _settled(order, changes, [_by_whom(values, order, changes) for values in names])
    return _moved(target, order), replace(
        held_out,
        selected=held_out.selected[:, order],
        reference=held_out.reference[:, order],
        null=held_out.null[:, order],
        scenarios={name: values[:, order] for name, values in held_out.scenarios.items()},
        groups={name: labels[order] for name, labels in held_out.groups.items()},
        champion=None if held_out.champion is None else held_out.champion[:, order],
        patients=None if held_out.patients is None else held_out.patients[order],
        clusters=None if held_out.clusters is None else held_out.clusters[order],
    )


def codes_of(values: NDArray[np.generic]) -> tuple[NDArray[np.intp], int]:
    """Give equal values one number, from 0 by first appearance; return them, shape (n,), and how many there are."""
    _, codes = np.unique(values, return_inverse=True)
    return by_appearance(codes)


def by_appearance(codes: NDArray[np.intp]) -> tuple[NDArray[np.intp], int]:
    """Do the same with whole numbers from 0, of which there are not many more than patients; nothing is sorted."""
    first = np.full(int(codes.max()) + 1, len(codes))
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    present = np.flatnonzero(first < len(codes))
    rank = np.zeros(len(first), dtype=np.intp)
    rank[present[np.argsort(first[present])]] = np.arange(len(present))
    return rank[codes], len(present)


def _keys(target: Target, held_out: HeldOut) -> list[NDArray[np.generic]]:
    """Return what rows are sorted by, the most important first; never names."""
    if isinstance(target, SurvivalTarget):
        outcome: list[NDArray[np.generic]] = [target.time, target.event]
        outcome += [] if target.hazard is None else [target.hazard]
    else:
        outcome = [target.event if isinstance(target, BinaryTarget) else target.value]
    predictions = [row for values in held_out.predictions.values() for row in values]
    return [held_out.selected.mean(axis=0), *outcome, *predictions]


def _changes(keys: Sequence[NDArray[np.generic]], order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return, for each row after the first, whether it differs from the one before in any key."""
    differs = np.zeros(len(order) - 1, dtype=np.bool_)
    for key in keys:
        moved = key[order]
        differs |= moved[1:] != moved[:-1]
    return differs


def _settled(
    order: NDArray[np.intp], changes: NDArray[np.bool_], keys: Sequence[NDArray[np.generic]]
) -> NDArray[np.intp]:
    """Sort within the runs of rows that do not differ yet, by further keys."""
    tied = np.append(~changes, False) | np.append(False, ~changes)
    if not tied.any() or not keys:
        return order
    run = np.append(0, np.cumsum(changes))[tied]
    rows = order[tied]
    settled = order.copy()
    settled[tied] = rows[np.lexsort([*(key[rows] for key in reversed(keys)), run])]
    return settled


def _by_whom(values: NDArray[np.generic], order: NDArray[np.intp], changes: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Give each row the rank of its name, by how many rows have it, and which; names of the same rows go by name."""
    if changes.all():
        return np.zeros(len(values), dtype=np.intp)
    names, codes = np.unique(values, return_inverse=True)
    rank = np.append(0, np.cumsum(changes))
    own = codes[order]
    first, last = np.zeros((2, len(names)), dtype=np.intp)
    first[own[::-1]], last[own] = rank[::-1], rank
    together = np.bincount(own, weights=rank, minlength=len(names))
    rank = np.empty(len(names), dtype=np.intp)
    rank[np.lexsort([last, first, together, np.bincount(own)])] = np.arange(len(names))
    return rank[codes]


def _moved(target: Target, order: NDArray[np.intp]) -> Target:
    if isinstance(target, BinaryTarget):
        return replace(target, event=target.event[order])
    if isinstance(target, SurvivalTarget):
        hazard = None if target.hazard is None else target.hazard[order]
        return replace(target, time=target.time[order], event=target.event[order], hazard=hazard)
    return replace(target, value=target.value[order])
