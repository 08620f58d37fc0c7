"""Which expectations are checked together: as many as read few columns, so that memory is that of the widest one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from theragate.cohorts.cohort_frame import FEW_CELLS
from theragate.validation.suites import Expectation

__all__ = ["OF_NAMES", "ColumnGroup", "column_groups"]

# Expectations about the columns' names: the cohort without a row shows them.
OF_NAMES = {
    "expect_column_to_exist",
    "expect_table_column_count_to_be_between",
    "expect_table_columns_to_match_set",
}


@dataclass(frozen=True)
class ColumnGroup:
    """Expectations, and all columns that they read; those of `OF_NAMES` are in none."""

    columns: tuple[str, ...]
    rules: tuple[Expectation, ...]


def column_groups(rules: Sequence[Expectation], rows: int, *, cells: int = FEW_CELLS) -> Iterator[ColumnGroup]:
    """Yield groups whose columns have at most `cells` cells, or are those of one expectation.

    Parameters
    ----------
    rules
        Expectations, whose columns are the cohort's.
    rows
        How many patients the cohort has.
    """
    by_columns: dict[frozenset[str], list[Expectation]] = {}
    for rule in rules:
        if rule.type not in OF_NAMES:
            by_columns.setdefault(frozenset(rule.columns), []).append(rule)
    held: dict[str, None] = {}
    kept: list[Expectation] = []
    for alike in by_columns.values():
        more = dict.fromkeys(alike[0].columns)
        if kept and len(held | more) * rows > cells:
            yield ColumnGroup(tuple(held), tuple(kept))
            held, kept = {}, []
        held |= more
        kept += alike
    if kept:
        yield ColumnGroup(tuple(held), tuple(kept))
