"""What a person sees in the terminal: every study with its metrics and verdict, and why one was blocked."""

from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from theragate.errors import TheragateError
from theragate.evidence.types import Evidence
from theragate.gates.types import Finding, Status, Verdict
from theragate.reports.headline import headline
from theragate.stages.judgement import current_verdict
from theragate.stages.workspace import Workspace
from theragate.study import study_names

__all__ = ["show_summary", "show_verdict"]

COLOURS: dict[Status, str] = {"pass": "green", "fail": "red", "insufficient": "yellow", "not_applicable": "dim"}


def show_summary(root: Path) -> bool:
    """Print one block per study: verdict, what blocks it, patients, and the main metrics with 95% intervals.

    Returns whether every study that has a verdict has one that follows from its files.
    """
    console = Console(highlight=False)
    well = True
    for name in study_names(root / "params.yaml"):
        workspace = Workspace(root, name)
        if not workspace.report("verdict.json").is_file():
            console.print(Text.assemble((name, "bold"), "  ", ("no verdict", "bold red"), ": run `dvc repro`\n"))
            continue
        try:
            evidence, verdict = current_verdict(workspace)
        except TheragateError as error:
            console.print(Text.assemble((name, "bold"), "  ", ("no valid verdict", "bold red"), f"\n  {error}\n"))
            well = False
            continue
        console.print(_heading(verdict))
        console.print(f"  {_patients(evidence)}; held-out evidence, 95% intervals")
        for title, text in headline(evidence).items():
            console.print(f"    {title:<42}{text}")
        for finding in verdict.blocking:
            console.print(Text.assemble("  blocked by ", _answer(finding)))
        console.print()
    console.print("Why:               theragate verdict STUDY, or reports/STUDY/card.md")
    console.print("Runs and versions: make ui")
    return well


def show_verdict(root: Path, study: str) -> bool:
    """Print every finding of a study's verdict; return whether it is PASS.

    Raises
    ------
    ConfigurationError
        If there is no such study.
    DataError
        If there is no verdict yet.
    EvidenceError
        If the verdict does not follow from the files as they are.
    """
    _, verdict = current_verdict(Workspace(root, study))
    console = Console(highlight=False)
    console.print(_heading(verdict))
    for finding in verdict.findings:
        console.print(_answer(finding))
        for text in (finding.summary, finding.next_step):
            if text:
                console.print(Padding(Text(text), (0, 0, 0, 4)))
    return verdict.decision == "PASS"


def _heading(verdict: Verdict) -> Text:
    colour = "bold green" if verdict.decision == "PASS" else "bold red"
    return Text.assemble((verdict.study, "bold"), "  ", (verdict.decision, colour))


def _answer(finding: Finding) -> Text:
    answer = finding.status.replace("_", " ")
    return Text.assemble(f"{finding.code} {finding.gate.replace('_', ' ')}: ", (answer, COLOURS[finding.status]))


def _patients(evidence: Evidence) -> str:
    events = "" if evidence.cohort.events is None else f", {evidence.cohort.events:,} with the event"
    return f"{evidence.cohort.patients:,} patients{events}"
