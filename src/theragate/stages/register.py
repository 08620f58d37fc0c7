"""Verdict to MLflow: the run, its trials, the version and, where nothing blocks or all is waived, `candidate`."""

from theragate.files import write_json
from theragate.project.current_verdict import read_judged
from theragate.project.snapshot import take_snapshot
from theragate.publishing.disclosure import check_disclosure
from theragate.publishing.gather import gather, registration_of
from theragate.publishing.signing import sign_for_development
from theragate.publishing.to_mlflow import lost_alias_text, write_missing
from theragate.runner.command import StageCall

__all__ = ["register"]


def register(call: StageCall) -> str:
    """Write ``published.json``, ``disclosure.json`` and ``registration.json``; write to MLflow what it lacks.

    Run and version numbers are MLflow's own and differ from one MLflow to another; they are in neither file, nor is a
    signature, which has a time. Under ``dvc exp run`` the run is logged and nothing is registered.

    Raises
    ------
    EvidenceError
        If a file that is bound for MLflow gives a patient away; nothing is written to MLflow then.
    StoreError
        If MLflow is out of reach, locked, or of another version.
    """
    workspace, settings = call.workspace, call.settings
    snapshot = take_snapshot(workspace.root, call.environ)
    judged = read_judged(workspace)
    bundle = gather(judged, settings, snapshot)
    write_json(
        workspace.report("disclosure.json"), check_disclosure(workspace, bundle, private=settings.private).record()
    )
    published = write_missing(bundle, settings, snapshot)
    registration = registration_of(bundle, registered=published.version is not None)
    write_json(workspace.report("registration.json"), registration.model_dump(mode="json"))
    decision = "; ".join(filter(None, (bundle.verdict.decision, bundle.waived_by)))
    if published.version is None:
        return f"{decision}; logged as an experiment's run, nothing registered"
    state = "alias `candidate`" if published.alias else "no alias"
    signed = sign_for_development(
        judged, settings, bundle, version=published.version, snapshot=snapshot, environ=call.environ
    )
    return f"{decision}; version {published.version}, {state}{lost_alias_text(published.taken_from)}{signed}"
