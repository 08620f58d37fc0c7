"""Checks by Great Expectations, in memory: nothing is written, printed or sent."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.errors import ConfigurationError
from theragate.validation.suites import Expectation

__all__ = ["Answer", "Checks"]

_FORMAT = {
    "result_format": "BASIC",
    "exclude_unexpected_values": True,
    "include_unexpected_rows": True,  # for their positions: the library's own lists of ids take seconds a million
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 200,  # rows: the library gives no more
}


class Answer:
    """What the library says of one expectation; the fields here are all that is kept of it.

    ``passed`` is None where the expectation could not be applied. ``unexpected`` counts the rows that break it, and
    ``percent`` is their share; None where it is not about rows. ``rows`` are the positions of the first 200 of them.
    """

    def __init__(self, result: Any) -> None:
        detail = result.result or {}
        raised = _raised(result.exception_info or {})
        if raised and "MemoryError" in str(result.exception_info):  # the library takes it for a fault of the column
            raise MemoryError
        unexpected, percent = detail.get("unexpected_count"), detail.get("unexpected_percent")
        self.passed = None if raised else bool(result.success)
        self.unexpected = None if unexpected is None else int(unexpected)
        self.percent = None if percent is None else float(percent)
        self.rows = _positions(detail.get("unexpected_rows"))


def _of(result: Any) -> str:
    return str(result.expectation_config.meta["id"])


def _raised(information: dict[Any, Any]) -> bool:
    """Tell whether the rule met an exception: the library reports it plainly, or under the metric that raised it."""
    return bool(information.get("raised_exception", information))


def _positions(unexpected: Any) -> NDArray[np.intp]:
    found = unexpected.index if isinstance(unexpected, pd.DataFrame) else ()
    return np.array(found, dtype=np.intp)  # a copy: the index is a view of one of all rows that break the rule


class Checks:
    """Expectations in the library's form, to be checked on one frame after the other.

    Raises
    ------
    ConfigurationError
        If the library refuses an expectation.
    """

    def __init__(self, rules: Sequence[Expectation], *, study: str) -> None:
        self._study = study
        self._built: dict[str, Any] = {}
        if not rules:
            return
        with _quietly():
            import great_expectations
            from great_expectations.data_context.types.base import ProgressBarsConfig
            from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

            from theragate.validation import _ratio_expectation  # noqa: F401 - registers our own expectation

            self._context = great_expectations.get_context(mode="ephemeral")
            self._context.enable_analytics(False)
            self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
            for rule in rules:
                raw = rule.model_dump(include={"type", "kwargs", "severity", "meta"})
                try:
                    self._built[rule.meta.id] = ExpectationConfiguration(**raw).to_domain_obj().configuration
                except Exception as error:
                    refused = f"`{rule.meta.id}`, refused with {type(error).__name__}"
                    raise _not_understood(study, refused) from error

    def answers(self, rules: Sequence[Expectation], frame: pd.DataFrame) -> dict[str, Answer]:
        """Check some of the expectations on a frame, whose index counts from 0; return the answers by id."""
        if not rules:
            return {}
        with _quietly():
            from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
            from great_expectations.validator.validator import Validator

            # Not as a batch of a data source, which the library would fingerprint twice, and never let go.
            engine = PandasExecutionEngine(batch_data_dict={"cohort": frame})
            results = Validator(execution_engine=engine, data_context=self._context).graph_validate(
                configurations=[self._built[rule.meta.id] for rule in rules],
                runtime_configuration={"result_format": _FORMAT},
            )
        found = {_of(result): Answer(result) for result in results}
        if len(found) != len(rules):
            raise _not_understood(self._study, f"{len(found)} of {len(rules)}")
        return found


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence the library's log, which may quote values, and its warnings about its own code."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _not_understood(study: str, received: str) -> ConfigurationError:
    return ConfigurationError(
        f"suite of study `{study}`",
        rule="Great Expectations understands every expectation",
        received=received,
        remedy="Compare the suite with the library's documentation of its expectations.",
    )
