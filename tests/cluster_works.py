"""What workers of a cluster are given in the tests; they import it, so that it stands in a module of its own."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from theragate.workers.site import SharedFile, append, checkpoint, room_for


def doubled(number: int) -> int:
    return 2 * number


@dataclass(frozen=True)
class Waiting:
    """A work that says that it has begun and lasts until a file is there, or nobody waits for it any more."""

    begun: Path
    until: Path


def wait(work: Waiting) -> int:
    with work.begun.open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    while not work.until.exists():
        checkpoint()
        time.sleep(0.01)
    return os.getpid()


def too_late(_: object) -> None:
    raise TimeoutError("a work's own")


def die(_: object) -> None:
    os._exit(1)


def hold(mebibytes: int) -> int:
    held = bytearray(mebibytes * 2**20)
    for page in range(0, len(held), 4096):
        held[page] = 1
    for _ in range(300):  # long enough to be seen
        checkpoint()
        time.sleep(0.01)
    return len(held) // 2**20


def size(file: SharedFile) -> int:
    return len(file.here().read_bytes())


@dataclass(frozen=True)
class Keeping:
    """A work that keeps something in a folder, and adds a line to a file of who asked."""

    folder: Path
    scores: Path


def keep(work: Keeping) -> str:
    folder = room_for(work.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kept").write_text("for a while")
    append(work.scores, "a line\n")
    return str(folder)
