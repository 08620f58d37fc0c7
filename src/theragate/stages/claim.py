"""One pipeline at a time in one clone: two `dvc repro` side by side would lose entries of each other's dvc.lock."""

import json
import os
from pathlib import Path

import psutil
from filelock import FileLock

from theragate.errors import StoreError
from theragate.files import write_json

__all__ = ["claim_pipeline"]


def claim_pipeline(root: Path) -> None:
    """Claim the clone for the pipeline that this process is or runs under, or find that it holds the claim already.

    A claim ends with its process; one that a killed process left behind is taken over.

    Raises
    ------
    StoreError
        If another process that is still alive runs the stages of this clone.
    """
    above = [psutil.Process(os.getpid()), *psutil.Process(os.getpid()).parents()]
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
        if held is None:
            owner = _pipeline_process(above)
            write_json(path, {"pid": owner.pid, "started": owner.create_time()})


def _pipeline_process(above: list[psutil.Process]) -> psutil.Process:
    """Return the DVC process above this one; this process itself where it is the pipeline, or a script run by hand."""
    for process in above[1:]:
        try:
            if any(Path(word).name == "dvc" for word in process.cmdline()[:3]):
                return process
        except psutil.Error:
            continue
    return above[0]


def _holder(path: Path) -> psutil.Process | None:
    try:
        claim = json.loads(path.read_text(encoding="utf-8"))
        process = psutil.Process(claim["pid"])
        return process if abs(process.create_time() - claim["started"]) < 1 else None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
