"""Running a suite on a cohort with Great Expectations, in memory: nothing is written, printed or sent."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.errors import ConfigurationError, DataError, did_you_mean
from theragate.study import Study
from theragate.validation.duplicates import find_duplicates
from theragate.validation.leakage import find_leaks
from theragate.validation.suites import Expectation, Suite, read_suite
from theragate.validation.types import CheckResult, Validation

__all__ = ["validate"]

ROWS = 20  # how many patients a failed check names
ABSENCE = {"expect_column_to_exist", "expect_column_values_to_be_null"}  # what an empty column can meet
RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["patient"],
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}


def validate(cohort: pd.DataFrame, study: Study, *, suite: Path, cohort_sha256: str) -> Validation:
    """Check a cohort against its suite, and look for leaks and for patients who occur twice.

    Parameters
    ----------
    cohort
        One row per patient: ``patient`` (id), features, outcome. It is not changed.
    suite
        The study's ``expectations/<study>.json``.
    cohort_sha256
        The digest of the cohort's file, to which the result is bound.

    Returns
    -------
    One result per expectation, in the suite's order, the leaks, and the rows that repeat a patient. A rule whose column
    is absent or empty, or that could not be applied, has failed critically, whatever its severity: a rule that says
    nothing does not hold.

    Raises
    ------
    ConfigurationError
        If the suite is wrong.
    DataError
        If the cohort has no patients, no ``patient`` column, or a column name twice.
    """
    rules = read_suite(suite, study=study.name)
    _check_form(cohort, study.name)
    useless = {rule.meta.id: note for rule in rules.expectations if (note := _useless(rule, cohort))}
    entries = _run(cohort, [rule for rule in rules.expectations if rule.meta.id not in useless], rules)
    results = [
        _not_applied(rule, useless[rule.meta.id])
        if rule.meta.id in useless
        else _result(rule, entries[rule.meta.id], cohort)
        for rule in rules.expectations
    ]
    return Validation(
        study=study.name,
        cohort_sha256=cohort_sha256,
        suite_sha256=rules.sha256,
        patients=len(cohort),
        results=tuple(results),
        leakage=find_leaks(cohort, study),
        duplicates=find_duplicates(cohort, study),
    )


def _check_form(cohort: pd.DataFrame, study: str) -> None:
    received = None
    if not cohort.columns.is_unique:
        received = f"the column `{cohort.columns[cohort.columns.duplicated()][0]}` twice"
    elif "patient" not in cohort.columns:
        received = "no column `patient`"
    elif cohort.empty:
        received = "no patient"
    if received:
        raise DataError(
            f"study `{study}`, cohort",
            rule="a cohort has one row per patient, named in the column `patient`, and each column once",
            received=received,
            remedy=f"Correct the source, then run `dvc repro ingest@{study}`.",
        )


def _useless(rule: Expectation, cohort: pd.DataFrame) -> str:
    """Say why a rule cannot tell anything about this cohort; empty if it can."""
    for column in rule.columns:
        if column not in cohort.columns:
            return f"The cohort has no column `{column}`. {did_you_mean(column, cohort.columns)}".rstrip()
        if rule.type not in ABSENCE and bool(cohort[column].isna().all()):
            return f"No patient has a value in the column `{column}`."
    return ""


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


def _run(cohort: pd.DataFrame, rules: list[Expectation], suite: Suite) -> dict[str, dict[str, Any]]:
    if not rules:
        return {}
    with _quietly():
        import great_expectations
        from great_expectations.data_context.types.base import ProgressBarsConfig
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

        from theragate.validation import _ratio_expectation  # noqa: F401 - registers our own expectation

        context = great_expectations.get_context(mode="ephemeral")
        context.enable_analytics(False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        built = []
        for rule in rules:
            raw = rule.model_dump(include={"type", "kwargs", "severity", "meta"})
            try:
                built.append(ExpectationConfiguration(**raw).to_domain_obj())
            except Exception as error:
                raise _not_understood(suite, f"`{rule.meta.id}`, refused with {type(error).__name__}") from error
        checks = great_expectations.ExpectationSuite(name=suite.study, expectations=built)
        if len(checks.expectations) != len(rules):
            raise _not_understood(suite, f"{len(checks.expectations)} of {len(rules)}")
        asset = context.data_sources.add_pandas(suite.study).add_dataframe_asset("cohort")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": cohort})
        results = batch.validate(checks, result_format=RESULT_FORMAT).results
        entries: list[dict[str, Any]] = [entry.to_json_dict() for entry in results]
        return {entry["expectation_config"]["meta"]["id"]: entry for entry in entries}


def _not_understood(suite: Suite, received: str) -> ConfigurationError:
    return ConfigurationError(
        f"suite of study `{suite.study}`",
        rule="Great Expectations understands every expectation",
        received=received,
        remedy="Compare the suite with the library's documentation of its expectations.",
    )


def _not_applied(rule: Expectation, note: str) -> CheckResult:
    return _check(rule, passed=False, note=note, severity="critical")


def _result(rule: Expectation, entry: dict[str, Any], cohort: pd.DataFrame) -> CheckResult:
    """Keep the fields on this list and no others: the library's result also holds single patients' values."""
    detail = entry.get("result") or {}
    if _raised(entry.get("exception_info") or {}):
        return _not_applied(rule, "The rule could not be applied: the column's values are not of the kind it is for.")
    passed = bool(entry["success"])
    unexpected, share = detail.get("unexpected_count"), detail.get("unexpected_percent")
    return _check(
        rule,
        passed=passed,
        unexpected=None if unexpected is None else int(unexpected),
        unexpected_share=None if share is None else round(float(share) / 100, 6),
        rows=() if passed else _rows(detail),
        note="" if passed else _note(rule, cohort),
    )


def _raised(information: dict[str, Any]) -> bool:
    """Tell whether the rule met an exception: the library reports it plainly, or under the metric that raised it."""
    return bool(information.get("raised_exception", information))


def _note(rule: Expectation, cohort: pd.DataFrame) -> str:
    """Say what was there instead, if that is about columns or the table, and so about no patient."""
    if "type_" in rule.kwargs or "type_list" in rule.kwargs:
        return f"The column is stored as `{cohort[rule.kwargs['column']].dtype}`."
    if rule.type == "expect_table_row_count_to_be_between":
        return f"The cohort has {len(cohort):,} rows."
    if rule.type == "expect_table_columns_to_match_set":
        declared, present = set(rule.kwargs["column_set"]), set(cohort.columns)
        parts = {"absent": sorted(declared - present), "not foreseen": sorted(present - declared)}
        return " ".join(f"{what.capitalize()}: {', '.join(names)}." for what, names in parts.items() if names)
    return ""


def _check(rule: Expectation, *, passed: bool, **counts: Any) -> CheckResult:
    known = {"severity": rule.severity, "description": rule.meta.description, "reason": rule.meta.reason}
    return CheckResult.model_validate(
        {"id": rule.meta.id, "type": rule.type, "columns": rule.columns, "unit": rule.meta.unit, "passed": passed}
        | known
        | counts
    )


def _rows(detail: dict[str, Any]) -> tuple[str, ...]:
    ids: dict[str, None] = {}
    for entry in detail.get("unexpected_index_list") or ():
        named = entry["patient"]
        for patient in named if isinstance(named, list) else [named]:
            if not pd.isna(patient):
                ids[str(patient)] = None
    return tuple(ids)[:ROWS]
