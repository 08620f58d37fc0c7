"""What happens on a worker of a Dask cluster: it is checked, given a work, and forgets the patients in the end."""

import hashlib
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theragate.errors import StoreError
from theragate.extensions import use
from theragate.workers.alike import difference, machine
from theragate.workers.kept import forget_everything
from theragate.workers.place import CheckedFiles, Place, remove
from theragate.workers.site import SharedFile, working_at

__all__ = ["Call", "as_seen_here", "do_on_worker", "forget", "refuse_unlike"]

_CHECKED = CheckedFiles()
_AT_WORK = threading.Lock()
_LATEST: list[str] = []  # the run that this worker works for
_OVER: set[str] = set()  # runs that are over, while a work of theirs is still to notice


@dataclass(frozen=True)
class Call:
    """What is the same for all works of a run.

    ``run`` names the run, ``machine`` is what the asking machine computes with, ``kernels`` are the environment
    variables by which it chose how, ``extensions`` are the digests of those that it uses, ``place`` is the URL of a
    place for all, if there is one, and ``topic`` where scores go.
    """

    do: Callable[[Any], Any]
    run: str
    machine: Mapping[str, str]
    kernels: Mapping[str, str]
    extensions: Mapping[str, str]
    place: str | None
    topic: str


class _NobodyWaits(BaseException):
    """Raised in a work that was taken back; no library takes it for an error of its own."""


def as_seen_here(dask_worker: Any) -> tuple[Mapping[str, str], int]:
    """Return what this worker computes with, and how many works it does at once."""
    return machine(), int(dask_worker.state.nthreads)


def do_on_worker(call: Call, name: str, work: Any) -> Any:
    """Do the work that Dask knows by its `name`, if this worker gives the result that the asking machine would.

    Raises
    ------
    StoreError
        If it does not.
    """
    from distributed import get_worker

    worker = get_worker()
    refuse_unlike(worker.address, machine(), int(worker.state.nthreads), ours=call.machine, kernels=call.kernels)
    warnings.filterwarnings("ignore")
    for extension, sha256 in call.extensions.items():
        use(extension, trusted=[sha256])
    own = _folder_of(worker)
    with _AT_WORK:
        _forget_others(own, call.run)
        try:
            with working_at(_Worker(worker, call, name, own / call.run)):
                return call.do(work)
        finally:
            if call.run in _OVER:
                _forget(own / call.run)


def forget(run: str, dask_worker: Any) -> None:
    """Remove what is kept of a run on this worker, in memory and on its disk: now, or after the work at hand."""
    _OVER.add(run)
    if _AT_WORK.acquire(blocking=False):
        try:
            _forget(_folder_of(dask_worker) / run)
        finally:
            _AT_WORK.release()


def refuse_unlike(
    address: str, theirs: Mapping[str, str], threads: int, *, ours: Mapping[str, str], kernels: Mapping[str, str]
) -> None:
    """Refuse a worker whose results might be others than those of the asking machine.

    Raises
    ------
    StoreError
        If its code, a library or its arithmetic differs, or it does several works at once.
    """
    subject, found = f"worker {address} of the cluster", difference(theirs, ours)
    if found is not None:
        name, has, expected = found
        if name == "arithmetic":
            settings = " ".join(f'{name}="{value}"' for name, value in kernels.items())
            raise StoreError(
                subject,
                rule="it gives the same bits as the machine that asks, for the same sums and products",
                received=f"{has} where this machine has {expected}",
                remedy=f"Start it with {settings}, as stages are." if settings else "Take processors of one kind.",
            )
        raise StoreError(
            subject,
            rule=f"it has the machine's own {name}, {expected}",
            received=has,
            remedy="Install the same lock there, or take the worker out of the cluster.",
        )
    if threads != 1:
        raise StoreError(
            subject,
            rule="a worker is a process with one thread, so that sums are made in one order",
            received=f"{threads} threads",
            remedy="Start it as `dask worker ADDRESS --nthreads 1 --nworkers CORES`.",
        )


class _Worker:
    """The site that a worker is."""

    def __init__(self, worker: Any, call: Call, work: str, folder: Path) -> None:
        self._worker, self._call, self._folder = worker, call, folder
        self._place = Place(call.place) if call.place else None
        self._work = work

    def find(self, file: SharedFile) -> Path:
        if self._place is None:
            return _CHECKED.check(file, at=self._worker.address)
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._place.fetch(file, self._folder)

    def room_for(self, folder: Path) -> Path:
        return self._folder / hashlib.sha256(str(folder).encode()).hexdigest()[:16]

    def append(self, path: Path, line: str) -> None:
        self._worker.log_event(self._call.topic, {"path": str(path), "line": line})

    def checkpoint(self) -> None:
        task = self._worker.state.tasks.get(self._work)
        if task is None or task.state == "cancelled":
            raise _NobodyWaits


def _folder_of(worker: Any) -> Path:
    return Path(worker.local_directory) / "theragate"


def _forget_others(own: Path, run: str) -> None:
    """Forget a run whose client was killed, so that nobody said that it is over."""
    if _LATEST[-1:] != [run]:
        forget_everything()
        _LATEST[:] = [run]
    for folder in own.iterdir() if own.exists() else ():
        if folder.name != run:
            remove(folder)


def _forget(folder: Path) -> None:
    forget_everything()
    remove(folder)
