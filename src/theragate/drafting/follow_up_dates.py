"""Dates that are known only at the end of follow-up: as long after another date as the follow-up lasts."""

from itertools import permutations
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.ages import per_year
from theragate.cohorts.table import Rows
from theragate.study import MARK, AgeUnit

__all__ = ["ends_of_follow_up"]

DAYS = {unit: per_year("days") / per_year(unit) for unit in get_args(AgeUnit)}
AGREEING, FEWEST = 0.9, 11  # of the patients with both dates; and how many there have to be


def ends_of_follow_up(frame: Rows, dates: list[str], time: str) -> dict[str, str]:
    """Return the dates that end the follow-up, with the reason for which no model may see them, nor their year.

    Parameters
    ----------
    frame
        The table, its dates as ISO 8601 writes them.
    dates
        Its columns of dates. Numbers such as years are passed over.
    time
        The column of the time of follow-up, in any unit.
    """
    days = {name: _days(frame[name]) for name in dates if not pd.api.types.is_numeric_dtype(frame[name])}
    lasted = pd.to_numeric(frame[time], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return {
        end: f"{MARK}: the date lies as long after `{start}` as the follow-up lasts: it is known only at its end."
        for start, end in permutations(days, 2)
        if _are_as_long(days[end] - days[start], lasted)
    }


def _days(column: pd.Series) -> NDArray[np.float64]:
    moments = pd.to_datetime(column, errors="coerce", format="ISO8601")
    days = (moments - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return np.asarray(days, dtype=np.float64)


def _are_as_long(between: NDArray[np.float64], lasted: NDArray[np.float64]) -> bool:
    """Return whether nearly all times agree in one unit; one that is written in whole units may be off by one."""
    known = np.isfinite(between) & np.isfinite(lasted)
    if known.sum() < FEWEST or np.ptp(lasted[known]) == 0:
        return False
    whole = bool((lasted[known] % 1 == 0).all())
    for unit in DAYS.values():
        off = np.abs(between[known] - lasted[known] * unit)
        if (off <= max(1.0, unit if whole else 0.05 * unit)).mean() >= AGREEING:
            return True
    return False
