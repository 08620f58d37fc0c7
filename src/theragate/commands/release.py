"""The commands `theragate release` and `theragate predict`: tables for people, JSON for programs."""

import getpass
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theragate.commands.frame import STUDY, Argument, Call, Command, MisuseError, argument
from theragate.printing import plain_console, say

if TYPE_CHECKING:  # MLflow takes seconds to import
    from theragate.registry.session import Session

__all__ = ["PREDICT", "RELEASE"]

_EXIT = """exit codes: 0 done; 1 an error (a registry out of reach, an invalid file), or a failed verification;
2 a wrong command line; 3 refused by a rule of release"""


def _in_session(
    act: "Callable[[Call, Session], int | str]", *, remembers: Callable[[Call], bool] = lambda _: True
) -> Callable[[Call], int | str]:
    """Let a command act in a session with the registry, under the name that ``--as`` gives where nobody signs in.

    The ledger is held against what was seen of it, unless `remembers` says otherwise.
    """

    def run(call: Call) -> int | str:
        from theragate.registry.pinned_head import consumer_memory
        from theragate.registry.session import open_session
        from theragate.release.trust import present_trust
        from theragate.tracking.store import Stores

        if call.parsed.person is not None:
            if call.settings.registry.startswith(("http://", "https://")):
                raise MisuseError("--as is for a registry on this machine; over HTTP the server says who acts")
            call.environ["THERAGATE_USER"] = call.parsed.person
        trust = present_trust(call.settings, call.environ)
        memory = consumer_memory(call.settings, call.environ, Path.home(), development=trust.development)
        seen = memory if remembers(call) else None
        with open_session(Stores.of(call.settings), trust, seen) as session:
            return act(call, session)

    return run


def _list(call: Call, session: "Session") -> int | str:
    from theragate.registry.listing import as_json, list_versions
    from theragate.registry.tables import versions_table

    pending = call.parsed.pending
    rows = list_versions(session, call.parsed.studies, pending=pending)
    return _answer(call, as_json(rows), lambda: versions_table(rows, pending=pending))


def _show(call: Call, session: "Session") -> int | str:
    from theragate.registry.details import shown
    from theragate.registry.tables import version_page
    from theragate.registry.verification import save_material

    version = session.version(call.parsed.study, call.parsed.version)
    if call.parsed.save is not None:
        save_material(session, version, call.parsed.save)
    details = shown(session, version)
    return _answer(call, details, lambda: version_page(details))


def _diff(call: Call, session: "Session") -> int | str:
    from theragate.registry.details import compared
    from theragate.registry.tables import comparison_page

    comparison = compared(session, session.version(call.parsed.study, call.parsed.version))
    return _answer(call, comparison, lambda: comparison_page(comparison))


def _approve(call: Call, session: "Session") -> int | str:
    from theragate.registry.actions import approve

    version = session.version(call.parsed.study, call.parsed.version)
    return _done(call, approve(session, version, digest=call.parsed.evidence, reason=call.parsed.reason))


def _promote(call: Call, session: "Session") -> int | str:
    from theragate.registry.actions import promote

    return _done(call, promote(session, session.version(call.parsed.study, call.parsed.version)))


def _revoke(call: Call, session: "Session") -> int | str:
    from theragate.registry.actions import revoke

    version = session.version(call.parsed.study, call.parsed.version)
    return _done(call, revoke(session, version, reason=call.parsed.reason))


def _rollback(call: Call, session: "Session") -> int | str:
    from theragate.registry.actions import rollback

    return _done(call, rollback(session, call.parsed.study))


def _withdraw(call: Call, session: "Session") -> int | str:
    from theragate.registry.actions import withdraw

    return _done(call, withdraw(session, call.parsed.study, reason=call.parsed.reason))


def _verify(call: Call) -> int | str:
    if call.parsed.saved is None:
        return _in_session(_verify_released)(call)
    if call.parsed.person is not None:
        raise MisuseError("--as is for a registry; files that were saved ask nobody's name")
    from theragate.registry.pinned_head import consumer_memory
    from theragate.registry.verification import read_material, verify
    from theragate.release.trust import present_trust

    trust = present_trust(call.settings, call.environ)
    memory = consumer_memory(call.settings, call.environ, Path.home(), development=trust.development)
    asked = {"study": call.parsed.study, "version": call.parsed.version}
    material = read_material(call.parsed.saved, trust, memory=memory, **asked)
    return _verified(call, verify(material, trust))


def _verify_released(call: Call, session: "Session") -> int | str:
    from theragate.registry.verification import fetch_material, verify

    number = call.parsed.version or session.champion(call.parsed.study).version
    with tempfile.TemporaryDirectory() as folder:
        material = fetch_material(session, session.version(call.parsed.study, number), Path(folder))
        return _verified(call, verify(material, session.trust))


def _verified(call: Call, lines: Sequence[str]) -> int | str:
    return _answer(call, {"verified": list(lines)}, lambda: "\n".join(f"holds  {line}" for line in lines))


def _audit(call: Call, session: "Session") -> int | str:
    from theragate.registry.tables import ledger_table

    if call.parsed.study is not None:
        session.check(call.parsed.study)
    for done in _pinned(call, session):
        say(done, to=sys.stderr)
    rows = [row for row in session.rows if call.parsed.study in (None, row.event.study)]
    content = [row.model_dump(mode="json") for row in rows]
    alerts = {study: session.alerts(study) for study in dict.fromkeys(row.event.study for row in rows)}
    return _answer(call, content, lambda: ledger_table(rows, verified=len(session.rows), alerts=alerts))


def _pinned(call: Call, session: "Session") -> Iterator[str]:
    """Do what the options of `audit` ask for with the last row, and say it on standard error, beside the table."""
    from theragate.registry.outside_pins import add_pin, check_pins, write_checkpoint
    from theragate.release.keys import read_key

    named = call.parsed.key
    key = None if named is None else read_key(str(named), named="--key")
    if call.parsed.against is not None:
        yield check_pins(call.parsed.against, session.rows, None if key is None else key.public)
    if call.parsed.accept_head is not None:
        yield from _accepted(call, session)
    if call.parsed.pin is not None:
        yield add_pin(call.parsed.pin, session.rows, session.now)
    if call.parsed.checkpoint is not None:
        if key is None:
            raise MisuseError("--checkpoint needs --key")
        yield write_checkpoint(call.parsed.checkpoint, session.rows, key)


def _accepted(call: Call, session: "Session") -> Iterator[str]:
    from theragate.registry.pinned_head import consumer_memory, server_memory
    from theragate.release.new_events import checked_reason

    if call.parsed.reason is None:
        raise MisuseError("--accept-head needs --reason")
    settings, environ, development = call.settings, call.environ, session.trust.development
    reason = checked_reason("the registry's ledger", call.parsed.reason)
    memories = [consumer_memory(settings, environ, Path.home(), development=development)]
    if not settings.registry.startswith(("http://", "https://")):  # then this is the server's machine
        memories.append(server_memory(settings, environ, development=development))
    for memory in dict.fromkeys(memories):
        memory.accept(
            settings.registry,
            session.rows,
            call.parsed.accept_head,
            by=environ.get("THERAGATE_USER") or getpass.getuser(),
            reason=reason,
            now=session.now.replace(microsecond=0),
        )
        yield f"accepted: the ledger as it is now, in {memory.path}"


def _predict(call: Call) -> str:
    from theragate.registry.loading import load_champion
    from theragate.registry.predict import DeclaredSource, InputForm, predict_file
    from theragate.study import load_study, study_names

    parsed, params = call.parsed, call.settings.home / "params.yaml"
    known = params.is_file() and parsed.study in study_names(params)
    declared = DeclaredSource.of(load_study(params, parsed.study), call.settings.home, call.environ) if known else None
    champion = load_champion(parsed.study, trust=parsed.trust, environ=call.environ)
    separator = {"tab": "\t", "space": " "}.get(parsed.separator, parsed.separator)
    form = InputForm(parsed.encoding, separator, parsed.decimal, tuple(parsed.missing) if parsed.missing else None)
    return predict_file(
        champion,
        parsed.input,
        parsed.output,
        id_column=parsed.id,
        form=form,
        declared=declared,
        parts=_parts(parsed.parts),
    )


def _parts(given: Sequence[str]) -> dict[str, Path]:
    """Return where what is known of patients lies, by part."""
    parts = {}
    for each in given:
        name, equals, path = each.partition("=")
        if not (name and equals and path) or name in parts:
            raise MisuseError(f"--part takes NAME=PATH, once for each part, not `{each}`")
        parts[name] = Path(path)
    return parts


def _done(call: Call, line: str) -> int | str:
    return _answer(call, {"done": line}, lambda: line)


def _answer(call: Call, content: Any, words: Callable[[], Any]) -> int | str:
    """Answer a program with JSON, and a person with `words`."""
    if call.parsed.json:
        return json.dumps(content, indent=1, ensure_ascii=False)
    if sys.stdout.isatty():
        plain_console(markup=False).print(words())
        return 0
    console = plain_console(markup=False, width=200)  # lines are folded for a person only
    with console.capture() as captured:
        console.print(words())
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _action(name: str, words: str, run: Callable[[Call], int | str], *arguments: Argument) -> Command:
    return Command(name, words, run, (*_ASKED, *arguments), epilog=_EXIT)


_ASKED = (
    argument("--json", action="store_true", help="for programs"),
    argument("--as", dest="person", metavar="NAME", help="who is asking, where the registry signs nobody in"),
)
_VERSION = (STUDY, argument("version", nargs="?", metavar="VERSION", help="its number or alias; default: the newest"))
_REASON = argument("--reason", required=True, metavar="TEXT", help="why, in at least five words")

RELEASE = Command(
    "release",
    "approve, promote, roll back, audit",
    epilog=_EXIT,
    actions=(
        _action(
            "list",
            "list versions and what each of them is waiting for",
            _in_session(_list),
            argument("studies", nargs="*", metavar="STUDY"),
            argument("--pending", action="store_true", help="only versions that wait for approval or promotion"),
        ),
        _action(
            "show",
            "show all about one version, and whether it could be promoted",
            _in_session(_show),
            *_VERSION,
            argument(
                "--save", metavar="FOLDER", type=Path, help="save what `verify --saved` needs of a released version"
            ),
        ),
        _action("diff", "compare a challenger with the champion, paired", _in_session(_diff), *_VERSION),
        _action(
            "approve",
            "approve a version, as someone other than its author",
            _in_session(_approve),
            *_VERSION,
            _REASON,
            argument(
                "--evidence",
                metavar="DIGEST",
                help="digest of the evidence that you have read; default: the version's own",
            ),
        ),
        _action("promote", "make an approved version the champion", _in_session(_promote), *_VERSION),
        _action(
            "revoke",
            "revoke a version for good",
            _in_session(_revoke),
            STUDY,
            argument("version", metavar="VERSION", help="its number or alias"),
            _REASON,
        ),
        _action(
            "rollback", "put the last champion that is not revoked back into service", _in_session(_rollback), STUDY
        ),
        _action(
            "withdraw",
            "emergency: take the champion out of service, leaving none",
            _in_session(_withdraw),
            STUDY,
            _REASON,
        ),
        _action(
            "verify",
            "check a released version with your own keys, offline if saved",
            _verify,
            STUDY,
            argument(
                "version",
                nargs="?",
                metavar="VERSION",
                help="its number or alias; default: the champion, or what is saved",
            ),
            argument("--saved", metavar="FOLDER", type=Path, help="what `show --save` has saved; needs no registry"),
        ),
        _action(
            "audit",
            "verify every row of the ledger and show it",
            _in_session(_audit, remembers=lambda call: call.parsed.accept_head is None),
            argument("study", nargs="?", metavar="STUDY"),
            argument("--pin", metavar="FILE", type=Path, help="append the last row to a file, to keep elsewhere"),
            argument("--against", metavar="FILE", type=Path, help="check that every row of such a file is there"),
            argument(
                "--checkpoint", metavar="FILE", type=Path, help="write the ledger's state as a signed C2SP checkpoint"
            ),
            argument("--key", metavar="FILE", type=Path, help="a key of yours, for checkpoints"),
            argument(
                "--accept-head", metavar="ROW", help="accept a restored ledger: its last row, as in `12:3f9c21ab77d0`"
            ),
            argument("--reason", metavar="TEXT", help="why it is accepted, in at least five words"),
        ),
    ),
)

PREDICT = Command(
    "predict",
    "predict with the champion, for the patients of a file",
    _predict,
    (
        STUDY,
        argument(
            "input", type=Path, metavar="INPUT", help="a table with the model's columns, or records, as the study's own"
        ),
        argument("--output", required=True, type=Path, metavar="FILE", help="a CSV or Parquet file to write"),
        argument("--id", metavar="COLUMN", help="a column to copy into the result"),
        argument(
            "--part",
            dest="parts",
            nargs="+",
            action="extend",
            default=[],
            metavar="NAME=PATH",
            help="what a part of a joined source knows of them",
        ),
        argument("--encoding", metavar="NAME", help="of the file, such as cp1252 (as declared)"),
        argument("--separator", metavar="MARK", help="of its cells: a character, tab or space"),
        argument("--decimal", choices=(".", ","), metavar="MARK", help="its decimal mark: . or ,"),
        argument("--missing", nargs="+", action="extend", default=[], metavar="CELL", help="cells of what is unknown"),
        argument("--trust", type=Path, metavar="FILE", help="the trust file whose keys count"),
    ),
)
