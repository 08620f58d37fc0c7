"""Evidence to a verdict. Nothing heavy is imported: a changed limit is judged again in a moment."""

from theragate.files import write_json, write_text
from theragate.gates import decide
from theragate.project.documents import read_measured
from theragate.project.looks_on_record import committed_looks, look_of
from theragate.project.waiver_rows import as_judged
from theragate.release.looks import count_look
from theragate.reports.card import model_card
from theragate.reports.headline import metrics_summary
from theragate.runner.command import StageCall

__all__ = ["gate"]


def gate(call: StageCall) -> str:
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
    workspace, settings = call.workspace, call.settings
    measured = read_measured(workspace)
    evidence = measured.evidence
    verdict = decide(evidence, measured.policy, evidence_sha256=measured.evidence_sha256)
    study = workspace.study
    look = count_look(settings, study, look_of(verdict), known=committed_looks(settings, study))
    card = model_card(
        measured.study,
        evidence,
        verdict,
        measured.record,
        measured.provenance,
        waivers=as_judged(measured.waivers, verdict),
        look=look,
        shared_by=measured.policy.shared_by,
    )
    write_json(workspace.report("verdict.json"), verdict.model_dump(mode="json"))
    write_json(workspace.report("metrics.json"), metrics_summary(evidence, verdict))
    write_text(workspace.report("card.md"), card)
    blocking = ", ".join(f"{finding.code} {finding.gate} {finding.status}" for finding in verdict.blocking)
    return f"{verdict.decision}" + (f" by {blocking}" if blocking else "") + f"; look {look} at the held-out data"
