"""A person accepts a finding by name, or takes that back. The verdict stays what it is."""

import re
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import ValidationError

from theragate.errors import ConfigurationError, did_you_mean
from theragate.gates import CONDITIONS
from theragate.gates.types import REVIEW, Finding, Verdict
from theragate.project.current_verdict import read_judged
from theragate.release.names import as_seen
from theragate.release.trust import Trust
from theragate.release.waivers import LONGEST_VALIDITY, Waiver, read_waivers, write_waivers
from theragate.runner.workspace import Workspace
from theragate.study import first_flaw, load_study

__all__ = ["renewal", "waive", "withdraw"]

Waivers = tuple[Waiver, ...]


def waive(
    root: Path,
    study: str,
    code: str,
    *,
    reason: str,
    by: str,
    expires: str,
    today: date,
    trust: Trust | None = None,
) -> str:
    """Accept the finding `code` of a study's present verdict, in `by`'s name, through the day `expires`.

    Parameters
    ----------
    reason
        Why the finding can be lived with, in some words.
    expires
        A day as ``2026-12-31``, from `today` to a year later.
    today
        The day on which this is done.
    trust
        Whom the deployment trusts; None where there is no trust file, and the name may be any.

    Returns
    -------
    One line for the user.

    Raises
    ------
    ConfigurationError
        If study, code, reason, name or day are not such, or the finding needs no waiver.
    DataError, EvidenceError
        If there is no verdict, or it does not follow from the files as they are.
    """
    workspace = Workspace(root, study)
    verdict = read_judged(workspace).verdict
    finding = _finding(verdict, code)
    if trust is not None:
        _check_manager(trust, study, by)
    waiver = _made(
        verdict,
        finding,
        reason=" ".join(reason.split()),
        by=" ".join(by.split()),
        expires=_day(expires, today),
        issued=today,
    )
    before = _changed(workspace, lambda waivers: (*_without(waivers, code), waiver))
    former = [other for other in before if other.code == code]
    replaced = f", in place of the waiver by {former[0].by}" if former else ""
    return (
        f"{study}: {waiver.by} accepts {code} {waiver.gate} ({waiver.status}) through {waiver.expires}{replaced}. "
        f"The verdict stays {verdict.decision}. Commit release/{study}/waivers.json, and run `dvc repro`."
    )


def withdraw(root: Path, study: str, code: str) -> str:
    """Take the waiver of a finding back, whatever it was about; return one line for the user.

    Raises
    ------
    ConfigurationError
        If there is no such study, or no waiver for `code`.
    """
    workspace = Workspace(root, study)
    load_study(workspace.params, study)
    before = _changed(workspace, lambda waivers: _without(waivers, code))
    former = [waiver for waiver in before if waiver.code == code]
    if not former:
        raise ConfigurationError(
            f"study `{study}`, code `{code}`",
            rule="a waiver that is withdrawn exists",
            received=f"waivers for {', '.join(waiver.code for waiver in before) or 'nothing'}",
            remedy="See `theragate verdict` for the waivers of a study.",
        )
    return (
        f"{study}: the waiver of {code} by {former[0].by} is withdrawn. Commit release/{study}/waivers.json, and run "
        "`dvc repro`."
    )


def _check_manager(trust: Trust, study: str, by: str) -> None:
    if not trust.is_manager(by, study):
        names = [entry.name for entry in trust.release_managers if entry.covers(study)]
        raise ConfigurationError(
            "--by",
            rule="it is the sign-in name of a release manager of the study, who then approves the attestation as well",
            received=f"`{as_seen(by)[:80]}`, who is none",
            remedy=f"{did_you_mean(by, names)}Name one of {', '.join(names) or 'those that the trust file will list'}.",
        )


def renewal(waiver: Waiver) -> str:
    """Return the command that gives a waiver again, for the verdict as it is; a shell reads it as it stands."""
    words = ["theragate", "waive", waiver.study, waiver.code, "--reason", waiver.reason, "--by", waiver.by]
    return f"{shlex.join(words)} --expires YYYY-MM-DD"


def _changed(workspace: Workspace, change: Callable[[Waivers], Waivers]) -> Waivers:
    """Change the study's waivers, alone among the processes of this clone; return those that were there."""
    path = workspace.decided("waivers.json")
    lock = workspace.root / ".theragate" / f"waivers-{workspace.study}.lock"
    lock.parent.mkdir(exist_ok=True)
    with FileLock(lock):
        before = read_waivers(path, workspace.study)
        after = change(before)
        if after != before:
            write_waivers(path, workspace.study, after)
    return before


def _without(waivers: Waivers, code: str) -> Waivers:
    return tuple(waiver for waiver in waivers if waiver.code != code)


def _finding(verdict: Verdict, code: str) -> Finding:
    findings = {finding.code: finding for finding in verdict.findings}
    subject = f"study `{verdict.study}`, code `{code[:40]}`"
    if code in {REVIEW, *(kind.code for kind in CONDITIONS.values())}:
        what = "a draft that nobody has reviewed" if code == REVIEW else "a release condition, which is met or mended"
        raise ConfigurationError(
            subject,
            rule="a finding of a gate is waived",
            received=what,
            remedy=f"See `theragate verdict {verdict.study}` for what mends it.",
        )
    if code not in findings:
        raise ConfigurationError(
            subject,
            rule=f"the verdict's findings are {', '.join(findings)}",
            received=f"`{code[:40]}`",
            remedy=f"{did_you_mean(code, findings)}Name one of them.",
        )
    if findings[code].status in ("pass", "not_applicable"):
        raise ConfigurationError(
            subject,
            rule="a finding that blocks is waived",
            received=f"one that answers `{findings[code].status}`",
            remedy="Nothing needs to be done about it.",
        )
    if not findings[code].waivable:
        raise ConfigurationError(
            subject,
            rule="a finding that somebody can answer for is waived",
            received="one that nobody can: without it nothing is personalised",
            remedy="Use the average effect, as the card gives it.",
        )
    return findings[code]


def _day(text: str, today: date) -> date:
    latest = today + LONGEST_VALIDITY
    remedy = f"Name a day from {today} to {latest}; the waiver is valid through that day (UTC)."
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, flags=re.ASCII) else None
    except ValueError:
        day = None
    if day is None:
        raise ConfigurationError(
            "--expires", rule="it is a day of the calendar, as 2026-12-31", received=repr(text[:40]), remedy=remedy
        )
    if not today <= day <= latest:
        when = "a day in the past" if day < today else "a day more than a year away"
        raise ConfigurationError("--expires", rule="a waiver ends within a year", received=when, remedy=remedy)
    return day


def _made(verdict: Verdict, finding: Finding, **given: Any) -> Waiver:
    try:
        return Waiver(
            study=verdict.study,
            code=finding.code,
            gate=finding.gate,
            status=finding.status,
            evidence_sha256=verdict.evidence_sha256,
            policy_sha256=verdict.policy_sha256,
            **given,
        )
    except ValidationError as error:
        flaw = first_flaw(error)
        option = f"--{flaw.key}"
        raise ConfigurationError(
            option,
            rule="it says who accepts the finding" if option == "--by" else "it says why the finding can be accepted",
            received=f"a text of which this is not true: {flaw.rule}",
            remedy=f"Give {option} again; `theragate waive --help` shows the form.",
        ) from error
