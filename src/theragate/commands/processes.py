"""Commands that run side by side: their lines are shown whole, and none of them outlives Ctrl-C."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any, BinaryIO, TextIO

import psutil

__all__ = ["Interruptions", "ended_together", "follow"]

_PATIENCE = 3  # seconds that commands have to end by themselves after Ctrl-C, and again when they are asked to


class Interruptions:
    """Ctrl-C, and the end that others ask for, as a CI server that cancels a job: heard while commands are waited for.

    DVC at work is not interrupted: it would leave half of a file that it reads first thing the next time.
    """

    def __init__(self) -> None:
        self._heard = self._open = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruptions":
        self._before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._heard and kind is None:
            raise KeyboardInterrupt

    def _hear(self, *_: object) -> None:
        self._heard = True
        if self._open:
            raise KeyboardInterrupt

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Raise KeyboardInterrupt in the block, or for what was heard before it."""
        self._open = True
        try:
            if self._heard:
                raise KeyboardInterrupt
            yield
        finally:
            self._open = False


@contextmanager
def ended_together() -> "Iterator[list[subprocess.Popen[bytes]]]":
    """Yield a list of processes, of which none goes on after an error or Ctrl-C, which they hear as well."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        yield processes
    except BaseException:
        alive = _with_all_below(processes)
        for end in (psutil.Process.terminate, psutil.Process.kill):
            _, alive = psutil.wait_procs(alive, timeout=_PATIENCE)
            for process in alive:
                with suppress(psutil.Error):
                    end(process)
        raise


def _with_all_below(processes: "list[subprocess.Popen[bytes]]") -> list[psutil.Process]:
    family: list[psutil.Process] = []
    for process in processes:
        if process.poll() is not None:
            continue  # its number may be another's by now
        with suppress(psutil.NoSuchProcess):
            here = psutil.Process(process.pid)
            family += [*here.children(recursive=True), here]
    return family


def follow(process: "subprocess.Popen[bytes]") -> int:
    """Show a command's lines as they come, each of them whole; return its exit code."""
    shown = [(process.stdout, sys.stdout), (process.stderr, sys.stderr)]
    threads = [Thread(target=_show, args=each, daemon=True) for each in shown if each[0] is not None]
    for thread in threads:
        thread.start()
    code = process.wait()
    for thread in threads:
        thread.join(_PATIENCE)  # what the command has left running may hold the other end for ever
    return code


def _show(lines: BinaryIO, stream: TextIO) -> None:
    from dvc.progress import Tqdm  # DVC takes a second to import

    with lines:
        for line in lines:
            # DVC writes a message and its end one after the other, and takes its lock for both: so a line stays whole.
            with suppress(OSError), Tqdm.external_write_mode(stream):  # nobody may read any more, which does no harm
                stream.flush()
                stream.buffer.write(line)
                stream.buffer.flush()
