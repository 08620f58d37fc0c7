"""Held-out predictions to evidence, figures and the data of DVC's plots."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_float_dtype, is_integer_dtype, is_string_dtype
from pydantic import ValidationError

from theragate.cohorts.groups import read_groups
from theragate.cohorts.outcomes import Binary, Outcome, Quantity, read_outcome
from theragate.cohorts.splits import outer_splits
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
from theragate.study import Decision, Spec, Study, SurvivalOutcome, load_seed, load_study
from theragate.validation.types import Validation

__all__ = ["evaluate"]

RESAMPLES = 2000
CLEAN = "clean"  # the scenario of predictions from unchanged inputs
COLUMNS = {
    "patient": is_string_dtype, "repeat": is_integer_dtype, "fold": is_integer_dtype, "model": is_string_dtype,
    "scenario": is_string_dtype, "horizon": is_float_dtype, "prediction": is_float_dtype,
}  # fmt: skip

Form = TypeVar("Form", bound=Spec)


class Recipe(Spec, extra="ignore"):
    """What is read of a trained model."""

    family: str


class Importance(Spec):
    """How much worse the model is without a feature, over the outer splits."""

    mean: float
    sd: float


class Record(Spec, extra="ignore"):
    """What is read of the training record."""

    study: str
    selected: Recipe
    reference: Recipe
    importances: dict[str, Importance]


@dataclass(frozen=True)
class Plan:
    """Who is held out: positions in the cohort, ascending, and (repeat, fold, patient) of every prediction due."""

    rows: NDArray[np.intp]
    due: pd.MultiIndex


def evaluate(workspace: Workspace, settings: Settings) -> str:  # noqa: ARG001 - the signature that all stages share
    """Write ``evidence.json``, ``figures/`` and ``plots/``.

    Raises
    ------
    DataError
        If a file is missing or unreadable.
    EvidenceError
        If cohort, validation, predictions and training record do not belong together, are not of this version's form,
        or a prediction is not finite.
    """
    study = load_study(workspace.params, workspace.study)
    cohort = read_table(workspace.data("cohort.parquet"), remedy=f"Run `dvc repro ingest@{study.name}`.")
    remedy = f"Run `dvc repro train@{study.name}`."
    predictions = read_table(workspace.model("predictions.parquet"), remedy=remedy)
    raw = read_json(workspace.model("record.json"), remedy=remedy)
    record = _parsed(Record, raw, study, file="record.json", stage="train")
    found = _validation(workspace, study)
    evidence = _evidence(workspace, study, cohort=cohort, predictions=predictions, record=record, found=found)
    write_json(workspace.report("evidence.json"), evidence.model_dump(mode="json"))
    with whole_directory(workspace.report("figures")) as folder:
        draw_figures(evidence, raw, study, folder)
    with whole_directory(workspace.report("plots")) as folder:
        write_plot_data(evidence, raw, folder)
    measured = sum(estimate.decidable for estimate in evidence.overall.values())
    return f"{measured} metrics with intervals, {len(evidence.groups)} subgroups"


def _parsed(kind: type[Form], raw: Any, study: Study, *, file: str, stage: str) -> Form:
    """Return a file's content in its form; a file of another study has the wrong form too."""
    remedy = f"Run `dvc repro -f {stage}@{study.name}`."
    subject = f"study `{study.name}`, {file}"
    try:
        form = kind.model_validate(raw)
    except ValidationError as error:
        raise EvidenceError(
            subject,
            rule="the file has this version's form",
            received=f"{error.error_count()} fields that do not",
            remedy=remedy,
        ) from error
    if raw["study"] != study.name:
        raise EvidenceError(subject, rule="the file is of this study", received="one of another study", remedy=remedy)
    return form


def _validation(workspace: Workspace, study: Study) -> Validation:
    """Read what validation found, and refuse it if it was found in another cohort."""
    raw = read_json(workspace.report("validation.json"), remedy=f"Run `dvc repro validate@{study.name}`.")
    found = _parsed(Validation, raw, study, file="validation.json", stage="validate")
    if found.cohort_sha256 != sha256_file(workspace.data("cohort.parquet")):
        raise EvidenceError(
            f"study `{study.name}`, validation.json",
            rule="only the cohort that was validated is evaluated",
            received="a cohort with another digest",
            remedy=f"Run `dvc repro -f validate@{study.name}`.",
        )
    return found


def _evidence(
    workspace: Workspace,
    study: Study,
    *,
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    record: Record,
    found: Validation,
) -> Evidence:
    seed = load_seed(workspace.params)
    plan = _plan(cohort, study, seed=seed)
    _check(predictions, study)
    cohort = cohort.iloc[plan.rows].reset_index(drop=True)
    outcome = read_outcome(cohort, study)
    measured = measure(
        _target(outcome, study), _held_out(cohort, predictions, study=study, plan=plan),
        resamples=RESAMPLES, seed=seed,
    )  # fmt: skip
    return Evidence(
        study=study.name,
        task=study.task,
        horizon=_horizon(study),
        cohort=CohortFacts(
            sha256=found.cohort_sha256,
            patients=len(cohort),
            events=measured.events,
            non_events=measured.non_events,
            censored_before_horizon=measured.censored_before_horizon,
        ),
        data=DataFacts(
            suite_sha256=found.suite_sha256,
            expectations=len(found.results),
            critical=found.critical,
            warnings=found.warnings,
            leakage=found.leaks,
        ),
        predictions_sha256=sha256_file(workspace.model("predictions.parquet")),
        model_sha256=sha256_tree(workspace.model("estimator")),
        family=record.selected.family,
        reference_family=record.reference.family,
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


def _horizon(study: Study) -> float | None:
    return study.outcome.horizon if isinstance(study.outcome, SurvivalOutcome) else None


def _plan(cohort: pd.DataFrame, study: Study, *, seed: int) -> Plan:
    """Repeat training's splits, so that patients whom the file of predictions lacks are missed."""
    splits = outer_splits(cohort, read_outcome(cohort, study), study, seed=seed)
    parts = [pd.DataFrame({"repeat": split.repeat, "fold": split.fold, "row": split.test}) for split in splits]
    due = pd.concat(parts).sort_values(["repeat", "row"], ignore_index=True)
    patients = cohort["patient"].iloc[due["row"]].reset_index(drop=True)
    return Plan(np.unique(due["row"].to_numpy(dtype=np.intp)), pd.MultiIndex.from_arrays([
        due["repeat"], due["fold"], patients
    ]))  # fmt: skip


def _target(outcome: Outcome, study: Study) -> BinaryTarget | QuantityTarget | SurvivalTarget:
    if isinstance(outcome, Quantity):
        return QuantityTarget(outcome.value)
    decision = study.decision if isinstance(study.decision, Decision) else None
    threshold, limits = (decision.threshold, decision.range) if decision else (None, None)
    if isinstance(outcome, Binary):
        return BinaryTarget(outcome.event, threshold, limits)
    return SurvivalTarget(outcome.time, outcome.event, outcome.horizon, threshold, limits)


def _check(predictions: pd.DataFrame, study: Study) -> None:
    """Refuse a table that is not of training's form, has numbers that are not finite, or is of another search."""
    columns = [str(column) for column in predictions.columns]
    if sorted(columns) != sorted(COLUMNS):
        absent = [name for name in COLUMNS if name not in columns]
        received = f"one without {', '.join(absent)}" if absent else f"{len(columns)} columns"
        raise _broken(study, rule=f"the table's columns are {', '.join(COLUMNS)}", received=received)
    odd = [name for name, fits in COLUMNS.items() if not fits(predictions[name])]
    if odd:
        raise _broken(study, rule="every column has its type", received=f"another type in {', '.join(odd)}")
    unfit = int((~np.isfinite(predictions["prediction"].to_numpy(dtype=np.float64))).sum())
    if unfit:
        received = f"{unfit} of {len(predictions)} that are not"
        raise _broken(study, rule="every prediction is a finite number", received=received)
    due = {(model, CLEAN) for model in ("selected", "reference", "null")}
    due |= {("selected", name) for name in study.scenarios}
    found = set(zip(predictions["model"], predictions["scenario"], strict=True))
    if found != due:
        received = f"{len(due - found)} pairs missing and {len(found - due)} unknown"
        raise _broken(study, rule="models and scenarios are those of the study", received=received)
    horizon = _horizon(study)
    if horizon is not None and not (predictions["horizon"] == horizon).all():
        raise _broken(study, rule=f"every risk is one by the horizon, {horizon:g}", received="risks by another time")


def _held_out(cohort: pd.DataFrame, predictions: pd.DataFrame, *, study: Study, plan: Plan) -> HeldOut:
    groups = read_groups(cohort, study)
    by_kind = {
        kind: _in_order(rows, study=study, plan=plan) for kind, rows in predictions.groupby(["model", "scenario"])
    }
    return HeldOut(
        **{model: by_kind[model, CLEAN] for model in ("selected", "reference", "null")},
        scenarios={name: by_kind["selected", name] for name in study.scenarios},
        groups={name: groups[name].to_numpy(dtype=str) for name in groups.columns},
        judged=frozenset(name for name, spec in study.subgroups.items() if spec.judged),
    )


def _in_order(rows: pd.DataFrame, *, study: Study, plan: Plan) -> NDArray[np.float64]:
    """Return predictions as (repeats, patients), in the cohort's order; every patient once per repeat."""
    found = rows.set_index(["repeat", "fold", "patient"])["prediction"]
    twice = int(found.index.duplicated().sum())
    missing, strange = int((~plan.due.isin(found.index)).sum()), int((~found.index.isin(plan.due)).sum())
    if twice or missing or strange:
        raise _broken(
            study,
            rule="every held-out patient is predicted once in every repeat, by each model and in each scenario",
            received=f"{missing} predictions missing, {strange} of patients not held out there, {twice} repeated",
        )
    return found.reindex(plan.due).to_numpy(dtype=np.float64).reshape(-1, len(plan.rows))


def _broken(study: Study, *, rule: str, received: str) -> EvidenceError:
    return EvidenceError(
        f"study `{study.name}`, predictions.parquet",
        rule=rule,
        received=received,
        remedy=f"Run `dvc repro -f train@{study.name}`.",
    )
