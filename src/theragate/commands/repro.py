"""The whole pipeline, run stage by stage as DVC does, several studies side by side, with dvc.lock written once.

DVC runs one stage at a time, and after each it reads and writes the whole of dvc.lock, as YAML with its comments. Here
DVC decides, as ever, what has changed, what its cache holds and what an entry of dvc.lock says; all of that happens in
one thread of one process. Only the stages' commands run side by side.
"""

import json
import logging
import subprocess
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from theragate.commands.processes import Interruptions, ended_together, follow
from theragate.errors import ConfigurationError, did_you_mean
from theragate.project.study_places import check_files
from theragate.runner.exclusive import claim_pipeline
from theragate.study import study_names

__all__ = ["repro"]

_READER = "register@"  # these stages ask whether dvc.lock names what was made


def repro(root: Path, targets: list[str], *, jobs: int, cores: int, memory: int | None = None) -> int:
    """Do what ``dvc repro --keep-going`` does, to the same dvc.lock; return the exit code.

    What was made before an error or Ctrl-C is in dvc.lock. What a killed process has made is in DVC's run cache, so
    that it is not made again.

    Parameters
    ----------
    root
        The clone.
    targets
        Stages, as ``train@STUDY``, which are run with what they need; all if there are none.
    jobs
        Stages that may run at the same time, if there are so many studies.
    cores
        Processor cores, which they share.
    memory
        Bytes that all stages which run at the same time may hold together; None where nobody has set a limit.

    Raises
    ------
    ConfigurationError
        If a target is no stage.
    StoreError
        If another process runs the pipeline of the clone.
    """
    from dvc.exceptions import DvcException  # DVC takes a second to import
    from dvc.repo import Repo, lock_repo

    claim_pipeline(root)
    log = _log()
    try:
        with Interruptions() as interruptions, Repo(str(root)) as repo, lock_repo(repo), repo.scm_context:
            _mend(Path(repo.tmp_dir) / "rwlock")
            pipeline = _Pipeline(repo, targets, jobs=jobs, cores=cores, memory=memory)
            try:
                pipeline.run(interruptions)
            finally:
                pipeline.write()
    except (DvcException, OSError) as error:
        log.error("%s", error)
        return 1
    if pipeline.failed:
        log.error("failed to reproduce %s", ", ".join(f"'{name}'" for name in pipeline.failed))
    elif not pipeline.made:
        log.info("Data and pipelines are up to date.")
    return 1 if pipeline.failed else 0


class _Pipeline:
    """Stages in the order in which DVC would run them, each of which waits for those that it depends on."""

    def __init__(self, repo: Any, targets: list[str], *, jobs: int, cores: int, memory: int | None) -> None:
        from dvc.dvcfile import PROJECT_FILE
        from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
        from dvc.stage.exceptions import StageNotFound

        self._repo, self._jobs, self._cores, self._memory = repo, jobs, cores, memory
        self._graph = get_active_graph(repo.index.graph)
        try:
            chosen = collect_stages(repo, targets or [PROJECT_FILE])
        except StageNotFound as error:
            raise _unknown(targets, [str(stage.addressing) for stage in self._graph]) from error
        self._plan = plan_repro(self._graph, chosen)
        self._unfinished = list(self._plan)
        self._due: list[Any] = []  # what they need is there, and it has changed
        self._running: dict[Future[int], Any] = {}
        self._unwritten: list[Any] = []
        self.made = 0
        self.failed: list[str] = []

    def run(self, interruptions: Interruptions) -> None:
        """Run all stages; one that fails holds up those alone that depend on it."""
        with ThreadPoolExecutor(self._jobs) as pool, ended_together() as processes:
            while self._unfinished:
                while (stage := self._next()) is not None:
                    self._examine(stage)
                while self._due and len(self._running) < self._jobs:
                    stage = self._due.pop(0)
                    process = self._start(stage)
                    if process is not None:
                        processes.append(process)
                        self._running[pool.submit(follow, process)] = stage
                with interruptions.let_through():
                    done, _ = wait(self._running, return_when=FIRST_COMPLETED)
                for future in done:
                    self._finish(self._running.pop(future), future.result())

    def _next(self) -> Any:
        """Return the first stage to be examined: what it needs is there, and for a reader all else in dvc.lock."""
        known, unfinished = {*self._due, *self._running.values()}, set(self._unfinished)
        ready = [
            stage
            for stage in self._unfinished
            if stage not in known and unfinished.isdisjoint(self._graph.successors(stage))
        ]
        others = [stage for stage in ready if not _is_reader(stage)]
        if others or all(map(_is_reader, known)):
            return next(iter(others or ready), None)
        return None

    def _examine(self, stage: Any) -> None:
        """Find out whether a stage has to run: DVC knows, by whatever it depends on."""
        if _is_reader(stage) and not all(map(_is_reader, self._unwritten)):
            self.write()
        upstream = list(self._graph.successors(stage))
        with self._failing(stage):
            self._check_files(stage)
            if not _is_one_command(stage):  # such as a file that `dvc add` or `dvc import-url` tracks
                if stage.reproduce(upstream=upstream):
                    self._keep(stage)
            elif stage.changed(upstream=upstream):
                self._due.append(stage)
                return
            else:
                _log().info("Stage '%s' didn't change, skipping", stage.addressing)
            self._unfinished.remove(stage)

    def _check_files(self, stage: Any) -> None:
        """Say in the user's words what a study lacks before its first stage; DVC would name a file alone."""
        name, _, study = str(stage.addressing).partition("@")
        if name == "ingest" and study:
            root = Path(self._repo.root_dir)
            check_files(root, study, study_names(root / "params.yaml"))

    def _start(self, stage: Any) -> "subprocess.Popen[bytes] | None":
        """Start a stage's command, unless the run cache has what it would make."""
        from dvc.stage.cache import RunCacheNotFoundError
        from dvc.stage.run import _make_cmd, get_executable, prepare_kwargs

        with self._failing(stage):
            stage.remove_outs()
            try:
                self._repo.stage_cache.restore(stage)
            except RunCacheNotFoundError:
                stage.save_deps()
            else:
                self._save(stage)
                return None
            _log().info("Running stage '%s':\n> %s", stage.addressing, stage.cmd)
            beside = min(self._jobs, 1 + len(self._running) + len(self._due))
            share = {"THERAGATE_JOBS": str(max(1, self._cores // beside)), **self._memory_of(stage)}
            options = prepare_kwargs(stage, run_env=share)
            # A command that is alone has the terminal, where training moves a bar; else whole lines of each are shown.
            pipe = None if beside == 1 else subprocess.PIPE
            command = _make_cmd(get_executable(), stage.cmd)
            return subprocess.Popen(command, stdout=pipe, stderr=pipe, **options)  # noqa: S603 - as dvc.yaml says
        return None

    def _memory_of(self, stage: Any) -> dict[str, str]:
        """Return the share of the limit, if there is one, which holds until the stage ends, whatever begins meanwhile.

        The stages of a study run one after the other, so that no more than there are studies left run at once; those
        that read dvc.lock run when all others are done.
        """
        if self._memory is None:
            return {}
        names = [str(other.addressing) for other in self._unfinished if _is_reader(other) == _is_reader(stage)]
        chains = {name.partition("@")[2] or name for name in names}
        return {"THERAGATE_MEMORY_LIMIT": str(self._memory // max(1, min(self._jobs, len(chains))))}

    def _finish(self, stage: Any, code: int) -> None:
        from dvc.stage.exceptions import StageCmdFailedError

        with self._failing(stage):
            if code != 0:
                raise StageCmdFailedError(stage.cmd, code)
            self._save(stage)

    def _save(self, stage: Any) -> None:
        outside = any(not out.use_cache for out in stage.outs if not (out.is_metric or out.is_plot))
        stage.save(run_cache=not outside)
        stage.commit()
        self._keep(stage)
        self._unfinished.remove(stage)

    def _keep(self, stage: Any) -> None:
        self.made += not stage.always_changed
        if _is_in_lock(stage):
            self._unwritten.append(stage)
        else:
            stage.dump(update_pipeline=False)

    @contextmanager
    def _failing(self, stage: Any) -> Iterator[None]:
        """Let an error in the block be that of one stage, whatever it is: DVC does the same."""
        from dvc.repo.reproduce import handle_error

        try:
            yield
        except Exception as error:  # noqa: BLE001 - a study's output may break DVC in any way
            self.failed.append(stage.addressing)
            dropped = {stage} | handle_error(self._graph, "keep-going", error, stage)
            self._unfinished = [other for other in self._unfinished if other not in dropped]

    def write(self) -> None:
        """Write the entries that dvc.lock lacks, if there are any, in the order in which DVC would have."""
        self._unwritten.sort(key=self._plan.index)
        files: dict[str, list[Any]] = {}
        for stage in self._unwritten:
            files.setdefault(stage.dvcfile.path, []).append(stage)
        for stages in files.values():
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
        self._unwritten = []


def _mend(path: Path) -> None:
    """Remove DVC's list of what is being read and written, if a killed DVC left half of it: nobody could go on."""
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return
    except ValueError:
        path.unlink()


def _unknown(targets: list[str], known: list[str]) -> ConfigurationError:
    """Return the error about the first target that is no stage; one is named as ``train@STUDY``, or for all studies."""
    stages = [*known, *dict.fromkeys(name.partition("@")[0] for name in known)]
    target = next((target for target in targets if target not in stages), targets[0])
    return ConfigurationError(
        f"the stage `{target}`",
        rule="a stage is one of dvc.yaml, as `train@STUDY`, or `train` for all studies",
        received="a name that is not there",
        remedy=f"{did_you_mean(target, stages)}See `dvc stage list`.",
    )


def _log() -> logging.Logger:
    return logging.getLogger("dvc")


def _is_reader(stage: Any) -> bool:
    return str(stage.addressing).startswith(_READER)


def _is_in_lock(stage: Any) -> bool:
    from dvc.stage import PipelineStage

    return isinstance(stage, PipelineStage)


def _is_one_command(stage: Any) -> bool:
    return _is_in_lock(stage) and not stage.frozen and isinstance(stage.cmd, str) and "\n" not in stage.cmd
