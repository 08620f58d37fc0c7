"""Held-out predictions to evidence, figures and the data of DVC's plots."""

from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Binary, Outcome, Quantity, Treated
from theragate.cohorts.parquet import is_simulated, read_table
from theragate.digests import sha256_file, sha256_tree
from theragate.errors import EvidenceError
from theragate.evidence.catalogue import report_only
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.measure import Measured, measure
from theragate.evidence.measuring.effects import measure_effects
from theragate.evidence.refits.membership import measure_membership
from theragate.evidence.refits.stability import instability_curve, measure_stability
from theragate.evidence.types import ChampionEvidence, CohortFacts, DataFacts, Evidence, TreatmentEvidence
from theragate.files import read_json, whole_directory, write_json
from theragate.reports.figures import draw_figures
from theragate.reports.plots import write_plot_data
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.stages.effect_target import covariates_of, effect_target
from theragate.stages.held_out import (
    Plan,
    check_predictions,
    horizon_of,
    plan_of,
    read_champion_predictions,
    read_halves,
    read_held_out,
    read_nuisances,
    read_refits,
)
from theragate.study import Decision, Spec, Study, load_seed, load_study, spec_of
from theragate.validation.types import Validation

__all__ = ["evaluate"]

RESAMPLES = 2000

Form = TypeVar("Form", bound=Spec)


class Recipe(Spec, extra="ignore"):
    """What is read of a trained model."""

    family: str
    params: dict[str, Any]


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


class ChampionRun(Spec):
    """How the champion's recipe was run beside the challenger, or why it could not be."""

    model_sha256: str
    recipe_sha256: str
    family: str
    same_cohort: bool
    why: str


class RefitRecord(Spec, extra="ignore"):
    """What is read of the record of the refits."""

    study: str
    family: str
    params: dict[str, Any]
    champion: ChampionRun | None


@dataclass(frozen=True)
class _Files:
    """What was read of one study, all of one training."""

    cohort: pd.DataFrame
    predictions: pd.DataFrame
    refits: pd.DataFrame
    halves: pd.DataFrame
    champion: pd.DataFrame
    record: Record
    refit_record: RefitRecord
    found: Validation


def evaluate(workspace: Workspace, settings: Settings) -> str:  # noqa: ARG001 - the signature that all stages share
    """Write ``evidence.json``, ``figures/`` and ``plots/``.

    Raises
    ------
    DataError
        If a file is missing or unreadable.
    EvidenceError
        If cohort, validation, predictions, refits and training record do not belong together, are not of this
        version's form, or a prediction is not finite.
    """
    study = load_study(workspace.params, workspace.study)
    raw = read_json(workspace.model("record.json"), remedy=f"Run `dvc repro train@{study.name}`.")
    files = _read(workspace, study, raw)
    evidence = _evidence(workspace, study, files)
    write_json(workspace.report("evidence.json"), evidence.model_dump(mode="json"))
    with whole_directory(workspace.report("figures")) as folder:
        draw_figures(evidence, raw, study, folder)
    with whole_directory(workspace.report("plots")) as folder:
        write_plot_data(evidence, raw, folder)
    measured = sum(estimate.decidable for estimate in evidence.overall.values())
    return f"{measured} metrics with intervals, {len(evidence.groups)} subgroups"


def _read(workspace: Workspace, study: Study, raw: Any) -> _Files:
    train, refit = (f"Run `dvc repro {stage}@{study.name}`." for stage in ("train", "refit"))
    record = _parsed(Record, raw, study, file="record.json", stage="train")
    raw_refits = read_json(workspace.model("refits.json"), remedy=refit)
    refit_record = _parsed(RefitRecord, raw_refits, study, file="refits.json", stage="refit")
    if (refit_record.family, refit_record.params) != (record.selected.family, record.selected.params):
        raise EvidenceError(
            f"study `{study.name}`, refits.json",
            rule="the model that was fitted again is the one that training chose",
            received="another",
            remedy=f"Run `dvc repro -f refit@{study.name}`.",
        )
    return _Files(
        cohort=read_table(workspace.data("cohort.parquet"), remedy=f"Run `dvc repro ingest@{study.name}`."),
        predictions=read_table(workspace.model("predictions.parquet"), remedy=train),
        refits=read_table(workspace.model("refits.parquet"), remedy=refit),
        halves=read_table(workspace.model("halves.parquet"), remedy=refit),
        champion=read_table(workspace.model("champion.parquet"), remedy=refit),
        record=record,
        refit_record=refit_record,
        found=_validation(workspace, study),
    )


def _parsed(kind: type[Form], raw: Any, study: Study, *, file: str, stage: str) -> Form:
    """Return a file's content in its form; a file of another study has the wrong form too."""
    remedy = f"Run `dvc repro -f {stage}@{study.name}`."
    subject = f"study `{study.name}`, {file}"
    form = spec_of(kind, raw, subject=subject, remedy=remedy, error=EvidenceError, private=kind is Validation)
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


def _evidence(workspace: Workspace, study: Study, files: _Files) -> Evidence:
    seed = load_seed(workspace.params)
    plan = plan_of(files.cohort, study, seed=seed)
    check_predictions(files.predictions, study)
    cohort = files.cohort.iloc[plan.rows].reset_index(drop=True)
    measured, treatment = _measured(study, files, cohort, plan=plan, seed=seed)
    # Stability is that of all patients, whether or not they were held out.
    refits = read_refits(files.refits, files.cohort, study)
    outcome = read_outcome(files.cohort, study)
    halves = read_halves(files.halves, files.cohort, study, plan=plan)
    audit = measure_membership(_target(outcome.take(plan.learned), study), halves)
    return Evidence(
        study=study.name,
        task=study.task,
        horizon=horizon_of(study),
        cohort=CohortFacts(
            sha256=files.found.cohort_sha256,
            patients=len(cohort),
            events=measured.events,
            non_events=measured.non_events,
            censored_before_horizon=measured.censored_before_horizon,
            simulated=is_simulated(workspace.data("cohort.parquet")),
        ),
        data=DataFacts(
            suite_sha256=files.found.suite_sha256,
            expectations=len(files.found.results),
            critical=files.found.critical,
            warnings=files.found.warnings,
            leakage=files.found.leaks,
        ),
        predictions_sha256=sha256_file(workspace.model("predictions.parquet")),
        model_sha256=sha256_tree(workspace.model("estimator")),
        family=files.record.selected.family,
        reference_family=files.record.reference.family,
        report_only=report_only(study.task),
        overall=measured.overall,
        comparisons=measured.comparisons,
        groups=measured.groups,
        contrasts=measured.contrasts,
        families=measured.families,
        net_benefit=measured.net_benefit,
        scenarios=measured.scenarios,
        repeats=measured.repeats,
        curves={
            **measured.curves,
            "stability": instability_curve(refits),
            **audit.curves,
        },
        stability=measure_stability(_target(outcome, study), refits, seed=seed),
        membership=audit.evidence,
        champion=_champion(files.refit_record.champion, measured),
        treatment=treatment,
    )


def _measured(
    study: Study, files: _Files, cohort: pd.DataFrame, *, plan: Plan, seed: int
) -> tuple[Measured, TreatmentEvidence | None]:
    champion = read_champion_predictions(files.champion, study=study, plan=plan)
    held_out = read_held_out(cohort, files.predictions, champion=champion, study=study, plan=plan)
    target = _target(read_outcome(cohort, study), study)
    if not isinstance(target, EffectTarget):
        return measure(target, held_out, resamples=RESAMPLES, seed=seed), None
    nuisances = read_nuisances(files.predictions, study=study, plan=plan)
    covariates = covariates_of(cohort, study)
    effects = EffectHeldOut(predictions=held_out, folds=plan.folds, covariates=covariates, **nuisances)
    return measure_effects(target, effects, resamples=RESAMPLES, seed=seed)


def _champion(run: ChampionRun | None, measured: Measured) -> ChampionEvidence | None:
    if run is None:
        return None
    return ChampionEvidence(**run.model_dump(), comparisons=measured.champion)


def _target(outcome: Outcome, study: Study) -> Target | EffectTarget:
    if isinstance(outcome, Treated):
        return effect_target(outcome, study)
    if isinstance(outcome, Quantity):
        return QuantityTarget(outcome.value)
    decision = study.decision if isinstance(study.decision, Decision) else None
    threshold, limits = (decision.threshold, decision.range) if decision else (None, None)
    if isinstance(outcome, Binary):
        return BinaryTarget(outcome.event, threshold, limits)
    return SurvivalTarget(outcome.time, outcome.event, outcome.horizon, threshold, limits)
