"""Source to cohort: read, de-identify, name the patients, write Parquet with its provenance."""

import secrets
from pathlib import Path

import pandas as pd

from theragate.cohorts.clusters import with_clusters
from theragate.cohorts.codes import as_codes
from theragate.cohorts.declared_columns import check_columns
from theragate.cohorts.deidentify import check_ids, deidentify_columns
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.parquet import write_columns
from theragate.cohorts.provenance import Provenance
from theragate.cohorts.random_ids import random_ids
from theragate.cohorts.repeated_rows import one_row_each
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources import SourceTable, open_source
from theragate.cohorts.table import Table
from theragate.digests import sha256_file
from theragate.errors import DataError
from theragate.files import write_json
from theragate.learning.features import as_features, read_features
from theragate.runner.command import StageCall
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import SqlSource, Study, TableFile, load_study
from theragate.workers.choice import backend_of

__all__ = ["ingest"]


def ingest(call: StageCall) -> str:
    """Write ``cohort.parquet`` and ``provenance.json``; return a line for the user, and one for each note.

    Raises
    ------
    ConfigurationError, StoreError
        If a database or its URL is wrong or out of reach.
    DataError
        If the source is missing or broken, holds an identifier, names a patient twice, lacks a column that the study
        names, or has an infinite number where a model would learn.
    """
    workspace, settings = call.workspace, call.settings
    study = load_study(workspace.params, workspace.study)
    # What waits there is not de-identified yet. It has no name, and ends with the process.
    with Scratch(settings.state / "downloads") as scratch:
        table = open_source(
            study.source,
            workspace.root,
            study=study.name,
            scratch=scratch,
            downloads=settings.state / "downloads",
            environ=call.environ,
            backend=backend_of(settings),
        )
        cohort = _cohort(table, study, settings)
        write_columns(workspace.data("cohort.parquet"), cohort, simulated=table.simulated)
        provenance = _provenance(workspace, study, table, cohort)
    write_json(workspace.data("provenance.json"), provenance.model_dump(mode="json"))
    who = "simulated patients" if table.simulated else "patients"
    said = f"{len(cohort):,} {who}, {len(cohort.names) - 1} columns, from {table.version}"
    return "\n".join([said, *(f"  {note}" for note in table.notes)])


def _cohort(table: SourceTable, study: Study, settings: Settings) -> Table:
    """Return the columns of the cohort, of which everything holds that later stages rely on."""
    repeated = study.source.repeated if isinstance(study.source, TableFile | SqlSource) else None
    rows = one_row_each(table.columns, table.id_column, repeated)
    ids = _ids(rows, table, study, settings)
    features = rows.without([table.id_column] if table.id_column else [])
    links = _links(settings, f"{study.name}.clusters") if table.id_column else None
    features = with_clusters(features, study, links=links)
    cohort = deidentify_columns(features, study.deidentification, study=study.name)
    if "patient" in cohort:
        raise DataError(
            f"study `{study.name}`, column `patient`",
            rule="`patient` is the name of Theragate's own id column",
            received="a source with a column of that name",
            remedy="Name it as `source.id`, rename it in the source, or name it under `deidentification.removed`.",
        )
    cohort = cohort.having("patient", ids, first=True)
    check_columns(cohort.names, study)
    there = all(name in cohort for name in study.outcome_columns)
    read_outcome(cohort.frame(study.outcome_columns) if there else cohort.empty, study)
    for feature in read_features(cohort.empty, study):
        if feature.type == "number":
            as_features(cohort.frame([feature.name]), (feature,))
    return cohort


def _ids(rows: Table, table: SourceTable, study: Study, settings: Settings) -> pd.Series:
    if table.id_column is None:
        numbers = pd.Series(range(1, len(rows) + 1), dtype="int64").astype("str")
        return "simulated-" + numbers if table.simulated else numbers
    ids = rows[table.id_column]
    check_ids(ids, study=study.name)
    return random_ids(as_codes(ids), _links(settings, study.name), draw=lambda: secrets.token_hex(8))


def _links(settings: Settings, name: str) -> Path:
    """Return where the names of a private source are kept beside what takes their place."""
    return settings.private / "ids" / f"{name}.csv"


def _provenance(workspace: Workspace, study: Study, table: SourceTable, cohort: Table) -> Provenance:
    return Provenance(
        study=study.name,
        source=study.source,
        version=table.version,
        simulated=table.simulated,
        patients=len(cohort),
        columns={str(column): str(dtype) for column, dtype in cohort.empty.dtypes.items()},
        sha256=sha256_file(workspace.data("cohort.parquet")),
        deidentification=study.deidentification,
        notes=table.notes,
    )
