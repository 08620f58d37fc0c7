"""The work of one worker: one outer split from search to held-out predictions, or the released model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import threadpoolctl
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Outcome, Treated, with_hazard
from theragate.errors import DataError
from theragate.learning.censoring_model import censoring_hazards, random_folds
from theragate.learning.families import FitError, family_of
from theragate.learning.features import Feature
from theragate.learning.importance import permutation_importance
from theragate.learning.nuisances import fit_nuisances, scores
from theragate.learning.null_model import null_prediction
from theragate.learning.patients import Source
from theragate.learning.predictor import Predictor, fit_predictor
from theragate.learning.scenarios import CLEAN, stress_of
from theragate.learning.score_journal import ScoreJournal
from theragate.learning.seeds import derive
from theragate.learning.selection import Selection, TrialResult, select
from theragate.learning.tuning import Search, tune
from theragate.learning.tuning_loss import Loss
from theragate.study import Scenario
from theragate.workers.site import checkpoint

__all__ = ["SplitResult", "SplitWork", "search_and_predict", "unfit"]


@dataclass(frozen=True)
class SplitWork:
    """What a worker gets: the patients of a cohort, and the positions of those who are learned from and held out.

    Held-out patients are predicted as they are and under ``scenarios``, which are drawn for the cohort of ``study``
    with ``stress_seed``. For the released model nobody is held out: ``test`` is empty.
    """

    position: int
    name: str
    patients: Source
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    scenarios: Mapping[str, Scenario]
    study: str
    stress_seed: int
    search: Search
    schema: tuple[Feature, ...]
    seed: int
    journal: ScoreJournal


@dataclass(frozen=True)
class _Parts:
    """The two parts of the patients. ``held_out`` maps ``clean`` and each scenario to the features of the second."""

    frame: pd.DataFrame
    outcome: Outcome
    clusters: NDArray[np.intp] | None
    held_out: dict[str, pd.DataFrame]
    held_out_outcome: Outcome | None


@dataclass(frozen=True)
class SplitResult:
    """What a worker gives back; ``predictions`` by (model, scenario), ``importances`` in the order of the features."""

    position: int
    trials: list[TrialResult]
    selection: Selection
    predictor: Predictor | None
    predictions: dict[tuple[str, str], NDArray[np.float64]]
    importances: NDArray[np.float64]


def search_and_predict(split: SplitWork) -> SplitResult:
    """Search, fit, and predict the held-out patients, on one thread: sums in one order give the same bits.

    Raises
    ------
    DataError
        If the reference model cannot be fitted, whatever its penalty; or the patients cannot be read.
    """
    with threadpoolctl.threadpool_limits(1):
        parts = _weighted(_parts(split), split)
        try:
            trials = tune(
                parts.frame,
                parts.outcome,
                search=split.search,
                schema=split.schema,
                seed=split.seed,
                journal=split.journal,
                clusters=parts.clusters,
            )
        except FitError as error:  # only nuisances are fitted outside of a trial
            raise unfit(split.name, "of expected outcomes and propensity") from error
        if trials[0].state != "complete":
            raise unfit(split.name, trials[0].family)
        trials, selection, selected = _select_and_fit(split, parts, trials)
        if parts.held_out_outcome is None:
            return SplitResult(split.position, trials, selection, selected, {}, np.empty(0))
        reference = selected if selection.reference_kept else _fit_reference(split, parts, trials)[1]
        clean = parts.held_out[CLEAN]
        predictions = {("selected", name): selected.predict(frame) for name, frame in parts.held_out.items()}
        predictions["reference", CLEAN] = reference.predict(clean)
        predictions["null", CLEAN] = np.full(len(clean), null_prediction(parts.outcome))
        if isinstance(parts.outcome, Treated) and isinstance(parts.held_out_outcome, Treated):
            nuisances, loss = _nuisances(split, parts, parts.outcome, parts.held_out_outcome)
            predictions |= nuisances
        else:
            loss = Loss.of(parts.held_out_outcome, development=parts.outcome)
        importances = permutation_importance(selected, clean, loss=loss, seed=derive(split.seed, "importance"))
        return SplitResult(split.position, trials, selection, None, predictions, importances)


def _parts(split: SplitWork) -> _Parts:
    everybody = split.patients.read()
    clean, clusters = everybody.features, everybody.clusters
    held_out = {}
    if len(split.test):
        held_out[CLEAN] = clean.iloc[split.test]
        for name, scenario in split.scenarios.items():
            stress = stress_of(
                scenario, name, split.test, patients=len(everybody), study=split.study, seed=split.stress_seed
            )
            held_out[name] = stress.of(held_out[CLEAN])
    return _Parts(
        frame=clean.iloc[split.train],
        outcome=everybody.outcome.take(split.train),
        clusters=None if clusters is None else clusters[split.train],
        held_out=held_out,
        held_out_outcome=everybody.outcome.take(split.test) if len(split.test) else None,
    )


def _weighted(parts: _Parts, split: SplitWork) -> _Parts:
    """Return the parts with hazards of being lost: of those learned from, and of those held out by a model of these."""
    hazards = censoring_hazards(
        parts.frame,
        parts.outcome,
        split.schema,
        folds=random_folds(parts.outcome, seed=derive(split.seed, "losses"), clusters=parts.clusters),
        others=parts.held_out.get(CLEAN),
    )
    if hazards.penalty is None:
        return parts
    held_out = parts.held_out_outcome
    return replace(
        parts,
        outcome=with_hazard(parts.outcome, hazards.own),
        held_out_outcome=None if held_out is None else with_hazard(held_out, hazards.others),
    )


def _nuisances(
    split: SplitWork, parts: _Parts, outcome: Treated, held_out: Treated
) -> tuple[dict[tuple[str, str], NDArray[np.float64]], Loss]:
    """Predict what doubly robust scores of the held-out patients are made of; return also the loss of an effect."""
    clean = parts.held_out[CLEAN]
    try:
        models = fit_nuisances(parts.frame, outcome, split.schema)
    except FitError as error:
        raise unfit(split.name, "of expected outcomes and propensity") from error
    expected = models.predict(clean)
    predictions = {"control": expected.control, "treated": expected.treated, "propensity": expected.propensity}
    loss = Loss.of_effects(scores(clean, held_out, development=outcome, models=models))
    return {(name, CLEAN): values for name, values in predictions.items()}, loss


def _select_and_fit(
    split: SplitWork, parts: _Parts, trials: list[TrialResult]
) -> tuple[list[TrialResult], Selection, Predictor]:
    """Select and fit on all patients of the split; who has no solution there falls out, and the next best is taken.

    Returns
    -------
    The trials as they then stand, the selection among them and the fitted predictor.
    """
    while not (selection := select(trials)).reference_kept:
        chosen = selection.chosen
        try:
            return trials, selection, _fit(split, parts, chosen)
        except FitError as error:
            failed = replace(chosen, state="failed", reason=f"on all patients: {error}")
            trials = [failed if trial.number == chosen.number else trial for trial in trials]
    trials, predictor = _fit_reference(split, parts, trials)
    return trials, select(trials), predictor


def _fit_reference(split: SplitWork, parts: _Parts, trials: list[TrialResult]) -> tuple[list[TrialResult], Predictor]:
    """Fit the reference, with a stronger penalty if need be; its losses stay those of the inner folds."""
    reference = trials[0]
    family = family_of(split.search.task, reference.family)
    while True:
        try:
            return [reference, *trials[1:]], _fit(split, parts, reference)
        except FitError as error:
            stronger = family.with_stronger_penalty(reference.params)
            if stronger is None:
                raise unfit(split.name, reference.family) from error
            reference = replace(
                reference, params=dict(stronger), reason=reference.reason or f"on all patients: {error}"
            )


def _fit(split: SplitWork, parts: _Parts, trial: TrialResult) -> Predictor:
    checkpoint()
    return fit_predictor(
        parts.frame,
        parts.outcome,
        task=split.search.task,
        family=trial.family,
        params=trial.params,
        schema=split.schema,
        seed=derive(split.seed, "final fit"),
    )


def unfit(of: str, family: str) -> DataError:
    """Return what to say of a model of the search `of` that has no solution there."""
    return DataError(
        f"{of}, model `{family}`",
        rule="the model has a finite, stable solution on the training patients",
        received="none",
        remedy="Look for features that separate the outcome perfectly or that repeat one another, and drop them.",
    )
