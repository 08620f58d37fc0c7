"""From a bundle to the MLflow that the settings name. Apart from the rest, because MLflow takes seconds to import."""

from theragate.project.snapshot import Snapshot
from theragate.settings import Settings
from theragate.tracking import publish
from theragate.tracking.bundle import Bundle
from theragate.tracking.publish import Published
from theragate.tracking.store import Stores

__all__ = ["lost_alias_text", "review_candidate", "write_missing"]


def write_missing(bundle: Bundle, settings: Settings, snapshot: Snapshot) -> Published:
    """Write to MLflow what it lacks of `bundle`; an experiment is logged and not registered."""
    return publish.publish(bundle, Stores.of(settings), register=bundle.experiment is None, now=snapshot.now)


def review_candidate(bundle: Bundle, settings: Settings, snapshot: Snapshot) -> str | None:
    """Write nothing, but take `candidate` from a version whose waivers no longer count; return its number."""
    return publish.review(bundle, Stores.of(settings), now=snapshot.now)


def lost_alias_text(version: str | None) -> str:
    """Say that a version has lost the alias; empty where none has."""
    return "" if version is None else f"; alias `candidate` taken from version {version}: its waivers no longer count"
