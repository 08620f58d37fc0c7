"""The dossiers that a release may rest on, which are kept; all others can be removed."""

import time
from collections.abc import Mapping
from contextlib import suppress

import sqlalchemy
from mlflow.store.model_registry.dbmodels.models import SqlModelVersionTag
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from theragate.errors import StoreError, TheragateError
from theragate.mlflow_plugin.names import ATTESTATION
from theragate.mlflow_plugin.tables import LEDGER, lock, remove_dossiers, said_by_database
from theragate.release.attestation import PAYLOAD_TYPE
from theragate.release.dsse import read_envelope, verify
from theragate.release.examination import read_unverified
from theragate.release.trust import Trust, present_trust
from theragate.settings import Settings

__all__ = ["clean_dossiers", "used_dossiers"]

_DAY = 24 * 3600


def used_dossiers(session: Session, trust: Trust) -> set[str]:
    """Return the digests of the dossiers that the attestation of a version names.

    An attestation counts if an evaluator has signed it, whose key may have been revoked since, or if the ledger
    mentions its version; a tag that somebody else has written keeps nothing.
    """
    decided = {
        (study, version) for study, version in session.execute(sqlalchemy.select(LEDGER.c.study, LEDGER.c.version))
    }
    keys = [entry.key for entry in trust.of_role("evaluator")]
    used: set[str] = set()
    for tag in session.query(SqlModelVersionTag).filter_by(key=ATTESTATION):
        with suppress(TheragateError):
            if (tag.name, tag.version) not in decided:
                verify(read_envelope(str(tag.value)), keys, payload_type=PAYLOAD_TYPE)
            used.add(read_unverified(str(tag.value)).dossier_sha256)
    return used


def clean_dossiers(settings: Settings, environ: Mapping[str, str], *, days: int) -> str:
    """Remove the dossiers that were sent more than `days` days ago and that no attestation refers to; say how many.

    Raises
    ------
    StoreError
        If the database refuses: on PostgreSQL only its owner removes dossiers, the server's role does not.
    ConfigurationError, DataError
        If the trust file cannot be used.
    """
    trust = present_trust(settings, environ)
    engine = sqlalchemy.create_engine(settings.registry.removeprefix("gated+"))
    try:
        with Session(engine) as session:
            lock(session)
            used = used_dossiers(session, trust)
            number, size = remove_dossiers(session, used, before=int(time.time()) - days * _DAY)
            session.commit()
    except SQLAlchemyError as error:
        raise StoreError(
            "the dossiers",
            rule="the owner of the database removes those that no attestation refers to",
            received=f"this error: {said_by_database(error)}",
            remedy="Set MLFLOW_TRACKING_URI to the address with which the owner signs in, and run it again.",
        ) from error
    finally:
        engine.dispose()
    return f"{number} dossiers ({size:,} bytes) were older than {days} days and nothing referred to them: removed."
