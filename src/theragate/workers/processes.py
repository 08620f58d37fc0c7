"""Worker processes: shared work, one thread each, and none that outlives its parent."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, Self, TypeVar

from joblib.externals import loky

from theragate.errors import StoreError
from theragate.extensions import use, used_digests

__all__ = ["Processes"]

Work = TypeVar("Work")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Processes:
    """So many processes of this machine, each of which is handed one work at a time; 1 is this process itself."""

    jobs: int

    @property
    def here(self) -> bool:
        """Whether all work is done in this very process."""
        return self.jobs == 1

    @property
    def shares_memory(self) -> bool:
        """They take memory of this machine."""
        return True

    def workers(self, *, of: str, most: int | None = None) -> "_Workers":
        """Return them; none is started before there is work."""
        return _Workers(self.jobs if most is None else min(self.jobs, max(most, 1)), of=of)


class _Workers:
    """Processes that end with the block that they are made for, however it ends."""

    def __init__(self, jobs: int, *, of: str) -> None:
        self._jobs, self._of = jobs, of
        self._executor: Any = None

    def __enter__(self) -> Self:
        """Nothing is started before there is work."""
        return self

    def __exit__(self, *_: object) -> None:
        """Idle workers would keep their memory, and busy ones work on after an error or Ctrl-C."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, kill_workers=True)

    def run(self, do: Callable[[Work], Result], works: Sequence[Work]) -> Generator[Result, None, None]:
        """Do all works; see `theragate.workers.backend.Workers`."""
        if self._jobs == 1:
            yield from map(do, works)
            return
        order = list(works)
        try:
            # Only as much as can run is handed over, so that nothing waits in a queue when the end comes early: the
            # executor's own thread would stumble over it.
            running: set[Future[Result]] = set()
            while order or running:
                while order and len(running) < self._jobs:
                    with _interrupted_later():
                        running.add(future := self._started().submit(do, order.pop(0)))
                        while not (future.running() or future.done()):
                            time.sleep(0.001)
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except loky.process_executor.TerminatedWorkerError as error:
            raise StoreError(
                f"a worker process of {self._of}",
                rule="it works to the end",
                received="its death, most often from lack of memory",
                remedy="Run the same command again, with fewer jobs; a training resumes where it stopped.",
            ) from error

    def _started(self) -> Any:
        if self._executor is None:
            # If started with the first worker, it would undo the blocking of Ctrl-C that the workers are to inherit.
            resource_tracker.ensure_running()
            self._executor = loky.get_reusable_executor(
                max_workers=self._jobs, initializer=_follow, initargs=(os.getpid(), used_digests())
            )
        return self._executor


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Hold back Ctrl-C while work is handed over.

    The processes started meanwhile inherit the blocked signal: Ctrl-C concerns the parent alone. The executor's own
    threads do not block it, so what they receive is kept until the end as well.
    """
    heard: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number)) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if heard:
            signal.raise_signal(signal.SIGINT)


def _follow(parent: int, extensions: Mapping[str, str]) -> None:
    """End this worker when its parent is gone; a journal that is cut off then is mended by its next reader.

    What its parent uses of `extensions`, by their digests, it may import too.

    Warnings of its libraries are not shown, as in the parent: users cannot act on them.
    """
    warnings.filterwarnings("ignore")
    for name, sha256 in extensions.items():
        use(name, trusted=[sha256])

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
