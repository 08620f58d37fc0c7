"""A table to a declared study: what can be read off the data is drafted, what cannot is marked for a person."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.cohorts.declared_columns import check_columns
from theragate.cohorts.deidentify import check_ids, deidentify
from theragate.cohorts.groups import read_groups
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.sources import as_plain, read_table_file
from theragate.drafting.columns import Columns, find_id, read_columns
from theragate.drafting.entry import draft_entry
from theragate.drafting.insert import with_study
from theragate.drafting.outcome import DraftedOutcome, draft_outcome
from theragate.drafting.suite import draft_suite
from theragate.drafting.treatment import draft_treatment, drop_its_copies
from theragate.errors import ConfigurationError, DataError
from theragate.files import whole_file, write_json, write_text
from theragate.gates import read_policy
from theragate.learning.families import check_families
from theragate.release.champion import write_champion
from theragate.release.waivers import write_waivers
from theragate.runner.workspace import Workspace
from theragate.study import NAME, TASKS, Deidentification, FileSource, Study, parse, read_parameters, study_names

__all__ = ["Request", "new_study"]

FEWEST = 10  # patients of a class: with fewer, not even three folds can be tested in
COMMENT = """Drafted by `theragate new-study` from {file}. A text that begins with REVIEW is for a person to write or
confirm, together with a clinician; until all are, the verdict is BLOCKED by TG000. Limits are fixed before the first
run."""
README = """# {name}

REVIEW: what these data are, who may use them, and how the file was made, so that it can be made again.

`{file}` stays out of git. To version it, run `dvc add sources/{name}/{file}` and write `kind: dvc` in params.yaml.
Whoever pushes it to a DVC remote gives the patients' rows, with their ids, to all who can read that remote.
"""


@dataclass(frozen=True)
class Request:
    """What a person asks for: the study's name, the table, and which of its columns are what."""

    name: str
    file: Path
    outcome: str | None = None
    time: str | None = None
    treatment: str | None = None


def new_study(root: Path, request: Request) -> str:
    """Declare a study: its entry in ``params.yaml``, its suite, its table, the files of what people decide.

    Nothing that exists is overwritten, and nothing is written before all of it has been checked. ``params.yaml`` comes
    last, so that an interrupted command leaves no study behind.

    Returns
    -------
    What the table holds and what to do next, for the user.

    Raises
    ------
    ConfigurationError
        If the name is none or is taken, or ``params.yaml`` is wrong.
    DataError
        If the file cannot be read, or the outcome or the treatment cannot be one.
    """
    workspace = Workspace(root, request.name)
    _check_name(workspace)
    frame, source = _table(request)
    outcome = draft_outcome(frame, request.outcome, request.time)
    if request.treatment is not None:
        outcome = draft_treatment(frame, outcome, request.treatment)
    cohort, columns = _cohort(frame, source, outcome, request.name)
    entry = draft_entry(
        request.name,
        cohort,
        columns=columns,
        outcome=outcome,
        source=source,
        policies="policies" in read_parameters(workspace.params),
    )
    study = _checked(request.name, entry, cohort, outcome)
    params = with_study(workspace.params, request.name, entry, comment=COMMENT.format(file=request.file.name))
    _write(workspace, request.file, draft_suite(request.name, cohort, columns, outcome))
    write_text(workspace.params, params)
    return _words(study, cohort, columns)


def _check_name(workspace: Workspace) -> None:
    name = workspace.study
    if not re.fullmatch(NAME, name):
        raise ConfigurationError(
            "the name of the study",
            rule="a study's name is 3 to 64 small letters, digits or `_`, the first a letter",
            received=f"`{name[:80]}`",
            remedy="Choose another name.",
        )
    taken = [workspace.suite, workspace.decided("champion.json"), workspace.decided("waivers.json")]
    there = [str(path.relative_to(workspace.root)) for path in taken if path.exists()]
    if name in study_names(workspace.params) or there:
        raise ConfigurationError(
            f"the name `{name}`",
            rule="no study has it yet",
            received=f"one that is taken ({there[0] if there else 'in params.yaml'})",
            remedy="Choose another name, or remove what is left of the former study.",
        )


def _table(request: Request) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the file as the source of the study to be; return it with the entry that will read it again."""
    path, subject = request.file, f"--from {request.file}"
    if path.suffix not in {".csv", ".parquet"} or not path.is_file():
        raise DataError(
            subject,
            rule="it is a .csv or a .parquet file",
            received="no such file" if not path.is_file() else f"a file `*{path.suffix}`",
            remedy="Correct the path, or export the table as one of them.",
        )
    entry: dict[str, Any] = {"kind": "file", "path": path.name}
    frame = _read(path, entry, subject)
    identity = find_id(frame)
    if identity is not None:
        entry["id"] = identity
        frame = _read(path, entry, subject)  # again, so that the ids are texts with all their zeros
        check_ids(frame[identity], study=request.name)
    return frame, entry


def _read(path: Path, entry: dict[str, Any], subject: str) -> pd.DataFrame:
    spec = parse(FileSource, entry | {"citation": "not yet", "licence": "not yet"}, at="source")
    return as_plain(read_table_file(path, spec, kind=path.suffix.removeprefix("."), subject=subject), subject=subject)


def _cohort(
    frame: pd.DataFrame, source: dict[str, Any], outcome: DraftedOutcome, study: str
) -> tuple[pd.DataFrame, Columns]:
    """Return the cohort as `ingest` will make it, but for the ids."""
    own, identity = outcome.columns, source.get("id")
    if identity in own:
        raise DataError(
            f"column `{identity}`",
            rule="an outcome or a treatment identifies nobody",
            received="the column that names the patients",
            remedy="Name another with --outcome, --time or --treatment.",
        )
    features = frame.drop(columns=[identity] if identity else [])
    columns = read_columns(features.drop(columns=own))
    if TASKS[outcome.task].compares_treatments:
        drop_its_copies(features.drop(columns=own), columns, outcome)
    entry = {"ages": columns.ages, "dates": columns.dates, "removed": columns.removed}
    cohort = deidentify(features, parse(Deidentification, entry, at="deidentification"), study=study)
    cohort.insert(0, "patient", [str(row) for row in range(1, len(cohort) + 1)])
    return cohort, columns


def _checked(name: str, entry: dict[str, Any], cohort: pd.DataFrame, outcome: DraftedOutcome) -> Study:
    """Return the study, of which everything holds that `theragate check` and `ingest` ask for."""
    smallest, patients = outcome.smallest
    if patients < FEWEST:
        arms = " in each arm" if TASKS[outcome.task].compares_treatments else ""
        raise DataError(
            f"study `{name}`, outcome",
            rule=f"each class of the outcome{arms} has at least {FEWEST} patients",
            received=f"one with {patients} ({smallest})",
            remedy="Collect more patients: of so few nothing can be shown.",
        )
    study = Study.read({key: value for key, value in entry.items() if key != "policy"}, name=name, gate_keys={})
    read_policy(study)
    check_families(study)
    check_columns(cohort, study)
    read_outcome(cohort, study)
    read_groups(cohort, study)
    return study


def _write(workspace: Workspace, file: Path, suite: dict[str, Any]) -> None:
    name, folder = workspace.study, workspace.root / "sources" / workspace.study
    if file.resolve() != (folder / file.name).resolve():
        with whole_file(folder / file.name, mode=0o600) as temporary:
            shutil.copyfile(file, temporary)
    if not (folder / "README.md").exists():
        write_text(folder / "README.md", README.format(name=name, file=file.name))
    write_json(workspace.suite, suite)
    write_champion(workspace.decided("champion.json"), name, None)
    write_waivers(workspace.decided("waivers.json"), name, ())


def _words(study: Study, cohort: pd.DataFrame, columns: Columns) -> str:
    features = cohort.shape[1] - 1 - len(study.outcome_columns) - len(columns.dropped)
    kept = {"removed": columns.removed, "not a feature": columns.dropped}
    return "\n".join(
        [
            f"{study.name}: {study.task}, {len(cohort):,} patients, {features} features, groups by "
            f"{', '.join(study.subgroups) or 'nothing: no column is named like sex, age or ethnicity'}",
            *(f"  {what}: `{column}`" for what, names in kept.items() for column in names),
            f"{len(study.unreviewed)} texts in params.yaml begin with REVIEW, and so do rules of "
            f"expectations/{study.name}.json.",
            "A person has to write or confirm them. Until then the pipeline runs, and the verdict is BLOCKED by TG000.",
            f"Next: `dvc repro register@{study.name}`, and commit.",
        ]
    )
