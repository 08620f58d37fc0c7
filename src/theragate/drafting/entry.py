"""The entry of a new study in ``params.yaml``: what the data say, and marks where a person has to speak."""

from typing import Any

import pandas as pd

from theragate.cohorts.codes import as_codes
from theragate.drafting.columns import Columns
from theragate.drafting.effects import draft_effect_decision
from theragate.drafting.limits import draft_gates
from theragate.drafting.outcome import DraftedOutcome
from theragate.drafting.words import words_of
from theragate.evidence.published import SMALLEST_CELL
from theragate.study import EVERY_STUDY, MARK, TASKS, Task

__all__ = ["draft_entry"]

ATTRIBUTES = {"sex": "Sex", "gender": "Sex", "race": "Race", "ethnicity": "Ethnicity", "ethnic": "Ethnicity"}
SMALL = 2_000  # patients, under whom the split is repeated


def draft_entry(
    name: str,
    cohort: pd.DataFrame,
    *,
    columns: Columns,
    outcome: DraftedOutcome,
    source: dict[str, Any],
    policies: bool,
) -> dict[str, Any]:
    """Return the entry, as plain values in the order of the file.

    Parameters
    ----------
    name
        The study's.
    cohort
        The table after de-identification.
    columns, outcome
        What is known about them.
    source
        The entry ``source``, but for citation and licence.
    policies
        Whether there are policies, of which a study has to name one. The draft replaces every limit of it: a person
        has to see each of them, and to say why it is that one.
    """
    spread, task = _spread(cohort, outcome), TASKS[outcome.task]
    return {
        "task": outcome.task,
        **({"policy": EVERY_STUDY} if policies else {}),
        "card": _card(name),
        "source": source
        | {"citation": f"{MARK}: who collected these data, and when?", "licence": f"{MARK}: who may use them?"},
        "deidentification": {
            key: value
            for key, value in (("ages", columns.ages), ("dates", columns.dates), ("removed", columns.removed))
            if value
        },
        "outcome": outcome.entry,
        "features": {"dropped": columns.dropped} if columns.dropped else {},
        "subgroups": _subgroups(cohort, columns),
        "decision": _decision(task, spread),
        "validation": _validation(len(cohort), outcome.smallest[1]),
        "tuning": {"reference": task.reference, "families": list(task.rivals), "trials": 16},
        "stability": {"refits": 50, "reason": "Fifty samples know the mean difference between two fits well."},
        "scenarios": {},
        "gates": draft_gates(outcome.task, spread=spread),
    }


def _spread(cohort: pd.DataFrame, outcome: DraftedOutcome) -> float | None:
    """Return the standard deviation of a quantity, and of an event or a time None."""
    quantity = "unit" in outcome.measured and "column" in outcome.measured
    return float(cohort[outcome.measured["column"]].std()) if quantity else None


def _decision(task: Task, spread: float | None) -> dict[str, Any]:
    if task.compares_treatments:
        return draft_effect_decision(spread)
    if task.predicts_quantity:
        return {"none": f"{MARK}: is anything done at a threshold?"}
    return {"none": f"{MARK}: what is done, from which risk on, and who says so?"}


def _card(name: str) -> dict[str, Any]:
    return {
        "title": f"{MARK}: {name.replace('_', ' ')}",
        "intended_use": f"{MARK}: for which decision about which patient?",
        "users": f"{MARK}: who reads the number?",
        "population": f"{MARK}: which patients, where, from when to when?",
        "out_of_scope": [f"{MARK}: for whom or what must it not be used?"],
        "cautions": [f"{MARK}: what does a user have to know before trusting it?"],
        "owner": f"{MARK}: who answers for it?",
    }


def _subgroups(cohort: pd.DataFrame, columns: Columns) -> dict[str, Any]:
    """Group by what is named like a protected attribute, with groups of at least 11 patients, and by age."""
    groups: dict[str, Any] = {}
    for column in cohort.columns:
        attribute = next((key for key in ATTRIBUTES if key in words_of(column)), None)
        counts = as_codes(cohort[column]).value_counts() if attribute else pd.Series(dtype=int)
        if attribute and 2 <= len(counts) <= 8 and counts.min() >= SMALLEST_CELL:
            labels = {code: code if len(code) >= 3 else f"coded {code}" for code in sorted(counts.index)}
            key = attribute if attribute not in groups else f"{attribute}_{len(groups)}"
            groups[key] = {"title": ATTRIBUTES[attribute], "column": column, "labels": labels, "judged": True}
    if columns.ages:
        age = cohort[columns.ages[0]]
        bands = sorted({float(round(age.quantile(share) / 5) * 5) for share in (1 / 3, 2 / 3)})
        groups["age_band"] = {"title": "Age in years", "column": columns.ages[0], "bands": bands, "judged": False}
    return groups


def _validation(patients: int, smallest: int) -> dict[str, Any]:
    folds = 5 if smallest >= 50 else 3
    return {
        "scheme": "nested_cross_validation",
        "repeats": 4 if patients < SMALL else 1,
        "folds": folds,
        "inner_folds": min(folds, 3),
        "reason": f"{MARK}: is there a later year, or another hospital, to hold out instead?",
    }
