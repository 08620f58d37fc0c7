"""Nothing that is not valid is ever learned from."""

from pathlib import Path

from theragate.digests import sha256_file
from theragate.errors import DataError
from theragate.files import read_json
from theragate.runner.workspace import Workspace
from theragate.study import AcceptedInputs, read_spec

__all__ = ["check_validated", "read_accepted"]


def check_validated(workspace: Workspace, cohort: Path) -> None:
    """Refuse a cohort that is not, byte for byte, the one that passed validation.

    Raises
    ------
    DataError
        If it is another, or no cohort was validated.
    """
    remedy = f"Run `dvc repro validate@{workspace.study}`."
    validated = read_json(workspace.data("validated.json"), remedy=remedy)
    if validated != {"study": workspace.study, "cohort_sha256": sha256_file(cohort), "passed": True}:
        raise DataError(
            f"study `{workspace.study}`",
            rule="only the cohort that passed validation is learned from",
            received="a cohort with another digest",
            remedy=remedy,
        )


def read_accepted(workspace: Workspace) -> AcceptedInputs:
    """Read which inputs the study accepts of one patient.

    Raises
    ------
    DataError
        If the file is missing, of another form or of another study.
    """
    remedy = f"Run `dvc repro -f validate@{workspace.study}`."
    path = workspace.data("inputs.json")
    accepted = read_spec(AcceptedInputs, path, remedy=remedy, private=True)
    if accepted.study != workspace.study:
        raise DataError(str(path), rule="the file is of this study", received="one of another study", remedy=remedy)
    return accepted
