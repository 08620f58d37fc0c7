"""Everything of a study that is bound for MLflow, looked into before anything is written there."""

import json

from theragate.cohorts.parquet import read_table
from theragate.disclosure.patients import Patients
from theragate.disclosure.scan import Scan, scan
from theragate.disclosure.tables import declared_numbers
from theragate.evidence.published import SMALLEST_CELL
from theragate.runner.workspace import Workspace
from theragate.study import Study
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


def check_disclosure(workspace: Workspace, bundle: Bundle) -> Scan:
    """Look into all that goes to MLflow for patients' rows and values: files, numbers, tags and texts.

    The trials are looked into as part of the training record. What `sync` writes later is the same: it publishes only
    what `registration.json` names by digest.

    Raises
    ------
    DataError
        If the cohort or the predictions are missing, or a file is of a kind that cannot be looked into.
    EvidenceError
        If a file gives a patient away.
    """
    study = bundle.study
    cohort = read_table(workspace.data("cohort.parquet"), remedy=f"Run `dvc repro ingest@{study.name}`.")
    held_out = read_table(workspace.model("predictions.parquet"), remedy=f"Run `dvc repro train@{study.name}`.")
    refits = read_table(workspace.model("refits.parquet"), remedy=f"Run `dvc repro refit@{study.name}`.")
    selected = held_out[held_out["model"] == "selected"]
    clean = selected[selected["scenario"] == CLEAN]
    patients = Patients(
        cohort,
        study.outcome_columns,
        {
            "held-out predictions": selected["prediction"].to_numpy(),
            "mean held-out predictions": clean.groupby("patient")["prediction"].mean().to_numpy(),
            "predictions by the released model": refits.loc[refits["refit"] == 0, "prediction"].to_numpy(),
        },
        _declared(workspace, study),
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


def _declared(workspace: Workspace, study: Study) -> tuple[float, ...]:
    """Return the numbers of the study's entry in ``params.yaml`` and of its suite, both of which git knows."""
    suite = json.loads(workspace.suite.read_bytes()) if workspace.suite.is_file() else {}
    content = [study.model_dump(mode="json"), suite]
    return tuple(sorted(set(declared_numbers(content, shorter_than=SMALLEST_CELL))))
