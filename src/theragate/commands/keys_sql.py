"""`theragate keys sql`: the ledger's keys, as the trust file lists them, for the rules of a server's database."""

from collections.abc import Mapping

from theragate.errors import ConfigurationError
from theragate.release.trust import own_key, read_trust, trust_path
from theragate.settings import Settings

__all__ = ["keys_sql"]


def keys_sql(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return SQL that makes the keys of the database those with the role `ledger`, revoked ones included.

    Raises
    ------
    ConfigurationError, DataError
        If there is no trust file, it cannot be used, or it lists no key of the ledger.
    """
    path = trust_path(environ, settings.home)
    entries = () if path is None else read_trust(path, development=own_key(settings)).of_role("ledger")
    if not entries:
        raise ConfigurationError(
            "the ledger's keys",
            rule="the trust file lists at least one with the role `ledger`",
            received="no trust file" if path is None else "none",
            remedy="Make one with `theragate keys make NAME --role ledger`, or set THERAGATE_TRUST.",
        )
    rows = ",\n".join(
        f"  ({_text(entry.name)}, decode('{entry.public}', 'base64'), "
        f"{'NULL' if entry.revoked is None else _text(entry.revoked.isoformat())})"
        for entry in entries
    )
    return (
        "BEGIN;\n"
        "DELETE FROM theragate.ledger_keys;\n"
        f"INSERT INTO theragate.ledger_keys (name, public, revoked) VALUES\n{rows};\n"
        "COMMIT;"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
