"""The whole pipeline, run by DVC stage by stage, with dvc.lock written when somebody reads it and not after each stage.

After every stage DVC reads and writes the whole of dvc.lock, as YAML with its comments: with ten studies 17,000 lines,
70 times, which takes as long as the learning. For many entries at once its own function takes no longer than for one.
"""

import logging
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from theragate.errors import StoreError

__all__ = ["repro"]

_READER = "register@"  # these stages ask whether dvc.lock names what was made


def repro(root: Path, targets: list[str]) -> int:
    """Do what ``dvc repro --keep-going`` does, to the same dvc.lock; return the exit code.

    What was made before an error or Ctrl-C is in dvc.lock. What a killed process has made is in DVC's run cache, so
    that it is not made again.

    Parameters
    ----------
    root
        The clone.
    targets
        Stages, as ``train@STUDY``, which are run with what they need; all if there are none.

    Raises
    ------
    StoreError
        If this command runs in the clone already.
    """
    from dvc.exceptions import DvcException  # DVC takes a second to import
    from dvc.repo import Repo

    path = root / ".theragate" / "repro.lock"
    path.parent.mkdir(exist_ok=True)
    try:
        with FileLock(path, blocking=False), Repo(str(root)) as repo:
            pending = _Pending(repo)
            try:
                done = repo.reproduce(targets or None, on_error="keep-going", repro_fn=pending.reproduce)
            finally:
                pending.write()
    except Timeout as error:
        raise StoreError(
            f"the pipeline of `{root.name}`",
            rule="one `theragate repro` runs at a time in a clone",
            received="another one",
            remedy="Wait for it to end, then run the same command again; nothing was lost.",
        ) from error
    except DvcException as error:
        logging.getLogger("dvc").error("%s", error)
        return 1
    if not done:
        logging.getLogger("dvc").info("Data and pipelines are up to date.")
    return 0


class _Pending:
    """The stages that ran and whose entries dvc.lock still lacks, in the order in which they ran."""

    def __init__(self, repo: Any) -> None:
        self._repo = repo
        self._stages: list[Any] = []

    def reproduce(self, stage: Any, **options: Any) -> Any:
        """Run a stage where anything that it depends on has changed; DVC calls this in place of its own function."""
        if stage.name.startswith(_READER) and not all(ran.name.startswith(_READER) for ran in self._stages):
            self.write()
        ran = stage.reproduce(**options)
        if ran:
            self._stages.append(ran)
        return ran

    def write(self) -> None:
        """Write the entries, if there are any."""
        from dvc.repo import lock_repo

        if self._stages:
            with lock_repo(self._repo):
                self._stages[0].dvcfile.dump_stages(self._stages, update_pipeline=False)
        self._stages = []
