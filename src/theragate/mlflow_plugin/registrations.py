"""Who has ever registered which model: recorded for good, so that nobody passes for a stranger to a copy.

A version is found again by its files, its location, its run and its logged model, under any name and number, and also
after it was deleted. What the server has not signed counts for nothing
(`theragate.mlflow_plugin.signed_registrations`).
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.mlflow_tags import MLFLOW_USER
from mlflow.utils.uri import is_local_uri
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from theragate.errors import ConfigurationError
from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.identity import present_actor
from theragate.mlflow_plugin.names import AUTHOR
from theragate.mlflow_plugin.originals import original
from theragate.mlflow_plugin.signed_registrations import Registered, add_registration, counted
from theragate.mlflow_plugin.tables import REGISTRATIONS, was_in_service
from theragate.mlflow_plugin.transactions import Transactions
from theragate.release.admission import Actor
from theragate.release.attestation import Attestation
from theragate.release.examination import Author
from theragate.release.keys import SigningKey
from theragate.release.model_files import Package, hash_files
from theragate.release.refusals import Refusal

__all__ = ["Registrations"]

_LONGEST = 1000  # characters of a location that are kept and compared
_MOST_AGAIN = 100  # of one person's versions without files that are looked at again, the newest first


class Registrations:
    """The table of registrations, to which rows are only added."""

    def __init__(self, transactions: Transactions, configuration: Configuration) -> None:
        self._transactions, self._configuration = transactions, configuration

    def record(self, session: Session, version: ModelVersion, *, location: str, person: Actor) -> None:
        """Add that `person` registers `version`, within the transaction that creates it.

        Raises
        ------
        ConfigurationError
            If somebody has signed in, and this server has no key with which to sign that.
        """
        row = {**_keys(version, location), "person": person.name, "runner": _runner(session, version.run_id)}
        add_registration(session, row, self._key() if person.identity == "signed_in" else None)

    def fingerprint(self, version: ModelVersion, *, location: str) -> None:
        """Add what the files of `version` are now, where this server keeps them; nothing where they cannot be read."""
        person = dict(version.tags).get(AUTHOR)
        package = None if person is None else _hashed(location, self._configuration.environ, self._root)
        if person is None or package is None:
            return
        row = {**_keys(version, location), **_digests(package), "person": person}
        with self._transactions.session(read_only=False) as session:
            known = select(REGISTRATIONS).filter_by(**{key: row[key] for key in row if key != "at"})
            if not self._counted(session, known) and self._is_recorded(session, version, person):
                self._add(session, row)

    def look_again(self, person: str) -> None:
        """Add what the files are now of what `person` has registered before they had come."""
        with self._transactions.session() as session:
            own = self._counted(session, select(REGISTRATIONS).where(REGISTRATIONS.c.person == person))
        known = {(row["name"], row["version"]) for row in own if row["package_sha256"] is not None}
        waiting = [row for row in own if (row["name"], row["version"]) not in known]
        for row in sorted(waiting, key=lambda row: int(row["id"]), reverse=True)[:_MOST_AGAIN]:
            package = _hashed(row["location"] or row["source"], self._configuration.environ, self._root)
            if package is not None and package.has_model:
                kept = {key: value for key, value in row.items() if key != "id"}
                with self._transactions.session(read_only=False) as session:
                    self._add(session, kept | _digests(package) | {"at": int(time.time())})

    def check(self, version: ModelVersion, author: str) -> None:
        """Refuse a version of which this server has not recorded that `author` has registered it.

        Raises
        ------
        Refusal
            If there is no such record, or it is not signed: somebody has written to the database past the server.
        """
        with self._transactions.session() as session:
            recorded = self._is_recorded(session, version, author)
        if not recorded:
            raise Refusal(
                f"`{version.name}` version {version.version}",
                rule="the server has recorded and signed who registered it",
                received=f"no such record of `{ascii(author)[1:-1][:80]}`",
                remedy="Register it again, through this server.",
            )

    def others(self, version: ModelVersion, signed: Attestation) -> tuple[Author, ...]:
        """Return who else had a part in the model of `version`: everybody who has registered it anywhere, or its run.

        Parameters
        ----------
        signed
            What is attested of the version, whose digests are those of the files that will be served.
        """
        with self._transactions.session() as session:
            keys = _keys(version, _location(session, version))
            columns = REGISTRATIONS.c
            same = [
                (columns.name == keys["name"]) & (columns.version == keys["version"]),
                columns.package_sha256 == signed.package_sha256,
                columns.model_sha256 == signed.model_sha256,
            ]
            same += [columns[name] == keys[name] for name in ("source", "location", "run_id", "model_id") if keys[name]]
            rows = self._counted(session, select(REGISTRATIONS).where(or_(*same)).order_by(columns.id))
        return tuple(dict.fromkeys(author for row in rows for author in _authors(row)))

    def _is_recorded(self, session: Session, version: ModelVersion, person: str) -> bool:
        """Return whether `person` has registered `version` through this server, whatever its model was called then."""
        location = _location(session, version)
        keys = _keys(version, location)
        same = {name: keys[name] for name in ("version", "source", "run_id", "model_id")}
        if not was_in_service(session, str(version.name), int(version.version)):  # its files are a sealed copy since
            same["location"] = location[:_LONGEST] or keys["source"]
        return bool(self._counted(session, select(REGISTRATIONS).filter_by(person=person, **same)))

    def _counted(self, session: Session, query: Select[Any]) -> list[Registered]:
        """Return the rows that count: where nobody signs in, no name is more than claimed and nothing is released."""
        rows: list[Registered] = [dict(row) for row in session.execute(query).mappings()]
        return counted(session, rows, self._configuration.trust()) if self._signed_in else rows

    def _add(self, session: Session, row: Registered) -> None:
        """Add what this server has found out about a registration that counts."""
        with suppress(ConfigurationError):  # without a key, nothing is released either
            add_registration(session, row, self._key() if self._signed_in else None)

    def _key(self) -> SigningKey | None:
        trust = self._configuration.trust()
        return None if trust.development else self._configuration.ledger_key(trust)

    @property
    def _signed_in(self) -> bool:
        return present_actor(self._configuration.environ).identity == "signed_in"

    @property
    def _root(self) -> Path | None:
        artifacts = self._configuration.settings.artifacts
        return Path(local_file_uri_to_path(artifacts)).resolve() if is_local_uri(artifacts) else None


def _location(session: Session, version: ModelVersion) -> str:
    found: Select[Any] = select(SqlModelVersion.storage_location).filter_by(
        name=version.name, version=int(version.version)
    )
    return str(session.execute(found).scalar() or "")


def _digests(package: Package) -> dict[str, object]:
    return {"package_sha256": package.sha256, "model_sha256": package.model_sha256 if package.has_model else None}


def _authors(row: Registered) -> Sequence[Author]:
    where = f"`{row['name']}` version {row['version']}"
    found = [Author(str(row["person"]), f"registered the same model as {where}")]
    if row["runner"]:
        found += [Author(name, f"made the run of {where}") for name in str(row["runner"]).split("\n")]
    return found


def _keys(version: ModelVersion, location: str) -> dict[str, object]:
    return {
        "name": str(version.name),
        "version": int(version.version),
        "source": str(version.source or "")[:_LONGEST],
        "location": location[:_LONGEST],
        "run_id": str(version.run_id or "")[:64],
        "model_id": str(getattr(version, "model_id", None) or "")[:64],
        "at": int(time.time()),
    }


def _runner(session: Session, run_id: str | None) -> str:
    """Return who made a run, as its client says: that can only keep somebody from approving."""
    if not run_id:
        return ""
    user = session.execute(select(SqlRun.user_id).filter_by(run_uuid=run_id)).scalar()
    tag = session.execute(select(SqlTag.value).filter_by(run_uuid=run_id, key=MLFLOW_USER)).scalar()
    names = {" ".join(str(name).split())[:200] for name in (user, tag) if name} - {"", "unknown"}
    return "\n".join(sorted(names))


def _hashed(location: str, environ: Mapping[str, str], root: Path | None) -> Package | None:
    """Hash files that this server keeps: whoever registers a version must not let the server fetch anything else."""
    if not _is_kept_here(location, root):
        return None
    with suppress(Refusal, MlflowException, OSError), original(location, environ) as folder:
        package = hash_files(folder)
        return package if package.files else None
    return None


def _is_kept_here(location: str, root: Path | None) -> bool:
    parts = urlsplit(location)
    if parts.scheme == "mlflow-artifacts":
        return not parts.netloc
    if not location or root is None or not is_local_uri(location):
        return False
    return Path(local_file_uri_to_path(location)).resolve().is_relative_to(root)
