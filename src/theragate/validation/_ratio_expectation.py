"""An expectation of our own, for two columns that geometry or a definition ties: their ratio lies within bounds.

Importing this module registers it with Great Expectations, in the way that library provides for.
"""

from typing import Any, Literal

import pandas as pd
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import (
    column_pair_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import (
    ColumnPairMapMetricProvider,
)

__all__ = ["ColumnPairValuesRatioBetween", "ExpectColumnPairValuesRatioToBeBetween"]

METRIC = "column_pair_values.ratio_between"


class ColumnPairValuesRatioBetween(ColumnPairMapMetricProvider):
    """Whether ``column_A / column_B`` lies within ``min_value`` and ``max_value``, bounds included."""

    condition_metric_name = METRIC
    condition_domain_keys = ("batch_id", "table", "column_A", "column_B", "ignore_row_if")
    condition_value_keys = ("min_value", "max_value")

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]  # the library's
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, **arguments: Any) -> pd.Series:  # noqa: N803, N805 - the decorator's signature
        ratio = column_A / column_B
        lower, upper = arguments.get("min_value"), arguments.get("max_value")
        within = ratio.notna()
        if lower is not None:
            within &= ratio >= lower
        if upper is not None:
            within &= ratio <= upper
        return within


class ExpectColumnPairValuesRatioToBeBetween(ColumnPairMapExpectation):
    """Expect the ratio of two columns to lie within bounds, patient by patient."""

    map_metric = METRIC
    success_keys = ("column_A", "column_B", "min_value", "max_value", "ignore_row_if", "mostly")
    args_keys = success_keys

    min_value: float | None = None
    max_value: float | None = None
    ignore_row_if: Literal["both_values_are_missing", "either_value_is_missing", "neither"] = "both_values_are_missing"
