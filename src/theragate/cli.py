"""The command `theragate`: thin, and quick to start."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from theragate.commands.release import add_predict, add_release
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

    repro = commands.add_parser(
        "repro", help="run the pipeline: `dvc repro --keep-going`, several studies side by side"
    )
    repro.add_argument("targets", nargs="*", metavar="STAGE", help="as train@STUDY; all if none")
    repro.add_argument("--jobs", type=_count, metavar="N", help="stages at the same time; default: 2, on one core 1")
    repro.set_defaults(command=_repro)

    summary = commands.add_parser("summary", help="show every study with its metrics and verdict")
    summary.set_defaults(command=_summary)

    results = commands.add_parser("results", help="write docs/results.md: every study beside what is known elsewhere")
    results.set_defaults(command=_results)

    policy = commands.add_parser("policy", help="show what a study is judged by, and where each limit comes from")
    policy.add_argument("study", metavar="STUDY")
    policy.add_argument("--json", action="store_true", help="for programs")
    policy.set_defaults(command=_policy)

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
    _add_signing(commands)

    _add_new_study(commands)

    sync = commands.add_parser("sync", help="write to MLflow what it lacks of the pipeline's results")
    sync.set_defaults(command=_sync)

    example = commands.add_parser("example", help="show a request to a server of the model, and its answer")
    example.add_argument("study", metavar="STUDY")
    example.add_argument("--url", default="http://127.0.0.1:5001", help="where the model is served")
    example.set_defaults(command=_example)

    add_release(commands)
    add_predict(commands)
    _add_servers(commands)
    return parser


def _add_servers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands that become a server: MLflow with the guarded registry."""
    ui = commands.add_parser("ui", help="sync, then open the registry on this machine: `server --embedded`")
    server = commands.add_parser("server", help="start the release server, on which everybody signs in")
    server.add_argument("--embedded", action="store_true", help="for one person on this machine; nobody signs in")
    server.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)")
    server.add_argument("--workers", type=int, choices=range(1, 65), default=1, metavar="N", help="processes (1)")
    for command in (ui, server):
        command.add_argument("--port", type=int, choices=range(1024, 65536), default=5000, metavar="PORT")
    ui.set_defaults(command=_ui)
    server.set_defaults(command=_server)


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


def _add_signing(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add what evaluators do, and what is done about keys."""
    attest = commands.add_parser("attest", help="make a study again from its commit, and sign what came out the same")
    attest.add_argument("study", metavar="STUDY")
    attest.set_defaults(command=_attest)

    keys = commands.add_parser("keys", help="make, list, rotate and revoke the keys of a deployment")
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    make = actions.add_parser("make", help="make a key pair, and list its public half in the trust file")
    make.add_argument("name", metavar="NAME")
    make.add_argument("--role", choices=("evaluator", "ledger"), action="append", required=True, dest="roles")
    listing = actions.add_parser("list", help="show the keys that count here")
    rotate = actions.add_parser("rotate", help="make a successor; the old key counts through today")
    rotate.add_argument("name", metavar="NAME")
    revoke = actions.add_parser("revoke", help="let a key count no more")
    revoke.add_argument("name", metavar="NAME")
    revoke.add_argument("--from", metavar="YYYY-MM-DD", dest="since", type=_day, help="default: today (UTC)")
    for action in (make, rotate):
        action.add_argument("--out", metavar="FILE", type=Path, help="default: private/keys/NAME.pem")
    for action, name in ((make, "make"), (listing, "list"), (rotate, "rotate"), (revoke, "revoke")):
        action.set_defaults(command=_keys, action=name)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("a day is written as 2026-12-31") from error


def _add_new_study(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    new = commands.add_parser("new-study", help="draft a study from a table: entry, suite, files; for you to review")
    new.add_argument("name", metavar="NAME", help="small letters, digits and _")
    new.add_argument("--from", dest="file", required=True, type=Path, metavar="FILE", help="a .csv or .parquet table")
    new.add_argument("--outcome", metavar="COL", help="the column to predict; with --time, the event (1 or 0)")
    new.add_argument("--time", metavar="COL", help="the time until the event or the end of follow-up")
    new.add_argument("--treatment", metavar="COL", help="who was treated (two values): compare treatments")
    new.set_defaults(command=_new_study)


def _new_study(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.drafting.new_study import Request, new_study

    asked = {"outcome": parsed.outcome, "time": parsed.time, "treatment": parsed.treatment}
    print(new_study(root, Request(parsed.name, parsed.file, **asked)))
    return 0


def _check(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.commands.check import check

    print(check(root))
    return 0


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise argparse.ArgumentTypeError("a positive whole number, such as 2")
    return int(text)


def _repro(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:
    from theragate.commands.repro import repro

    return repro(root, parsed.targets, jobs=parsed.jobs or min(2, settings.jobs), cores=settings.jobs)


def _summary(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.commands.summary import show_summary

    return 0 if show_summary(root, settings) else 1


def _results(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.commands.results import write_results

    print(write_results(root))
    return 0


def _policy(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.commands.policy import policy_json, show_policy

    if parsed.json:
        print(policy_json(root, parsed.study))
    else:
        show_policy(root, parsed.study)
    return 0


def _verdict(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:
    from theragate.commands.summary import show_verdict

    shown = [show_verdict(root, study, settings) for study in parsed.studies]
    well = all(one.passed or (parsed.accept_waivers and one.accepted) for one in shown)
    return 0 if well or not parsed.require_pass else 1


def _waive(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.commands.waive import waive, withdraw

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


def _attest(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:
    from theragate.publishing.attest import attest

    print(attest(root, parsed.study, settings, os.environ))
    return 0


def _keys(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.commands import keys

    today = datetime.now(UTC).date()
    if parsed.action == "make":
        lines = keys.make_key(settings, os.environ, parsed.name, roles=parsed.roles, out=parsed.out)
    elif parsed.action == "rotate":
        lines = keys.rotate_key(settings, os.environ, parsed.name, out=parsed.out, today=today)
    elif parsed.action == "revoke":
        lines = keys.revoke_key(settings, os.environ, parsed.name, since=parsed.since or today)
    else:
        lines = keys.list_keys(settings, os.environ, today=today)
    print("\n".join(lines))
    return 0


def _misused(why: str) -> int:
    print(f"error: {why}; see `theragate waive --help`", file=sys.stderr)
    return 2


def _champion(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:
    from theragate.commands.champion import name_champion

    print(name_champion(root, parsed.study, settings, os.environ))
    return 0


def _show(lines: Iterator[tuple[str, bool]]) -> int:
    code = 0
    for line, well in lines:
        print(line, file=sys.stdout if well else sys.stderr)
        code = code if well else 1
    return code


def _example(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.commands.example import example

    print(example(root, parsed.study, url=parsed.url))
    return 0


def _sync(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.publishing.sync import sync

    return _show(sync(root, settings))


def _ui(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:
    from theragate.mlflow_plugin.server import Listening, serve
    from theragate.publishing.sync import sync

    _show(sync(root, settings))
    return serve(settings, Listening(port=parsed.port), embedded=True)


def _server(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.mlflow_plugin.server import Listening, serve

    return serve(settings, Listening(parsed.host, parsed.port, parsed.workers), embedded=parsed.embedded)
