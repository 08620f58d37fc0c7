"""Where pieces of work are done: what training asks of processes here and of a cluster alike."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

__all__ = ["Backend", "Workers", "run_in_workers"]

Work = TypeVar("Work")
Result = TypeVar("Result")


class Workers(Protocol):
    """They share work out, and leave it when the block that they are made for ends, however it ends."""

    def run(self, do: Callable[[Work], Result], works: Sequence[Work]) -> Generator[Result, None, None]:
        """Do all works and yield their results as they come.

        Parameters
        ----------
        do
            A function of a module, which a worker can import.
        works
            What it is called with, begun in this order: the longest should come first.

        Raises
        ------
        TheragateError
            What a worker raised.
        StoreError
            If workers died, or are out of reach.
        """
        ...


class Backend(Protocol):
    """Processes of this machine, or a cluster."""

    @property
    def here(self) -> bool:
        """Whether all work is done in this very process."""
        ...

    @property
    def shares_memory(self) -> bool:
        """Whether its workers take memory of this machine."""
        ...

    def workers(self, *, of: str, most: int | None = None) -> AbstractContextManager[Workers]:
        """Return workers for a block.

        Parameters
        ----------
        of
            What they work for, as a user would call it.
        most
            How many works there will be at once; None where that is open.
        """
        ...


def run_in_workers(
    do: Callable[[Work], Result], works: Sequence[Work], *, backend: Backend, of: str
) -> Generator[Result, None, None]:
    """Do all works and yield their results as they come; see `Workers.run`.

    However the generator ends, its workers end with it.
    """
    with backend.workers(of=of, most=len(works)) as workers:
        yield from workers.run(do, works)
