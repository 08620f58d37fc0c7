"""One pipeline at a time in one clone: two `dvc repro` side by side would lose entries of each other's dvc.lock."""

import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
from filelock import FileLock

from theragate.errors import StoreError
from theragate.files import write_json

__all__ = ["claim_pipeline", "end_with"]


def claim_pipeline(root: Path) -> psutil.Process:
    """Claim the clone for the pipeline that this process is or runs under; return the process that holds the claim.

    A claim ends with its process; one that a killed process left behind is taken over.

    Raises
    ------
    StoreError
        If another process that is still alive runs the stages of this clone.
    """
    here = psutil.Process()
    above = [here, *here.parents()]
    path = root / ".theragate" / "pipeline.json"
    path.parent.mkdir(exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        held = _holder(path)
        if held is not None and held not in above:
            raise StoreError(
                f"the pipeline of `{root.name}`",
                rule="one `dvc repro` or `theragate repro` runs at a time in a clone",
                received=f"another one, process {held.pid}",
                remedy="Wait for it to end, then run the same command again; nothing was lost.",
            )
        if held is not None:
            return held
        owner = next((process for process in above if _is_pipeline(process)), here)
        write_json(path, {"pid": owner.pid, "started": owner.create_time()})
        return owner


def end_with(owner: psutil.Process) -> None:
    """End this process when the pipeline that it runs under is gone: another one may make the same files by then."""

    def watch() -> None:
        while _is_alive(owner):
            time.sleep(1)
        os._exit(1)

    if owner.pid != os.getpid():
        threading.Thread(target=watch, daemon=True).start()


def _is_pipeline(process: psutil.Process) -> bool:
    try:
        first, *more = [Path(word).name for word in process.cmdline()[:3]]
    except (psutil.Error, ValueError):  # gone, another user's, or without a command line
        return False
    run = more if first.startswith("python") else [first]
    return run[:1] in (["dvc"], ["theragate"]) or run == ["-m", "dvc"]


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _holder(path: Path) -> psutil.Process | None:
    try:
        claim = json.loads(path.read_text(encoding="utf-8"))
        process = psutil.Process(claim["pid"])
        same = abs(process.create_time() - claim["started"]) < 1
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process if same and _is_alive(process) else None
