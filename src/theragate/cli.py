"""The command `theragate`: thin, and quick to start. What it can do stands in `theragate.commands.table`."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from theragate.commands.frame import Call, MisuseError, Parser, add_commands
from theragate.commands.table import COMMANDS
from theragate.errors import ConfigurationError, TheragateError
from theragate.files import refused_by_disk
from theragate.printing import say
from theragate.project.own_environment import check_own_environment
from theragate.runner import arrow_memory  # noqa: F401 - before anything imports Arrow
from theragate.settings import project_root, read_settings

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command in the project around the current folder, and translate its errors.

    Returns
    -------
    0 if all is well, 1 after an error, which is one line, 2 for a wrong command line, 3 if a rule of release refuses,
    130 after Ctrl-C; each says one line. If nobody reads the output any more, as behind ``| head``, 1 without a word.
    """
    try:
        return _run(arguments)
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # Python writes what is left when it ends
        return 1
    except KeyboardInterrupt:
        say("\ninterrupted; run the same command again, since no file was left half-written", to=sys.stderr)
        return 130


def _run(arguments: Sequence[str] | None) -> int:
    try:
        parsed, unknown = _parser().parse_known_args(arguments)
        if unknown:
            parsed.parser.unknown(unknown)
    except SystemExit:
        sys.stdout.flush()  # of the help, which somebody may not read to its end
        raise
    try:
        root = _stand_in_project(parsed)
        check_own_environment(root)
        settings = read_settings(os.environ, root)
        outcome = parsed.run(Call(parsed, root, settings, os.environ, today=datetime.now(UTC).date()))
        if isinstance(outcome, str):
            say(outcome)
        sys.stdout.flush()
    except TheragateError as error:
        return _failed(str(error), error.exit_code)
    except OSError as error:
        refused = refused_by_disk(error)
        if refused is None:
            raise
        return _failed(str(refused), refused.exit_code)
    except MisuseError as error:
        return _failed(f"{error}; see `{parsed.parser.prog} --help`", 2)
    return 0 if isinstance(outcome, str) else int(outcome)


def _stand_in_project(parsed: Namespace) -> Path:
    """Go to the root of the project around the current folder, as git does; return it.

    Files on the command line stay those that the user meant. Outside of a project, nothing moves.
    """
    here = _current_folder()
    root = project_root(here) or here
    if root != here and not parsed.stays:
        for name, value in vars(parsed).items():
            if isinstance(value, Path):
                setattr(parsed, name, here.relative_to(root) / value)
        os.chdir(root)
    return root


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise ConfigurationError(
            "the current folder",
            rule="it exists",
            received="one that was removed, as by git or by another program",
            remedy="Go to the project's folder: `cd` to it by its whole path.",
        ) from error


def _failed(message: str, code: int) -> int:
    say(f"error: {message}", to=sys.stderr)
    return code


def _parser() -> Parser:
    parser = Parser(prog="theragate", description="Release gates for personalized-medicine models.")
    add_commands(parser, COMMANDS)
    return parser
