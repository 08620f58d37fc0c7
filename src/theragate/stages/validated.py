"""Nothing that is not valid is ever learned from."""

from pathlib import Path

from theragate.digests import sha256_file
from theragate.errors import DataError
from theragate.runner.outputs import read_output
from theragate.runner.workspace import Workspace
from theragate.study import AcceptedInputs
from theragate.validation.validated import Validated

__all__ = ["check_validated", "read_accepted"]


def check_validated(workspace: Workspace, cohort: Path) -> str:
    """Refuse a cohort that is not, byte for byte, the one that passed validation; return its digest.

    Raises
    ------
    DataError
        If it is another, or no cohort was validated.
    """
    path = workspace.data("validated.json")
    validated = read_output(Validated, path, workspace, stage="validate", error=DataError)
    digest = sha256_file(cohort)
    if digest != validated.cohort_sha256:
        raise DataError(
            f"study `{workspace.study}`",
            rule="only the cohort that passed validation is learned from",
            received=f"the cohort {digest[:12]}, expected {validated.cohort_sha256[:12]}",
            remedy=f"Run `dvc repro validate@{workspace.study}`.",
        )
    return digest


def read_accepted(workspace: Workspace) -> AcceptedInputs:
    """Read which inputs the study accepts of one patient.

    Raises
    ------
    DataError
        If the file is missing, of another form or of another study.
    """
    path = workspace.data("inputs.json")
    return read_output(AcceptedInputs, path, workspace, stage="validate", error=DataError, private=True)
