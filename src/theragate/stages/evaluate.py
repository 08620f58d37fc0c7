"""Held-out predictions to evidence, figures and the data of DVC's plots."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.groups import read_groups
from theragate.cohorts.outcomes import Binary, Outcome, Quantity, read_outcome
from theragate.cohorts.tables import read_table
from theragate.digests import sha256_file, sha256_tree
from theragate.errors import EvidenceError
from theragate.evidence.inputs import BinaryTarget, HeldOut, QuantityTarget, SurvivalTarget
from theragate.evidence.measure import measure
from theragate.evidence.types import CohortFacts, DataFacts, Evidence
from theragate.files import read_json, whole_directory, write_json
from theragate.reports.figures import draw_figures
from theragate.reports.plots import write_plot_data
from theragate.settings import Settings
from theragate.stages.workspace import Workspace
from theragate.study import Decision, Study, SurvivalOutcome, load_seed, load_study

__all__ = ["evaluate"]

RESAMPLES = 2000


def evaluate(workspace: Workspace, settings: Settings) -> str:  # noqa: ARG001 - the signature that all stages share
    """Write ``evidence.json``, ``figures/`` and ``plots/``.

    Raises
    ------
    EvidenceError
        If the predictions do not belong to the cohort, or are not finite.
    """
    study = load_study(workspace.params, workspace.study)
    cohort = read_table(workspace.data("cohort.parquet"), remedy=f"Run `dvc repro ingest@{study.name}`.")
    remedy = f"Run `dvc repro train@{study.name}`."
    predictions = read_table(workspace.model("predictions.parquet"), remedy=remedy)
    record = read_json(workspace.model("record.json"), remedy=remedy)
    evidence = _evidence(workspace, study, cohort, predictions, record)
    write_json(workspace.report("evidence.json"), evidence.model_dump(mode="json"))
    with whole_directory(workspace.report("figures")) as folder:
        draw_figures(evidence, record, study, folder)
    with whole_directory(workspace.report("plots")) as folder:
        write_plot_data(evidence, record, folder)
    measured = sum(estimate.decidable for estimate in evidence.overall.values())
    return f"{measured} metrics with intervals, {len(evidence.groups)} subgroups"


def _evidence(
    workspace: Workspace,
    study: Study,
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    record: dict[str, dict[str, str]],
) -> Evidence:
    held_out = cohort["patient"].isin(predictions["patient"].unique()).to_numpy(dtype=bool)
    cohort = cohort[held_out].reset_index(drop=True)
    outcome = read_outcome(cohort, study)
    measured = measure(
        _target(outcome, study), _held_out(cohort, predictions, study),
        resamples=RESAMPLES, seed=load_seed(workspace.params),
    )  # fmt: skip
    return Evidence(
        study=study.name,
        task=study.task,
        horizon=study.outcome.horizon if isinstance(study.outcome, SurvivalOutcome) else None,
        cohort=CohortFacts(
            sha256=sha256_file(workspace.data("cohort.parquet")),
            patients=len(cohort),
            events=measured.events,
            non_events=measured.non_events,
            censored_before_horizon=measured.censored_before_horizon,
        ),
        data=_data_facts(workspace),
        predictions_sha256=sha256_file(workspace.model("predictions.parquet")),
        model_sha256=sha256_tree(workspace.model("estimator")),
        family=record["selected"]["family"],
        reference_family=record["reference"]["family"],
        overall=measured.overall,
        comparisons=measured.comparisons,
        groups=measured.groups,
        contrasts=measured.contrasts,
        families=measured.families,
        net_benefit=measured.net_benefit,
        scenarios=measured.scenarios,
        repeats=measured.repeats,
        curves=measured.curves,
    )


def _target(outcome: Outcome, study: Study) -> BinaryTarget | QuantityTarget | SurvivalTarget:
    if isinstance(outcome, Quantity):
        return QuantityTarget(outcome.value)
    decision = study.decision if isinstance(study.decision, Decision) else None
    threshold, limits = (decision.threshold, decision.range) if decision else (None, None)
    if isinstance(outcome, Binary):
        return BinaryTarget(outcome.event, threshold, limits)
    return SurvivalTarget(outcome.time, outcome.event, outcome.horizon, threshold, limits)


def _held_out(cohort: pd.DataFrame, predictions: pd.DataFrame, study: Study) -> HeldOut:
    clean = predictions[predictions["scenario"] == "clean"]
    selected = predictions[predictions["model"] == "selected"]
    groups = read_groups(cohort, study)
    return HeldOut(
        **{
            model: _by_repeat(clean[clean["model"] == model], cohort, study)
            for model in ("selected", "reference", "null")
        },
        scenarios={name: _by_repeat(selected[selected["scenario"] == name], cohort, study) for name in study.scenarios},
        groups={name: groups[name].to_numpy(dtype=str) for name in groups.columns},
        judged=frozenset(name for name, spec in study.subgroups.items() if spec.judged),
    )


def _by_repeat(rows: pd.DataFrame, cohort: pd.DataFrame, study: Study) -> NDArray[np.float64]:
    """Return predictions as (repeats, patients), in the cohort's order; every patient once per repeat."""
    if rows.duplicated(["repeat", "patient"]).any():
        raise _mismatch(study, "a patient predicted twice in one repeat")
    table = rows.pivot(index="repeat", columns="patient", values="prediction").reindex(columns=cohort["patient"])
    if table.empty or table.isna().any(axis=None):
        raise _mismatch(study, f"{int(table.isna().sum().sum())} predictions missing")
    return table.to_numpy(dtype=np.float64)


def _mismatch(study: Study, received: str) -> EvidenceError:
    return EvidenceError(
        f"study `{study.name}`, predictions.parquet",
        rule="every held-out patient is predicted once in every repeat, by each model and in each scenario",
        received=received,
        remedy=f"Run `dvc repro -f train@{study.name}`.",
    )


def _data_facts(workspace: Workspace) -> DataFacts:
    found = read_json(workspace.report("validation.json"), remedy=f"Run `dvc repro validate@{workspace.study}`.")
    failed = [result for result in found["results"] if not result["passed"]]
    return DataFacts(
        suite_sha256=found["suite_sha256"],
        expectations=len(found["results"]),
        critical=tuple(result["id"] for result in failed if result["severity"] == "critical"),
        warnings=tuple(result["id"] for result in failed if result["severity"] == "warning"),
        leakage=tuple(leak["feature"] for leak in found["leakage"] if leak["severity"] == "critical"),
    )
