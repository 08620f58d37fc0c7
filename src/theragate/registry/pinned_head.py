"""The last row of a ledger that a consumer has seen, pinned so that nobody can later show an older or another ledger.

A registry restored to a former state, or a server that replays yesterday's champion, has a ledger with valid
signatures. It lacks the row that this consumer has seen.
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
    """Return the file of this user's pinned rows, below ``XDG_STATE_HOME`` or ``~/.local/state``."""
    base = environ.get("XDG_STATE_HOME")
    return Path(base or home / ".local" / "state") / "theragate" / "ledgers.json"


def remember(path: Path, registry: str, rows: Sequence[Row]) -> None:
    """Check the verified `rows` of the ledger of `registry` against the pinned row, then pin the last one.

    Raises
    ------
    StoreError
        If the ledger lacks the pinned row, or has another row with its number.
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
        received = f"a damaged record of its last row in {path.name}"
    elif len(rows) < number:
        received = f"a ledger that ends at row {len(rows)}, though row {number} was seen before"
    elif rows[number - 1].hash != digest:
        received = f"a row {number} other than the one that was seen before"
    else:
        return
    raise StoreError(
        "the registry's ledger",
        rule="it only grows",
        received=received,
        remedy=f"Use no model from it; find out who restored or replaced it. If that was intended, remove {path}.",
    )
