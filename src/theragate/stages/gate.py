"""Evidence to a verdict. Nothing heavy is imported: a changed limit is judged anew in a moment."""

from theragate.files import write_json, write_text
from theragate.gates import decide, read_policy
from theragate.project.documents import read_evidence, read_origin
from theragate.project.waiver_rows import as_judged
from theragate.release.looks import count_look
from theragate.release.waivers import read_waivers
from theragate.reports.card import model_card
from theragate.reports.headline import metrics_summary
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import load_study

__all__ = ["gate"]


def gate(workspace: Workspace, settings: Settings) -> str:
    """Write ``verdict.json``, ``card.md`` and ``metrics.json``. A BLOCKED verdict is a result, not an error.

    That the held-out data have decided once more is counted in ``looks/``, outside the stage's outputs: DVC may remove
    those. Judging the same thing again is no new look.

    Raises
    ------
    ConfigurationError
        If the study's gates are unknown, incomplete or wrongly set, or its waivers are of another form.
    DataError
        If a file is missing or unreadable, or the ledger of looks is damaged.
    EvidenceError
        If the evidence is not of this version, or is of another study, model or cohort than the files beside it.
    """
    study = load_study(workspace.params, workspace.study)
    policy = read_policy(study)
    evidence, evidence_sha256 = read_evidence(workspace)
    record, provenance = read_origin(workspace, evidence)
    waivers = read_waivers(workspace.decided("waivers.json"), study.name)
    verdict = decide(evidence, policy, evidence_sha256=evidence_sha256)
    look = count_look(settings, verdict)
    accepted = as_judged(waivers, verdict)
    card = model_card(study, evidence, verdict, record, provenance, waivers=accepted, look=look)
    write_json(workspace.report("verdict.json"), verdict.model_dump(mode="json"))
    write_json(workspace.report("metrics.json"), metrics_summary(evidence, verdict))
    write_text(workspace.report("card.md"), card)
    blocking = ", ".join(f"{finding.code} {finding.gate} {finding.status}" for finding in verdict.blocking)
    return f"{verdict.decision}" + (f" by {blocking}" if blocking else "") + f"; look {look} at the held-out data"
