"""What a release writes into MLflow's own rows of a version: where its files are, and who decided what."""

from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlModelVersionTag
from sqlalchemy.orm import Session

from theragate.mlflow_plugin.names import ATTESTATION
from theragate.release.ledger import Event

__all__ = ["present_attestation", "serve_from", "tag_with_event"]

_VERBS = {
    "approve": "approved",
    "promote": "promoted",
    "rollback": "rolled back to",
    "revoke": "revoked",
    "withdraw": "withdrawn",
}


def serve_from(session: Session, event: Event, uri: str) -> None:
    """Let the files of the event's version be served from `uri`, its sealed copy."""
    key = (SqlModelVersion.name == event.study, SqlModelVersion.version == int(event.version))
    session.query(SqlModelVersion).filter(*key).update({"storage_location": uri})


def present_attestation(session: Session, event: Event) -> str | None:
    """Return the attestation that the version has under the lock: nobody exchanges that of a version in service."""
    key = {"name": event.study, "version": int(event.version), "key": ATTESTATION}
    text = session.query(SqlModelVersionTag.value).filter_by(**key).scalar()
    return None if text is None else str(text)


def tag_with_event(session: Session, event: Event, tag: str) -> None:
    """Tag the version with a sentence for people: who did what, when and why."""
    text = f"{_VERBS[event.kind]} by {event.actor} on {event.at:%Y-%m-%d %H:%M} UTC"
    if event.identity == "claimed":
        text += " (a name that was claimed, not signed in)"
    if event.reason:
        text += f": {event.reason}"
    key = {"name": event.study, "version": int(event.version)}
    workspace = session.query(SqlModelVersion.workspace).filter_by(**key).scalar()
    session.merge(SqlModelVersionTag(workspace=workspace, value=text, key=tag, **key))
