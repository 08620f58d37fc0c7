"""Evidence, verdicts and what they rest on, read back from their files."""

from typing import Any, TypeVar

from theragate.digests import sha256_json
from theragate.errors import EvidenceError
from theragate.evidence.types import Evidence
from theragate.files import read_json
from theragate.gates.types import Verdict
from theragate.runner.workspace import Workspace
from theragate.study import Spec, spec_of

__all__ = ["read_evidence", "read_origin", "read_verdict"]

Document = TypeVar("Document", bound=Spec)


class Recipe(Spec, extra="ignore"):
    """What a verdict's card says of a trained model."""

    family: str
    params: dict[str, Any]


class Selection(Spec, extra="ignore"):
    """What the card says of how the model was chosen."""

    rule: str


class Record(Spec, extra="ignore"):
    """What is read of the training record."""

    study: str
    selected: Recipe
    reference: Recipe
    selection: Selection
    features: tuple[str, ...]


class Provenance(Spec, extra="ignore"):
    """What is read of the cohort's provenance."""

    study: str
    version: str
    sha256: str


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


def read_origin(workspace: Workspace, evidence: Evidence) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the training record and the provenance that `evidence` rests on.

    Returns
    -------
    ``record.json`` and ``provenance.json``, whole.

    Raises
    ------
    DataError
        If one is missing or unreadable.
    EvidenceError
        If one is not of this version's form, or evidence, record and provenance are not of one study, the same model
        families and one cohort.
    """
    name = workspace.study
    raw_record = read_json(workspace.model("record.json"), remedy=f"Run `dvc repro train@{name}`.")
    raw_provenance = read_json(workspace.data("provenance.json"), remedy=f"Run `dvc repro ingest@{name}`.")
    record = _parse(Record, raw_record, workspace, name="record", stage="train")
    provenance = _parse(Provenance, raw_provenance, workspace, name="provenance", stage="ingest")
    if evidence.study != name:
        raise _foreign(workspace, "evidence", "the evidence is of this study", stage="evaluate")
    families = (evidence.study, evidence.family, evidence.reference_family)
    if (record.study, record.selected.family, record.reference.family) != families:
        rule = "the record is of the study and the model families that were measured"
        raise _foreign(workspace, "record", rule, stage="train")
    if (provenance.study, provenance.sha256) != (evidence.study, evidence.cohort.sha256):
        rule = "the provenance is of the study and the cohort that were measured"
        raise _foreign(workspace, "provenance", rule, stage="ingest")
    return raw_record, raw_provenance


def _foreign(workspace: Workspace, name: str, rule: str, *, stage: str) -> EvidenceError:
    return EvidenceError(
        f"study `{workspace.study}`, {name}.json",
        rule=rule,
        received="another",
        remedy=f"Run `dvc repro -f {stage}@{workspace.study}`, then `dvc repro`.",
    )


def _read(workspace: Workspace, file: str, *, stage: str) -> Any:
    return read_json(workspace.report(file), remedy=f"Run `dvc repro {stage}@{workspace.study}`.")


def _parse(kind: type[Document], raw: Any, workspace: Workspace, *, name: str, stage: str) -> Document:
    return spec_of(
        kind,
        raw,
        subject=f"study `{workspace.study}`, {name}.json",
        remedy=f"Run `dvc repro -f {stage}@{workspace.study}`.",
        error=EvidenceError,
        private=kind is Evidence,
    )
