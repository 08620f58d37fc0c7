"""Evidence and verdicts, read back from their files."""

from typing import Any, TypeVar

from pydantic import ValidationError

from theragate.digests import sha256_json
from theragate.errors import EvidenceError
from theragate.evidence.types import Evidence
from theragate.files import read_json
from theragate.gates.types import Verdict
from theragate.stages.workspace import Workspace
from theragate.study import Spec

__all__ = ["read_evidence", "read_verdict"]

Document = TypeVar("Document", bound=Spec)


def read_evidence(workspace: Workspace) -> tuple[Evidence, str]:
    """Read a study's evidence; return it with the SHA-256 of its canonical JSON, by which a verdict names it.

    Raises
    ------
    DataError
        If there is none.
    EvidenceError
        If it is not of this version, or not finite.
    """
    raw = _read(workspace, "evidence.json", stage="evaluate")
    return _parse(Evidence, raw, workspace, name="evidence", stage="evaluate"), sha256_json(raw)


def read_verdict(workspace: Workspace) -> Verdict:
    """Read a study's verdict.

    Raises
    ------
    DataError
        If there is none.
    EvidenceError
        If it is not of this version.
    """
    return _parse(Verdict, _read(workspace, "verdict.json", stage="gate"), workspace, name="verdict", stage="gate")


def _read(workspace: Workspace, file: str, *, stage: str) -> Any:
    return read_json(workspace.report(file), remedy=f"Run `dvc repro {stage}@{workspace.study}`.")


def _parse(kind: type[Document], raw: Any, workspace: Workspace, *, name: str, stage: str) -> Document:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise EvidenceError(
            f"study `{workspace.study}`, {name}.json",
            rule=f"the {name} has this version's form",
            received=f"{error.error_count()} fields that do not",
            remedy=f"Run `dvc repro -f {stage}@{workspace.study}`.",
        ) from error
