"""The whole pipeline, run stage by stage as DVC does, several studies side by side, with dvc.lock written once.

DVC runs one stage at a time, and after each it reads and writes the whole of dvc.lock, as YAML with its comments: with
ten studies 17,000 lines, 70 times, which takes as long as the learning. Here DVC decides, as ever, what has changed,
what its cache holds and what an entry of dvc.lock says; all of that happens in one thread of one process. Only the
stages' commands run side by side.
"""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, TextIO

import psutil

from theragate.stages.claim import claim_pipeline

__all__ = ["repro"]

_READER = "register@"  # these stages ask whether dvc.lock names what was made
_PATIENCE = 5  # seconds that commands have to end by themselves after Ctrl-C


def repro(root: Path, targets: list[str], *, jobs: int, cores: int) -> int:
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

    Raises
    ------
    StoreError
        If another process runs the pipeline of the clone.
    """
    from dvc.exceptions import DvcException  # DVC takes a second to import
    from dvc.repo import Repo, lock_repo

    claim_pipeline(root)
    log = logging.getLogger("dvc")
    try:
        with _Interruptions() as interruptions, Repo(str(root)) as repo, lock_repo(repo), repo.scm_context:
            _mend(Path(repo.tmp_dir) / "rwlock")
            pipeline = _Pipeline(repo, targets)
            try:
                pipeline.run(jobs, cores, interruptions)
            finally:
                pipeline.write()
    except DvcException as error:
        log.error("%s", error)
        return 1
    if pipeline.failed:
        log.error("failed to reproduce %s", ", ".join(f"'{name}'" for name in pipeline.failed))
    elif not pipeline.made:
        log.info("Data and pipelines are up to date.")
    return 1 if pipeline.failed else 0


class _Pipeline:
    """Stages in the order in which DVC would run them, each of which waits for those that it depends on."""

    def __init__(self, repo: Any, targets: list[str]) -> None:
        from dvc.dvcfile import PROJECT_FILE
        from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

        self._repo = repo
        self._graph = get_active_graph(repo.index.graph)
        self._plan = plan_repro(self._graph, collect_stages(repo, targets or [PROJECT_FILE]))
        self._unfinished = list(self._plan)
        self._environment: dict[str, str] = {}
        self._unwritten: list[Any] = []
        self.made = 0
        self.failed: list[str] = []

    def run(self, jobs: int, cores: int, interruptions: "_Interruptions") -> None:
        """Run all stages, `jobs` at a time; one that fails holds up those alone that depend on it."""
        first = [stage for stage in self._plan if set(self._plan).isdisjoint(self._graph.successors(stage))]
        jobs = max(1, min(jobs, len(first)))  # a study alone has all cores and the terminal
        self._environment["THERAGATE_JOBS"] = str(max(1, cores // jobs))
        running: dict[Future[int], Any] = {}
        with ThreadPoolExecutor(jobs) as pool, _ended() as processes:
            while self._unfinished:
                while len(running) < jobs and (stage := self._next(running)) is not None:
                    process = self._begin(stage, alone=jobs == 1)
                    if process is not None:
                        processes.append(process)
                        running[pool.submit(_followed, process)] = stage
                with interruptions.let_through():
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    self._finish(running.pop(future), future.result())

    def _next(self, running: dict[Future[int], Any]) -> Any:
        """Return the first stage whose turn it is: what it needs is there, and dvc.lock is complete for a reader."""
        begun, unfinished = set(running.values()), set(self._unfinished)
        others = False
        for stage in self._unfinished:
            reader = _is_reader(stage)
            if stage not in begun and not (reader and others) and unfinished.isdisjoint(self._graph.successors(stage)):
                return stage
            others = others or not reader
        return None

    def _begin(self, stage: Any, *, alone: bool) -> "subprocess.Popen[bytes] | None":
        """Start a stage's command, where anything that it depends on has changed and the cache has no such run."""
        from dvc.exceptions import DvcException
        from dvc.stage.cache import RunCacheNotFoundError

        if _is_reader(stage) and not all(map(_is_reader, self._unwritten)):
            self.write()
        upstream = list(self._graph.successors(stage))
        try:
            if not _is_one_command(stage):  # such as a file that `dvc add` or `dvc import-url` tracks
                if stage.reproduce(upstream=upstream):
                    self._keep(stage)
            elif not stage.changed(upstream=upstream):
                _log().info("Stage '%s' didn't change, skipping", stage.addressing)
            else:
                stage.remove_outs()
                try:
                    self._repo.stage_cache.restore(stage)
                except RunCacheNotFoundError:
                    stage.save_deps()
                    return self._start(stage, alone=alone)
                self._save(stage)
        except (DvcException, OSError) as error:
            self._fail(stage, error)
        else:
            self._unfinished.remove(stage)
        return None

    def _start(self, stage: Any, *, alone: bool) -> "subprocess.Popen[bytes]":
        from dvc.stage.run import get_executable, prepare_kwargs

        _log().info("Running stage '%s':\n> %s", stage.addressing, stage.cmd)
        options = prepare_kwargs(stage, run_env=self._environment)
        command = stage.cmd if options["shell"] else [get_executable(), "-c", stage.cmd]
        # A command that is alone has the terminal, where training moves a bar; else whole lines of each are shown.
        pipe = None if alone else subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, **options)  # noqa: S603 - as dvc.yaml says

    def _finish(self, stage: Any, code: int) -> None:
        from dvc.exceptions import DvcException
        from dvc.stage.exceptions import StageCmdFailedError

        try:
            if code != 0:
                raise StageCmdFailedError(stage.cmd, code)
            self._save(stage)
        except (DvcException, OSError) as error:
            self._fail(stage, error)
        else:
            self._unfinished.remove(stage)

    def _save(self, stage: Any) -> None:
        outside = any(not out.use_cache for out in stage.outs if not (out.is_metric or out.is_plot))
        stage.save(run_cache=not outside)
        stage.commit()
        self._keep(stage)

    def _keep(self, stage: Any) -> None:
        self.made += 1
        if _is_in_lock(stage):
            self._unwritten.append(stage)
        else:
            stage.dump(update_pipeline=False)

    def _fail(self, stage: Any, error: Exception) -> None:
        from dvc.repo.reproduce import handle_error

        self.failed.append(stage.addressing)
        dropped = {stage} | handle_error(self._graph, "keep-going", error, stage)
        self._unfinished = [other for other in self._unfinished if other not in dropped]

    def write(self) -> None:
        """Write the entries that dvc.lock lacks, if there are any, in the order in which DVC would have."""
        if self._unwritten:
            self._unwritten.sort(key=self._plan.index)
            self._unwritten[0].dvcfile.dump_stages(self._unwritten, update_pipeline=False)
        self._unwritten = []


def _mend(path: Path) -> None:
    """Remove DVC's list of what is being read and written, if a killed DVC left half of it: nobody could go on."""
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return
    except ValueError:
        path.unlink()


def _log() -> logging.Logger:
    return logging.getLogger("dvc")


def _is_reader(stage: Any) -> bool:
    return str(stage.addressing).startswith(_READER)


def _is_in_lock(stage: Any) -> bool:
    from dvc.stage import PipelineStage

    return isinstance(stage, PipelineStage)


def _is_one_command(stage: Any) -> bool:
    return _is_in_lock(stage) and not stage.frozen and isinstance(stage.cmd, str) and "\n" not in stage.cmd


class _Interruptions:
    """Ctrl-C, and the end that others ask for, as a CI server that cancels a job: heard while commands are waited for.

    DVC at work is not interrupted: it would leave half of a file that it reads first thing the next time.
    """

    def __init__(self) -> None:
        self._heard = self._open = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Interruptions":
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
def _ended() -> "Iterator[list[subprocess.Popen[bytes]]]":
    """Yield a list of processes, of which none goes on after an error or Ctrl-C, which they hear as well."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        yield processes
    except BaseException:
        _, alive = psutil.wait_procs(_with_all_below(processes), timeout=_PATIENCE)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        raise


def _with_all_below(processes: "list[subprocess.Popen[bytes]]") -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in processes:
        if process.poll() is not None:
            continue  # its number may be another's by now
        with suppress(psutil.NoSuchProcess):
            here = psutil.Process(process.pid)
            found += [*here.children(recursive=True), here]
    return found


def _followed(process: "subprocess.Popen[bytes]") -> int:
    """Show a command's lines as they come, each of them whole; return its exit code."""
    shown = [(process.stdout, sys.stdout), (process.stderr, sys.stderr)]
    threads = [Thread(target=_show, args=(lines, stream)) for lines, stream in shown if lines is not None]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return process.wait()


def _show(lines: BinaryIO, stream: TextIO) -> None:
    with lines:
        for line in lines:
            with suppress(OSError):  # nobody reads any more, which does the command no harm
                stream.buffer.write(line)
                stream.buffer.flush()
