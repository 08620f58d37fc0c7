"""What a consumer remembers of a ledger: its last row, so that nobody can show an older ledger, or another one, later.

A registry that was set back to a former state, or a server that plays back a champion of yesterday, has a ledger with
good signatures. It lacks the row that this consumer has seen.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from theragate.errors import StoreError
from theragate.files import read_json, write_json
from theragate.release.ledger import Row

__all__ = ["memory_path", "remember"]


def memory_path(environ: Mapping[str, str], home: Path) -> Path:
    """Return the file in which this user's consumers remember: below ``XDG_STATE_HOME``, or ``~/.local/state``."""
    base = environ.get("XDG_STATE_HOME")
    return Path(base or home / ".local" / "state") / "theragate" / "ledgers.json"


def remember(path: Path, registry: str, rows: Sequence[Row]) -> None:
    """Check verified `rows` of the ledger of `registry` against what is remembered, then remember the last one.

    Raises
    ------
    StoreError
        If the ledger lacks the row that was seen last, or has another one in its place.
    """
    address = urlsplit(registry)
    registry = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()  # without a password
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(path.with_suffix(".lock")):
        heads = (
            read_json(path, remedy=f"Remove {path} if you trust the registry as it is now.") if path.exists() else {}
        )
        seen = heads.get(registry) if isinstance(heads, dict) else None
        if isinstance(seen, dict):
            _check(rows, number=seen.get("seq"), digest=seen.get("hash"), path=path)
        if rows:
            head = {"seq": rows[-1].seq, "hash": rows[-1].hash}
            if seen != head:
                write_json(path, {**(heads if isinstance(heads, dict) else {}), registry: head})


def _check(rows: Sequence[Row], *, number: object, digest: object, path: Path) -> None:
    if not isinstance(number, int) or number < 1:
        received = "a memory that is damaged"
    elif len(rows) < number:
        received = f"a ledger that ends at row {len(rows)}, older than row {number}, which was seen here before"
    elif rows[number - 1].hash != digest:
        received = f"another row {number} than the one that was seen here before"
    else:
        return
    raise StoreError(
        "the registry's ledger",
        rule="it only grows",
        received=received,
        remedy=f"Use no model of it; find out who has set it back. If that was meant, remove {path}.",
    )
