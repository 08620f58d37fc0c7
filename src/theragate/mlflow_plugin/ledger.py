"""The ledger in the database: read, verified and appended to."""

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
    """The ledger as this process knows it: the state after the rows that it has verified.

    The state is kept in memory, so that each decision verifies new rows only, and changing or removing a verified row
    changes no decision. The last verified row must still be there.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration, self._state = configuration, LedgerState()

    def read(self, session: Session, trust: Trust) -> LedgerState:
        """Return the state after the last row of the ledger.

        Raises
        ------
        StoreError
            If a row does not follow from the one before, or is not signed by a key of the ledger in `trust`.
        """
        known = self._state
        rows = rows_after(session, 0 if known.head is None else known.head.seq - 1)
        if known.head is not None:
            self._check_head(rows[:1], known.head)
            rows = rows[1:]
        verify_rows(rows, trust, after=known.head)
        return fold(rows, start=known)

    def remember(self, state: LedgerState) -> None:
        """Keep `state`, whose rows are committed."""
        if self._state.head is None or (state.head is not None and state.head.seq > self._state.head.seq):
            self._state = state

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
