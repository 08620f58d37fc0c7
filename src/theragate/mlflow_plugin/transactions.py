"""One transaction for a whole decision: what MLflow's methods write, our rows, and the lock that comes first."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from sqlalchemy.orm import Session

from theragate.mlflow_plugin.errors import refused_by_rules, translated_errors
from theragate.mlflow_plugin.tables import lock

__all__ = ["Transactions"]

SessionMaker = Callable[..., AbstractContextManager[Session]]


class Transactions:
    """Sessions of a store that join the session of a decision while one is being made.

    MLflow's methods open and commit a session each. Inside `decision` they work in its session instead, which commits
    once, at the end: alias, tags, location of the files and ledger row are written together or not at all.

    Parameters
    ----------
    open_session
        MLflow's own session maker.
    """

    def __init__(self, open_session: SessionMaker) -> None:
        self._open = open_session
        self._joined: ContextVar[Session | None] = ContextVar("theragate_decision", default=None)
        # Threads of this process queue here, before they take a connection from the pool.
        self._queue = threading.Lock()

    @contextmanager
    def session(self, read_only: bool = True) -> Iterator[Session]:
        """Yield the session of the decision that is being made, or else a new one."""
        joined = self._joined.get()
        if joined is not None:
            yield joined
            joined.flush()
            return
        with refused_by_rules(), self._open(read_only=read_only) as session, translated_errors():
            yield session

    @contextmanager
    def together(self) -> Iterator[Session]:
        """Yield a session in which what MLflow's methods write inside the block is committed with the block's own."""
        if self._joined.get() is not None:
            with self.session() as session:
                yield session
            return
        with self._open(read_only=False) as session, self._joining(session):
            yield session

    @contextmanager
    def decision(self) -> Iterator[Session]:
        """Yield a session that holds the lock: no other decision is made on this database until the block ends."""
        with self._queue, refused_by_rules(), self._open(read_only=False) as session:
            lock(session)
            with self._joining(session):
                yield session

    @contextmanager
    def _joining(self, session: Session) -> Iterator[None]:
        """Let MLflow's methods work in `session` as long as the block runs."""
        token = self._joined.set(session)
        try:
            # Inside, because MLflow's session turns an unknown error into an internal one.
            with translated_errors():
                yield
            session.flush()
        finally:
            self._joined.reset(token)
