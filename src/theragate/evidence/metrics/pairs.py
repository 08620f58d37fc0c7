"""Pairs of patients, counted without listing them."""

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats

__all__ = ["pair_signs"]


def pair_signs(place: NDArray[np.integer], level: NDArray[np.integer], weights: Floats) -> Floats:
    """Return each patient's weighted sum of concordant minus discordant pairs, in n log n steps.

    A pair is a patient and another at a higher place; it has the first one's weight, and is concordant where the
    first has the higher level, discordant where the lower, neither where levels tie. It counts for both.

    Parameters
    ----------
    place
        Shape (n,), 0 or above.
    level
        Shape (n,), ascending: ranks of the risks, equal where risks tie.
    weights
        Shape (k, n): one or more weights of the patients.

    Returns
    -------
    Shape (k, n).

    Notes
    -----
    The patients are parted by the bits of their place from the highest to the lowest, as in a wavelet matrix (Claude,
    Navarro, Ordóñez, Inf Syst 2015;47:15). Those whose higher bits agree stay one block, in order of level, so that
    each pair is parted in exactly one step: there the lower place goes left and the higher one right. In that step
    running sums over the block count the pairs of everybody in it.
    """
    row = np.arange(len(place))
    signs = np.zeros_like(weights)
    for bit in reversed(range(int(place.max(initial=0)).bit_length())):
        goes_right = (place >> bit & 1).astype(bool)
        left, right = np.flatnonzero(~goes_right), np.flatnonzero(goes_right)
        runs = _Runs(place >> (bit + 1), level)
        lower_less_higher = runs.balance(goes_right)
        rights = runs.count(goes_right)
        seen_from_left = np.repeat(lower_less_higher, runs.sizes - rights)
        for weight, sign in zip(weights, signs, strict=True):
            seen_from_right = np.repeat(runs.balance(np.where(goes_right, 0.0, weight)), rights)
            sign[:] = np.concatenate([sign[left] + weight[left] * seen_from_left, sign[right] - seen_from_right])
            weight[:] = np.concatenate([weight[left], weight[right]])
        place, level, row = (np.concatenate([column[left], column[right]]) for column in (place, level, row))
    found = np.empty_like(signs)
    found[:, row] = signs
    return found


class _Runs:
    """Neighbours of one block and one level.

    Parameters
    ----------
    block, level
        Shape (n,): equal for neighbours of one block, ascending within it.
    """

    def __init__(self, block: NDArray[np.integer], level: NDArray[np.integer]) -> None:
        new_block = block[1:] != block[:-1]
        inner = np.flatnonzero(new_block | (level[1:] != level[:-1]))
        self.bounds = np.concatenate([[0], inner + 1, [len(block)]])
        self.sizes = np.diff(self.bounds)
        # The blocks' bounds among the runs' bounds.
        self.blocks = np.concatenate([[0], np.flatnonzero(new_block[inner]) + 1, [len(self.sizes)]])

    def count(self, marked: NDArray[np.bool_]) -> NDArray[np.integer]:
        """Return how many of each run are marked."""
        return np.diff(self._running(marked))

    def balance(self, amounts: NDArray[np.bool_] | Floats) -> NDArray[np.number]:
        """Return, for each run, the sum over its block at lower levels less that at higher levels."""
        running = self._running(amounts)
        at_block = running[self.blocks]
        whole = np.repeat(at_block[1:] + at_block[:-1], np.diff(self.blocks))
        balance: NDArray[np.number] = running[1:] + running[:-1] - whole
        return balance

    def _running(self, amounts: NDArray[np.bool_] | Floats) -> NDArray[np.number]:
        running: NDArray[np.number] = np.concatenate([[0], np.cumsum(amounts)])[self.bounds]
        return running
