"""Where a search survives a crash of its process: one Optuna journal per outer split."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend, JournalStorage
from optuna.storages.journal._file import BaseJournalFileLock

from theragate.errors import StoreError

__all__ = ["cut_off_half_lines", "open_journal"]


class _AlreadyLocked(BaseJournalFileLock):
    """The journal has one writer, which holds `open_journal`'s lock for as long as it writes.

    Optuna's own lock files outlive a killed process and make the next one wait for half a minute.
    """

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


class _Journal(JournalFileBackend):
    """A journal that outlives its process, and does not wait for the disk after every line.

    What a power failure takes is tried again; waiting takes as long as a small model takes to fit.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(f"{json.dumps(log, separators=(',', ':'))}\n" for log in logs)
        with Path(self._file_path).open("a", encoding="utf-8") as stream:
            stream.write(lines)


@contextmanager
def open_journal(path: Path) -> Iterator[JournalStorage]:
    """Open or create the journal at `path` for one writer; what a killed writer left half-written is cut off.

    The lock is the operating system's, so that it ends with its process. A second writer waits for the first.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_suffix(".lock")):
            cut_off_half_lines(path)
            backend: BaseJournalBackend = _Journal(str(path), lock_obj=_AlreadyLocked())
            yield JournalStorage(backend)
    except OSError as error:
        raise StoreError(
            str(path),
            rule="the journal of a search can be written",
            received=error.strerror or type(error).__name__,
            remedy="Free space or correct the folder's permissions, then run the same command again.",
        ) from error


def cut_off_half_lines(path: Path) -> None:
    """Keep the longest run of whole lines from the start."""
    if not path.exists():
        return
    whole = 0
    with path.open("rb") as stream:
        for line in stream:
            try:
                entry = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n") or not isinstance(entry, dict):
                break
            whole += len(line)
    with path.open("r+b") as stream:
        stream.truncate(whole)
