"""The page of results, made from the reports of all studies."""

from pathlib import Path

from theragate.errors import DataError
from theragate.evidence.published import publish
from theragate.files import read_json, write_text
from theragate.project.current_verdict import read_judged
from theragate.reports.results import Result, read_known, results_page
from theragate.runner.workspace import Workspace
from theragate.study import load_studies

__all__ = ["write_results"]


def write_results(root: Path) -> str:
    """Write ``docs/results.md`` from the studies that have a verdict; return one line for the user.

    Raises
    ------
    ConfigurationError
        If ``docs/published.json`` is of another form.
    DataError
        If no study has a verdict yet.
    EvidenceError
        If a verdict does not follow from its files.
    """
    known = read_known(read_json(root / "docs" / "published.json", remedy="Write {} into it, or restore it."))
    studies = load_studies(Workspace(root, "").params)
    run = [study for study in studies if Workspace(root, study.name).report("verdict.json").is_file()]
    if not run:
        raise DataError(
            "reports/", rule="at least one study has a verdict", received="none", remedy="Run `make repro` first."
        )
    results = []
    for study in run:
        judged = read_judged(Workspace(root, study.name))
        results.append(Result(study, publish(judged.evidence), judged.verdict))
    absent = [study.name for study in studies if study not in run]
    write_text(root / "docs" / "results.md", results_page(results, known, absent=absent))
    return f"docs/results.md: {len(results)} of {len(studies)} studies"
