"""The attestation of a version in MLflow: the package that it is about, the tag that carries it, the dossier beside it.

What is signed, and by whom, is the caller's business.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from theragate.errors import StoreError
from theragate.tracking.bundle import Bundle
from theragate.tracking.champion import CHAMPION
from theragate.tracking.models import find_version
from theragate.tracking.registry import Registry
from theragate.tracking.store import Stores, opened

__all__ = ["ATTESTATION", "DEVELOPMENT", "SIGNER", "Papers", "Tagged", "attach", "version_of"]

ATTESTATION = "theragate.attestation"
SIGNER = "theragate.attested_by"
DEVELOPMENT = "DEVELOPMENT KEY"  # the first words of the signer, where it is one
_RELEASED = "theragate.released"


@dataclass(frozen=True)
class Papers:
    """What is put to a version: the signed envelope, the signer in words, and the dossier for the server."""

    envelope: str
    signer: str
    dossier: bytes


@dataclass(frozen=True)
class Tagged:
    """What a version says already: the envelope and the signer; empty where there is none."""

    envelope: str
    signer: str


def version_of(stores: Stores, bundle: Bundle) -> str:
    """Return the number of the version that holds `bundle`.

    Raises
    ------
    StoreError
        If a store cannot be used, or has no such version.
    """
    with opened(stores) as client:
        found = find_version(client, bundle)
    if found is None:
        raise StoreError(
            f"MLflow, `{bundle.study.name}`",
            rule="what is attested is registered",
            received="no version of these results",
            remedy=f"Register it: `dvc repro register@{bundle.study.name}`, or `theragate sync`.",
        )
    return str(found.version)


def attach(
    stores: Stores, study: str, number: str, *, keep: Callable[[Tagged], bool], sign: Callable[[Path], Papers]
) -> Papers | None:
    """Let `sign` see the package of a version, and put what it returns to the version.

    A version that is or was champion is left alone: its attestation has done its work.

    Parameters
    ----------
    keep
        Whether what the version says already may stay.
    sign
        Called with the folder of a copy of the package.

    Returns
    -------
    What was put; None where nothing had to be.

    Raises
    ------
    StoreError
        If a store cannot be used, or the package cannot be read.
    """
    with opened(stores) as client:
        version = client.get_model_version(study, number)
        if CHAMPION in version.aliases or _RELEASED in version.tags:
            return None
        tagged = Tagged(version.tags.get(ATTESTATION, ""), version.tags.get(SIGNER, ""))
        if tagged.envelope and keep(tagged):
            _warn(client, version, tagged.signer)
            return None
        registry = Registry(client)
        with tempfile.TemporaryDirectory() as folder:
            papers = sign(registry.fetch_package(study, number, Path(folder)))
        registry.put_dossier(papers.dossier)
        client.set_model_version_tag(study, number, ATTESTATION, papers.envelope)
        client.set_model_version_tag(study, number, SIGNER, papers.signer)
        _warn(client, version, papers.signer)
        return papers


def _warn(client: MlflowClient, version: ModelVersion, signer: str) -> None:
    """Say at the top of the version's page that a development key has signed it; take it away where none has."""
    lines = (version.description or "").split("\n\n")
    others = "\n\n".join(line for line in lines if not line.startswith(DEVELOPMENT))
    text = f"{signer}.\n\n{others}" if signer.startswith(DEVELOPMENT) else others
    if text != (version.description or ""):
        client.update_model_version(version.name, version.version, description=text)
