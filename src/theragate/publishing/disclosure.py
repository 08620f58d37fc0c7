"""Everything of a study that is bound for MLflow, looked into before anything is written there."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.parquet import read_table
from theragate.disclosure.patients import Patients
from theragate.disclosure.scan import Scan, scan
from theragate.disclosure.tables import declared_numbers
from theragate.evidence.published import SMALLEST_CELL
from theragate.learning.predictions_file import PredictionFile
from theragate.runner.workspace import Workspace
from theragate.study import NestedCrossValidation, Study
from theragate.tracking.bundle import Bundle
from theragate.tracking.content import (
    dataset_fields,
    experiment_text,
    metrics,
    parameters,
    recipe,
    run_name,
    run_text,
    tags,
)

__all__ = ["check_disclosure"]

CLEAN = "clean"  # the scenario of predictions from unchanged inputs


def check_disclosure(workspace: Workspace, bundle: Bundle, *, private: Path) -> Scan:
    """Look into all that goes to MLflow for patients' rows and values: files, numbers, tags and texts.

    The trials are looked into as part of the training record. What `sync` writes later is the same: it publishes only
    what `registration.json` names by digest.

    Parameters
    ----------
    workspace, bundle
        The study's files, and what is to go out.
    private
        The folder of the tables that stay at the site, of which one may link the source's own ids.

    Raises
    ------
    DataError
        If the cohort or the predictions are missing, or a file is of a kind that cannot be looked into.
    EvidenceError
        If a file gives a patient away.
    """
    study = bundle.study
    patients = Patients(
        CohortFile(workspace.data("cohort.parquet"), f"Run `dvc repro ingest@{study.name}`."),
        study.outcome_columns,
        _predictions(workspace, study),
        _declared(workspace, study),
        private / "ids" / f"{study.name}.csv",
    )
    estimator = {f"estimator/{path.name}": path for path in sorted(bundle.estimator.rglob("*")) if path.is_file()}
    record = {"record.json": workspace.model("record.json")}
    numbers = metrics(bundle)
    others = {
        "dataset": dataset_fields(bundle),
        "descriptions": [run_name(bundle), run_text(bundle), experiment_text(bundle)],
        "metrics": {"by name": numbers, "all": list(numbers.values())},
        "parameters": parameters(bundle),
        "recipe.json": recipe(bundle),
        "tags": tags(bundle),
    }
    return scan({**bundle.artifacts, **estimator, **record}, patients, study=study.name, others=others)


def _predictions(workspace: Workspace, study: Study) -> dict[str, NDArray[np.float64]]:
    """Return the numbers that stand for one patient each: what was predicted of the held-out, and by the model itself.

    Of a model that was fitted again in a sample alone the predictions of the sample are known.
    """
    held_out = PredictionFile(workspace.model("predictions.parquet"), f"Run `dvc repro train@{study.name}`.")
    again = workspace.model("refits.parquet")
    refits = read_table(again, columns=["refit", "prediction"], remedy=f"Run `dvc repro refit@{study.name}`.")
    each = [held_out.rows(kind, ["prediction"]) for kind in held_out.kinds if kind[0] == "selected"]
    if isinstance(study.validation, NestedCrossValidation):
        clean = held_out.rows(("selected", CLEAN), ["patient", "prediction"]).groupby("patient")["prediction"].mean()
    else:  # everybody once
        clean = held_out.rows(("selected", CLEAN), ["prediction"])["prediction"]
    return {
        "held-out predictions": np.concatenate([part["prediction"].to_numpy() for part in each]),
        "mean held-out predictions": clean.to_numpy(),
        "predictions by the released model": refits.loc[
            refits["refit"] == refits["refit"].min(), "prediction"
        ].to_numpy(),
    }


def _declared(workspace: Workspace, study: Study) -> tuple[float, ...]:
    """Return the numbers of the study's entry in ``params.yaml`` and of its suite, both of which git knows."""
    suite = json.loads(workspace.suite.read_bytes()) if workspace.suite.is_file() else {}
    content = [study.model_dump(mode="json"), suite]
    return tuple(sorted(set(declared_numbers(content, shorter_than=SMALLEST_CELL))))
