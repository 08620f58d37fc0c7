"""The ledger in the database: read, verified, appended to, and remembered outside of the database."""

import logging
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from theragate.errors import StoreError, TheragateError
from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.tables import add_row, hash_of_row, rows_after
from theragate.registry.pinned_head import Head, Memory, server_memory
from theragate.release.ledger import Event, Row, append, verify_rows
from theragate.release.state import LedgerState, fold
from theragate.release.trust import Trust

__all__ = ["Ledger"]

_LOG = logging.getLogger(__name__)


class Ledger:
    """The ledger as this process knows it: the state after the rows that it has verified.

    The state is kept in memory, so that each decision verifies new rows only, and changing or removing a verified row
    changes no decision. The last verified row must still be there. A file on the server remembers the last row too, for
    a server that is started again on a database that was set back (`theragate.registry.pinned_head`).

    Parameters
    ----------
    database
        The address of the database.
    """

    def __init__(self, configuration: Configuration, *, database: str) -> None:
        self._configuration, self._state, self._database = configuration, LedgerState(), database

    def read(self, session: Session, trust: Trust) -> LedgerState:
        """Return the state after the last row of the ledger.

        Raises
        ------
        StoreError
            If a row does not follow from the one before, or is not signed by a key of the ledger in `trust`; or the
            ledger lacks a row that this server has seen, before a restart too.
        """
        seen, known = self._memory(trust).recall(), self._state
        rows = rows_after(session, 0 if known.head is None else known.head.seq - 1)
        if known.head is not None:
            self._check_head(rows[:1], known.head)
            rows = rows[1:]
        verify_rows(rows, trust, after=known.head)
        state = fold(rows, start=known)
        first = None if state.first is None else state.first.hash
        head = None if state.head is None else Head.of(state.head)
        seen.check_head(self._database, first=first, head=head, hash_of=lambda number: hash_of_row(session, number))
        return state

    def remember(self, state: LedgerState) -> None:
        """Keep `state`, whose rows are committed, in this process."""
        if self._state.head is None or (state.head is not None and state.head.seq > self._state.head.seq):
            self._state = state

    def pin(self, state: LedgerState, trust: Trust) -> None:
        """Remember the last row of `state` in the file; that it cannot be written undoes no decision."""
        if state.head is None or state.first is None:
            return
        try:
            self._memory(trust).advance(self._database, first=state.first.hash, head=Head.of(state.head))
        except TheragateError as error:
            _LOG.warning("The ledger's last row is not remembered yet: %s", error)

    def _memory(self, trust: Trust) -> Memory:
        settings, environ = self._configuration.settings, self._configuration.environ
        return server_memory(settings, environ, development=trust.development)

    def append(self, session: Session, state: LedgerState, event: Event, trust: Trust) -> Row:
        """Sign `event` and append it within the transaction of `session`.

        Raises
        ------
        ConfigurationError
            If this server has no key that may sign the ledger.
        """
        row = append(state.head, event, self._configuration.ledger_key(trust))
        verify_rows([row], trust, after=state.head)
        add_row(session, row)
        return row

    @staticmethod
    def _check_head(stored: list[Row], head: Row) -> None:
        if stored != [head]:
            raise StoreError(
                f"ledger, row {head.seq}",
                rule="a row that was written stays as it is",
                received="another row" if stored else "no such row",
                remedy="Release nothing; compare the ledger with its backup, and find out who wrote to the database.",
            )


def now() -> datetime:
    """Return the present time in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
