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

from theragate.runner.exclusive import claim_pipeline

__all__ = ["repro"]

_READER = "register@"  # these stages ask whether dvc.lock names what was made
_PATIENCE = 3  # seconds that commands have to end by themselves after Ctrl-C, and again when they are asked to


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
    log = _log()
    try:
        with _Interruptions() as interruptions, Repo(str(root)) as repo, lock_repo(repo), repo.scm_context:
            _mend(Path(repo.tmp_dir) / "rwlock")
            pipeline = _Pipeline(repo, targets, jobs=jobs, cores=cores)
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

    def __init__(self, repo: Any, targets: list[str], *, jobs: int, cores: int) -> None:
        from dvc.dvcfile import PROJECT_FILE
        from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

        self._repo, self._jobs, self._cores = repo, jobs, cores
        self._graph = get_active_graph(repo.index.graph)
        self._plan = plan_repro(self._graph, collect_stages(repo, targets or [PROJECT_FILE]))
        self._unfinished = list(self._plan)
        self._due: list[Any] = []  # what they need is there, and it has changed
        self._running: dict[Future[int], Any] = {}
        self._unwritten: list[Any] = []
        self.made = 0
        self.failed: list[str] = []

    def run(self, interruptions: "_Interruptions") -> None:
        """Run all stages; one that fails holds up those alone that depend on it."""
        with ThreadPoolExecutor(self._jobs) as pool, _ended() as processes:
            while self._unfinished:
                while (stage := self._next()) is not None:
                    self._examine(stage)
                while self._due and len(self._running) < self._jobs:
                    stage = self._due.pop(0)
                    process = self._start(stage)
                    if process is not None:
                        processes.append(process)
                        self._running[pool.submit(_followed, process)] = stage
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
            if not _is_one_command(stage):  # such as a file that `dvc add` or `dvc import-url` tracks
                if stage.reproduce(upstream=upstream):
                    self._keep(stage)
            elif stage.changed(upstream=upstream):
                self._due.append(stage)
                return
            else:
                _log().info("Stage '%s' didn't change, skipping", stage.addressing)
            self._unfinished.remove(stage)

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
            options = prepare_kwargs(stage, run_env={"THERAGATE_JOBS": str(max(1, self._cores // beside))})
            # A command that is alone has the terminal, where training moves a bar; else whole lines of each are shown.
            pipe = None if beside == 1 else subprocess.PIPE
            command = _make_cmd(get_executable(), stage.cmd)
            return subprocess.Popen(command, stdout=pipe, stderr=pipe, **options)  # noqa: S603 - as dvc.yaml says
        return None

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
        self.made += 1
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
        alive = _with_all_below(processes)
        for end in (psutil.Process.terminate, psutil.Process.kill):
            _, alive = psutil.wait_procs(alive, timeout=_PATIENCE)
            for process in alive:
                with suppress(psutil.Error):
                    end(process)
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
    threads = [Thread(target=_show, args=each, daemon=True) for each in shown if each[0] is not None]
    for thread in threads:
        thread.start()
    code = process.wait()
    for thread in threads:
        thread.join(_PATIENCE)  # what the command has left running may hold the other end for ever
    return code


def _show(lines: BinaryIO, stream: TextIO) -> None:
    with lines:
        for line in lines:
            with suppress(OSError):  # nobody reads any more, which does the command no harm
                stream.buffer.write(line)
                stream.buffer.flush()
