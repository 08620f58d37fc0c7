"""Which column of a new table names the patient, and what to do where a patient has several rows."""

import re
from typing import Any

import numpy as np
import pandas as pd

from theragate.cohorts.codes import as_codes
from theragate.cohorts.column_names import words_of
from theragate.cohorts.identifiers import counts_patients, tells_apart
from theragate.cohorts.table import Rows
from theragate.cohorts.texts import are_first, as_texts
from theragate.drafting.columns import require
from theragate.errors import DataError
from theragate.study import MARK

__all__ = ["NOBODY", "find_id", "repeated_rows"]

NOBODY = "none"  # what a person writes who knows that each row is another patient, and that no column names them
# Whole names, their words joined; those of persons before those of stays and files.
_NUMBER = r"(n|no|nr|num|numero|nummer|id)?"  # before the word, as in N° patient
PERSONS = re.compile(
    rf"{_NUMBER}(patients?|patienten|paciente|paziente|pat|pt|person|participante?|teilnehmer|proband|subject|subj|usubj|deelnemer)"
    r"(id|ids|n|no|nr|num|number|nummer|numero|kennung|key|uid)?|mrn|nhc|ipp|pid(no|nr|num|number)?"
)
RECORDS = re.compile(
    rf"id|{_NUMBER}(record|case|fall|study|caso|cas|chart|hospital|clinical|dossier|expediente|cartella|historia)"
    r"(id|n|no|nr|num|number|nummer)?"
)
SAME, CHANCE = 0.98, 0.8  # a column is a patient's if neighbours share it so often, and any two patients less often
FEWEST, WITNESSES = 10, 2  # patients with several rows; columns that are the same in them


def find_id(frame: Rows, asked: str | None) -> str | None:
    """Return the column that names a patient, or None.

    Parameters
    ----------
    frame
        The table.
    asked
        What a person says: a column, or that there is none.

    Raises
    ------
    DataError
        If the column is not there; or if nobody named one, none is named like an id, and a column repeats as a
        patient's number does where patients have several rows.
    """
    if asked == NOBODY and NOBODY not in frame.columns:
        return None
    if asked is not None:
        require(frame, asked, "--id")
        return asked
    for named in (PERSONS, RECORDS):
        for column in frame.columns:
            if named.fullmatch("".join(words_of(column))) and tells_apart(frame[column]):
                return str(column)
    for column in frame.columns:
        if not counts_patients(frame[column]) and (same := _repeats_as_ids_do(frame, column)):
            raise DataError(
                f"column `{column}`",
                rule="each row is another patient, or a column is known to name the patients",
                received=f"{len(frame)} rows with {frame[column].nunique()} values, and in rows that share one also "
                f"{', '.join(f'`{other}`' for other in same[:3])} is the same",
                remedy=f"Run the command again with `--id {column}`; or with `--id {NOBODY}`, if each row is another "
                "patient.",
            )
    return None


def repeated_rows(ids: pd.Series) -> dict[str, Any] | None:
    """Return the entry ``source.repeated`` where patients have several rows, else None."""
    rows, patients = int(ids.notna().sum()), int(are_first(as_texts(as_codes(ids))).sum())
    if rows == patients:
        return None
    several = int((ids.value_counts() > 1).sum())
    reason = (
        f"{MARK}: {rows:,} rows of {patients:,} patients, {several:,} of whom have several; the first of each was "
        "kept. Is it the one that a prediction is for?"
    )
    return {"keep": "first", "reason": reason}


def _repeats_as_ids_do(frame: Rows, column: str) -> list[str]:
    """Return the other columns that hardly ever differ between rows with the same value, if it may be an id.

    A column that hardly differs between neighbouring values either is no witness: bands of an amount are of that kind.
    """
    values = frame[column]
    whole = pd.api.types.is_integer_dtype(values) or pd.api.types.is_string_dtype(values)
    if not whole or values.isna().any() or not tells_apart(values) or (distinct := values.nunique()) == len(values):
        return []
    if int((values.value_counts() > 1).sum()) < max(FEWEST, distinct / 4):
        return []
    labels = pd.factorize(values, sort=True)[0]
    order = np.argsort(labels, kind="stable")
    together = np.diff(labels[order]) == 0
    same = []
    for other in (name for name in frame.columns if name != column):
        codes = pd.factorize(frame[other])[0][order]
        shares = np.bincount(codes + 1) / len(codes)
        alike = np.diff(codes) == 0
        banded = alike[~together].mean() >= CHANCE
        if float((shares**2).sum()) < CHANCE and alike[together].mean() >= SAME and not banded:
            same.append(str(other))
    return same if len(same) >= WITNESSES else []
