"""A Dask cluster as the place of work. Dask shares the works out, and begins anew what a lost worker had begun.

Works are plain functions of plain values. They name files by digest and patients by position; what comes back are
models, predictions by position and losses. Whoever may connect to a scheduler can run code on its workers.
"""

import logging
import queue
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from theragate.errors import ConfigurationError, StoreError, TheragateError
from theragate.extensions import used_digests
from theragate.workers.alike import machine
from theragate.workers.on_worker import Call, as_seen_here, do_on_worker, forget, refuse_unlike
from theragate.workers.place import Place
from theragate.workers.site import SharedFile, files_of

__all__ = ["Cluster"]

Work = TypeVar("Work")
Result = TypeVar("Result")

_TICK = 1.0  # seconds, after which the cluster is looked at if nothing has come
_ANSWER = 30.0  # seconds that a scheduler has for its first answer
_REMEDY = "Correct THERAGATE_CLUSTER, or unset it to work on this machine."


@dataclass(frozen=True)
class Cluster:
    """The cluster whose scheduler is at ``address``.

    ``shared`` is the URL of a place that all its machines can read; empty where they find files under the paths that
    they have here. ``state`` is the folder below which scores are kept. So many seconds of ``timeout`` it may be
    without a worker.
    """

    address: str
    shared: str
    state: Path
    timeout: float

    @property
    def here(self) -> bool:
        """No work is done in this process."""
        return False

    def workers(self, *, of: str, most: int | None = None) -> "_Workers":  # noqa: ARG002 - as many as there are
        """Return its workers for a block."""
        return _Workers(self, of=of)


class _Workers:
    """The cluster for as long as a block lasts, which takes back what is not finished when it ends."""

    def __init__(self, cluster: Cluster, *, of: str) -> None:
        self._cluster, self._of = cluster, of
        self._run = secrets.token_hex(8)
        self._client: Any = None
        self._place: Place | None = None
        self._there: set[SharedFile] = set()
        self._brought: list[SharedFile] = []

    def __enter__(self) -> Self:
        distributed = _dask()
        try:
            self._client = distributed.Client(
                self._cluster.address, timeout=_ANSWER, set_as_default=False, name=f"theragate-{self._run}"
            )
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            raise StoreError(
                f"cluster {self._cluster.address}",
                rule="its scheduler answers, and with TLS both know each other's certificates",
                received=type(error).__name__,
                remedy=f"Start it with `dask scheduler`. {_REMEDY}",
            ) from error
        try:
            self._client.subscribe_topic(self._topic, self._append)
            self._check_workers()
            if self._cluster.shared:
                self._place = Place(self._cluster.shared)
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Free the workers of what they keep, and let them go."""
        try:
            if self._client.status == "running":
                self._client.run(forget, self._run, wait=False, on_error="ignore")
        finally:
            self._client.close()
            if self._place is not None:
                for file in self._brought:
                    self._place.take_away(file)

    def run(self, do: Callable[[Work], Result], works: Sequence[Work]) -> Generator[Result, None, None]:
        """Do all works; see `theragate.workers.backend.Workers`."""
        place = self._cluster.shared or None
        call = Call(do, self._run, machine(), used_digests(), place, self._topic)
        self._bring(works)
        finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        waiting = {}
        for number, work in enumerate(works):
            name = f"theragate-{secrets.token_hex(8)}"
            future = self._client.submit(do_on_worker, call, name, work, key=name, pure=False, priority=-number)
            waiting[name] = future
            future.add_done_callback(finished.put)
        try:
            while waiting:
                future = self._next(finished)
                result = self._result(future)
                del waiting[future.key]
                yield result
        finally:
            if waiting and self._client.status == "running":
                self._client.cancel(list(waiting.values()), force=True)

    def _bring(self, works: Sequence[object]) -> None:
        """Bring the files that works name to the place for all."""
        if self._place is None:
            return
        for file in {file for work in works for file in files_of(work)} - self._there:
            if self._place.put(file):
                self._brought.append(file)
            self._there.add(file)

    def _next(self, finished: "queue.SimpleQueue[Any]") -> Any:
        seen = time.monotonic()
        while True:
            try:
                return finished.get(timeout=_TICK)
            except queue.Empty:
                if self._count():
                    seen = time.monotonic()
                elif time.monotonic() - seen > self._cluster.timeout:
                    raise self._without_workers() from None

    def _result(self, future: Any) -> Any:
        """Return what a work gave; if its worker was lost with it, wait until another one has done it."""
        from distributed import TimeoutError as NotYet
        from distributed.scheduler import KilledWorker

        while True:
            try:
                return future.result(timeout=_TICK)
            except TheragateError:
                raise
            except NotYet:
                self._count()
            except KilledWorker as error:
                raise StoreError(
                    f"a worker of {self._of} on the cluster",
                    rule="it works to the end",
                    received="the death of one after another with the same work, most often from lack of memory",
                    remedy="Give each more memory (`--memory-limit`), then run the same command again; a training "
                    "resumes where it stopped.",
                ) from error
            except Exception:
                self._count()
                self._check_workers()  # a worker that came later, and does not know what it is asked to do
                raise

    def _count(self) -> int:
        """Return how many workers there are.

        Raises
        ------
        StoreError
            If the scheduler is gone.
        """
        if self._client.status != "running":
            raise StoreError(
                f"cluster {self._cluster.address}",
                rule="its scheduler stays while it is worked for",
                received="a connection that broke off",
                remedy="Start it again, then run the same command again: what was finished is kept.",
            )
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def _check_workers(self) -> None:
        """Wait for a worker, and refuse all of those that would give other results."""
        try:
            self._client.wait_for_workers(1, timeout=self._cluster.timeout)
        except TimeoutError:
            raise self._without_workers() from None
        for address, seen in sorted(self._client.run(as_seen_here, on_error="return").items()):
            if isinstance(seen, BaseException):
                raise StoreError(
                    f"worker {address} of the cluster",
                    rule="it has this Theragate installed",
                    received=f"an answer without it ({type(seen).__name__})",
                    remedy="Install the same lock there, or take the worker out of the cluster.",
                )
            theirs, threads = seen
            refuse_unlike(address, theirs, threads, machine())

    def _without_workers(self) -> StoreError:
        return StoreError(
            f"cluster {self._cluster.address}",
            rule=f"a worker is there within {self._cluster.timeout:g} seconds (THERAGATE_TIMEOUT)",
            received="none",
            remedy="Start some with `dask worker ADDRESS --nthreads 1 --nworkers CORES`.",
        )

    @property
    def _topic(self) -> str:
        return f"theragate-{self._run}"

    def _append(self, event: tuple[float, dict[str, str]]) -> None:
        """Keep a score that a worker found; nothing else that it may name."""
        path, line = Path(event[1]["path"]), event[1]["line"]
        if path.suffix == ".scores" and path.resolve().is_relative_to(self._cluster.state.resolve()):
            with path.open("a", encoding="utf-8") as stream:
                stream.write(line)


def _dask() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ConfigurationError(
            "environment variable THERAGATE_CLUSTER",
            rule="work on a cluster needs the extra `cluster`",
            received="an installation without it",
            remedy='Run `pip install "theragate[cluster]"`, or unset the variable to work on this machine.',
        ) from error
    for name in ("distributed", "tornado", "asyncio"):  # what they would say, `StoreError` does
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return distributed
