"""What a person sees in the terminal: every study with its metrics and verdict, and why one was blocked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from theragate.commands.waive import renewal
from theragate.errors import TheragateError
from theragate.evidence.types import Evidence
from theragate.gates.types import Finding, Status, Verdict
from theragate.printing import plain_console
from theragate.project.current_verdict import read_judged
from theragate.project.former_policies import Former, former_policies
from theragate.project.limits_words import limits_words
from theragate.project.readiness import Readiness, assess_readiness
from theragate.project.snapshot import Snapshot, take_snapshot
from theragate.project.waiver_rows import as_of_today
from theragate.reports.effects import treatment_lines
from theragate.reports.headline import headline
from theragate.reports.verdict import assumption_words, decision_words, looks_words
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import NO_STUDY, study_names

__all__ = ["Shown", "show_summary", "show_verdict"]

COLOURS: dict[Status, str] = {"pass": "green", "fail": "red", "insufficient": "yellow", "not_applicable": "dim"}


@dataclass(frozen=True)
class Shown:
    """What was shown of a verdict: whether it is PASS, and whether all that blocks is accepted by name today."""

    passed: bool
    accepted: bool


def show_summary(root: Path, settings: Settings, environ: Mapping[str, str]) -> bool:
    """Print one block per study: verdict, what blocks it, patients, and the main metrics with 95% limits.

    Returns whether every study that has a verdict has one that follows from its files.
    """
    console, snapshot = plain_console(), take_snapshot(root, environ)
    well, names = True, study_names(root / "params.yaml")
    if not names:
        console.print(NO_STUDY, soft_wrap=True)
        return well
    for name in names:
        workspace = Workspace(root, name)
        if not workspace.report("verdict.json").is_file():
            console.print(Text.assemble((name, "bold"), "  ", ("no verdict", "bold red"), ": run `dvc repro`\n"))
            continue
        try:
            _show_study(console, workspace, settings, snapshot)
        except TheragateError as error:
            console.print(Text.assemble((name, "bold"), "  ", ("no valid verdict", "bold red"), f"\n  {error}\n"))
            well = False
    console.print("Why:               theragate verdict STUDY, or reports/STUDY/card.md")
    console.print("Runs and versions: make ui")
    return well


def _show_study(console: Console, workspace: Workspace, settings: Settings, snapshot: Snapshot) -> None:
    judged = read_judged(workspace)
    evidence, verdict = judged.evidence, judged.verdict
    state = assess_readiness(judged, settings, snapshot)
    console.print(_heading(verdict, state))
    console.print(f"  {_patients(evidence)}; held-out evidence, 95% limits")
    console.print(f"  {looks_words(state.looks)}")
    for title, text in headline(evidence).items():
        console.print(f"    {title:<42}{text}")
    for line in treatment_lines(evidence):
        console.print(Padding(Text(line), (0, 0, 0, 2)))
    if verdict.decision == "NOT_PERSONALISED":
        console.print(Padding(Text(f"result: {decision_words(verdict)}"), (0, 0, 0, 2)))
    for finding in verdict.blocking if verdict.decision == "BLOCKED" else ():
        console.print(Text.assemble("  blocked by ", _answer(finding)))
    for line in _waiver_lines(state):
        console.print(Padding(Text(line), (0, 0, 0, 2)))
    console.print(Text.assemble("  release conditions: ", *_conditions(state)))
    console.print()


def show_verdict(root: Path, study: str, settings: Settings, environ: Mapping[str, str]) -> Shown:
    """Print every finding of a study's verdict, its waivers and the release conditions.

    Raises
    ------
    ConfigurationError
        If there is no such study, or its file of waivers is of another form.
    DataError
        If there is no verdict yet, or the ledger of looks is damaged.
    EvidenceError
        If the verdict does not follow from the files as they are.
    """
    workspace = Workspace(root, study)
    judged = read_judged(workspace)
    verdict, state = judged.verdict, assess_readiness(judged, settings, take_snapshot(root, environ))
    console = plain_console()
    console.print(_heading(verdict, state))
    console.print(looks_words(state.looks))
    _show_former_limits(console, former_policies(root, settings, judged.policy, verdict))
    for finding in verdict.findings:
        _show_finding(console, finding)
    for words in assumption_words(verdict):
        console.print(Text(words))
    _show_waivers(console, study, state)
    console.print("\nRelease conditions, as of now:")
    for finding in state.conditions:
        _show_finding(console, finding)
    return Shown(passed=verdict.decision == "PASS", accepted=state.waivers.accepted)


def _show_former_limits(console: Console, former: Former) -> None:
    first, *others = limits_words(former) or [""]
    if first:
        console.print(Text(first, style="yellow"))
    for line in others:
        console.print(Padding(Text(line), (0, 0, 0, 4)))


def _show_finding(console: Console, finding: Finding) -> None:
    console.print(_answer(finding))
    for text in (finding.summary, finding.next_step):
        if text:
            console.print(Padding(Text(text), (0, 0, 0, 4)))


def _show_waivers(console: Console, study: str, state: Readiness) -> None:
    lines = _waiver_lines(state)
    if lines:
        console.print("\nWaivers:")
    for line in lines:
        console.print(Padding(Text(line), (0, 0, 0, 4)))
    still_open = {finding.code for finding in state.waivers.open if finding.waivable}
    again = [
        renewal(waiver) for waiver, _ in state.waivers.others if waiver.study == study and waiver.code in still_open
    ]
    for command in again:
        # Not folded at the terminal's width, so that it can be copied.
        console.print(Text(f"To accept it again: {command}"), soft_wrap=True)
    if still_open and not again:
        command = f"theragate waive {study} {min(still_open)} --reason TEXT --by NAME --expires YYYY-MM-DD"
        console.print(Text(f"\nTo accept a finding by name: {command}"), soft_wrap=True)


def _heading(verdict: Verdict, state: Readiness) -> Text:
    colours = {"PASS": "bold green", "NOT_PERSONALISED": "bold cyan"}
    accepted = ("; all that blocks is waived", "yellow") if state.waivers.accepted else ""
    decision = verdict.decision.replace("_", " ")
    return Text.assemble((verdict.study, "bold"), "  ", (decision, colours.get(verdict.decision, "bold red")), accepted)


def _answer(finding: Finding) -> Text:
    answer = finding.status.replace("_", " ")
    return Text.assemble(f"{finding.code} {finding.gate.replace('_', ' ')}: ", (answer, COLOURS[finding.status]))


def _waiver_lines(state: Readiness) -> list[str]:
    return [
        f"waiver of {waiver.finding} by {waiver.by}, {waiver.issued} to {waiver.expires}: "
        + (f"does not count, {waiver.why_not}" if waiver.why_not else "counts")
        + f". Reason: {waiver.reason}"
        for waiver in as_of_today(state.waivers)
    ]


def _conditions(state: Readiness) -> list[str | tuple[str, str]]:
    parts: list[str | tuple[str, str]] = []
    for finding in state.conditions:
        name = finding.gate.replace("_", " ")
        parts += [", " if parts else "", f"{finding.code} {name}: ", (finding.status, COLOURS[finding.status])]
    return parts


def _patients(evidence: Evidence) -> str:
    events = "" if evidence.cohort.events is None else f", {evidence.cohort.events:,} with the event"
    return f"{evidence.cohort.patients:,} patients{events}"
