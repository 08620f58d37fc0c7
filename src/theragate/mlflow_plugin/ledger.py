"""The ledger in the database: read and verified up to its end, and appended to."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from theragate.errors import StoreError
from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.tables import add_row, rows_after
from theragate.release.ledger import Event, Row, append, verify_rows
from theragate.release.state import LedgerState, fold
from theragate.release.trust import Trust

__all__ = ["Ledger"]


class Ledger:
    """What this process knows of the ledger: the state after the rows that it has verified.

    What was verified once is kept in memory, so that a decision verifies only what is new, and a row that somebody
    changes or removes afterwards changes no decision. The last row known must still be there.
    """

    def __init__(self) -> None:
        self._state = LedgerState()

    def read(self, session: Session, trust: Trust) -> LedgerState:
        """Return the state after the last row of the ledger.

        Raises
        ------
        StoreError
            If a row does not follow from the one before, or is signed by nobody whom `trust` knows.
        """
        known = self._state
        rows = rows_after(session, 0 if known.head is None else known.head.seq - 1)
        if known.head is not None:
            self._check_head(rows[:1], known.head)
            rows = rows[1:]
        verify_rows(rows, trust, after=known.head)
        return fold(rows, start=known)

    def remember(self, state: LedgerState) -> None:
        """Keep a state whose rows are committed."""
        if self._state.head is None or (state.head is not None and state.head.seq > self._state.head.seq):
            self._state = state

    def append(self, session: Session, state: LedgerState, event: Event, trust: Trust) -> Row:
        """Sign `event` and append it within the transaction of `session`.

        Raises
        ------
        ConfigurationError
            If this server has no key of the ledger's.
        """
        row = append(state.head, event, Configuration.now().ledger_key(trust))
        verify_rows([row], trust, after=state.head)
        add_row(session, row)
        return row

    @staticmethod
    def _check_head(found: list[Row], head: Row) -> None:
        if found != [head]:
            raise StoreError(
                f"ledger, row {head.seq}",
                rule="a row that was written stays as it is",
                received="another row, or none",
                remedy="Release nothing; compare the ledger with its backup, and find out who wrote to the database.",
            )


def now() -> datetime:
    """Return the present moment, in UTC and whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
