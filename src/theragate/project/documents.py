"""A study's files, read, cross-checked and typed once, then passed to whoever needs them."""

from dataclasses import dataclass

from theragate.cohorts.provenance import Provenance
from theragate.digests import sha256_json
from theragate.errors import EvidenceError
from theragate.evidence.types import Evidence
from theragate.gates import Policy, read_policy
from theragate.gates.types import Verdict
from theragate.learning.record import TrainingRecord
from theragate.release.waivers import Waiver, read_waivers
from theragate.runner.outputs import read_output
from theragate.runner.workspace import Workspace
from theragate.study import Study, load_study

__all__ = ["JudgedStudy", "MeasuredStudy", "read_measured"]


@dataclass(frozen=True)
class MeasuredStudy:
    """What a verdict rests on: the study's limits, its evidence, and where model and cohort come from."""

    workspace: Workspace
    study: Study
    policy: Policy
    evidence: Evidence
    record: TrainingRecord
    provenance: Provenance
    waivers: tuple[Waiver, ...]
    evidence_sha256: str


@dataclass(frozen=True)
class JudgedStudy(MeasuredStudy):
    """A measured study with the verdict that follows from it."""

    verdict: Verdict


def read_measured(workspace: Workspace) -> MeasuredStudy:
    """Read a study with its evidence and with what that rests on; each file once.

    Raises
    ------
    ConfigurationError
        If there is no such study, one of its gates is wrong, or its waivers are of another form.
    DataError
        If a file is missing or unreadable.
    EvidenceError
        If a file is not of this version's form, or evidence, record and provenance are not of one study, the same
        model families and one cohort.
    """
    study = load_study(workspace.params, workspace.study)
    evidence = read_output(Evidence, workspace.report("evidence.json"), workspace, stage="evaluate", private=True)
    record = read_output(TrainingRecord, workspace.model("record.json"), workspace, stage="train")
    provenance = read_output(Provenance, workspace.data("provenance.json"), workspace, stage="ingest")
    measured = MeasuredStudy(
        workspace=workspace,
        study=study,
        policy=read_policy(study),
        evidence=evidence,
        record=record,
        provenance=provenance,
        waivers=read_waivers(workspace.decided("waivers.json"), study.name),
        evidence_sha256=sha256_json(evidence.model_dump(mode="json")),
    )
    _check_origin(measured)
    return measured


def _check_origin(measured: MeasuredStudy) -> None:
    evidence, record = measured.evidence, measured.record
    for role, recorded, judged in (
        ("selected", record.selected.family, evidence.family),
        ("reference", record.reference.family, evidence.reference_family),
    ):
        if recorded != judged:
            raise EvidenceError(
                f"study `{evidence.study}`, record.json",
                rule="the record is of the model families that were measured",
                received=f"`{recorded}` as the {role} one, expected `{judged}`",
                remedy=f"Run `dvc repro -f train@{evidence.study}`, then `dvc repro`.",
            )
    if measured.provenance.sha256 != evidence.cohort.sha256:
        raise EvidenceError(
            f"study `{evidence.study}`, provenance.json",
            rule="the provenance is of the cohort that was measured",
            received=f"the cohort {measured.provenance.sha256[:12]}, expected {evidence.cohort.sha256[:12]}",
            remedy=f"Run `dvc repro -f ingest@{evidence.study}`, then `dvc repro`.",
        )
