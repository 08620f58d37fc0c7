"""The net benefit over the better default, by Wilson's limits of its parts."""

import math

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.intervals.limits import few
from theragate.evidence.intervals.proportions import wilson
from theragate.evidence.intervals.usable import unstable, usable
from theragate.evidence.types import Z95, Estimate

__all__ = ["benefit"]


def benefit(
    *,
    selected: float,
    true_positives: float,
    events: float,
    size: float,
    threshold: float,
    replicates: Floats | None,
    clusters: float | None = None,
) -> Estimate:
    """Return the net benefit over the better default, with limits that hold where hardly anybody is missed.

    Over treating nobody the gain is s · (p - (1 - p) · o): the share s of the selected, p the share of events among
    them, o the odds of the threshold. Over treating everybody it is u · ((1 - q) · o - q): the share u of the others,
    q the share of events among those. The two factors of each are nearly independent, so that Wilson's limits of both
    are put together by square-and-add (Zou, Donner, Stat Med 2008;27:1693). The gain over the better default is the
    smaller of the two gains, and so are its limits.

    Parameters
    ----------
    selected, true_positives, events
        Shares of all patients.
    size
        The number of patients.
    threshold
        In (0, 1).
    replicates
        Shape (b,), with censoring: the gain in the resamples. `size` then shrinks to the number of patients who
        would give their standard error, where that is smaller. None where patients are counted.
    clusters
        The effective number of clusters that were drawn; None where patients were.
    """
    odds = threshold / (1 - threshold)
    free, missed = 1 - selected, events - true_positives
    none = true_positives - (selected - true_positives) * odds
    everybody = (free - missed) * odds - missed
    value = min(none, everybody)
    if replicates is not None:
        spread = usable(replicates)
        if spread is None:
            return unstable(value)
        dear, cheap = (true_positives, selected - true_positives) if none < everybody else (missed, free - missed)
        squares = dear + cheap * odds**2
        variance = float(spread.var(ddof=1))
        if variance > 0 and squares > value**2:
            size = min(size, (squares - value**2) / variance)
        elif clusters is not None:
            size = min(size, clusters)
        if clusters is not None:
            size /= few(None, clusters) ** 2
    parts = [
        _part(selected, true_positives, size=size, gain=none, price=1 + odds, sign=1),
        _part(free, missed, size=size, gain=everybody, price=1 + odds, sign=-1),
    ]
    lower, upper = min(low for low, _ in parts), min(high for _, high in parts)
    return Estimate(
        value=value,
        lower=lower,
        upper=upper,
        se=max(value - lower, upper - value) / Z95,
        method="square-and-add of Wilson's limits",
    )


def _part(share: float, with_event: float, *, size: float, gain: float, price: float, sign: int) -> tuple[float, float]:
    """Return the limits of ``share · sign · (price · p - price + 1)``, with p the share of events among `share`."""
    if share <= 0:
        # The model decides as the default does, for everybody: the gain is 0 without error.
        return gain, gain
    risk = min(max(with_event / share, 0.0), 1.0)
    low, high = wilson(risk, share * size)
    few, many = wilson(min(share, 1.0), size)
    worth = gain / share
    worse, better = (risk - low, high - risk) if sign > 0 else (high - risk, risk - low)
    fewer, more = (share - few, many - share) if worth > 0 else (many - share, share - few)
    down = math.hypot(worth * fewer, share * price * worse)
    up = math.hypot(worth * more, share * price * better)
    return gain - down, gain + up
