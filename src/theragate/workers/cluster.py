"""A Dask cluster as the place of work. Dask shares the works out, and begins anew what a lost worker had begun.

Works are plain functions of plain values. They name files by digest and patients by position; what comes back are
models, predictions by position and losses. Whoever may connect to a scheduler can run code on its workers.
"""

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from theragate.errors import ConfigurationError, StoreError, TheragateError
from theragate.extensions import used_digests
from theragate.workers.alike import kernels, machine
from theragate.workers.batch_queue import queued_cluster
from theragate.workers.on_worker import Call, as_seen_here, do_on_worker, forget, refuse_unlike
from theragate.workers.place import Place
from theragate.workers.site import SharedFile, files_of

__all__ = ["Cluster"]

Work = TypeVar("Work")
Result = TypeVar("Result")

_TICK = 1.0  # seconds, after which the cluster is looked at if nothing has come
_ANSWER, _PARTING = 10.0, 5.0  # seconds that a scheduler has for its first answer, and workers for their last
_REMEDY = "Correct THERAGATE_CLUSTER, or unset it to work on this machine."


class _KilledWorkers(Exception):  # noqa: N818 - what has happened, not what is wrong
    """A work ended one worker after another, of which the last had a `limit` of so many bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit


@dataclass(frozen=True)
class Cluster:
    """The cluster whose scheduler is at ``address``, or is started with jobs of a queue (``slurm:cluster.yaml``).

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

    @property
    def shares_memory(self) -> bool:
        """They are elsewhere, as a rule."""
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
        self._started = ExitStack()
        self._place: Place | None = None
        self._there: set[SharedFile] = set()
        self._brought: list[SharedFile] = []

    def __enter__(self) -> Self:
        distributed, address = _dask(), self._cluster.address
        with ExitStack() as started:
            queued = "://" not in address
            if address.startswith("tls:") and not distributed.Security().get_connection_args("client")["ssl_context"]:
                raise ConfigurationError(
                    f"cluster {address}",
                    rule="whoever connects has a certificate, which Dask's own settings name",
                    received="no `DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT`, or no authority to check others by",
                    remedy="Set what docs/cluster.md lists.",
                )
            to = started.enter_context(queued_cluster(address, state=self._cluster.state)) if queued else address
            self._client = started.enter_context(self._connected(distributed, to))
            self._client.subscribe_topic(self._topic, self._append)
            self._check_workers()
            if self._cluster.shared:
                self._place = Place(self._cluster.shared)
            started.callback(self._take_away)
            started.callback(self._forget)
            self._started = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Free the workers of what they keep, and let them go."""
        self._started.close()

    def _connected(self, distributed: Any, to: Any) -> Any:
        try:
            return distributed.Client(to, timeout=_ANSWER, set_as_default=False, name=f"theragate-{self._run}")
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            secret = " and knows our certificate, as we know its own," if self._cluster.address[:4] == "tls:" else ""
            raise StoreError(
                f"cluster {self._cluster.address}",
                rule=f"its scheduler answers{secret} within {_ANSWER:g} seconds",
                received=f"no such answer ({type(error).__name__})",
                remedy=f"Start it with `dask scheduler`. {_REMEDY}",
            ) from error

    def _forget(self) -> None:
        """Have workers forget the run; one that does not answer forgets it with its next work, or ends."""
        if self._client.status == "running":
            parting = threading.Thread(
                target=self._client.run, args=(forget, self._run), kwargs={"on_error": "ignore"}, daemon=True
            )
            parting.start()
            parting.join(_PARTING)

    def _take_away(self) -> None:
        """Empty the place for all."""
        if self._place is not None:
            for file in self._brought:
                self._place.take_away(file)

    def run(self, do: Callable[[Work], Result], works: Sequence[Work]) -> Generator[Result, None, None]:
        """Do all works; see `theragate.workers.backend.Workers`."""
        place = self._cluster.shared or None
        call = Call(do, self._run, machine(), kernels(), used_digests(), place, self._topic)
        self._bring(works)
        finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        waiting: dict[str, tuple[Any, int]] = {}

        def submit(number: int, *, workers: list[str] | None = None) -> None:
            name = f"theragate-{secrets.token_hex(8)}"
            how = {
                "key": name,
                "pure": False,
                "priority": -number,
                "workers": workers,
                "allow_other_workers": bool(workers),
            }
            future = self._client.submit(do_on_worker, call, name, works[number], **how)
            waiting[name] = future, number
            future.add_done_callback(finished.put)

        for number in range(len(works)):
            submit(number)
        try:
            while waiting:
                future = self._next(finished)
                _, number = waiting[future.key]
                try:
                    result = self._result(future)
                except _KilledWorkers as killed:
                    roomy = self._with_more_memory(killed.limit)
                    if not roomy:
                        raise self._killed() from killed
                    submit(number, workers=roomy)
                    continue
                finally:
                    del waiting[future.key]
                yield result
        finally:
            if waiting and self._client.status == "running":
                self._client.cancel([future for future, _ in waiting.values()], force=True)

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
        """Return what a work gave; if its worker was lost with it, wait until another one has done it.

        Raises
        ------
        _KilledWorkers
            If it ended one worker after another.
        """
        from distributed import TimeoutError as NotYet
        from distributed.scheduler import KilledWorker

        while True:
            try:
                return future.result(timeout=_TICK)
            except TheragateError:
                raise
            except NotYet:
                if future.status == "error":  # the work's own
                    raise future.exception(timeout=_TICK) from None
                self._count()
            except KilledWorker as error:
                raise _KilledWorkers(int(error.last_worker.memory_limit or 0)) from error
            except Exception:
                self._count()
                self._check_workers()  # a worker that came later, and does not know what it is asked to do
                raise

    def _with_more_memory(self, limit: int) -> list[str]:
        """Return the workers that may hold more bytes than one that was killed."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return [address for address, worker in workers.items() if (worker["memory_limit"] or 0) > limit]

    def _killed(self) -> StoreError:
        return StoreError(
            f"a worker of {self._of} on the cluster",
            rule="it works to the end",
            received="the death of one after another with the same work, most often from lack of memory",
            remedy="Give each more memory (`--memory-limit`), then run the same command again; a training resumes "
            "where it stopped.",
        )

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
            refuse_unlike(address, theirs, threads, ours=machine(), kernels=kernels())

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
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):  # what they would say, `StoreError` does
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return distributed
