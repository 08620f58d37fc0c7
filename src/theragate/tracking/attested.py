"""The attestation of a version in MLflow: the package it is about, the tag that carries it, and its dossier.

The caller decides what is signed, and with which key.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from theragate.errors import StoreError
from theragate.tracking.bundle import Bundle
from theragate.tracking.champion import CHAMPION
from theragate.tracking.downloads import Check
from theragate.tracking.models import find_version
from theragate.tracking.registry import Registry
from theragate.tracking.store import Stores, opened

__all__ = [
    "ATTESTATION",
    "DEVELOPMENT",
    "SIGNER",
    "AttestationTags",
    "SignedAttestation",
    "UncountedError",
    "attach",
    "check_registered",
    "version_of",
]

ATTESTATION = "theragate.attestation"
SIGNER = "theragate.attested_by"
DEVELOPMENT = "DEVELOPMENT KEY"  # the first words of the signer, where it is one
_RELEASED = "theragate.released"
_NO_VERSION = str(2**31 - 1)  # the largest number that a database keeps
_AUTHOR = "theragate.author"  # only a guarded registry writes it, which also describes what is attested


@dataclass(frozen=True)
class SignedAttestation:
    """What a version is given: the signed envelope, the signer in words, and the dossier for the server."""

    envelope: str
    signer: str
    dossier: bytes


@dataclass(frozen=True)
class AttestationTags:
    """The tags that a version has already: the envelope and the signer, empty where there is none."""

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
        version = find_version(client, bundle)
    if version is None:
        raise _unregistered(bundle.study.name, "no version with these results")
    return str(version.version)


def check_registered(stores: Stores, study: str) -> None:
    """Refuse to attest a study of which nothing is registered, or nothing that this person may read and then change.

    Raises
    ------
    StoreError
        If a store cannot be used, or has no version of the study.
    StoreRefusal
        If the server says which right is missing.
    """
    with opened(stores) as client:
        registry = Registry(client)
        if not registry.versions(study):
            raise _unregistered(study, "no version, or none that you may READ")
        if registry.signs_in:
            _check_edit(client, study)


def _check_edit(client: MlflowClient, study: str) -> None:
    """Ask a server for what will be asked of it later, of a version that there is not: it looks at the right first."""
    try:
        client.set_model_version_tag(study, _NO_VERSION, ATTESTATION, "none")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _unregistered(study: str, received: str) -> StoreError:
    return StoreError(
        f"MLflow, `{study}`",
        rule="a version is registered before it is attested",
        received=received,
        remedy=f"Register it: `dvc repro register@{study}`, or `theragate sync`.",
    )


def attach(
    stores: Stores,
    study: str,
    number: str,
    *,
    keep: Callable[[AttestationTags], bool],
    sign: Callable[[Path], SignedAttestation],
    check: Check,
) -> SignedAttestation | None:
    """Give a version the attestation that `sign` returns for its package.

    A version that is or was champion keeps the attestation by which it was released.

    Parameters
    ----------
    keep
        Tells from the version's tags whether its present attestation may stay.
    sign
        Called with the folder of a copy of the package.
    check
        Called with each path of the package before it is fetched; see `theragate.tracking.registry`.

    Returns
    -------
    What the version was given; None where it keeps what it has.

    Raises
    ------
    StoreError
        If a store cannot be used, or the package cannot be read.
    UncountedError
        If a guarded registry does not count what was signed.
    """
    with opened(stores) as client:
        version = client.get_model_version(study, number)
        if CHAMPION in version.aliases or _RELEASED in version.tags:
            return None
        tagged = AttestationTags(version.tags.get(ATTESTATION, ""), version.tags.get(SIGNER, ""))
        if tagged.envelope and tagged.signer and keep(tagged):
            if _AUTHOR not in version.tags:
                _warn(client, version, tagged.signer)
            return None
        registry = Registry(client)
        with tempfile.TemporaryDirectory() as folder:
            signed = sign(registry.fetch_package(study, number, Path(folder), check=check))
        if registry.api.put_dossier(signed.dossier):
            client.set_model_version_tag(study, number, ATTESTATION, signed.envelope)
            _check_accepted(client.get_model_version(study, number))
            return signed
        client.set_model_version_tag(study, number, ATTESTATION, signed.envelope)
        client.set_model_version_tag(study, number, SIGNER, signed.signer)
        _warn(client, version, signed.signer)
        return signed


class UncountedError(StoreError):
    """A guarded registry has kept an attestation, and does not count it."""


def _check_accepted(version: ModelVersion) -> None:
    """Refuse to call a version attested that its guarded registry does not."""
    if SIGNER not in version.tags:
        raise UncountedError(
            f"MLflow, `{version.name}` version {version.version}",
            rule="the registry counts what was signed",
            received=(version.description or "").partition("\n\n")[0],
            remedy="Compare its trust file with yours, and whether somebody has changed the version's files.",
        )


def _warn(client: MlflowClient, version: ModelVersion, signer: str) -> None:
    """Warn at the top of the version's page where a development key has signed it; otherwise remove the warning."""
    lines = (version.description or "").split("\n\n")
    others = "\n\n".join(line for line in lines if not line.startswith(DEVELOPMENT))
    text = f"{signer}.\n\n{others}" if signer.startswith(DEVELOPMENT) else others
    if text != (version.description or ""):
        client.update_model_version(version.name, version.version, description=text)
