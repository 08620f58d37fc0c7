"""Cohort to a checked cohort: expectations and leakage check; a critical failure stops the study here."""

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcome_columns import read_outcome
from theragate.digests import sha256_file
from theragate.errors import DataError
from theragate.files import write_json, write_text
from theragate.learning.trainable import check_numbers, check_trainable, read_problem
from theragate.runner.command import StageCall
from theragate.study import Study, load_study
from theragate.validation.accepted_inputs import accepted_inputs
from theragate.validation.duplicates import twice
from theragate.validation.page import page
from theragate.validation.run_suite import validate as validate_cohort
from theragate.validation.suites import read_suite
from theragate.validation.validated import Validated
from theragate.workers.choice import backend_of

__all__ = ["validate"]


def validate(call: StageCall) -> str:
    """Write ``validation.json``, its page in full and as it may be published.

    For a good cohort also ``validated.json`` and ``inputs.json``. The one holds the cohort's digest, the other what the
    suite accepts of one patient; neither changes with a suite's wording, so that training depends on what was learned
    from and not on how it was checked.

    Raises
    ------
    ConfigurationError
        If a family or a scenario does not fit the study.
    DataError
        If the study cannot be trained on its cohort (see `check_trainable`), a patient occurs twice, a critical
        expectation fails or a feature leaks the outcome.
    """
    workspace = call.workspace
    study = load_study(workspace.params, workspace.study)
    path = workspace.data("cohort.parquet")
    cohort = CohortFile(path, remedy=f"Run `dvc repro ingest@{study.name}`.")
    _check_trainable(cohort, study)  # before the suite, which can take minutes
    digest = sha256_file(path)
    validation = validate_cohort(
        cohort, study, suite=workspace.suite, cohort_sha256=digest, backend=backend_of(call.settings)
    )
    write_json(workspace.report("validation.json"), validation.model_dump(mode="json"))
    write_text(workspace.report("validation.html"), page(validation, study))
    write_text(workspace.report("published.html"), page(validation, study, published=True))
    if validation.duplicates and not validation.duplicates.accepted:
        raise twice(study.name, validation.duplicates, validation.patients)
    if not validation.passed:
        failed = [*validation.critical, *(leak for leak in validation.leaks if leak not in validation.critical)]
        raise DataError(
            f"study `{study.name}`",
            rule="a cohort meets every critical expectation, and no feature gives the outcome away",
            received=f"{len(failed)} that do not hold: {', '.join(failed[:5])}",
            remedy=f"Read reports/{study.name}/validation.html, then correct the source, the study or its suite.",
        )
    validated = Validated(study=study.name, cohort_sha256=digest, passed=True)
    write_json(workspace.data("validated.json"), validated.model_dump(mode="json"))
    accepted = accepted_inputs(read_suite(workspace.suite, study=study.name), study)
    write_json(workspace.data("inputs.json"), accepted.model_dump(mode="json"))
    warned = f"warnings: {', '.join(validation.warnings)}" if validation.warnings else "no warning"
    suspected = ", ".join(f"`{feature}`" for feature in validation.suspected)
    leaks = f"may give the outcome away: {suspected}" if suspected else "no leak"
    leaks += "".join(f", confounded with the batch `{batch}`" for batch in validation.confounded)
    equal = validation.duplicates
    declared = f", rows that are equal to another patient's, as declared: {equal.rows:,}" if equal else ""
    return f"{len(validation.results)} expectations, {warned}, {leaks}{declared}"


def _check_trainable(cohort: CohortFile, study: Study) -> None:
    if len(cohort) > study.tuning.sample:
        check_numbers(cohort, read_problem(cohort, study, seed=0).schema)
    else:
        whole = cohort.frame()
        check_trainable(whole, read_outcome(whole, study), study, seed=0)
