"""How many patients share what a table says of each: k-anonymity and l-diversity."""

from collections.abc import Sequence

import pandas as pd

from theragate.errors import DataError

__all__ = ["different", "k_anonymity", "l_diversity", "sharing"]


def k_anonymity(frame: pd.DataFrame, quasi_identifiers: Sequence[str]) -> int:
    """Return the size of the smallest set of rows that agree in all quasi-identifiers.

    In a table of this k every patient is alike with at least k - 1 others (Sweeney, Int J Uncertain Fuzz 2002;10:557).
    A missing value is a value of its own.

    Parameters
    ----------
    frame
        One row per patient.
    quasi_identifiers
        The columns by which a patient might be found elsewhere.

    Raises
    ------
    DataError
        If there is no row or no column, or a column is absent.
    """
    _check(frame, quasi_identifiers)
    return int(sharing(frame, quasi_identifiers).min())


def l_diversity(frame: pd.DataFrame, quasi_identifiers: Sequence[str], sensitive: str) -> int:
    """Return the fewest different values of `sensitive` among rows that agree in all quasi-identifiers.

    With 1 somebody who knows a patient's quasi-identifiers knows the sensitive value too, however many share them
    (Machanavajjhala et al., ACM TKDD 2007;1:3). A missing value is a value of its own.

    Raises
    ------
    DataError
        If there is no row or no column, or a column is absent.
    """
    _check(frame, [*quasi_identifiers, sensitive])
    return int(different(frame, quasi_identifiers, sensitive).min())


def sharing(frame: pd.DataFrame, quasi_identifiers: Sequence[str]) -> pd.Series:
    """Return how many rows agree in the quasi-identifiers, for each combination of their values that occurs."""
    return frame.groupby(list(quasi_identifiers), dropna=False, observed=True).size()


def different(frame: pd.DataFrame, quasi_identifiers: Sequence[str], sensitive: str) -> pd.Series:
    """Return how many values of `sensitive` those rows have among them, for each combination."""
    grouped = frame.groupby(list(quasi_identifiers), dropna=False, observed=True)[sensitive]
    return grouped.nunique(dropna=False)


def _check(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    absent = [column for column in columns if column not in frame.columns]
    if not len(frame) or not columns or absent:
        raise DataError(
            "a table to be released",
            rule="it has rows and the columns by which it is judged",
            received=f"no column `{absent[0]}`" if absent else f"{len(frame)} rows and {len(columns)} columns",
            remedy="Name columns of the table.",
        )
