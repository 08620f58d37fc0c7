"""Source to cohort: read, de-identify, name the patients, write Parquet with its provenance."""

import secrets
from dataclasses import replace
from pathlib import Path

import pandas as pd

from theragate.cohorts.clusters import with_clusters
from theragate.cohorts.codes import as_codes
from theragate.cohorts.declared_columns import check_columns
from theragate.cohorts.deidentify import check_ids, deidentify
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.parquet import write_table
from theragate.cohorts.provenance import Provenance
from theragate.cohorts.random_ids import random_ids
from theragate.cohorts.repeated_rows import one_row_each
from theragate.cohorts.sources import RawTable, read_source
from theragate.digests import sha256_file
from theragate.errors import DataError
from theragate.files import write_json
from theragate.learning.features import read_features
from theragate.runner.command import StageCall
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import SqlSource, Study, TableFile, load_study

__all__ = ["ingest"]


def ingest(call: StageCall) -> str:
    """Write ``cohort.parquet`` and ``provenance.json``; return one line for the user.

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
    downloads = settings.state / "downloads"
    table = read_source(study.source, workspace.root, study=study.name, downloads=downloads, environ=call.environ)
    repeated = study.source.repeated if isinstance(study.source, TableFile | SqlSource) else None
    table = replace(table, frame=one_row_each(table.frame, table.id_column, repeated))
    ids = _ids(table, study, settings)
    features = table.frame.drop(columns=[table.id_column] if table.id_column else [])
    links = _links(settings, f"{study.name}.clusters") if table.id_column else None
    features = with_clusters(features, study, links=links)
    cohort = deidentify(features, study.deidentification, study=study.name)
    if "patient" in cohort.columns:
        raise DataError(
            f"study `{study.name}`, column `patient`",
            rule="`patient` is the name of Theragate's own id column",
            received="a source with a column of that name",
            remedy="Name it as `source.id`, rename it in the source, or name it under `deidentification.removed`.",
        )
    cohort.insert(0, "patient", ids)
    check_columns(cohort, study)
    read_outcome(cohort, study)
    read_features(cohort, study)
    write_table(workspace.data("cohort.parquet"), cohort, simulated=table.simulated)
    write_json(workspace.data("provenance.json"), _provenance(workspace, study, table, cohort).model_dump(mode="json"))
    who = "simulated patients" if table.simulated else "patients"
    return f"{len(cohort):,} {who}, {cohort.shape[1] - 1} columns, from {table.version}"


def _ids(table: RawTable, study: Study, settings: Settings) -> pd.Series:
    if table.id_column is None:
        numbers = pd.Series(range(1, len(table.frame) + 1), dtype="int64").astype("str")
        return "simulated-" + numbers if table.simulated else numbers
    check_ids(table.frame[table.id_column], study=study.name)
    ids = as_codes(table.frame[table.id_column])
    return random_ids(ids, _links(settings, study.name), draw=lambda: secrets.token_hex(8))


def _links(settings: Settings, name: str) -> Path:
    """Return where the names of a private source are kept beside what takes their place."""
    return settings.private / "ids" / f"{name}.csv"


def _provenance(workspace: Workspace, study: Study, table: RawTable, cohort: pd.DataFrame) -> Provenance:
    return Provenance(
        study=study.name,
        source=study.source,
        version=table.version,
        simulated=table.simulated,
        patients=len(cohort),
        columns={str(column): str(dtype) for column, dtype in cohort.dtypes.items()},
        sha256=sha256_file(workspace.data("cohort.parquet")),
        deidentification=study.deidentification,
    )
