"""What every script in ``pipelines/`` does around its stage: one argument, one line, one exit code."""

import os
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from theragate.errors import ConfigurationError
from theragate.runner import arrow_memory  # noqa: F401 - before anything imports Arrow
from theragate.runner.exclusive import claim_pipeline, end_with
from theragate.runner.memory_limit import refuse_more_than, within_memory
from theragate.runner.reporting import reported
from theragate.runner.workspace import Workspace
from theragate.settings import Settings, read_settings

__all__ = ["StageCall", "exit_code", "run_stage"]


@dataclass(frozen=True)
class StageCall:
    """What a stage is called with: the files of one study, the settings, and the environment variables."""

    workspace: Workspace
    settings: Settings
    environ: Mapping[str, str]


def run_stage(stage: Callable[[StageCall], str]) -> None:
    """Run `stage` for the study that the command line names, and end the process.

    The exit code is 0 with one line on standard output, or 1 with one line on standard error. An error that is not
    the user's keeps its traceback.
    """
    warnings.filterwarnings("ignore")  # a library's advice to programmers is nothing that a user can act on
    sys.warnoptions[:] = ["ignore"]  # nor is that of processes that it starts, which are started with these options
    sys.exit(exit_code(stage, sys.argv[1:], alone=True))


def exit_code(stage: Callable[[StageCall], str], arguments: list[str], *, alone: bool = False) -> int:
    """Run `stage` with a command line's arguments; show its line or its error; return the exit code.

    A process that is there for it `alone` is also held to the limit of memory by the kernel.
    """

    def act() -> str:
        workspace = Workspace(Path.cwd(), _study(arguments))
        settings = read_settings(os.environ, workspace.root)
        end_with(claim_pipeline(workspace.root))
        if alone:
            refuse_more_than(settings)
        with within_memory(settings, getattr(stage, "__name__", "stage")):
            line = stage(StageCall(workspace, settings, os.environ))
        return f"{workspace.study}: {line}"

    return reported(act)


def _study(arguments: list[str]) -> str:
    if len(arguments) != 1:
        raise ConfigurationError(
            "the stage's command line",
            rule="it names one study",
            received=f"{len(arguments)} arguments",
            remedy="Run `dvc repro`, which calls the stages.",
        )
    return arguments[0]
