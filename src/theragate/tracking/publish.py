"""Publishing a bundle to MLflow: completely or, to all appearances, not at all; and only once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from theragate.tracking.bundle import Bundle
from theragate.tracking.candidate import review_candidate
from theragate.tracking.content import revision_tags, run_text
from theragate.tracking.experiments import ensure_experiment
from theragate.tracking.models import find_version, log_model, register_version
from theragate.tracking.runs import complete_run, find_runs, log_trials, remove_run, revision_notes, start_run
from theragate.tracking.store import Stores, opened

__all__ = ["Published", "publish", "review"]

_SIGNER, _AUTHOR = "theragate.attested_by", "theragate.author"  # with both, a guarded registry says what was signed
_RELEASED = "theragate.released"  # what is or was champion stays as people released it


@dataclass(frozen=True)
class Published:
    """Where a bundle is in MLflow.

    ``version`` is None where nothing was registered; ``created`` says whether this call has written a run or a version,
    ``alias`` whether the version now has the alias ``candidate``; ``taken_from`` is a version that has lost the alias
    because its waivers no longer count.
    """

    run_id: str
    version: str | None
    created: bool
    alias: bool
    taken_from: str | None = None


def publish(bundle: Bundle, stores: Stores, *, register: bool, now: int) -> Published:
    """Write to MLflow what it lacks of `bundle`.

    An incomplete run of a killed process is deleted and written again. What is complete is left alone, with two
    exceptions: where it was published from a changed working tree, or without its lineage, and the files are committed
    now, the run and the version get the commit, the command and the release conditions; and a version that was a
    candidate by waivers that no longer count loses the alias.

    Parameters
    ----------
    register
        Whether to register a version; otherwise only the run is logged, as for an experiment.
    now
        The time of the run, in milliseconds since 1970.

    Raises
    ------
    StoreError
        If a store is out of reach, locked, read-only, full, damaged or of another version.
    """
    with opened(stores) as client:
        experiment_id = ensure_experiment(client, bundle, artifacts=stores.artifacts)
        complete, incomplete = find_runs(client, experiment_id, bundle.key)
        for run in incomplete:
            remove_run(client, run)
        if complete:
            run_id = str(complete[0].info.run_id)
            _update_run(client, bundle, complete[0])
        else:
            run_id = _write_run(client, bundle, experiment_id, now=now)
        if not register:
            return Published(run_id, version=None, created=not complete, alias=False)
        registered = find_version(client, bundle)
        if registered is not None:
            _update_version(client, bundle, registered)
        number = register_version(client, bundle, run_id=run_id, version=registered)
        alias = review_candidate(client, bundle, today=_day(now), known=registered)
        created = not complete or registered is None
        return Published(run_id, number, created, alias=alias.holder == number, taken_from=alias.taken)


def review(bundle: Bundle, stores: Stores, *, now: int) -> str | None:
    """Take the alias ``candidate`` from a version whose waivers no longer count; return its number, or None.

    Raises
    ------
    StoreError
        If a store is out of reach, locked, read-only, full, damaged or of another version.
    """
    with opened(stores) as client:
        return review_candidate(client, bundle, today=_day(now)).taken


def _day(now: int) -> date:
    return datetime.fromtimestamp(now / 1000, UTC).date()


def _write_run(client: MlflowClient, bundle: Bundle, experiment_id: str, *, now: int) -> str:
    run_id = start_run(client, bundle, experiment_id, now=now)
    model_id = log_model(client, bundle, experiment_id, run_id=run_id)
    log_trials(client, bundle.record.trials, experiment_id=experiment_id, parent=run_id, now=now)
    complete_run(client, bundle, run_id, model_id=model_id, now=now)
    return run_id


def _update_run(client: MlflowClient, bundle: Bundle, run: Run) -> None:
    if _is_now_reproducible(run.data.tags, bundle):
        for name, value in (revision_tags(bundle) | revision_notes(bundle)).items():
            client.set_tag(run.info.run_id, name, value)


def _update_version(client: MlflowClient, bundle: Bundle, version: ModelVersion) -> None:
    described_by_registry = _SIGNER in version.tags and _AUTHOR in version.tags
    if not described_by_registry and _RELEASED not in version.tags and _is_now_reproducible(version.tags, bundle):
        for name, value in revision_tags(bundle).items():
            client.set_model_version_tag(version.name, version.version, name, value)
        client.update_model_version(version.name, version.version, description=run_text(bundle))


def _is_now_reproducible(published: Mapping[str, str], bundle: Bundle) -> bool:
    """Return whether the files are committed now and, by its tags, were not (or lacked lineage) when published."""
    if bundle.dirty or bundle.commit is None:
        return False
    lineage = "theragate.lineage"
    has_lineage_now = revision_tags(bundle).get(lineage) == "pass" and published.get(lineage) != "pass"
    return published.get("git.dirty") == "true" or has_lineage_now
