"""A first suite of expectations: the form of the cohort as it is, in bounds that hold no single patient's value."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.ages import top_of
from theragate.cohorts.codes import as_codes
from theragate.cohorts.table import Rows
from theragate.drafting.clusters import DraftedClusters
from theragate.drafting.columns import Columns, differs
from theragate.drafting.outcome import DraftedOutcome
from theragate.drafting.words import outward, rounded
from theragate.evidence.published import SMALLEST_CELL
from theragate.study import CLUSTER, MARK

__all__ = ["draft_suite"]

MOST_CODES = 30
MOST_COLUMNS = 300
SCALES = ((1.0, False), (1.0, True), (2.0, False), (2.0, True), (3.0, False))  # widths, and whether of ratios
LEAST_DECADES, MOST_DECADES = 0.1, 200.0  # of a range on the scale of ratios
DRAFTED = f"{MARK}: drafted from the data. What do medicine and the instrument allow?"

Rule = dict[str, Any]


def draft_suite(
    name: str, cohort: Rows, columns: Columns, outcome: DraftedOutcome, *, clusters: DraftedClusters
) -> dict[str, Any]:
    """Return the suite of a study, as JSON.

    What the pipeline cannot do without is critical; what the data merely look like is a warning until a person has
    confirmed it.
    """
    needed = set(outcome.columns)
    rules = [*_of_the_table(cohort)]
    ruled = _ruled(cohort, columns, needed)
    for number, column in enumerate((name for name in cohort.columns if name != "patient"), start=1):
        if column not in ruled or (column == CLUSTER and clusters.column):  # whose numbers `ingest` gives
            continue
        slug = re.sub(r"[^a-z0-9_.-]+", "-", column.lower()).strip("-._")[:60]
        identity = f"{slug or 'column'}-{number}"
        top = top_of(columns.ages[column]) if column in columns.ages else None
        rules += _of_a_column(cohort[column], identity, needed=column in needed, top=top)
    return {
        "name": name,
        "meta": {"purpose": f"{MARK}: what the cohort must look like, drafted from the data. Confirm or correct each."},
        "expectations": rules,
    }


def _ruled(cohort: Rows, columns: Columns, needed: set[str]) -> set[str]:
    """Return the columns that get rules of their own: all, unless nobody would read so many."""
    if len(cohort.columns) <= MOST_COLUMNS:
        return set(cohort.columns)
    texts = {name for name in cohort.columns if not pd.api.types.is_numeric_dtype(cohort[name])}
    return needed | texts | {*columns.ages, *columns.dates}


def _rule(kind: str, kwargs: dict[str, Any], severity: str, identity: str, description: str, reason: str = "") -> Rule:
    meta = {"id": identity, "description": description} | ({"reason": reason} if reason else {})
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "meta": meta}


def _of_the_table(cohort: Rows) -> Iterator[Rule]:
    unique = "Each row is another patient."
    yield _rule("column_values_to_be_unique", {"column": "patient"}, "critical", "patient-unique", unique)
    yield _rule("column_values_to_not_be_null", {"column": "patient"}, "critical", "patient-known", "No id is missing.")
    fewest = int(f"{len(cohort) * 0.9:.0f}")
    yield _rule(
        "table_row_count_to_be_between",
        {"min_value": fewest},
        "critical",
        "patients",
        f"There are at least {fewest:,} patients.",
        "Fewer means that the extract lost some.",
    )
    yield _rule(
        "table_columns_to_match_set",
        {"column_set": list(cohort.columns), "exact_match": True},
        "critical",
        "columns",
        "The cohort has the columns that the study knows, and no others.",
        "A column that nobody has looked at may identify a patient or know the outcome.",
    )


def _of_a_column(column: pd.Series, identity: str, *, needed: bool, top: float | None) -> Iterator[Rule]:
    name, known = str(column.name), float(column.notna().mean())
    if known == 0:
        return
    if known == 1:
        severity, words = ("critical", "It is predicted.") if needed else ("warning", DRAFTED)
        description = f"`{name}` is known for every patient."
        yield _rule("column_values_to_not_be_null", {"column": name}, severity, f"{identity}-known", description, words)
    elif known > 0.1:
        share = max(int(known * 20) / 20 - 0.05, 0.05)
        yield _rule(
            "column_values_to_not_be_null",
            {"column": name, "mostly": round(share, 2)},
            "warning",
            f"{identity}-known",
            f"`{name}` is known for at least {share:.0%} of the patients.",
            DRAFTED,
        )
    if pd.api.types.is_bool_dtype(column):
        return
    if pd.api.types.is_numeric_dtype(column) and differs(column, 2):
        yield from _range(column.dropna().to_numpy(dtype=np.float64), name, identity, top=top)
        return
    counts = as_codes(column).value_counts()
    if len(counts) <= MOST_CODES and counts.min() >= SMALLEST_CELL:
        values = sorted(_plain(value) for value in column.dropna().unique())
        yield _rule(
            "column_values_to_be_in_set",
            {"column": name, "value_set": values},
            "critical" if needed else "warning",
            f"{identity}-codes",
            f"`{name}` has one of {len(values)} values.",
            DRAFTED,
        )


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _range(values: NDArray[np.float64], name: str, identity: str, *, top: float | None) -> Iterator[Rule]:
    if not np.isfinite(values).all():
        return
    low, high = _bounds(values) if top is None or values.min() < 0 else (0.0, top)
    yield _rule(
        "column_values_to_be_between",
        {"column": name, "min_value": low, "max_value": high},
        "warning",
        f"{identity}-range",
        f"`{name}` lies between {low:g} and {high:g}.",
        DRAFTED,
    )


def _bounds(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return round bounds that follow the shape of most values: the first below that hold all of them.

    They lie around the middle 90% by one to three times its width; of values from 0 on, by one to two times its width
    on the scale of ratios, because laboratory values are skewed. A value outside all of these is far from the others,
    and worth a look.
    """
    lowest, highest = float(values.min()), float(values.max())
    positive = values[values > 0]
    middle = _middle(values)
    decades = _middle(np.log10(positive)) if lowest >= 0 and len(positive) else None
    tried = [_around(lowest, middle, decades if ratios else None, spans=spans) for spans, ratios in SCALES]
    return next(((low, high) for low, high in tried if low <= lowest and highest <= high), tried[0])


def _around(
    lowest: float, middle: tuple[float, float], decades: tuple[float, float] | None, *, spans: float
) -> tuple[float, float]:
    if decades is None:
        low, high = outward(*middle, spans=spans)
        return (max(low, 0.0) if lowest >= 0 else low), high
    low, high = decades
    wide = spans * max(high - low, LEAST_DECADES)
    upper = rounded(float(10 ** min(high + wide, MOST_DECADES)), 1)
    return (0.0 if lowest == 0 else rounded(float(10 ** max(low - wide, -MOST_DECADES)), 1)), upper


def _middle(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the middle 90%, or of what lies between the outermost patients where that is one value."""
    outermost = min(SMALLEST_CELL / len(values), 0.05)
    low, high = np.quantile(values, (0.05, 0.95))
    if low == high:
        low, high = np.quantile(values, (outermost, 1 - outermost))
    return float(low), float(high)
