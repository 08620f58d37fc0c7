"""The entry of a new study in ``params.yaml``: what the data say, and marks where a person has to speak."""

import math
from typing import Any

import pandas as pd

from theragate.cohorts.ages import per_year
from theragate.cohorts.codes import as_codes
from theragate.cohorts.table import Rows
from theragate.drafting.clusters import DraftedClusters
from theragate.drafting.columns import Columns
from theragate.drafting.effects import draft_effect_decision
from theragate.drafting.limits import draft_gates
from theragate.drafting.outcome import DraftedOutcome
from theragate.drafting.words import A_SEX, ATTRIBUTES, NO, YES, is_one_of, joined, words_of
from theragate.evidence.published import SMALLEST_CELL
from theragate.study import CLUSTER, EVERY_STUDY, MARK, TASKS, Task, TaskName

__all__ = ["draft_entry"]

MOST_GROUPS = 8
OTHERS = "Other"
CROWDED = 2.5  # patients per feature, below which an inner fold may have more features than patients
# The reference, and what it is compared with, where there are nearly as many features as patients.
WIDE: dict[TaskName, tuple[str, list[str]]] = {
    "binary": ("xgboost", []),
    "regression": ("elastic_net", ["xgboost"]),
    "survival": ("strong_ridge_cox", ["coxnet", "random_survival_forest"]),
}
SMALL = 2_000  # patients, under whom the split is repeated
LARGE = 20_000  # patients, above whom a part is held out once
HELD_OUT, MOST_HELD_OUT = 0.2, 1_000_000  # of them; as many measure any limit
ENOUGH, FEWEST_CLUSTERS = 100, 2  # held out of the rarest class; clusters


def draft_entry(
    name: str,
    cohort: Rows,
    *,
    columns: Columns,
    outcome: DraftedOutcome,
    source: dict[str, Any],
    clusters: DraftedClusters,
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
    clusters
        Which patients belong together.
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
        "deidentification": columns.deidentification,
        "outcome": outcome.entry,
        **clusters.entry,
        "features": {"dropped": columns.dropped} if columns.dropped else {},
        "subgroups": _subgroups(cohort, [*outcome.columns, *_apart(clusters)], columns),
        "decision": _decision(task, spread, outcome.rarer),
        "validation": _validation(len(cohort), outcome.smallest[1], clusters=clusters),
        "tuning": _tuning(task, cohort, [*outcome.columns, *_apart(clusters), *columns.dropped], outcome=outcome),
        "stability": {"refits": 50, "reason": "Fifty samples know the mean difference between two fits well."},
        "scenarios": {},
        "gates": draft_gates(outcome.task, spread=spread, rarer=outcome.rarer),
    }


def _apart(clusters: DraftedClusters) -> list[str]:
    """Return the cohort's own column of clusters, if it has one."""
    return [] if clusters.column is None else [CLUSTER]


def _spread(cohort: Rows, outcome: DraftedOutcome) -> float | None:
    """Return the standard deviation of a quantity, and of an event or a time None."""
    quantity = "unit" in outcome.measured and "column" in outcome.measured
    return float(cohort[outcome.measured["column"]].std()) if quantity else None


def _decision(task: Task, spread: float | None, rarer: float) -> dict[str, Any]:
    if task.compares_treatments:
        return draft_effect_decision(spread, rarer)
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


def _subgroups(cohort: Rows, apart: list[str], columns: Columns) -> dict[str, Any]:
    """Group by what is named like a protected attribute, and by age; columns that are `apart` are passed over.

    Values that differ in case or blanks only are one group. Those of fewer than 11 patients are joined, and named
    nowhere.
    """
    groups: dict[str, Any] = {}
    names = [name for name in cohort.columns if name not in apart]
    for column in names:
        title = _attribute(column)
        group = _labelled(as_codes(cohort[column])) if title else None
        if group and joined(column) in A_SEX:
            group["labels"] = _yes_or_no(group["labels"], joined(column))
        if title and group:
            key = title.lower() if title.lower() not in groups else f"{title.lower()}_{len(groups)}"
            groups[key] = {"title": title, "column": column, **group, "judged": True}
    age = next((column for column in names if column in columns.ages), None)
    if age is not None:
        step = round(5 * per_year(columns.ages[age]))
        bands = sorted({float(round(cohort[age].quantile(share) / step) * step) for share in (1 / 3, 2 / 3)})
        groups["age_band"] = {"title": f"Age in {columns.ages[age]}", "column": age, "bands": bands, "judged": False}
    return groups


def _attribute(column: str) -> str | None:
    if joined(column) in A_SEX:
        return "Sex"
    return next((ATTRIBUTES[word] for word in sorted(words_of(column)) if word in ATTRIBUTES), None)


def _yes_or_no(labels: dict[str, str], name: str) -> dict[str, str]:
    """Return what 1 and 0 mean in a column such as `female`; other values have their own words."""
    said = {code: name if is_one_of(code, YES) else f"not {name}" for code in labels}
    return said if all(is_one_of(code, YES) or is_one_of(code, NO) for code in labels) else labels


def _labelled(codes: pd.Series) -> dict[str, Any] | None:
    """Return labels for the codes of enough patients, and a group for the others if there are any."""
    written = codes.value_counts(sort=False)  # of each spelling, in the order in which they come
    spellings = pd.Series(written.index, dtype="str")
    plain = spellings.str.strip()
    alike = plain.str.casefold()
    counts = pd.Series(written.to_numpy()).groupby(alike).sum()
    common = sorted(counts.index[counts >= SMALLEST_CELL])
    if not 2 <= len(common) <= MOST_GROUPS:
        return None
    often = pd.Series(written.to_numpy()).groupby([alike, plain], sort=False).sum()
    usual = {value: str(often[value].idxmax()) for value in common}
    names = {value: name if len(name) >= 3 else f"coded {name}" for value, name in usual.items()}
    spelt = sorted(spellings[alike.isin(common)].tolist())
    labels = {code: names[code.strip().casefold()] for code in spelt}
    return {"labels": labels} | ({"others": OTHERS} if len(common) < len(counts) else {})


def _tuning(task: Task, cohort: Rows, no_features: list[str], *, outcome: DraftedOutcome) -> dict[str, Any]:
    """Return the usual families; of more features than a light penalty can carry, those with a strong one."""
    features = len(set(cohort.columns) - {"patient", *no_features})
    reference, families = task.reference, list(task.rivals)
    if features * CROWDED > len(cohort) and outcome.task in WIDE:
        reference, families = WIDE[outcome.task]
    return {"reference": reference, "families": families, "trials": 16}


def _validation(patients: int, smallest: int, *, clusters: DraftedClusters) -> dict[str, Any]:
    share = max(math.floor(min(HELD_OUT, MOST_HELD_OUT / patients) * 100), 1) / 100
    told = smallest * share >= ENOUGH and (clusters.column is None or clusters.count * share >= FEWEST_CLUSTERS)
    if patients > LARGE and told:
        return {
            "scheme": "holdout",
            "fraction": share,
            "inner_folds": 3,
            "reason": f"{MARK}: of {patients:,} patients {share:.0%}, drawn at random, tell enough. Is there a later "
            "year, or another hospital, to hold out instead?",
        }
    folds = 5 if smallest >= 50 else 3
    inner_folds = min(folds, 3)
    if clusters.column is not None:
        folds = min(folds, clusters.count)
        inner_folds = min(inner_folds, clusters.count - math.ceil(clusters.count / folds))
    return {
        "scheme": "nested_cross_validation",
        "repeats": 4 if patients < SMALL else 1,
        "folds": folds,
        "inner_folds": inner_folds,
        "reason": f"{MARK}: is there a later year, or another hospital, to hold out instead?",
    }
