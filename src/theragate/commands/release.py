"""The command `theragate release`: what a release manager does, in tables for people and JSON for programs."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theragate.settings import Settings

if TYPE_CHECKING:  # MLflow takes seconds to import
    from theragate.registry.session import Desk

__all__ = ["add_predict", "add_release"]

_EXIT = """exit codes: 0 done; 1 an error (a registry out of reach, a wrong file), or something that does not verify;
2 a wrong command line; 3 refused by a rule of release"""

Do = Callable[[argparse.Namespace, "Desk"], int]


def add_release(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `release` with its own commands."""
    release = commands.add_parser("release", help="approve, promote, roll back, audit", epilog=_EXIT)
    actions = release.add_subparsers(required=True, metavar="ACTION")

    listing = _action(actions, "list", _list, "show versions and what each of them waits for")
    listing.add_argument("studies", nargs="*", metavar="STUDY")
    listing.add_argument("--pending", action="store_true", help="only what waits for approval or promotion")

    show = _version_action(actions, "show", _show, "show one version with all that speaks for and against it")
    show.add_argument("--save", metavar="FOLDER", type=Path, help="write a released version's papers, for `verify`")
    _version_action(actions, "diff", _diff, "show a challenger beside the champion, paired")

    approve = _version_action(actions, "approve", _approve, "approve a version; somebody else than its author")
    approve.add_argument("--reason", required=True, metavar="TEXT", help="why, in some words")
    approve.add_argument("--evidence", metavar="DIGEST", help="the evidence that was read; default: the version's own")
    _version_action(actions, "promote", _promote, "make an approved version the champion")
    revoke = _version_action(actions, "revoke", _revoke, "revoke a version for good", needs_version=True)
    revoke.add_argument("--reason", required=True, metavar="TEXT", help="why, in some words")

    rollback = _action(actions, "rollback", _rollback, "put the last champion that is not revoked back into service")
    rollback.add_argument("study", metavar="STUDY")
    withdraw = _action(actions, "withdraw", _withdraw, "emergency: take the champion out of service; nobody follows")
    withdraw.add_argument("study", metavar="STUDY")
    withdraw.add_argument("--reason", required=True, metavar="TEXT", help="why, in some words")

    verify = _version_action(
        actions, "verify", _verify, "check a released version with your own keys, offline if saved"
    )
    verify.add_argument(
        "--saved", metavar="FOLDER", type=Path, help="papers that `show --save` wrote; asks no registry"
    )
    verify.set_defaults(command=_verify_anywhere)
    audit = _action(actions, "audit", _audit, "show the ledger, after checking every row of it")
    audit.add_argument("study", nargs="?", metavar="STUDY")


def add_predict(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `predict`."""
    predict = commands.add_parser("predict", help="predict with the champion, for the patients of a file")
    predict.add_argument("study", metavar="STUDY")
    predict.add_argument("input", type=Path, metavar="INPUT", help="a CSV or Parquet file with the model's columns")
    predict.add_argument("--output", required=True, type=Path, metavar="FILE", help="a CSV or Parquet file to write")
    predict.add_argument("--id", metavar="COLUMN", help="a column to copy into the result")
    predict.add_argument("--trust", type=Path, metavar="FILE", help="the trust file whose keys count")
    predict.set_defaults(command=_predict)


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, do: Do, help_text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help_text, epilog=_EXIT)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--as", dest="person", metavar="NAME", help="who asks, where the registry signs nobody in")
    parser.set_defaults(command=_at_desk, do=do)
    return parser


def _version_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    do: Do,
    help_text: str,
    *,
    needs_version: bool = False,
) -> argparse.ArgumentParser:
    parser = _action(actions, name, do, help_text)
    parser.add_argument("study", metavar="STUDY")
    how_many = None if needs_version else "?"
    parser.add_argument("version", nargs=how_many, metavar="VERSION", help="its number or alias; default: the newest")
    return parser


def _at_desk(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.registry.session import at_desk
    from theragate.release.trust import present_trust
    from theragate.tracking.store import Stores

    if parsed.person is not None:
        if settings.registry.startswith(("http://", "https://")):
            parser_error = "--as is for a registry of one's own; a server knows who has signed in"
            return _misused(parser_error)
        os.environ["THERAGATE_USER"] = parsed.person
    with at_desk(Stores.of(settings), present_trust(settings, os.environ)) as desk:
        do: Do = parsed.do
        return do(parsed, desk)


def _list(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.listing import as_json, list_versions
    from theragate.registry.tables import versions_table

    rows = list_versions(desk, parsed.studies, pending=parsed.pending)
    _say(parsed, as_json(rows), lambda: versions_table(rows, pending=parsed.pending))
    return 0


def _show(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.details import shown
    from theragate.registry.tables import version_page
    from theragate.registry.verification import save_papers

    facts = desk.version(parsed.study, parsed.version)
    if parsed.save is not None:
        save_papers(desk, facts, parsed.save)
    found = shown(desk, facts)
    _say(parsed, found, lambda: version_page(found))
    return 0


def _diff(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.details import compared
    from theragate.registry.tables import comparison_page

    found = compared(desk, desk.version(parsed.study, parsed.version))
    _say(parsed, found, lambda: comparison_page(found))
    return 0


def _approve(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.actions import approve

    facts = desk.version(parsed.study, parsed.version)
    return _done(parsed, approve(desk, facts, digest=parsed.evidence, reason=parsed.reason))


def _promote(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.actions import promote

    return _done(parsed, promote(desk, desk.version(parsed.study, parsed.version)))


def _revoke(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.actions import revoke

    return _done(parsed, revoke(desk, desk.version(parsed.study, parsed.version), reason=parsed.reason))


def _rollback(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.actions import rollback

    return _done(parsed, rollback(desk, parsed.study))


def _withdraw(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.actions import withdraw

    return _done(parsed, withdraw(desk, parsed.study, reason=parsed.reason))


def _verify_anywhere(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:
    if parsed.saved is None:
        return _at_desk(parsed, root, settings)
    from theragate.registry.verification import read_papers, verify
    from theragate.release.trust import present_trust

    trust = present_trust(settings, os.environ)
    return _verified(parsed, verify(read_papers(parsed.saved, trust), trust))


def _verify(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.verification import papers_at_desk, verify

    number = parsed.version or desk.champion(parsed.study).version
    with tempfile.TemporaryDirectory() as folder:
        papers = papers_at_desk(desk, desk.version(parsed.study, number), Path(folder))
        return _verified(parsed, verify(papers, desk.trust))


def _verified(parsed: argparse.Namespace, lines: Sequence[str]) -> int:
    _say(parsed, {"verified": list(lines)}, lambda: "\n".join(f"holds  {line}" for line in lines))
    return 0


def _audit(parsed: argparse.Namespace, desk: "Desk") -> int:
    from theragate.registry.tables import ledger_table

    rows = [row for row in desk.rows if parsed.study in (None, row.event.study)]
    _say(parsed, [row.model_dump(mode="json") for row in rows], lambda: ledger_table(rows, whole=len(desk.rows)))
    return 0


def _predict(parsed: argparse.Namespace, root: Path, settings: Settings) -> int:  # noqa: ARG001 - one form for all
    from theragate.registry.loading import load_champion
    from theragate.registry.predict import predict_file

    champion = load_champion(parsed.study, trust=parsed.trust)
    print(predict_file(champion, parsed.input, parsed.output, id_column=parsed.id))
    return 0


def _done(parsed: argparse.Namespace, line: str) -> int:
    _say(parsed, {"done": line}, lambda: line)
    return 0


def _say(parsed: argparse.Namespace, value: Any, words: Callable[[], Any]) -> None:
    if parsed.json:
        print(json.dumps(value, indent=1, ensure_ascii=False))
        return
    from rich.console import Console

    # Where no person reads it, nothing is folded.
    width = None if sys.stdout.isatty() else 200
    Console(highlight=False, markup=False, width=width).print(words())


def _misused(why: str) -> int:
    print(f"error: {why}; see `theragate release --help`", file=sys.stderr)
    return 2
