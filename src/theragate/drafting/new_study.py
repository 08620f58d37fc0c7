"""A table to a declared study: what can be read off the data is drafted, what cannot is marked for a person."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.cohorts.ages import TOP_AGE
from theragate.cohorts.cohort_frame import CohortTable
from theragate.cohorts.declared_columns import check_columns
from theragate.cohorts.deidentify import check_ids, deidentify_columns
from theragate.cohorts.groups import read_groups
from theragate.cohorts.outcome_columns import outcome_of
from theragate.cohorts.repeated_rows import one_row_each
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources import check_not_empty, open_table_file, parts_of
from theragate.cohorts.table import Table
from theragate.drafting.clusters import DraftedClusters, draft_clusters
from theragate.drafting.columns import Columns, read_columns
from theragate.drafting.entry import draft_entry
from theragate.drafting.equal_patients import draft_equal_patients, told_of
from theragate.drafting.follow_up_dates import ends_of_follow_up
from theragate.drafting.followed import followed
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.forms.options import ReadingOptions
from theragate.drafting.forms.table import find_form
from theragate.drafting.ids import find_id, repeated_rows
from theragate.drafting.insert import with_study
from theragate.drafting.omop_table import OmopRequest, read_omop
from theragate.drafting.outcome import DraftedOutcome, draft_outcome
from theragate.drafting.suite import draft_suite
from theragate.drafting.treatment import draft_treatment
from theragate.errors import ConfigurationError, DataError
from theragate.files import whole_file, write_json, write_text
from theragate.gates import read_policy
from theragate.learning.families import check_families
from theragate.learning.features import read_features
from theragate.learning.trainable import check_numbers
from theragate.project.changes import all_or_none
from theragate.release.champion import write_champion
from theragate.release.waivers import write_waivers
from theragate.runner.workspace import Workspace
from theragate.study import (
    MARK,
    NAME,
    TASKS,
    BinaryOutcome,
    Deidentification,
    RepeatedRows,
    Study,
    SurvivalOutcome,
    parse,
    read_parameters,
    study_names,
)
from theragate.validation.duplicates import find_duplicates
from theragate.validation.leakage import find_leaks
from theragate.validation.types import Duplicates

__all__ = ["Request", "new_study"]

_PIECE = 2**17  # patients at once
_COLUMN_BY_COLUMN = ("csv", "parquet")  # forms of files in which no column says how another is read
SHORTEST = 3  # letters of a label
FEWEST = 10  # patients of a class: with fewer, not even three folds can be tested in
COMMENT = """Drafted by `theragate new-study` from {file}. A text that begins with REVIEW is for a person to write or
confirm, together with a clinician; until all are, the verdict is BLOCKED by TG000. Limits are fixed before the first
run."""
README = """# {name}

REVIEW: what these data are, who may use them, and how the file was made, so that it can be made again.

`{file}` stays out of git. To version it, run `dvc add sources/{name}/{file}` and write `kind: dvc` in params.yaml.
Whoever pushes it to a DVC remote gives the patients' rows, with their ids, to all who can read that remote.
"""
QUERY_README = """# {name}

REVIEW: which database this is, on which day it was filled, and who may use it.

`{file}` is one SELECT, with a row for each patient; its concepts and windows are for a person to review.
"""


@dataclass(frozen=True)
class Request:
    """What a person asks for: the study's name, the table, and which of its columns are what.

    The table is that of ``file``, or of ``omop``; then ``file`` is the name of its query.
    """

    name: str
    file: Path
    outcome: str | None = None
    time: str | None = None
    treatment: str | None = None
    identity: str | None = None
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    omop: OmopRequest | None = None


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
    # What waits in the one has no name, and ends with this; in the other lies a query before it is in the project.
    with Scratch(root / ".theragate" / "downloads") as scratch, tempfile.TemporaryDirectory() as folder:
        return _drafted(workspace, request, scratch, Path(folder))


def _drafted(workspace: Workspace, request: Request, scratch: Scratch, folder: Path) -> str:
    frame, form = _table(request, scratch, folder)
    source = form.ordered()
    outcome = draft_outcome(frame, request.outcome, request.time)
    if request.treatment is not None:
        outcome = draft_treatment(frame, outcome, request.treatment)
    table, columns, clusters = _cohort(frame, form, outcome, request.name)
    cohort = CohortTable(table)
    policies = "policies" in read_parameters(workspace.params)
    draft = partial(draft_entry, request.name, table, source=source, clusters=clusters, policies=policies)
    entry = _without_leaks(request.name, cohort, columns=columns, outcome=outcome, draft=draft)
    if "time" in outcome.measured and request.treatment is None:
        entry = followed(
            entry,
            cohort,
            columns=columns,
            read=partial(_study, request.name),
            draft=partial(draft, columns=columns, outcome=outcome),
        )
    entry["features"] |= _labels(form, table, [*outcome.columns, *columns.dropped])
    repeated = find_duplicates(cohort, _study(request.name, entry))
    entry |= draft_equal_patients(request.name, repeated)
    study = _checked(request.name, entry, cohort)
    params = with_study(workspace.params, request.name, entry, comment=COMMENT.format(file=request.file.name))
    suite = draft_suite(request.name, table, columns, outcome, clusters=clusters)
    with all_or_none(_files(workspace, form)):
        _write(workspace, form, suite)
        write_text(workspace.params, params)
    return _words(study, cohort, form, repeated)


def _labels(form: DraftedForm, cohort: Table, no_features: list[str]) -> dict[str, Any]:
    """Return what the file calls the features, for clinicians to read."""
    named = {column: label for column, label in form.labels.items() if column in cohort and len(label) >= SHORTEST}
    labels = {column: label for column, label in named.items() if column not in no_features}
    return {"labels": labels} if labels else {}


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
            remedy=f"Choose another name, or remove what is there: `theragate remove-study {name}`.",
        )


def _table(request: Request, scratch: Scratch, folder: Path) -> tuple[Table, DraftedForm]:
    """Read the file as the source of the study to be, which will be read in the same form."""
    if request.omop is not None:
        return read_omop(request.omop, request.name, folder, scratch)
    own = tuple(column for column in (request.outcome, request.time, request.treatment) if column is not None)
    form = find_form(request.file, replace(request.reading, outcome=own), subject=f"--from {request.file}")
    frame = _read(form, scratch)
    identity = find_id(frame, request.identity or form.entry.get("id"))
    if identity is not None:
        form.name_id(identity)
        frame = _with_ids(frame, form, identity, scratch)
        if repeated := repeated_rows(frame[identity]):
            form.entry["repeated"] = repeated
            keep = parse(RepeatedRows, repeated, at="source.repeated")
            frame = one_row_each(frame, identity, keep)
        check_ids(frame[identity], study=request.name)
    return frame, form


def _with_ids(frame: Table, form: DraftedForm, identity: str, scratch: Scratch) -> Table:
    """Return the table with the ids read again, as texts with all their zeros."""
    spec = form.spec()
    if spec.table_format not in _COLUMN_BY_COLUMN:
        return _read(form, scratch)
    others = tuple(name for name in frame.names if name != identity)
    alone = spec.model_copy(update={"left_out": (*spec.left_out, *others), "text": (), "columns": {}})
    read = open_table_file(form.path, alone, subject=form.subject, companions=form.companion, scratch=scratch)
    return frame.having(identity, read.columns[identity])


def _read(form: DraftedForm, scratch: Scratch) -> Table:
    read = open_table_file(form.path, form.spec(), subject=form.subject, companions=form.companion, scratch=scratch)
    check_not_empty(len(read.columns), len(read.columns.names), subject=form.subject)
    return read.columns


def _cohort(
    frame: Table, form: DraftedForm, outcome: DraftedOutcome, study: str
) -> tuple[Table, Columns, DraftedClusters]:
    """Return the cohort as `ingest` will make it, but for the ids."""
    own, identity = outcome.columns, form.entry.get("id")
    if identity in own:
        raise DataError(
            f"column `{identity}`",
            rule="an outcome or a treatment identifies nobody",
            received="the column that names the patients",
            remedy="Name another with --outcome, --time or --treatment.",
        )
    features = frame.without([identity] if identity else [])
    clusters = draft_clusters(features, own)
    rest = features.without([clusters.column] if clusters.column else [])
    columns = read_columns(rest, own, time="time" in outcome.measured, labels=form.labels)
    columns.dropped.update({name: why for name, why in clusters.dropped.items() if name not in columns.known})
    if "time" in outcome.measured:
        columns.dropped.update(ends_of_follow_up(rest, columns.dates, outcome.measured["time"]))
    spec = parse(Deidentification, columns.deidentification, at="deidentification")
    cohort = deidentify_columns(clusters.numbered(features), spec, study=study)
    rows = pd.Series(range(1, len(cohort) + 1), dtype="int64").astype("str")
    return cohort.having("patient", rows, first=True), columns, clusters


def _without_leaks(
    name: str,
    cohort: CohortTable,
    *,
    columns: Columns,
    outcome: DraftedOutcome,
    draft: Callable[..., dict[str, Any]],
) -> dict[str, Any]:
    """Return the entry of the study, in which every feature that gives the outcome away is dropped, with the reason."""
    _check_size(name, outcome)
    entry = draft(columns=columns, outcome=outcome)
    leaks = find_leaks(cohort, _study(name, entry))
    for leak in leaks:
        if leak.feature in cohort.table and leak.feature not in outcome.columns:
            columns.dropped.setdefault(leak.feature, f"{MARK}: {leak.sentence}")
    return draft(columns=columns, outcome=outcome) if leaks else entry


def _check_size(name: str, outcome: DraftedOutcome) -> None:
    smallest, patients = outcome.smallest
    if patients < FEWEST:
        arms = " in each arm" if TASKS[outcome.task].compares_treatments else ""
        raise DataError(
            f"study `{name}`, outcome",
            rule=f"each class of the outcome{arms} has at least {FEWEST} patients",
            received=f"one with {patients} ({smallest})",
            remedy="Collect more patients: of so few nothing can be shown.",
        )


def _study(name: str, entry: dict[str, Any]) -> Study:
    return Study.read({key: value for key, value in entry.items() if key != "policy"}, name=name, gate_keys={})


def _checked(name: str, entry: dict[str, Any], cohort: CohortTable) -> Study:
    """Return the study, of which everything holds that `theragate check`, `ingest` and `train` ask for."""
    study = _study(name, entry)
    read_policy(study)
    check_families(study)
    check_columns(cohort.table.names, study)
    outcome_of(cohort, study)
    _check_groups(cohort, study)
    _check_features(cohort, study)
    return study


def _check_groups(cohort: CohortTable, study: Study) -> None:
    """See that every patient has a group, of some patients after the other: their names take more memory than codes."""
    frame = cohort.frame(list(dict.fromkeys(group.column for group in study.subgroups.values())))
    for first in range(0, len(frame), _PIECE):
        read_groups(frame.iloc[first : first + _PIECE], study)


def _check_features(cohort: CohortTable, study: Study) -> None:
    try:
        check_numbers(cohort, read_features(cohort.columns, study))
    except ConfigurationError:
        out = [*study.deidentification.removed, *study.features.dropped]
        raise DataError(
            "the columns",
            rule="at least one is left to learn from",
            received=f"none of {len(out) + len(study.outcome_columns)}: left out are "
            f"{', '.join(f'`{name}`' for name in out[:10]) or 'those of the outcome'}",
            remedy="Add columns of what is known before the outcome; or name with --outcome, --time, --treatment and "
            "--id what the columns are.",
        ) from None


def _tables(form: DraftedForm) -> dict[Path, Path]:
    """Return the files of the table and what belongs to it, by where they go in the folder of the study."""
    within = Path(form.path.name) if form.path.is_dir() else Path()
    parts = {within / part.name: part for part in parts_of(form.path, subject=form.subject)}
    return parts | {Path(other.name): other for other in form.companions.values()}


def _files(workspace: Workspace, form: DraftedForm) -> list[Path]:
    """Return the files that a draft makes."""
    folder = workspace.root / "sources" / workspace.study
    tables = [folder / place for place in _tables(form)]
    decided = [workspace.decided(name) for name in ("champion.json", "waivers.json")]
    return [*tables, folder / "README.md", workspace.suite, *decided]


def _write(workspace: Workspace, form: DraftedForm, suite: dict[str, Any]) -> None:
    name, folder, file = workspace.study, workspace.root / "sources" / workspace.study, form.path
    for place, copied in _tables(form).items():
        if copied.resolve() != (folder / place).resolve():
            with whole_file(folder / place, mode=0o600) as temporary:
                shutil.copyfile(copied, temporary)
    if not (folder / "README.md").exists():
        words = QUERY_README if form.entry["kind"] == "sql" else README
        write_text(folder / "README.md", words.format(name=name, file=file.name))
    write_json(workspace.suite, suite)
    write_champion(workspace.decided("champion.json"), name, None)
    write_waivers(workspace.decided("waivers.json"), name, ())


def _words(study: Study, cohort: CohortTable, form: DraftedForm, repeated: Duplicates | None) -> str:
    features = len(set(cohort.table.names) - study.hidden)
    out = {"removed": study.deidentification.removed, "not a feature": study.features.dropped}
    return "\n".join(
        [
            f"{study.name}: {study.task}, {len(cohort):,} patients, {features:,} features, groups by "
            f"{', '.join(study.subgroups) or 'nothing: no column is named like sex, age or ethnicity'}",
            *(f"  {line}" for line in form.told),
            *_guesses(study, form.entry),
            *([] if repeated is None else [f"  {told_of(repeated, len(cohort))}"]),
            *(f"  {what}: `{column}`: {_plain(why)}" for what, names in out.items() for column, why in names.items()),
            f"{len(study.unreviewed)} texts in params.yaml begin with {MARK}, and so do rules of "
            f"expectations/{study.name}.json.",
            "A person has to write or confirm them. Until then the pipeline runs, and the verdict is BLOCKED by TG000.",
            f"Next: `theragate repro register@{study.name}`, and commit.",
        ]
    )


def _guesses(study: Study, source: dict[str, Any]) -> Iterator[str]:
    """Say what was taken for what."""
    if "id" in source:
        yield f"  patients: `{source['id']}`"
    else:
        yield "  patients: each row is another, for no column is named like an id; `--id COLUMN` names one"
    if "repeated" in source:
        yield f"  {_plain(source['repeated']['reason'])}"
    if study.clusters:
        yield f"  clusters of patients who resemble one another: by `{study.clusters.column}`"
    spec = study.measured
    if isinstance(spec, BinaryOutcome):
        yield f"  event: `{spec.positive}` in `{spec.column}`"
    elif isinstance(spec, SurvivalOutcome):
        yield f"  event: `{spec.observed or 1}` in `{spec.event}`, by {spec.horizon:g} {spec.unit} of `{spec.time}`"
    ages = study.deidentification
    for column in ages.ages:
        yield f"  age in {ages.age_units.get(column, 'years')}: `{column}`, top-coded at {TOP_AGE} years"
    for column in ages.dates:
        yield f"  date, reduced to its year: `{column}`"


def _plain(reason: str) -> str:
    return reason.removeprefix(f"{MARK}: ")
