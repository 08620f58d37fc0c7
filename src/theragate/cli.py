"""The command `theragate`: thin, and quick to start."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from theragate.cli_release import add_predict, add_release
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
    verdict.add_argument(
        "--accept-waivers",
        action="store_true",
        help="with --require-pass: let waivers that count today accept what blocks",
    )
    verdict.set_defaults(command=_verdict)

    _add_decisions(commands)

    sync = commands.add_parser("sync", help="write to MLflow what it lacks of the pipeline's results")
    sync.set_defaults(command=_sync)

    add_release(commands)
    add_predict(commands)

    ui = commands.add_parser("ui", help="open MLflow's UI on this machine")
    ui.add_argument("--port", type=int, choices=range(1024, 65536), default=5000, metavar="PORT")
    ui.set_defaults(command=_ui)
    return parser


def _add_decisions(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands by which people decide something; each writes a file that git tracks."""
    waive = commands.add_parser("waive", help="accept one finding by name, until a day; or take that back")
    waive.add_argument("study", metavar="STUDY")
    waive.add_argument("code", metavar="CODE", help="the finding's code, as TG003")
    waive.add_argument("--reason", metavar="TEXT", help="why the finding can be lived with, in some words")
    waive.add_argument("--by", metavar="NAME", help="who accepts it")
    waive.add_argument("--expires", metavar="YYYY-MM-DD", help="the last day on which the waiver counts (UTC)")
    waive.add_argument("--withdraw", action="store_true", help="take the waiver of CODE back")
    waive.set_defaults(command=_waive)

    champion = commands.add_parser("champion", help="name the registry's champion as the one to compare with")
    champion.add_argument("study", metavar="STUDY")
    champion.set_defaults(command=_champion)


def _check(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.stages.check import check

    print(check(root))
    return 0


def _summary(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.stages.summary import show_summary

    return 0 if show_summary(root, settings) else 1


def _verdict(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:
    from theragate.stages.summary import show_verdict

    shown = [show_verdict(root, study, settings) for study in parsed.studies]
    well = all(one.passed or (parsed.accept_waivers and one.accepted) for one in shown)
    return 0 if well or not parsed.require_pass else 1


def _waive(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.stages.waive import waive, withdraw

    given = {name: getattr(parsed, name) for name in ("reason", "by", "expires")}
    if parsed.withdraw and any(value is not None for value in given.values()):
        return _misused("--withdraw goes without --reason, --by and --expires")
    if parsed.withdraw:
        print(withdraw(root, parsed.study, parsed.code))
        return 0
    absent = [f"--{name}" for name, value in given.items() if value is None]
    if absent:
        return _misused(f"a waiver needs {', '.join(absent)}")
    print(waive(root, parsed.study, parsed.code, **given, today=datetime.now(UTC).date()))
    return 0


def _misused(why: str) -> int:
    print(f"error: {why}; see `theragate waive --help`", file=sys.stderr)
    return 2


def _champion(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:
    from theragate.stages.champion import name_champion

    print(name_champion(root, parsed.study, settings))
    return 0


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
