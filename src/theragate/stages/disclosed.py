"""Everything of a study that is bound for MLflow, looked into before anything is written there."""

from theragate.cohorts.tables import read_table
from theragate.disclosure.check import Patients, Scan, scan
from theragate.stages.workspace import Workspace
from theragate.tracking.bundle import Bundle

__all__ = ["check_disclosure"]

CLEAN = "clean"  # the scenario of predictions from unchanged inputs


def check_disclosure(workspace: Workspace, bundle: Bundle) -> Scan:
    """Look into the artifacts, the estimator and the training record for patients' rows and values.

    Whatever else goes to MLflow (the recipe, the trials, the metrics, tags and texts) is made of these. What `sync`
    writes later is the same: it publishes only what `registration.json` names by digest.

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
    )
    estimator = {f"estimator/{path.name}": path for path in sorted(bundle.estimator.rglob("*")) if path.is_file()}
    record = {"record.json": workspace.model("record.json")}
    return scan({**bundle.artifacts, **estimator, **record}, patients, study=study.name)
