"""The last row of a ledger that was seen here, pinned so that nobody can later show an older or another ledger.

A registry restored to a former state, or a server that replays yesterday's champion, has a ledger with valid
signatures. It lacks the row that was seen. A ledger is known by the hash of its first row, whatever the address at
which it is read; and an address is known by the ledger that was read there, so that no other takes its place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from filelock import FileLock, Timeout
from pydantic import Field

from theragate.errors import StoreError
from theragate.files import read_json, write_json
from theragate.release.attestation import Moment
from theragate.release.ledger import Row
from theragate.release.waivers import Digest
from theragate.settings import Settings
from theragate.study import Spec, spec_of

__all__ = ["Acceptance", "Head", "Memory", "Recollection", "consumer_memory", "place_of", "server_memory"]

_VARIABLE = "THERAGATE_MEMORY"
_PATIENCE = 60  # seconds that one process waits for another that writes the file


class Head(Spec):
    """The number and the hash of a ledger's row."""

    seq: Annotated[int, Field(ge=1)]
    hash: Digest

    @classmethod
    def of(cls, row: Row) -> "Head":
        """Return those of `row`."""
        return cls(seq=row.seq, hash=row.hash)

    def __str__(self) -> str:
        """Return them as a person names the row: `12:3f9c21ab77d0`."""
        return f"{self.seq}:{self.hash[:12]}"


class Acceptance(Spec):
    """That somebody has accepted a ledger which did not hold what was seen before; ``after`` None is an empty one."""

    at: Moment
    by: str
    reason: str
    address: str
    before: Head | None
    after: Head | None


class _Content(Spec):
    """The file: the last row of each ledger by its first row's hash, and the first row's hash by address."""

    ledgers: dict[Digest, Head] = Field(default_factory=dict)
    addresses: dict[str, Digest] = Field(default_factory=dict)
    accepted: tuple[Acceptance, ...] = ()


def consumer_memory(settings: Settings, environ: Mapping[str, str], home: Path, *, development: bool) -> "Memory":
    """Return the memory of whoever reads a registry: ``THERAGATE_MEMORY``, or a file of this user.

    It lies below ``XDG_STATE_HOME`` or ``~/.local/state``. Under a development key the ledger is the project's own
    (`development`), and so is the memory: a copy of the project has another one, and may begin anew.
    """
    if development:
        return Memory(_named(environ) or _of_project(settings), lenient=True)
    base = Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return Memory(_named(environ) or base / "theragate" / "ledgers.json")


def server_memory(settings: Settings, environ: Mapping[str, str], *, development: bool) -> "Memory":
    """Return the memory of a server: ``THERAGATE_MEMORY``, or a file in ``private/server``, outside its database."""
    return Memory(_named(environ) or _of_project(settings), lenient=development)


def _named(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(_VARIABLE)
    return Path(named) if named else None


def _of_project(settings: Settings) -> Path:
    return settings.private / "server" / "ledgers.json"


@dataclass(frozen=True)
class Memory:
    """A file of pinned rows.

    Parameters
    ----------
    path
        The file. It is written beside its place and renamed, by one process at a time.
    lenient
        A ledger at a known address may begin anew: the store of a project that signs with a development key may be
        deleted and filled again.
    """

    path: Path
    lenient: bool = False

    def recall(self) -> "Recollection":
        """Return what was seen until now; call it before the ledger is read, which others may extend meanwhile.

        Raises
        ------
        StoreError, DataError
            If the file is damaged.
        """
        return Recollection(self, self._read())

    def advance(self, address: str, *, first: str, head: Head) -> None:
        """Pin a row that follows from what was seen, unless a later one is pinned.

        Raises
        ------
        StoreError
            If the file cannot be read or written.
        """
        place = place_of(address)
        with self._locked():
            content = self._read()
            seen = content.ledgers.get(first)
            later = seen if seen is not None and seen.seq >= head.seq else head
            if seen != later or content.addresses.get(place) != first:
                kept = content.model_copy(
                    update={
                        "ledgers": {**content.ledgers, first: later},
                        "addresses": {**content.addresses, place: first},
                    }
                )
                write_json(self.path, kept.model_dump(mode="json"))

    def accept(
        self, address: str, rows: Sequence[Row], named: str, *, by: str, reason: str, now: datetime
    ) -> Acceptance:
        """Pin the last row of a verified ledger whatever was seen before, and keep who has accepted that, and why.

        Parameters
        ----------
        named
            The row that the person has looked at: its number, a colon and the first 12 digits of its hash, or `0` for
            an empty ledger.

        Raises
        ------
        StoreError
            If the ledger has no such row.
        """
        place = place_of(address)
        head = Head.of(rows[-1]) if rows else None
        if not _names(named, rows):
            raise StoreError(
                f"`--accept-head {named}`",
                rule="it names a row of the ledger by its number, a colon and the first 12 digits of its hash",
                received=f"a ledger whose last row is {head}" if head else "an empty ledger, which `0` names",
                remedy="See `theragate release audit --json` on the registry, and accept the row that you mean.",
            )
        with self._locked():
            content = self._read()
            first = rows[0].hash if rows else content.addresses.get(place)
            before = content.ledgers.get(content.addresses.get(place) or first or "")
            entry = Acceptance(at=now, by=by, reason=reason, address=place, before=before, after=head)
            addresses = {where: what for where, what in content.addresses.items() if where != place}
            ledgers = dict(content.ledgers)
            if rows and head is not None:
                addresses[place], ledgers[rows[0].hash] = rows[0].hash, head
            kept = _Content(ledgers=ledgers, addresses=addresses, accepted=(*content.accepted, entry))
            write_json(self.path, kept.model_dump(mode="json"))
        return entry

    def _read(self) -> _Content:
        remedy = f"Restore it; or remove {self.path}, if you trust the registry as it is now."
        if not self.path.exists():
            return _Content()
        raw = read_json(self.path, remedy=remedy)
        if isinstance(raw, dict) and raw and not raw.keys() & _Content.model_fields.keys():
            raise StoreError(
                str(self.path),
                rule="it remembers each ledger by its first row",
                received="what an earlier version of Theragate remembered, by addresses",
                remedy=f"Remove {self.path}, if you trust the registry as it is now.",
            )
        return spec_of(_Content, raw, subject=str(self.path), remedy=remedy, error=StoreError)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = FileLock(self.path.with_suffix(".lock"), timeout=_PATIENCE)
            lock.acquire()
        except (OSError, Timeout) as error:
            raise StoreError(
                str(self.path),
                rule="the ledger's last row is remembered there, so that an older ledger is noticed",
                received=getattr(error, "strerror", None) or "another process that holds it",
                remedy=f"Make the folder writable, or name another file in {_VARIABLE}.",
            ) from error
        try:
            yield
        finally:
            lock.release()


@dataclass(frozen=True)
class Recollection:
    """What a memory held before a ledger was read."""

    memory: Memory
    content: _Content

    def check(self, address: str, rows: Sequence[Row]) -> None:
        """Check a whole ledger, verified, against what was seen, then pin its last row; see `check_head`."""
        first, head = (rows[0].hash, Head.of(rows[-1])) if rows else (None, None)
        self.check_head(address, first=first, head=head, hash_of=_hashes(rows))

    def check_head(
        self, address: str, *, first: str | None, head: Head | None, hash_of: Callable[[int], str | None]
    ) -> None:
        """Check a verified ledger against what was seen of it, then pin its last row.

        Parameters
        ----------
        address
            Where it was read: the URL of a server or a database.
        first, head
            The hash of its first row, and its last row; None where it is empty.
        hash_of
            Returns the hash of the row with a number; None where there is none.

        Raises
        ------
        StoreError
            If the ledger lacks a row that was seen, has another row in its place, or another ledger was seen at
            `address`; or the file cannot be written.
        """
        known = self.content.addresses.get(place_of(address))
        if known not in (None, first) and not self.memory.lenient:
            raise self._refused(_replaced(first, self.content.ledgers.get(known or "")), head)
        if first is None or head is None:
            return
        seen = self.content.ledgers.get(first)
        if seen is not None:
            self._check_row(seen, head, hash_of(seen.seq))
        if seen != head or known != first:
            self.memory.advance(address, first=first, head=head)

    def later_than(self, rows: Sequence[Row]) -> int:
        """Return the number of the last row that was seen of a verified ledger, if `rows` end before it; else 0.

        They may be of another day, as saved files are; what was seen here stays as it is.

        Raises
        ------
        StoreError
            If they have another row in its place.
        """
        seen = self.content.ledgers.get(rows[0].hash) if rows else None
        if seen is None:
            return 0
        if len(rows) < seen.seq:
            return seen.seq
        self._check_row(seen, Head.of(rows[-1]), rows[seen.seq - 1].hash)
        return 0

    def _check_row(self, seen: Head, head: Head, present: str | None) -> None:
        if head.seq < seen.seq or present is None:
            received = f"a ledger that ends at row {head.seq}, though row {seen.seq} was seen before"
        elif present != seen.hash:
            received = f"a row {seen.seq} other than the one that was seen before"
        else:
            return
        raise self._refused(received, head)

    def _refused(self, received: str, head: Head | None) -> StoreError:
        return StoreError(
            "the registry's ledger",
            rule="it only grows",
            received=received,
            remedy="Release nothing and use no model from it; find out who restored or replaced it. If that was "
            f"intended: `theragate release audit --accept-head {head or 0} --reason …` "
            f"(the memory is {self.memory.path}).",
        )


def place_of(url: str) -> str:
    """Return a URL without `gated+`, user and password, the host in small letters; of a SQLite file the whole path."""
    parts = urlsplit(url.removeprefix("gated+"))
    if parts.scheme.startswith("sqlite"):
        return f"{parts.scheme}:///{Path(parts.path.removeprefix('/')).absolute()}"
    host = parts.netloc.rpartition("@")[2].casefold()
    where = [value for key, value in parse_qsl(parts.query) if key in ("host", "port")]  # of a database's socket
    return f"{parts.scheme}://{','.join([host, *where])}{parts.path.rstrip('/')}"


def _hashes(rows: Sequence[Row]) -> Callable[[int], str | None]:
    return lambda number: rows[number - 1].hash if number <= len(rows) else None


def _replaced(first: str | None, seen: Head | None) -> str:
    until = f", which had {seen.seq} rows or more" if seen is not None else ""
    what = "an empty ledger" if first is None else f"another ledger (its first row is {first[:12]})"
    return f"{what} in place of the one that was seen at this address{until}"


def _names(named: str, rows: Sequence[Row]) -> bool:
    if not rows:
        return named == "0"
    number, _, digits = named.partition(":")
    if not (number.isascii() and number.isdecimal() and len(digits) >= _FEWEST_DIGITS):
        return False
    return 0 < int(number) <= len(rows) and rows[int(number) - 1].hash.startswith(digits.lower())


_FEWEST_DIGITS = 12
