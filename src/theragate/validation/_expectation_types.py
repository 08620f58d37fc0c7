"""The expectations that a suite may use, with their arguments: a literal, so that Great Expectations need not load.

Great Expectations silently drops a type that it does not know, so that the rule would never be checked. The types
left out need a database, repeat patients' values in their results, or take code from a file. A test compares this
list with the installed library.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

__all__ = ["ARGUMENTS", "EXPECTATIONS", "Arguments"]


@dataclass(frozen=True)
class Arguments:
    """The arguments an expectation needs, those it takes, and those of which it needs at least one."""

    needed: tuple[str, ...]
    taken: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()


BOUNDS = ("min_value", "max_value")
STRICT = ("strict_min", "strict_max")
WITHIN = Arguments(("column",), (*BOUNDS, *STRICT), BOUNDS)
EACH_WITHIN = Arguments(("column",), (*BOUNDS, *STRICT, "mostly"), BOUNDS)
EACH = Arguments(("column",), ("mostly",))
EACH_OF = Arguments(("column", "value_set"), ("mostly",))
PAIR = ("column_A", "column_B")
COUNT = Arguments((), BOUNDS, BOUNDS)

EXPECTATIONS: dict[str, Arguments] = {
    "expect_column_max_to_be_between": WITHIN,
    "expect_column_mean_to_be_between": WITHIN,
    "expect_column_median_to_be_between": WITHIN,
    "expect_column_min_to_be_between": WITHIN,
    "expect_column_pair_values_a_to_be_greater_than_b": Arguments(PAIR, ("or_equal", "ignore_row_if", "mostly")),
    "expect_column_pair_values_ratio_to_be_between": Arguments(PAIR, (*BOUNDS, "ignore_row_if", "mostly"), BOUNDS),
    "expect_column_pair_values_to_be_equal": Arguments(PAIR, ("ignore_row_if", "mostly")),
    "expect_column_proportion_of_non_null_values_to_be_between": WITHIN,
    "expect_column_proportion_of_unique_values_to_be_between": WITHIN,
    "expect_column_stdev_to_be_between": WITHIN,
    "expect_column_to_exist": Arguments(("column",)),
    "expect_column_unique_value_count_to_be_between": WITHIN,
    "expect_column_value_lengths_to_be_between": EACH_WITHIN,
    "expect_column_values_to_be_between": EACH_WITHIN,
    "expect_column_values_to_be_in_set": EACH_OF,
    "expect_column_values_to_be_in_type_list": Arguments(("column", "type_list")),
    "expect_column_values_to_be_null": EACH,
    "expect_column_values_to_be_of_type": Arguments(("column", "type_")),
    "expect_column_values_to_be_unique": EACH,
    "expect_column_values_to_match_regex": Arguments(("column", "regex"), ("mostly",)),
    "expect_column_values_to_not_be_in_set": EACH_OF,
    "expect_column_values_to_not_be_null": EACH,
    "expect_column_values_to_not_match_regex": Arguments(("column", "regex"), ("mostly",)),
    "expect_compound_columns_to_be_unique": Arguments(("column_list",), ("ignore_row_if", "mostly")),
    "expect_table_column_count_to_be_between": COUNT,
    "expect_table_columns_to_match_set": Arguments(("column_set",), ("exact_match",)),
    "expect_table_row_count_to_be_between": COUNT,
}


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_text(entry) for entry in value)


def _values(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, str | int | float) for entry in value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _share(value: Any) -> bool:
    return _number(value) and 0 < value <= 1


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _omission(value: Any) -> bool:
    return value in ("both_values_are_missing", "either_value_is_missing", "all_values_are_missing", "neither")


ARGUMENTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "column": (_text, "the name of a column"),
    "column_A": (_text, "the name of a column"),
    "column_B": (_text, "the name of a column"),
    "column_list": (_texts, "a list of columns' names"),
    "column_set": (_texts, "a list of columns' names"),
    "exact_match": (_flag, "true or false"),
    "ignore_row_if": (_omission, "`both_values_are_missing`, `either_value_is_missing` or `neither`"),
    "max_value": (_number, "a number"),
    "min_value": (_number, "a number"),
    "mostly": (_share, "a share above 0 and at most 1"),
    "or_equal": (_flag, "true or false"),
    "regex": (_text, "a regular expression"),
    "strict_max": (_flag, "true or false"),
    "strict_min": (_flag, "true or false"),
    "type_": (_text, "the name of a type, such as `float64`"),
    "type_list": (_texts, "a list of types' names"),
    "value_set": (_values, "a list of texts or numbers"),
}
