"""Wrong passwords, counted, so that whoever guesses has to wait and the owner of the account does not.

A wait concerns one user at one address. Wrong guesses from everywhere only shorten how many an address has free: one
without a wrong guess is heard at once, however many others guess. The table is a small SQLite file, so that all
processes of a server count together, and a restart forgets nothing.
"""

import hashlib
import ipaddress
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from theragate.errors import ConfigurationError
from theragate.mlflow_plugin.limits import Limits
from theragate.settings import Settings

__all__ = ["Guesses", "guesses_path", "network_of"]

_FORGOTTEN = 24 * 3600  # seconds after which a wrong guess no longer counts
_FAMILIAR = 30 * 24 * 3600  # seconds for which an address is known to be the user's, after the right password
_RENEWED = 3600  # seconds after which that is written again
_MANY = 10  # times the free guesses of one pair: of one user from everywhere, of one address for everybody
_MOST_ROWS = 100_000

_TABLES = """
CREATE TABLE IF NOT EXISTS wrong (what TEXT PRIMARY KEY, number INTEGER NOT NULL, last REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wrong_last ON wrong (last);
CREATE TABLE IF NOT EXISTS familiar (what TEXT PRIMARY KEY, last REAL NOT NULL) WITHOUT ROWID;
"""


def guesses_path(settings: Settings) -> Path:
    """Return the file of a server."""
    return settings.private / "server" / "guesses.db"


class Guesses:
    """The wrong passwords of late.

    Raises
    ------
    ConfigurationError
        From the constructor, if the file cannot be written.
    """

    def __init__(self, path: Path, limits: Limits, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._limits, self._clock = path, limits, clock
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._open() as database:
                database.executescript(_TABLES)
            path.chmod(0o600)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"the table of wrong passwords, `{path.name}`",
                rule="the server can write it in its private folder",
                received=f"an error ({error})",
                remedy="Let the server's user, and nobody else, write in the folder `private/server` of the project.",
            ) from error

    def standing(self, user: str, address: str) -> tuple[float, bool]:
        """Return how many seconds a password for `user` from `address` has to wait, and whether it is familiar there.

        It may be tried at once where that is 0. An address is familiar after a right password.
        """
        pair, own, place = _names(user, address)
        with self._open() as database:
            since = self._clock() - _FAMILIAR
            query = "SELECT 1 FROM familiar WHERE what = ? AND last > ?"
            familiar = bool(database.execute(query, (pair, since)).fetchone())
            guessed = self._counted(database, pair)
            everywhere = 0 if familiar else self._counted(database, own)[0]
            spread = (0, 0.0) if familiar else self._counted(database, place)
        free = self._limits.guesses if everywhere < _MANY * self._limits.guesses else 1
        ends = [self._end(*guessed, free), self._end(*spread, _MANY * self._limits.guesses)]
        return max(0.0, *(end - self._clock() for end in ends)), familiar

    def wrong(self, user: str, address: str) -> None:
        """Count a wrong password."""
        now = self._clock()
        with self._open() as database:
            database.execute("DELETE FROM wrong WHERE last < ?", (now - _FORGOTTEN,))
            for what in _names(user, address):
                database.execute(
                    "INSERT INTO wrong VALUES (?, 1, ?) ON CONFLICT (what) DO UPDATE SET number = number + 1, last = ?",
                    (what, now, now),
                )
            # Whoever sends ever new names pushes out the oldest, and his address is counted in a row of its own.
            database.execute(
                "DELETE FROM wrong WHERE last <= (SELECT last FROM wrong ORDER BY last DESC LIMIT 1 OFFSET ?)",
                (_MOST_ROWS,),
            )

    def right(self, user: str, address: str) -> None:
        """Forget the wrong passwords for `user` from `address`, which is familiar now."""
        pair, now = _names(user, address)[0], self._clock()
        # On a full disk people still sign in: the address only does not become familiar.
        with suppress(sqlite3.OperationalError), self._open() as database:
            last = database.execute("SELECT last FROM familiar WHERE what = ?", (pair,)).fetchone()
            if database.execute("SELECT 1 FROM wrong WHERE what = ?", (pair,)).fetchone():
                database.execute("DELETE FROM wrong WHERE what = ?", (pair,))
            if last is None or last[0] < now - _RENEWED:
                database.execute("DELETE FROM familiar WHERE last < ?", (now - _FAMILIAR,))
                database.execute("INSERT OR REPLACE INTO familiar VALUES (?, ?)", (pair, now))

    def _counted(self, database: sqlite3.Connection, what: str) -> tuple[int, float]:
        since = self._clock() - _FORGOTTEN
        row = database.execute("SELECT number, last FROM wrong WHERE what = ? AND last > ?", (what, since)).fetchone()
        return (int(row[0]), float(row[1])) if row else (0, 0.0)

    def _end(self, number: int, last: float, free: int) -> float:
        """Return until when `number` wrong passwords make the next one wait, the last having come at `last`."""
        if number < free:
            return 0.0
        doubled = 2.0 ** min(number - free, 60)
        return last + min(self._limits.guess_seconds * doubled, self._limits.most_guess_seconds)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as database:
            database.execute("PRAGMA synchronous = OFF")
            with database:
                yield database


def _names(user: str, address: str) -> tuple[str, str, str]:
    """Return what is counted: the pair, the user, the address; by digests, so that names are no file's content."""
    network = network_of(address)
    return tuple(  # type: ignore[return-value]
        hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
        for parts in (("pair", user, network), ("user", user), ("address", network))
    )


def network_of(address: str) -> str:
    """Return what one subscriber has: an IPv4 address, or the first 64 bits of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
