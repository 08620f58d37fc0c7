"""Evidence to a verdict. Nothing heavy is imported: a changed limit is judged anew in a moment."""

from theragate.files import write_json, write_text
from theragate.gates import decide, read_policy
from theragate.reports.card import model_card
from theragate.reports.headline import metrics_summary
from theragate.settings import Settings
from theragate.stages.documents import read_evidence, read_origin
from theragate.stages.workspace import Workspace
from theragate.study import load_study

__all__ = ["gate"]


def gate(workspace: Workspace, settings: Settings) -> str:  # noqa: ARG001 - the signature that all stages share
    """Write ``verdict.json``, ``card.md`` and ``metrics.json``. A BLOCKED verdict is a result, not an error.

    Raises
    ------
    ConfigurationError
        If the study's gates are unknown, incomplete or wrongly set.
    DataError
        If a file is missing or unreadable.
    EvidenceError
        If the evidence is not of this version, or is of another study, model or cohort than the files beside it.
    """
    study = load_study(workspace.params, workspace.study)
    policy = read_policy(study)
    evidence, evidence_sha256 = read_evidence(workspace)
    record, provenance = read_origin(workspace, evidence)
    verdict = decide(evidence, policy, evidence_sha256=evidence_sha256)
    write_json(workspace.report("verdict.json"), verdict.model_dump(mode="json"))
    write_json(workspace.report("metrics.json"), metrics_summary(evidence, verdict))
    write_text(workspace.report("card.md"), model_card(study, evidence, verdict, record, provenance))
    blocking = ", ".join(f"{finding.code} {finding.gate} {finding.status}" for finding in verdict.blocking)
    return f"{verdict.decision}" + (f" by {blocking}" if blocking else "")
