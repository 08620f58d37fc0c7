"""The command `theragate`: thin, and quick to start."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from theragate.errors import TheragateError
from theragate.settings import Settings, read_settings

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (0 well, 1 an error in one line, 2 a wrong command line)."""
    parsed = _parser().parse_args(arguments)
    root = Path.cwd()
    command: Callable[[argparse.Namespace, Path, Settings], int] = parsed.command
    try:
        return command(parsed, root, read_settings(os.environ, root))
    except TheragateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="theragate", description="Release gates for personalized-medicine models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="check params.yaml and the suites, before anything runs")
    check.set_defaults(command=_check)

    summary = commands.add_parser("summary", help="show every study with its metrics and verdict")
    summary.set_defaults(command=_summary)

    verdict = commands.add_parser("verdict", help="show why a study passed or was blocked")
    verdict.add_argument("studies", nargs="+", metavar="STUDY")
    verdict.add_argument("--require-pass", action="store_true", help="exit with 1 unless every verdict is PASS")
    verdict.set_defaults(command=_verdict)

    sync = commands.add_parser("sync", help="write to MLflow what it lacks of the pipeline's results")
    sync.set_defaults(command=_sync)

    ui = commands.add_parser("ui", help="open MLflow's UI on this machine")
    ui.add_argument("--port", type=int, choices=range(1024, 65536), default=5000, metavar="PORT")
    ui.set_defaults(command=_ui)
    return parser


def _check(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.stages.check import check

    print(check(root))
    return 0


def _summary(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.stages.summary import show_summary

    return 0 if show_summary(root) else 1


def _verdict(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.stages.summary import show_verdict

    passed = [show_verdict(root, study) for study in parsed.studies]
    return 0 if all(passed) or not parsed.require_pass else 1


def _show(lines: Iterator[tuple[str, bool]]) -> int:
    code = 0
    for line, well in lines:
        print(line, file=sys.stdout if well else sys.stderr)
        code = code if well else 1
    return code


def _sync(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.stages.sync import sync

    return _show(sync(root, settings))


def _ui(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:
    from theragate.stages.sync import sync
    from theragate.tracking.ui import serve

    _show(sync(root, settings))
    return serve(settings.tracking, settings.artifacts, port=parsed.port)
