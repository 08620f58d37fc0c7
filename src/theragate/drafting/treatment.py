"""Which treatments a new study compares: the arms from the column that a person has named, the rest for review."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from theragate.cohorts.codes import as_codes
from theragate.cohorts.table import Rows
from theragate.drafting.columns import require
from theragate.drafting.outcome import DraftedOutcome, check_nobody, refused
from theragate.drafting.words import words_of
from theragate.study import MARK, TASKS

__all__ = ["draft_treatment"]

TREATED = {
    *("yes", "true", "y", "t", "ja", "oui", "si", "sí", "treated", "treatment", "active", "drug", "verum"),
    *("exposed", "intervention", "new"),
}
CONTROLS = {
    "0",
    "no",
    "false",
    "n",
    "f",
    "control",
    "controls",
    "placebo",
    "none",
    "untreated",
    "unexposed",
    "standard",
    "usual",
    "sham",
    "nein",
    "non",
    "nee",
    "placebogruppe",
    "kontrolle",
    "témoin",
    "controllo",
    "controle",
}
# Of an event, by its name or its value: what a patient hopes for. Any other is taken for one to be feared.
HOPED_FOR = {
    "alive",
    "cure",
    "cured",
    "discharged",
    "heal",
    "healed",
    "improved",
    "recovered",
    "recovery",
    "remission",
    "respond",
    "responded",
    "responder",
    "response",
    "success",
    "survived",
    "survival",
}


def draft_treatment(frame: Rows, measured: DraftedOutcome, treatment: str) -> DraftedOutcome:
    """Draft the comparison of two treatments.

    How treatment was assigned cannot be seen in a table. `in_practice` is drafted, under which overlap and balance are
    asked for and the study is labelled as observational.

    Parameters
    ----------
    frame
        The source's table.
    measured
        The outcome by which the arms are compared.
    treatment
        The column that says who was treated.

    Raises
    ------
    DataError
        If the column is not there, is the outcome's, identifies somebody, has gaps, or has not two values.
    """
    arms = _arms(frame, measured, treatment)
    treated, reason = _treated(arms)
    control = next(str(value) for value in arms.unique() if value != treated)
    effect, better, question = _compared(measured)
    entry = {
        "treatment": {
            "column": treatment,
            "treated": treated,
            "name": f"{MARK}: what did the patients of `{treated}` get? They were taken for the treated {reason}.",
            "control": f"{MARK}: what did those of `{control}` get?",
            "assigned": "in_practice",
            "reason": f"{MARK}: who decided on the treatment, and by what? No table shows whether it was assigned at "
            "random. If it was, write `at_random` with its `propensity`, and take the limits out of "
            "`gates.comparability`.",
        },
        "measured": measured.entry,
        "effect": effect,
        "better": better,
        "reason": f"{MARK}: {question}",
    }
    members = {"treated": (arms == treated).to_numpy(dtype=bool), "control": (arms != treated).to_numpy(dtype=bool)}
    classes = {
        f"{arm}, {name}": np.asarray(inside & in_class)
        for (name, in_class), (arm, inside) in product(measured.classes.items(), members.items())
    }
    return DraftedOutcome("treatment_effect", entry, classes)


def _arms(frame: Rows, measured: DraftedOutcome, treatment: str) -> pd.Series:
    """Return the two values of the column as codes, (n,)."""
    option = f"--treatment {treatment}"
    require(frame, treatment, "--treatment")
    if treatment in measured.columns:
        rule = "a treatment and what it changes are two columns"
        raise refused(option, rule, "a column of the outcome", "Name the column that says who was treated.")
    check_nobody(frame[treatment], option, what="a treatment")
    codes = as_codes(frame[treatment])
    missing, distinct = int(codes.isna().sum()), codes.nunique()
    if missing:
        remedy = "Leave those patients out at the source, and say so on the card."
        received = f"{missing} missing values among {len(codes)} patients"
        raise refused(option, "it is known of every patient who was treated", received, remedy)
    if distinct == 1:
        remedy = "Name another column, or add patients who were treated otherwise."
        raise refused(option, "it has two values, one for each arm", f"one value for all {len(codes)} patients", remedy)
    if distinct > 2:
        remedy = "Compare two arms: at the source leave out the patients of the others, or join arms."
        raise refused(option, "it has two values, one for each arm", f"{distinct} distinct values", remedy)
    return codes


def _treated(arms: pd.Series) -> tuple[str, str]:
    """Return the value of the treated, and by what it was guessed: a word, the larger number, or the smaller arm."""
    counts = arms.value_counts().sort_index()
    values = [str(value) for value in counts.index]
    known = [value for value in values if value.lower() in TREATED]
    others = [value for value in values if value.lower() in CONTROLS]
    if len(known) == 1 or len(others) == 1:
        treated = known[0] if len(known) == 1 else next(value for value in values if value != others[0])
        return treated, "by what the values say"
    try:
        return max(values, key=float), "because the number is the larger"
    except ValueError:
        return str(counts.iloc[::-1].idxmin()), "because they are not the larger arm"


def _compared(measured: DraftedOutcome) -> tuple[str, str, str]:
    """Return how arms are compared, which way is good, and what a person has to confirm of it."""
    entry: dict[str, Any] = measured.entry
    if TASKS[measured.task].predicts_quantity:
        question = "is `higher` better for the patient, and is a difference of means what treatment is weighed by?"
        return "mean", "higher", question
    named = f"{entry.get('event', entry.get('column'))} {entry.get('positive', '')}"
    better = "higher" if words_of(named) & HOPED_FOR else "lower"
    timed = TASKS[measured.task].over_time
    when = " by the horizon" if timed else ""
    more = " The other way is `effect: restricted_mean` with `better: higher`." if timed else ""
    return "event", better, f"is a {better} risk of the event{when} what is better for the patient?{more}"
