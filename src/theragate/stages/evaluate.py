"""Held-out predictions to evidence, figures and the data of DVC's plots."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from theragate.cohorts.clusters import CLUSTER
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcomes import Binary, Outcome, Quantity, Treated
from theragate.cohorts.parquet import is_simulated, read_table
from theragate.digests import sha256_file, sha256_tree
from theragate.errors import EvidenceError
from theragate.evidence.catalogue import report_only
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, SurvivalTarget, Target
from theragate.evidence.measure import Measured, measure, measure_effects
from theragate.evidence.refits.membership import measure_membership
from theragate.evidence.refits.stability import audit_sample_of, instability_curve, measure_stability
from theragate.evidence.types import (
    AuditSample,
    ChampionEvidence,
    CohortFacts,
    Curve,
    DataFacts,
    Evidence,
    MembershipEvidence,
    StabilityEvidence,
    TreatmentEvidence,
)
from theragate.files import whole_directory, write_json
from theragate.learning.predictions_file import PredictionFile
from theragate.learning.record import ChampionRun, ModelChoice, RefitsRecord, TrainingRecord
from theragate.release.looks import count_seen
from theragate.reports.figures import draw_figures
from theragate.reports.plots import write_plot_data
from theragate.runner.command import StageCall
from theragate.runner.outputs import read_output
from theragate.runner.workspace import Workspace
from theragate.stages.censoring import weighted_for_losses
from theragate.stages.division import Division, cohort_file, divide
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
from theragate.study import Decision, EffectOutcome, NestedCrossValidation, Study, load_seed, load_study
from theragate.validation.types import Validation

__all__ = ["evaluate"]


@dataclass(frozen=True)
class _Files:
    """What was read of one study, all of one training."""

    cohort: CohortFile
    predictions: PredictionFile
    refits: pd.DataFrame
    halves: pd.DataFrame
    champion: pd.DataFrame
    record: TrainingRecord
    refits_record: RefitsRecord
    validation: Validation


@dataclass(frozen=True)
class _Audited:
    """What models that were fitted again say; ``sample`` is there where not everybody was audited."""

    stability: StabilityEvidence
    membership: MembershipEvidence
    curves: dict[str, Curve]
    sample: AuditSample | None


def evaluate(call: StageCall) -> str:
    """Write ``evidence.json``, ``figures/`` and ``plots/``.

    That the held-out data are seen is counted in ``looks/`` before the first number is written.

    Raises
    ------
    DataError
        If a file is missing or unreadable, or the ledger of looks is damaged.
    EvidenceError
        If cohort, validation, predictions, refits and training record do not belong together, are not of this
        version's form, or a prediction is not finite.
    """
    workspace = call.workspace
    study = load_study(workspace.params, workspace.study)
    files = _read(workspace, study)
    evidence = _evidence(workspace, study, files)
    count_seen(
        call.settings,
        study.name,
        cohort_sha256=evidence.cohort.sha256,
        predictions_sha256=evidence.predictions_sha256,
    )
    write_json(workspace.report("evidence.json"), evidence.model_dump(mode="json"))
    with whole_directory(workspace.report("figures")) as folder:
        draw_figures(evidence, files.record, study, folder)
    with whole_directory(workspace.report("plots")) as folder:
        write_plot_data(evidence, files.record, folder)
    measured = sum(estimate.decidable for estimate in evidence.overall.values())
    return f"{measured} metrics with intervals, {len(evidence.groups)} subgroups"


def _read(workspace: Workspace, study: Study) -> _Files:
    train, refit = (f"Run `dvc repro {stage}@{study.name}`." for stage in ("train", "refit"))
    record = read_output(TrainingRecord, workspace.model("record.json"), workspace, stage="train")
    refits_record = read_output(RefitsRecord, workspace.model("refits.json"), workspace, stage="refit")
    chosen, again = (_choice_text(choice) for choice in (record.selected, refits_record))
    if again != chosen:
        raise EvidenceError(
            f"study `{study.name}`, refits.json",
            rule="the model that was fitted again is the one that training chose",
            received=f"`{again}`, expected `{chosen}`",
            remedy=f"Run `dvc repro -f refit@{study.name}`.",
        )
    return _Files(
        cohort=cohort_file(workspace),
        predictions=PredictionFile(workspace.model("predictions.parquet"), train),
        refits=read_table(workspace.model("refits.parquet"), remedy=refit),
        halves=read_table(workspace.model("halves.parquet"), remedy=refit),
        champion=read_table(workspace.model("champion.parquet"), remedy=refit),
        record=record,
        refits_record=refits_record,
        validation=_validation(workspace),
    )


def _choice_text(choice: ModelChoice) -> str:
    parameters = ", ".join(f"{name} {value}" for name, value in sorted(choice.params.items()))
    return f"{choice.family} ({parameters})" if parameters else choice.family


def _validation(workspace: Workspace) -> Validation:
    """Read what validation found, and refuse it if it was found in another cohort."""
    path = workspace.report("validation.json")
    validation = read_output(Validation, path, workspace, stage="validate", private=True)
    digest = sha256_file(workspace.data("cohort.parquet"))
    if validation.cohort_sha256 != digest:
        raise EvidenceError(
            f"study `{workspace.study}`, validation.json",
            rule="only the cohort that was validated is evaluated",
            received=f"the cohort {digest[:12]}, expected {validation.cohort_sha256[:12]}",
            remedy=f"Run `dvc repro -f validate@{workspace.study}`.",
        )
    return validation


def _evidence(workspace: Workspace, study: Study, files: _Files) -> Evidence:
    seed = load_seed(workspace.params)
    division = divide(files.cohort, study, seed=seed)
    plan = plan_of(files.cohort, division.splits)
    check_predictions(files.predictions, study)
    cohort = files.cohort.frame(_columns(study), rows=plan.rows)
    outcome = division.outcome.take(plan.rows)
    held_out, losses = weighted_for_losses(files.cohort, plan.rows, outcome, study, folds=plan.folds, seed=seed)
    measured, treatment = _measured(study, files, cohort, held_out, plan=plan, seed=seed)
    audit = _audited(study, files, division, held_out, plan=plan, seed=seed)
    return Evidence(
        study=study.name,
        task=study.task,
        horizon=horizon_of(study),
        cohort=CohortFacts(
            sha256=files.validation.cohort_sha256,
            patients=len(cohort),
            events=measured.events,
            non_events=measured.non_events,
            censored_before_horizon=measured.censored_before_horizon,
            simulated=is_simulated(workspace.data("cohort.parquet")),
        ),
        data=DataFacts(
            suite_sha256=files.validation.suite_sha256,
            expectations=len(files.validation.results),
            critical=files.validation.critical,
            warnings=files.validation.warnings,
            leakage=files.validation.leaks,
            suspected=files.validation.suspected,
            confounded=files.validation.confounded,
        ),
        predictions_sha256=sha256_file(workspace.model("predictions.parquet")),
        model_sha256=sha256_tree(workspace.model("estimator")),
        family=files.record.selected.family,
        reference_family=files.record.reference.family,
        cross_validated=isinstance(study.validation, NestedCrossValidation),
        report_only=report_only(study.task, study.installed),
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
            **audit.curves,
        },
        stability=audit.stability,
        membership=audit.membership,
        audited=audit.sample,
        champion=_champion(files.refits_record.champion, measured),
        treatment=treatment,
        censoring=losses,
        clusters=measured.clusters,
    )


def _columns(study: Study) -> list[str] | None:
    """Return the columns of the held-out patients that are needed; None for all of them."""
    if isinstance(study.outcome, EffectOutcome):
        return None
    return [*dict.fromkeys(["patient", CLUSTER, *(group.column for group in study.subgroups.values())])]


def _audited(study: Study, files: _Files, division: Division, held_out: Outcome, *, plan: Plan, seed: int) -> _Audited:
    """Measure stability and membership: of all patients, whether or not they were held out, or of the sample."""
    rows, sample = np.arange(len(files.cohort)), division.sample
    outcome, learned = held_out, plan.learned
    if sample is not None:
        rows, learned, folds = sample, np.arange(len(sample)), plan.folds
        if len(plan.rows) == len(files.cohort):
            folds = folds[:, sample]
        of_sample = division.outcome.take(sample)
        outcome, _ = weighted_for_losses(files.cohort, sample, of_sample, study, folds=folds, seed=seed)
    elif len(plan.rows) < len(rows):
        everybody = division.outcome
        outcome, _ = weighted_for_losses(files.cohort, rows, everybody, study, folds=plan.folds, seed=seed)
    patients = files.cohort.frame(["patient", CLUSTER], rows=sample)
    refits = read_refits(files.refits, patients, study, sampled=sample is not None)
    halves = read_halves(files.halves, patients.iloc[learned], study)
    membership = measure_membership(_target(outcome.take(learned), study), halves)
    return _Audited(
        stability=measure_stability(_target(outcome, study), refits, seed=seed),
        membership=membership.evidence,
        curves={"stability": instability_curve(refits), **membership.curves},
        sample=audit_sample_of(refits, drawn_from=len(division.learned)),
    )


def _measured(
    study: Study, files: _Files, cohort: pd.DataFrame, outcome: Outcome, *, plan: Plan, seed: int
) -> tuple[Measured, TreatmentEvidence | None]:
    champion = read_champion_predictions(files.champion, study=study, plan=plan)
    held_out = read_held_out(cohort, files.predictions, champion=champion, study=study, plan=plan)
    target = _target(outcome, study)
    if not isinstance(target, EffectTarget):
        return measure(target, held_out, seed=seed), None
    nuisances = read_nuisances(files.predictions, study=study, plan=plan)
    covariates = covariates_of(cohort, study)
    effects = EffectHeldOut(predictions=held_out, folds=plan.folds, covariates=covariates, **nuisances)
    return measure_effects(target, effects, seed=seed)


def _champion(run: ChampionRun | None, measured: Measured) -> ChampionEvidence | None:
    if run is None:
        return None
    return ChampionEvidence(**run.model_dump(), comparisons=measured.champion)


def _target(outcome: Outcome, study: Study) -> Target | EffectTarget:
    extensions = tuple(study.installed)
    if isinstance(outcome, Treated):
        return effect_target(outcome, study)
    if isinstance(outcome, Quantity):
        return QuantityTarget(outcome.value, extensions)
    decision = study.decision if isinstance(study.decision, Decision) else None
    threshold, limits = (decision.threshold, decision.range) if decision else (None, None)
    if isinstance(outcome, Binary):
        return BinaryTarget(outcome.event, threshold, limits, extensions)
    return SurvivalTarget(
        outcome.time, outcome.event, outcome.horizon, threshold, limits, extensions, hazard=outcome.hazard
    )
