"""All commands of `theragate`, in the order in which its help lists them. Heavy imports wait until a command runs."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from theragate.commands.frame import STUDY, Call, Command, MisuseError, argument, count, day
from theragate.commands.release import PREDICT, RELEASE
from theragate.numbers import plural
from theragate.printing import say

__all__ = ["COMMANDS"]


def _init(call: Call) -> str:
    from theragate.commands.init import init

    parsed = call.parsed
    return init(parsed.folder or call.root, example=parsed.example, apply=parsed.apply)


def _upgrade(call: Call) -> str:
    from theragate.commands.upgrade import upgrade

    return upgrade(call.root, apply=call.parsed.apply)


def _docs(call: Call) -> str:
    from theragate.commands.docs import docs

    return docs(call.parsed.page)


def _check(call: Call) -> str:
    from theragate.commands.check import check

    return check(call.root)


def _repro(call: Call) -> int:
    from theragate.commands.repro import repro
    from theragate.study import NO_STUDY, read_parameters

    if not call.parsed.targets and not read_parameters(call.root / "params.yaml")["studies"]:
        say(NO_STUDY)
        return 0
    # The stages run the Python that runs here, whether its environment was activated or not.
    call.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), call.environ.get("PATH", os.defpath)])
    cores, memory = call.settings.jobs, call.settings.memory if call.settings.memory_is_set else None
    jobs = call.parsed.jobs or min(2, cores)
    return repro(call.root, call.parsed.targets, jobs=jobs, cores=cores, memory=memory)


def _summary(call: Call) -> int:
    from theragate.commands.summary import show_summary

    return 0 if show_summary(call.root, call.settings, call.environ) else 1


def _results(call: Call) -> str:
    from theragate.commands.results import write_results

    return write_results(call.root)


def _gallery(call: Call) -> str:
    from theragate.commands.gallery import gallery

    return gallery(call.root, call.parsed.study, call.environ)


def _policy(call: Call) -> int | str:
    from theragate.commands.policy import policy_json, show_policy

    if call.parsed.json:
        return policy_json(call.root, call.parsed.study)
    show_policy(call.root, call.parsed.study)
    return 0


def _verdict(call: Call) -> int:
    from theragate.commands.summary import show_verdict

    if call.parsed.accept_waivers and not call.parsed.require_pass:
        raise MisuseError("--accept-waivers goes with --require-pass, whose exit code it changes")
    shown = [show_verdict(call.root, study, call.settings, call.environ) for study in _asked_studies(call)]
    good = all(verdict.passed or (call.parsed.accept_waivers and verdict.accepted) for verdict in shown)
    return 0 if good or not call.parsed.require_pass else 1


def _waive(call: Call) -> str:
    from theragate.commands.waive import waive, withdraw
    from theragate.release.trust import deployed_trust

    parsed = call.parsed
    given = {name: getattr(parsed, name) for name in ("reason", "by", "expires")}
    if parsed.withdraw:
        if any(value is not None for value in given.values()):
            raise MisuseError("--withdraw goes without --reason, --by and --expires")
        return withdraw(call.root, parsed.study, parsed.code)
    absent = [f"--{name}" for name, value in given.items() if value is None]
    if absent:
        raise MisuseError(f"a waiver needs {', '.join(absent)}")
    trust = deployed_trust(call.settings, call.environ)
    return waive(call.root, parsed.study, parsed.code, **given, today=call.today, trust=trust)


def _champion(call: Call) -> str:
    from theragate.commands.champion import name_champion

    return name_champion(call.root, call.parsed.study, call.settings, call.environ)


def _attest(call: Call) -> int:
    from theragate.publishing.attest import attest

    for study in _asked_studies(call):
        say(attest(call.root, study, call.settings, call.environ))
    return 0


def _asked_studies(call: Call) -> Sequence[str]:
    """Return the studies that the command line names, or all; where there is none, say what to do next."""
    from theragate.study import NO_STUDY, study_names

    studies: Sequence[str] = call.parsed.studies or study_names(call.root / "params.yaml")
    if not studies:
        say(NO_STUDY)
    return studies


def _make_key(call: Call) -> str:
    from theragate.commands.keys import make_key

    parsed = call.parsed
    made = make_key(
        call.settings, call.environ, parsed.name, roles=parsed.roles, out=parsed.out, studies=parsed.studies
    )
    return "\n".join(made)


def _list_keys(call: Call) -> str:
    from theragate.commands.keys import list_keys

    return "\n".join(list_keys(call.settings, call.environ, today=call.today))


def _rotate_key(call: Call) -> str:
    from theragate.commands.keys import rotate_key

    parsed = call.parsed
    return "\n".join(rotate_key(call.settings, call.environ, parsed.name, out=parsed.out, today=call.today))


def _revoke_key(call: Call) -> str:
    from theragate.commands.keys import revoke_key

    since = call.parsed.since or call.today
    return "\n".join(revoke_key(call.settings, call.environ, call.parsed.name, since=since))


def _keys_sql(call: Call) -> str:
    from theragate.commands.keys_sql import keys_sql

    return keys_sql(call.settings, call.environ)


def _new_study(call: Call) -> str:
    from theragate.drafting.forms.options import ReadingOptions
    from theragate.drafting.new_study import Request, new_study

    parsed = call.parsed
    if (parsed.file is None) == (parsed.omop is None):
        raise MisuseError("a study is drafted --from a table, or from a database by --omop")
    if parsed.omop is not None:
        return _new_omop_study(call)
    asked = [option for option in ("index", "event", "covariate", "schema") if getattr(parsed, option)]
    if asked:
        raise MisuseError(f"--{asked[0]} is about a database, and goes with --omop")
    columns = {option: getattr(parsed, option) for option in ("outcome", "time", "treatment", "identity")}
    reading = ReadingOptions(
        encoding=parsed.encoding,
        separator={"tab": "\t", "space": " "}.get(parsed.separator, parsed.separator),
        decimal=parsed.decimal,
        date=parsed.date,
        missing=tuple(parsed.missing),
        text=tuple(parsed.text),
        drop=tuple(parsed.drop),
        sheet=parsed.sheet,
        dictionary=parsed.dictionary,
        catalogue=parsed.catalogue,
    )
    return new_study(call.root, Request(parsed.name, parsed.file, reading=reading, **columns))


def _new_omop_study(call: Call) -> str:
    from theragate.drafting.new_study import Request, new_study
    from theragate.drafting.omop import OmopCohort, read_concepts, read_covariate
    from theragate.drafting.omop_table import OmopRequest

    parsed = call.parsed
    if parsed.index is None or parsed.event is None:
        raise MisuseError("--omop needs --index, when a patient enters, and --event, what is predicted")
    asked = [option for option in ("outcome", "time", "treatment", "identity") if getattr(parsed, option)]
    if asked:
        raise MisuseError("with --omop, the query says which column is what")
    cohort = OmopCohort(
        index=read_concepts("--index", parsed.index),
        event=read_concepts("--event", parsed.event),
        covariates=tuple(read_covariate("--covariate", each) for each in parsed.covariate or ()),
        schema=parsed.schema,
    )
    omop = OmopRequest(parsed.omop, cohort, parsed.observed_before, parsed.window, call.environ)
    columns = {"outcome": "event", "time": "days", "identity": "person_id"}
    return new_study(call.root, Request(parsed.name, Path("cohort.sql"), omop=omop, **columns))  # type: ignore[arg-type] # texts


def _rename_study(call: Call) -> str:
    from theragate.commands.rename_study import rename_study

    return rename_study(call.root, call.parsed.old, call.parsed.new)


def _remove_study(call: Call) -> str:
    from theragate.commands.remove_study import remove_study

    parsed = call.parsed
    return remove_study(call.root, parsed.study, certain=parsed.yes, with_sources=parsed.with_sources)


def _sync(call: Call) -> int:
    from theragate.publishing.sync import sync

    return _show(sync(call.root, call.settings, call.environ))


def _example(call: Call) -> str:
    from theragate.commands.example import example

    return example(call.root, call.parsed.study, url=call.parsed.url)


def _ui(call: Call) -> int:
    from theragate.mlflow_plugin.server import Listening, serve

    _sync(call)
    return serve(call.settings, Listening(port=call.parsed.port), embedded=True, environ=call.environ)


def _server(call: Call) -> int | str:
    parsed = call.parsed
    if parsed.clean is not None and (parsed.check or parsed.embedded):
        raise MisuseError("--clean goes alone: it starts and checks nothing")
    if parsed.check and parsed.embedded:
        raise MisuseError("--check is about the server on which everybody signs in, and goes without --embedded")
    if parsed.clean is not None:
        from theragate.mlflow_plugin.used_dossiers import clean_dossiers

        return clean_dossiers(call.settings, call.environ, days=parsed.clean)
    if parsed.tables:
        from theragate.mlflow_plugin.first_start import make_tables

        return make_tables(call.settings, call.environ)
    from theragate.mlflow_plugin.server import Listening, check, serve

    listening = Listening(parsed.host, parsed.port, parsed.workers)
    if parsed.check:
        return _show_findings(check(call.settings, listening, call.environ))
    return serve(call.settings, listening, embedded=parsed.embedded, environ=call.environ)


def _show_findings(findings: Iterable[Any]) -> int:
    """Print each finding on a line, and how many there are; return the exit code."""
    levels: Counter[str] = Counter()
    for finding in findings:
        levels[finding.level] += 1
        say(str(finding))
    say(f"{plural(levels['error'], 'error')}, {plural(levels['warning'], 'warning')}")
    return 1 if levels["error"] else 0


def _show(lines: Iterable[tuple[str, bool]]) -> int:
    """Print lines as they come, those about a failure on standard error; return the exit code."""
    code = 0
    for line, good in lines:
        say(line, to=sys.stdout if good else sys.stderr)
        code = code if good else 1
    return code


_KEY = argument("name", metavar="NAME")
_OUT = argument("--out", metavar="FILE", type=Path, help="default: private/keys/NAME.pem")
_ROLE = argument("--role", choices=("evaluator", "ledger"), action="append", required=True, dest="roles")
_LIMIT = argument(
    "--study",
    metavar="STUDY",
    action="append",
    default=[],
    dest="studies",
    help="what an evaluator's key may attest; default: every study",
)
_PORT = argument("--port", type=int, choices=range(1024, 65536), default=5000, metavar="PORT")

# How a table is read, where that is not to be found in the file itself.
_OMOP = (
    argument("--omop", metavar="VARIABLE", help="in place of --from: the variable with the URL of an OMOP database"),
    argument("--index", metavar="CONCEPTS", help="with --omop, when a patient enters, such as condition:201826"),
    argument("--event", metavar="CONCEPTS", help="what is predicted, such as condition:4329847, or death"),
    argument("--covariate", nargs="+", metavar="NAME=CONCEPTS", help="what is known before: hf=condition:316139"),
    argument("--schema", metavar="NAME", help="where the tables of OMOP are, if not where the database looks first"),
    argument("--observed-before", type=count, default=365, metavar="DAYS", help="under observation before (365)"),
    argument("--window", type=count, default=365, metavar="DAYS", help="in which covariates are looked for (365)"),
)
_READING = (
    argument("--encoding", metavar="NAME", help="of a text file, such as cp1252"),
    argument("--separator", metavar="MARK", help="between the cells: a character, tab or space"),
    argument("--decimal", choices=(".", ","), metavar="MARK", help="the decimal mark: . or ,"),
    argument("--date", choices=("dmy", "mdy", "ymd"), help="the order of day, month and year, where dates do not tell"),
    argument("--missing", nargs="+", action="extend", default=[], metavar="CELL", help="cells of what is unknown"),
    argument("--text", nargs="+", action="extend", default=[], metavar="COL", help="columns of codes, not of numbers"),
    argument("--drop", nargs="+", action="extend", default=[], metavar="COL", help="columns not to read"),
    argument("--sheet", metavar="NAME", help="of a workbook"),
    argument("--dictionary", type=Path, metavar="FILE", help="REDCap's data dictionary, for an export from it"),
    argument("--catalogue", type=Path, metavar="FILE", help="of SAS: the .sas7bcat file with the labels of codes"),
)

_KEYS = (
    Command(
        "make", "make a key pair, and list its public half in the trust file", _make_key, (_KEY, _ROLE, _LIMIT, _OUT)
    ),
    Command("list", "show the keys that count here", _list_keys),
    Command("rotate", "make a successor; the old key counts through today", _rotate_key, (_KEY, _OUT)),
    Command(
        "revoke",
        "revoke a key, so that it no longer counts",
        _revoke_key,
        (_KEY, argument("--from", metavar="YYYY-MM-DD", dest="since", type=day, help="default: today (UTC)")),
    ),
    Command("sql", "list the ledger's keys as SQL, for the rules of a server's database", _keys_sql),
)

COMMANDS: tuple[Command, ...] = (
    Command(
        "init",
        "begin a project in a folder; nothing that is there is overwritten",
        _init,
        (
            argument("folder", nargs="?", type=Path, metavar="FOLDER", help="made if there is none; default: this one"),
            argument("--example", metavar="STUDY", help="bring one of the public studies"),
            argument("--apply", action="store_true", help="add the files in a folder that holds some already"),
        ),
        stays=True,
    ),
    Command("check", "check params.yaml and the suites, before anything runs", _check),
    Command(
        "repro",
        "run the pipeline: `dvc repro --keep-going`, several studies side by side",
        _repro,
        (
            argument("targets", nargs="*", metavar="STAGE", help="as train@STUDY; all if none"),
            argument("--jobs", type=count, metavar="N", help="stages at the same time; default: 2, on one core 1"),
        ),
    ),
    Command("summary", "show every study with its metrics and verdict", _summary),
    Command("results", "write docs/results.md: every study beside what is known elsewhere", _results),
    Command("gallery", "draw a study's images with what was outlined, where they may be shown", _gallery, (STUDY,)),
    Command(
        "policy",
        "show what a study is judged by, and where each limit comes from",
        _policy,
        (STUDY, argument("--json", action="store_true", help="for programs")),
    ),
    Command(
        "verdict",
        "show why a study passed or was blocked",
        _verdict,
        (
            argument("studies", nargs="*", metavar="STUDY", help="all if none is named"),
            argument("--require-pass", action="store_true", help="exit with 1 unless every verdict is PASS"),
            argument(
                "--accept-waivers",
                action="store_true",
                help="with --require-pass: let waivers that count today accept what blocks",
            ),
        ),
    ),
    Command(
        "waive",
        "accept one finding by name, until a day; or take that back",
        _waive,
        (
            STUDY,
            argument("code", metavar="CODE", help="the finding's code, such as TG003"),
            argument("--reason", metavar="TEXT", help="why the finding is acceptable, in some words"),
            argument("--by", metavar="NAME", help="who accepts it"),
            argument("--expires", metavar="YYYY-MM-DD", help="the last day on which the waiver counts (UTC)"),
            argument("--withdraw", action="store_true", help="take the waiver of CODE back"),
        ),
    ),
    Command("champion", "name the registry's champion as the one to compare with", _champion, (STUDY,)),
    Command(
        "attest",
        "recompute studies from their commit, and sign what comes out the same",
        _attest,
        (argument("studies", nargs="*", metavar="STUDY", help="all if none is named"),),
    ),
    Command("keys", "make, list, rotate and revoke the keys of a deployment", actions=_KEYS),
    Command(
        "new-study",
        "draft a study from a table: entry, suite, files; for you to review",
        _new_study,
        (
            argument("name", metavar="NAME", help="small letters, digits and _"),
            argument("--from", dest="file", type=Path, metavar="FILE", help="the table"),
            argument("--outcome", metavar="COL", help="the column to predict; with --time, the event (1 or 0)"),
            argument("--time", metavar="COL", help="the time until the event or the end of follow-up"),
            argument("--treatment", metavar="COL", help="who was treated (two values): compare treatments"),
            argument("--id", dest="identity", metavar="COL", help="the column that names a patient, or `none`"),
            *_OMOP,
            *_READING,
        ),
    ),
    Command(
        "upgrade",
        "say what the installed version changes in the project's files",
        _upgrade,
        (argument("--apply", action="store_true", help="change them; those that you have edited stay"),),
    ),
    Command(
        "rename-study",
        "give a study another name, in every place that has it",
        _rename_study,
        (argument("old", metavar="OLD"), argument("new", metavar="NEW", help="small letters, digits and _")),
    ),
    Command(
        "remove-study",
        "say what removing a study would take along; with --yes, remove it",
        _remove_study,
        (
            STUDY,
            argument("--yes", action="store_true", help="do it"),
            argument("--with-sources", action="store_true", help="with its source files and its table of random ids"),
        ),
    ),
    Command(
        "docs",
        "show a page of the documentation, such as `docs/studies.md`",
        _docs,
        (argument("page", nargs="?", metavar="PAGE", help="as messages name it; without one, all are listed"),),
    ),
    Command("sync", "write to MLflow what it lacks of the pipeline's results", _sync),
    Command(
        "example",
        "show a request to a server of the model, and its answer",
        _example,
        (STUDY, argument("--url", default="http://127.0.0.1:5001", help="where the model is served")),
    ),
    RELEASE,
    PREDICT,
    Command("ui", "sync, then open the registry on this machine: `server --embedded`", _ui, (_PORT,)),
    Command(
        "server",
        "start the release server, on which everybody signs in",
        _server,
        (
            argument("--embedded", action="store_true", help="for one person on this machine; nobody signs in"),
            argument("--check", action="store_true", help="start nothing; name what is missing or too open"),
            argument(
                "--clean",
                nargs="?",
                type=int,
                choices=range(10_000),
                const=30,
                metavar="DAYS",
                help="start nothing; remove dossiers older than DAYS (30) that no attestation refers to",
            ),
            argument("--tables", action="store_true", help="make the tables that are missing, as their owner, and end"),
            argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)"),
            argument("--workers", type=int, choices=range(1, 65), default=1, metavar="N", help="processes (1)"),
            _PORT,
        ),
    ),
)
