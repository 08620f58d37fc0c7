"""From a bundle to the MLflow server that the settings name, which then has what it lacked."""

from theragate.project.snapshot import Moment
from theragate.settings import Settings
from theragate.tracking import publish as publishing
from theragate.tracking.bundle import Bundle
from theragate.tracking.publish import Published
from theragate.tracking.store import Stores

__all__ = ["project", "review", "taken_words"]


def project(bundle: Bundle, settings: Settings, moment: Moment) -> Published:
    """Write to MLflow what it lacks of `bundle`; an experiment is logged and not registered."""
    return publishing.publish(bundle, Stores.of(settings), register=bundle.experiment is None, now=moment.now)


def review(bundle: Bundle, settings: Settings, moment: Moment) -> str | None:
    """Write nothing, but take `candidate` from a version whose waivers no longer count; return its number."""
    return publishing.review(bundle, Stores.of(settings), now=moment.now)


def taken_words(version: str | None) -> str:
    """Say that a version has lost the alias; empty where none has."""
    return "" if version is None else f"; alias `candidate` taken from version {version}: its waivers no longer count"
