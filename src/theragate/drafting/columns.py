"""What the columns of a new table seem to be. Everything that is only a guess is marked for review."""

from dataclasses import dataclass, field

import pandas as pd

from theragate.cohorts.deidentify import identifier
from theragate.drafting.words import words_of
from theragate.errors import DataError, did_you_mean
from theragate.study import MARK

__all__ = ["Columns", "find_id", "read_columns", "require"]

IDS = {"id", "pid", "mrn", "patient", "patient_id", "patientid", "subject", "subject_id", "record", "record_id"}
OLDEST = 130


@dataclass(frozen=True)
class Columns:
    """What `deidentification` and `features` of a new study have to say of its columns."""

    ages: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    removed: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)


def require(frame: pd.DataFrame, column: str, option: str) -> None:
    """Refuse a column that the table has not.

    Raises
    ------
    DataError
        With the name of a column that is spelt nearly so.
    """
    if column not in frame.columns:
        raise DataError(
            f"{option} {column}",
            rule="it names a column of the file",
            received="no such column",
            remedy=f"{did_you_mean(column, frame.columns)}The columns are {', '.join(frame.columns[:40])}.",
        )


def find_id(frame: pd.DataFrame) -> str | None:
    """Return the first column whose name says that it names a patient, or None."""
    return next((column for column in frame.columns if column.strip().lower().replace(" ", "_") in IDS), None)


def read_columns(features: pd.DataFrame) -> Columns:
    """Sort out what a model must not see, or not as it is.

    Parameters
    ----------
    features
        The table without its ids and its outcome.
    """
    columns = Columns()
    for name in features.columns:
        column = features[name]
        if (kind := identifier(column)) == "dates" and _all_dates(column):
            columns.dates.append(name)
        elif kind is not None:
            columns.removed[name] = f"{MARK}: the column looks like {kind}."
        elif column.nunique() < 2:
            columns.dropped[name] = f"{MARK}: the column has one value, or none, for all patients."
        elif _age(name, column):
            columns.ages.append(name)
    return columns


def _all_dates(column: pd.Series) -> bool:
    try:
        pd.to_datetime(column, errors="raise", format="ISO8601")
    except (ValueError, TypeError):
        return False
    return True


def _age(name: str, column: pd.Series) -> bool:
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return number and "age" in words_of(name) and bool(column.dropna().between(0, OLDEST).all())
