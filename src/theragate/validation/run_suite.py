"""Running a suite on a cohort, by groups of columns: results are those of the whole, memory is that of a part."""

import gc
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.cohort_frame import FEW_CELLS, Cohort, in_memory_if_small
from theragate.errors import DataError, did_you_mean
from theragate.study import Study
from theragate.validation._checks import Answer, Checks
from theragate.validation._column_groups import OF_NAMES, ColumnGroup, column_groups
from theragate.validation.duplicates import find_duplicates
from theragate.validation.leakage import find_leaks, is_sampled
from theragate.validation.suites import Expectation, Suite, read_suite
from theragate.validation.types import CheckResult, Validation
from theragate.workers.backend import Backend, run_in_workers
from theragate.workers.site import SharedFile

__all__ = ["check_suite", "validate"]

ROWS = 20  # how many patients a failed check names
_Found: TypeAlias = tuple[dict[str, str], dict[str, Answer]]
ABSENCE = {"expect_column_to_exist", "expect_column_values_to_be_null"}  # what an empty column can meet


def validate(
    cohort: Cohort, study: Study, *, suite: Path, cohort_sha256: str, backend: Backend | None = None
) -> Validation:
    """Check a cohort against its suite, and look for leaks and for patients who occur twice.

    Parameters
    ----------
    cohort
        One row per patient: ``patient`` (id), features, outcome.
    suite
        The study's ``expectations/<study>.json``.
    cohort_sha256
        The digest of the cohort's file, to which the result is bound.
    backend
        A cluster, whose workers check a group of columns each where the cohort is large; other processes of this
        machine would take memory from one another.

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
    cohort = in_memory_if_small(cohort)
    return Validation(
        study=study.name,
        cohort_sha256=cohort_sha256,
        suite_sha256=rules.sha256,
        patients=len(cohort),
        results=check_suite(cohort, rules, far=_far(cohort, cohort_sha256, backend)),
        leakage=find_leaks(cohort, study),
        duplicates=find_duplicates(cohort, study),
        leaks_among=study.tuning.sample if is_sampled(cohort, study) else None,
    )


@dataclass(frozen=True)
class Far:
    """A cohort's file, and the workers that read it there."""

    file: SharedFile
    backend: Backend


def _far(cohort: Cohort, sha256: str, backend: Backend | None) -> Far | None:
    if backend is None or backend.shares_memory or not isinstance(cohort, CohortFile):
        return None
    return Far(SharedFile(cohort.path, sha256), backend)


def check_suite(
    cohort: Cohort, suite: Suite, *, cells: int = FEW_CELLS, far: Far | None = None
) -> tuple[CheckResult, ...]:
    """Return one result per expectation, in the suite's order; see `validate`.

    Parameters
    ----------
    cells
        Rows times columns in memory at once, unless one expectation alone reads more. It changes no result.
    far
        Who checks the groups of columns, if not this process.
    """
    present = [rule for rule in suite.expectations if not _absent(rule, cohort)]
    checks = Checks(present, study=suite.study)
    of_names = [rule for rule in present if rule.type in OF_NAMES]
    answers = checks.answers(of_names, cohort.columns)
    useless = {rule.meta.id: note for rule in suite.expectations if (note := _absent(rule, cohort))}
    groups = list(column_groups(present, len(cohort), cells=cells))
    if far is None:
        found: Iterable[tuple[dict[str, str], dict[str, Answer]]] = (
            _of_group(group, cohort, checks) for group in groups
        )
    else:
        works = [_GroupWork(far.file, suite.study, group) for group in groups]
        found = run_in_workers(_check_group, works, backend=far.backend, of="the validation")
    for empty, answered in found:
        useless |= empty
        answers |= answered
    ids = _ids(cohort, [answer for answer in answers.values() if answer.passed is False])
    return tuple(
        _not_applied(rule, useless[rule.meta.id])
        if rule.meta.id in useless
        else _result(rule, answers[rule.meta.id], cohort, ids)
        for rule in suite.expectations
    )


@dataclass(frozen=True)
class _GroupWork:
    file: SharedFile
    study: str
    group: ColumnGroup


def _check_group(work: _GroupWork) -> _Found:
    cohort = CohortFile(work.file.here(), "Run the same command again.")
    return _of_group(work.group, cohort, Checks(work.group.rules, study=work.study))


def _of_group(group: ColumnGroup, cohort: Cohort, checks: Checks) -> _Found:
    """Return by id why rules can tell nothing, and the answers of the others; then let the columns go."""
    frame = cohort.frame(group.columns)
    without = {name for name in group.columns if bool(frame[name].isna().all())}
    useless = {rule.meta.id: note for rule in group.rules if (note := _empty(rule, without))}
    answers = checks.answers([rule for rule in group.rules if rule.meta.id not in useless], frame)
    del frame
    if len(cohort) * cohort.columns.shape[1] > FEW_CELLS:
        gc.collect()  # the library's engine and its data hold each other
    return useless, answers


def _check_form(cohort: Cohort, study: str) -> None:
    names = cohort.columns.columns
    received = None
    if not names.is_unique:
        received = f"the column `{names[names.duplicated()][0]}` twice"
    elif "patient" not in names:
        received = "no column `patient`"
    elif not len(cohort):
        received = "no patient"
    if received:
        raise DataError(
            f"study `{study}`, cohort",
            rule="a cohort has one row per patient, named in the column `patient`, and each column once",
            received=received,
            remedy=f"Correct the source, then run `dvc repro ingest@{study}`.",
        )


def _absent(rule: Expectation, cohort: Cohort) -> str:
    """Say which column of a rule is not in this cohort; empty if all are."""
    for column in rule.columns:
        if column not in cohort.columns:
            return f"The cohort has no column `{column}`. {did_you_mean(column, cohort.columns)}".rstrip()
    return ""


def _empty(rule: Expectation, empty: set[str]) -> str:
    """Say which column of a rule has no value, so that the rule tells nothing; empty if it does."""
    found = [] if rule.type in ABSENCE else [column for column in rule.columns if column in empty]
    return f"No patient has a value in the column `{found[0]}`." if found else ""


def _ids(cohort: Cohort, failed: list[Answer]) -> pd.Series:
    """Return the ids of patients who break a rule, by their positions."""
    rows = np.unique(np.concatenate([np.empty(0, dtype=np.intp), *(answer.rows for answer in failed)]))
    return pd.Series(cohort.frame(["patient"], rows)["patient"].to_numpy(dtype=object), index=rows)


def _not_applied(rule: Expectation, note: str) -> CheckResult:
    return _check(rule, passed=False, note=note, severity="critical")


def _result(rule: Expectation, answer: Answer, cohort: Cohort, ids: pd.Series) -> CheckResult:
    if answer.passed is None:
        return _not_applied(rule, "The rule could not be applied: the column's values are not of the kind it is for.")
    return _check(
        rule,
        passed=answer.passed,
        unexpected=answer.unexpected,
        unexpected_share=None if answer.percent is None else round(answer.percent / 100, 6),
        rows=() if answer.passed else tuple(dict.fromkeys(map(str, ids[answer.rows].dropna())))[:ROWS],
        note="" if answer.passed else _note(rule, cohort),
    )


def _note(rule: Expectation, cohort: Cohort) -> str:
    """Say what was there instead, if that is about columns or the table, and so about no patient."""
    if "type_" in rule.kwargs or "type_list" in rule.kwargs:
        return f"The column is stored as `{cohort.columns[rule.kwargs['column']].dtype}`."
    if rule.type == "expect_table_row_count_to_be_between":
        return f"The cohort has {len(cohort):,} rows."
    if rule.type == "expect_table_columns_to_match_set":
        declared, present = set(rule.kwargs["column_set"]), set(map(str, cohort.columns))
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
