"""A stage that takes too much memory ends with a sentence, before the kernel ends it without one.

What the stage and its workers hold is looked at ten times a second, whatever library asked for it. Twice the limit, set
on every process, is what the kernel refuses: that ends what grows too fast to be seen in time.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

from theragate.errors import StoreError
from theragate.printing import say
from theragate.settings import Settings, written_bytes

__all__ = ["check_fits", "refuse_more_than", "within_memory"]

_TICK, _ALL = 0.1, 1.0  # seconds: how often this process is looked at, and its workers as well
_NEAR = 0.7  # of the limit, from which on the workers are looked at as often
_PATIENCE = 10.0  # seconds that a stage has to end by itself
_BEYOND = 1.2  # times the limit, at which it has none
_SIGNAL = signal.SIGUSR2


class _Reached(BaseException):
    """Raised in the main thread; no library takes it for an error of its own."""


def refuse_more_than(settings: Settings) -> None:
    """Let this process and those it starts allocate twice the limit more at most, where one is set; on Linux."""
    if settings.memory_is_set and sys.platform == "linux":
        import resource

        most = 2 * settings.memory + psutil.Process().memory_info().data
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def check_fits(settings: Settings, stage: str, *, least: int, what: str, remedy: str) -> None:
    """Refuse work before it begins, of which is known that it cannot fit.

    Parameters
    ----------
    least
        Bytes that it will hold at least.
    what
        What holds them, in words.
    remedy
        What else a user can do than to allow more memory.

    Raises
    ------
    StoreError
        If that is more than the settings allow.
    """
    if least > settings.memory:
        raise StoreError(
            f"memory of the stage `{stage}`",
            rule=_rule(settings),
            received=f"{what}, which is {written_bytes(least)} at least",
            remedy=f"Set THERAGATE_MEMORY_LIMIT to more, take a larger machine, or {remedy}.",
        )


def _rule(settings: Settings) -> str:
    named = "THERAGATE_MEMORY_LIMIT" if settings.memory_is_set else "what the machine has"
    return f"it and its workers hold at most {written_bytes(settings.memory)} ({named})"


@contextmanager
def within_memory(settings: Settings, stage: str) -> Iterator[None]:
    """End the block, and its workers, when all of them hold more memory than the settings allow.

    Raises
    ------
    StoreError
        If they do, or if the memory that one of them asks for is refused.
    """
    watch = _Watch(settings, stage)
    main = threading.current_thread() is threading.main_thread()
    former = signal.signal(_SIGNAL, _reach) if main else None
    thread = threading.Thread(target=watch.run, daemon=True)
    if main:
        thread.start()
    try:
        yield
    except BaseException as error:
        if watch.held or isinstance(error, _Reached) or _is_lack_of_memory(error):
            raise watch.error() from None  # what the kernel or a library says of it adds nothing
        raise
    finally:
        if main:
            signal.signal(_SIGNAL, _too_late)
        watch.ended.set()
        if main:
            thread.join()
            signal.signal(_SIGNAL, former)


def _reach(_number: int, _frame: FrameType | None) -> None:
    raise _Reached


def _too_late(_number: int, _frame: FrameType | None) -> None:
    """Let pass what was sent while the block ended by itself."""


def _is_lack_of_memory(error: BaseException) -> bool:
    """Tell Python's, NumPy's and Arrow's error, which are one type, and XGBoost's, which has only words."""
    return isinstance(error, MemoryError) or "bad_alloc" in str(error)


class _Watch:
    """Looks at what a stage holds; ``held`` is that, in bytes, once it was too much."""

    def __init__(self, settings: Settings, stage: str) -> None:
        self._settings, self._stage = settings, stage
        self.held = 0
        self.ended = threading.Event()

    def run(self) -> None:
        """Look until the block has ended."""
        workers, looked = 0, 0.0
        limit, me = self._settings.memory, psutil.Process()
        while not self.ended.wait(_TICK):
            own, now = _private(me), time.monotonic()
            if now - looked >= _ALL or own + workers > _NEAR * limit:
                workers, looked = sum(map(_private, _children(me))), now
            if own + workers > limit:
                self._end(me, own + workers)
                return

    def _end(self, me: psutil.Process, held: int) -> None:
        self.held = held
        _kill(_children(me))
        signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)
        patient_until = time.monotonic() + _PATIENCE
        while not self.ended.wait(_TICK):
            if time.monotonic() > patient_until or _private(me) > _BEYOND * self._settings.memory:
                _kill(_children(me))
                with suppress(OSError):
                    say(f"error: {self.error()}", to=sys.stderr)
                os._exit(1)

    def error(self) -> StoreError:
        """Return what a user is told."""
        settings = self._settings
        held = self.held or sum(map(_private, [psutil.Process(), *_children(psutil.Process())]))
        return StoreError(
            f"memory of the stage `{self._stage}`",
            rule=_rule(settings),
            received=f"{written_bytes(held)}" if self.held else f"{written_bytes(held)}, and no more to be had",
            remedy="Set THERAGATE_MEMORY_LIMIT to more, take a larger machine, set THERAGATE_JOBS to fewer processes, "
            "or let `theragate repro --jobs 1` run one stage at a time; then run the same command again: nothing was "
            "lost.",
        )


def _private(process: psutil.Process) -> int:
    """Return the bytes that a process holds by itself; of files that are mapped, the kernel can let go."""
    with suppress(psutil.Error):
        memory = process.memory_info()
        return int(memory.rss - getattr(memory, "shared", 0))
    return 0


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return list(process.children(recursive=True))
    return []


def _kill(processes: list[psutil.Process]) -> None:
    """End workers; what keeps the list of their shared resources ends with this process, and tidies up."""
    for process in processes:
        with suppress(psutil.Error):
            if not any("resource_tracker" in word for word in process.cmdline()):
                process.kill()
