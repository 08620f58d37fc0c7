"""The evaluator's work: make everything again from the commit, and sign what came out the same."""

from collections.abc import Mapping
from pathlib import Path

from theragate.errors import ConfigurationError, EvidenceError
from theragate.learning.record import TrainingRecord
from theragate.project.current_verdict import read_judged
from theragate.project.pipeline_files import check_pipeline
from theragate.project.snapshot import Snapshot, take_snapshot
from theragate.publishing.champion_recipe import check_recipe
from theragate.publishing.gather import gather
from theragate.publishing.recompute import recomputed
from theragate.publishing.signing import Signer, development_signer, draft, put_to_version
from theragate.registry.pinned_head import Memory, consumer_memory
from theragate.registry.session import check_ledger
from theragate.release.champion import read_champion
from theragate.release.keys import read_key
from theragate.release.trust import Trust, deployed_trust
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import load_study
from theragate.tracking.attested import check_registered, version_of
from theragate.tracking.store import Stores
from theragate.workers.alike import library_versions

__all__ = ["attest", "check_champion", "check_versions"]

_KEY = "THERAGATE_EVALUATOR_KEY"


def attest(root: Path, study: str, settings: Settings, environ: Mapping[str, str]) -> str:
    """Recompute a study from HEAD, and attest the version that holds the very same results.

    Under a trust file the key is that of an evaluator, and comes from ``THERAGATE_EVALUATOR_KEY``. Without one the
    development key signs. What is attested already, and says the same, stays as it is.

    Returns
    -------
    One line for the user.

    Raises
    ------
    ConfigurationError
        If there is no such study, or no key that counts.
    EvidenceError
        If something is not committed, the stages are not Theragate's, or a fresh clone does not make the same results.
    StoreError
        If MLflow cannot be used, or has no version of these results.
    Refusal
        If the registered package is not the one that the clone makes, byte for byte.
    """
    load_study(Workspace(root, study).params, study)
    here = take_snapshot(root, environ)
    signer = _signer(settings, environ, here, study)
    commit = _commit(study, here)
    memory = consumer_memory(settings, environ, Path.home(), development=signer.trust.development)
    check_ledger(Stores.of(settings), signer.trust, memory)
    check_registered(Stores.of(settings), study)  # what is made again takes as long as the pipeline does
    with recomputed(root, study, commit=commit, private=settings.private, environ=environ, check=check_pipeline) as (
        clone,
        own,
    ):
        workspace, snapshot = Workspace(clone, study), take_snapshot(clone, environ)
        check_champion(workspace, Stores.of(settings), signer.trust, memory)
        judged = read_judged(workspace)
        bundle = gather(judged, own, snapshot)
        check_versions(bundle.record)
        version = version_of(Stores.of(settings), bundle)
        prepared = draft(judged, bundle, snapshot, recomputed=True)
        signed = put_to_version(settings, prepared, signer, version=version, snapshot=snapshot, renew=True)
    state = "attested" if signed else "attested already, or in service; nothing changed"
    made = f"made again from commit {commit[:12]} to the same bytes"
    return f"{study}: {made}; version {version} {state} ({signer.words})"


def check_versions(record: TrainingRecord) -> None:
    """Refuse a record that was made here and names other libraries: what it names is installed by whoever loads it.

    Raises
    ------
    EvidenceError
        If a library is another, or of another version, than those that Theragate trains with here.
    """
    here = library_versions()
    named = {name: version for name, version in record.versions.items() if name != "python"}
    differing = sorted(name for name in here.keys() | named.keys() if here.get(name) != named.get(name))
    if differing:
        raise EvidenceError(
            f"study `{record.study}`, `versions` in record.json",
            rule="they are the libraries, and their versions, with which it was made again here",
            received=f"another `{differing[0][:60]}`",
            remedy="Find out what has written it: `theragate.stages.train` writes what is installed.",
        )


def check_champion(workspace: Workspace, stores: Stores, trust: Trust, memory: Memory) -> None:
    """Refuse a champion.json whose recipe is not the one that the champion's own attestation signs.

    Raises
    ------
    EvidenceError, Refusal, StoreError
        As `theragate.publishing.champion_recipe.check_recipe` does.
    """
    champion = read_champion(workspace.decided("champion.json"), workspace.study)
    if champion is not None:
        source = f"release/{workspace.study}/champion.json"
        check_recipe(champion, workspace.study, stores, trust, memory, source=source)


def _signer(settings: Settings, environ: Mapping[str, str], here: Snapshot, study: str) -> Signer:
    trust, value = deployed_trust(settings, environ), environ.get(_KEY)
    if trust is None and not value:
        return development_signer(settings)
    if not value:
        raise ConfigurationError(
            _KEY,
            rule="under a trust file an evaluator's key signs",
            received="none",
            remedy="Run this in CI, with the key's PEM text or the path of its file in that variable.",
        )
    if trust is None:
        raise ConfigurationError(
            _KEY,
            rule="an evaluator's key counts under a trust file",
            received="a key, and no trust file",
            remedy="Make one with `theragate keys make`, or unset the variable to use the development key.",
        )
    key = read_key(value, named=_KEY)
    if key.public not in trust.evaluators(here.today):
        raise ConfigurationError(
            _KEY,
            rule="the trust file lists the key as an evaluator's, not revoked",
            received=f"`{trust.key_name(key.key_id)}`",
            remedy="See `theragate keys list`.",
        )
    if key.public not in trust.evaluators(here.today, study):
        raise ConfigurationError(
            _KEY,
            rule=f"the trust file lets the key attest `{study}`",
            received=f"`{trust.key_name(key.key_id)}`, which is limited to other studies",
            remedy="Use the key of this study, or add it to the key's `studies`: see `theragate keys list`.",
        )
    return Signer(key, f"key `{trust.key_name(key.key_id)}`, {key.key_id[:12]}", trust)


def _commit(study: str, here: Snapshot) -> str:
    if here.code.commit is None or here.code.dirty:
        raise EvidenceError(
            f"study `{study}`",
            rule="what is attested is committed",
            received="files that differ from the commit" if here.code.commit else "no commit",
            remedy="Commit the project, `dvc.lock` included, then run the same command again.",
        )
    return here.code.commit
