"""From a training to its answers for one patient, and how well their intervals held for held-out patients."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import threadpoolctl
from numpy.typing import NDArray

from theragate.cohorts.clusters import read_clusters
from theragate.cohorts.groups import label_groups
from theragate.cohorts.outcomes import MeasuredOutcome, Outcome, Quantity, Treated
from theragate.learning.families import family_of
from theragate.learning.features import as_features
from theragate.learning.predictor import Predictor
from theragate.learning.record import EffectDifferences, PersonalRecord, SampleSize
from theragate.learning.scenarios import CLEAN, Stress
from theragate.learning.seeds import derive
from theragate.learning.tuning_loss import Loss
from theragate.numbers import PERCENT, POINTS, interval_in
from theragate.personal.answer_context import AnswerContext
from theragate.personal.answer_table import NO_ANSWER, NOT_SURE, PREDICTION
from theragate.personal.answers import PersonalModel
from theragate.personal.applicability import ApplicabilityDomain, fit_domain, missing_inputs
from theragate.personal.benefits import EffectInterval, fit_benefits, held_out_benefits
from theragate.personal.coverage import measure_coverage
from theragate.personal.group_coverage import LEAST_PATIENTS, group_coverage, large_groups, memberships, not_shown
from theragate.personal.input_names import input_names
from theragate.personal.interval_kinds import Interval
from theragate.personal.intervals import LEVEL, HeldOut, QuantityInterval, fit_interval
from theragate.personal.predicted import predicted_words
from theragate.personal.rounding import nine_digits
from theragate.personal.typicality import Typicality, fit_typicality
from theragate.study import (
    AcceptedInputs,
    EffectOutcome,
    GroupSpec,
    NestedCrossValidation,
    NoDecision,
    QuantityOutcome,
    Study,
)

__all__ = ["FittedPersonalModel", "Sampled", "fit_personal_model"]

_QUANTITY = "Of 10 patients like those of the cohort, 9 have their own value inside the interval."
_RISK = (
    "Of patients to whom the model gives this prediction, the share with the event lies inside the interval, with 90% "
    "confidence. It is no statement about one patient's own fate."
)
_EFFECT = (
    "Of patients to whom the model gives this prediction, the average benefit lies inside the interval, with 90% "
    "confidence{adjusted}. It is no statement about one patient's own benefit, which nobody ever sees."
)
_SAME = (
    "The study could not show that benefits differ between patients, so that no patient gets a number of their own: "
    "every answer gives the average benefit, {average}{adjusted}, and leaves the decision to a clinician."
)
_TEXTS = "A missing category is a category of its own."
_IMPUTED = (
    "A missing number is replaced by the median of the patients learned from; where some of these lacked it, the model "
    f"is told so by an indicator. {_TEXTS}"
)
_LEFT = f"A missing number stays missing, and each tree sends it the way that it learned. {_TEXTS}"
_ADJUSTED = ", as far as what was recorded explains who was treated"


@dataclass(frozen=True)
class Sampled:
    """Of a cohort of so many ``patients``, those at ``rows``, shape (n,), whose rows are there."""

    patients: int
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class FittedPersonalModel:
    """``record``: what the intervals claim and how they held, free of small groups."""

    personal: PersonalModel
    record: PersonalRecord


def fit_personal_model(
    predictor: Predictor,
    cohort: pd.DataFrame,
    outcome: Outcome,
    *,
    study: Study,
    predictions: pd.DataFrame,
    accepted: AcceptedInputs,
    simulated: bool,
    seed: int,
    sampled: Sampled | None = None,
) -> FittedPersonalModel:
    """Learn the interval, what is typical and who is average; on one thread, so that sums give the same bits.

    Parameters
    ----------
    predictor
        The released model.
    cohort, outcome, study
        What it was trained on.
    predictions
        The held-out predictions of training, of which those of the selected model on the data as they are count.
    accepted
        What the study's suite says of one patient.
    simulated
        Whether the patients of the cohort do not exist.
    seed
        That of training.
    sampled
        Which patients of a larger one are those of `cohort`; None where they are all.
    """
    with threadpoolctl.threadpool_limits(1):
        clean = predictions[predictions["scenario"] == CLEAN]
        rows = pd.Index(cohort["patient"]).get_indexer(clean.loc[clean["model"] == "selected", "patient"])
        tested, learned = np.unique(rows), np.arange(len(cohort))
        if not isinstance(study.validation, NestedCrossValidation):
            learned = np.setdiff1d(learned, rows)  # who is held out once stays out of the released model
        features = as_features(cohort.iloc[learned], predictor.schema).reset_index(drop=True)
        fit: Callable[[HeldOut], Interval] = fit_benefits
        clusters = read_clusters(cohort, study)
        if isinstance(outcome, Treated):
            held_out = held_out_benefits(predictor, cohort, outcome, predictions=clean, clusters=clusters)
        else:
            held_out, rows = _held_out(
                outcome,
                rows,
                learned,
                clean.loc[clean["model"] == "selected", "prediction"].to_numpy(),
                clusters=clusters,
            )
            low, high = _bounds(study, accepted)
            fit = partial(fit_interval, risk=not isinstance(outcome, Quantity), low=low, high=high)
        groups = _Groups.of(study, cohort.iloc[rows].reset_index(drop=True), predictor)
        if isinstance(outcome, Quantity):
            held_out = groups.known_to(held_out)
        interval = fit(held_out)
        measured, lower, upper = measure_coverage(held_out, fit, seed=derive(seed, study.name, "coverage"))
        coverage = group_coverage(
            groups.labels, held_out, lower=lower, upper=upper, kind=interval.kind, titles=groups.titles
        )
        typicality = fit_typicality(features, predictor.schema, seed=derive(seed, study.name, "typicality"))
        scored = {*predictions["scenario"]}
        whole = sampled or Sampled(len(cohort), np.arange(len(cohort)))
        under = _Under(predictor, as_features(cohort, predictor.schema), study, whole, seed)
        domain = _domain(under, outcome, rows=tested, scored=scored, known=typicality)
        context = AnswerContext(
            accepted=accepted,
            domain=domain,
            names=input_names(predictor.features, study.features, study.subgroups),
            reference=nine_digits(_means(predictor.design.matrix(features))),
            predicts=predicted_words(study),
            simulated=simulated,
            unit=_unit(study),
            threshold=None if isinstance(study.decision, NoDecision) else study.decision.threshold,
            interval=interval,
            scenario_intervals=_scenario_intervals(
                under, cohort, outcome, domain=domain, predictions=predictions, learned=learned, fit=fit
            ),
            attributes=groups.attributes if isinstance(outcome, Quantity) else {},
            not_shown=not_shown(coverage),
            typicality=typicality,
        )
        personal = PersonalModel(predictor, context)
        record = PersonalRecord(
            level=LEVEL,
            claim=_claim(context, study),
            imputation=f"{_imputation(predictor)} {context.domain.in_words(context.names)}",
            measured={} if context.withheld else measured,
            answers=_answers(personal.answer(features)),
            groups=coverage,
            differences=_differences(interval),
            sample=SampleSize(patients=len(cohort), of=sampled.patients) if sampled else None,
        )
        return FittedPersonalModel(personal, record)


@dataclass(frozen=True)
class _Groups:
    """The judged groups of the held-out rows: ``labels`` has one row each; ``attributes`` are known from the inputs."""

    labels: pd.DataFrame
    attributes: dict[str, GroupSpec]
    titles: dict[str, str]

    @classmethod
    def of(cls, study: Study, held_out: pd.DataFrame, predictor: Predictor) -> "_Groups":
        judged = {name: spec for name, spec in study.subgroups.items() if spec.judged}
        return cls(
            label_groups(held_out, judged, study=study.name),
            {name: spec for name, spec in judged.items() if spec.column in predictor.features},
            {name: spec.title for name, spec in judged.items()},
        )

    def known_to(self, held_out: HeldOut) -> HeldOut:
        """Return the predictions with the groups that get limits of their own."""
        large = large_groups(self.labels[[*self.attributes]], held_out)
        return held_out.with_groups(large, memberships(self.labels, large))


def _imputation(predictor: Predictor) -> str:
    """Say what the model's preprocessing does with a missing input; see `theragate.learning.design_matrix`."""
    return _LEFT if family_of(predictor.task, predictor.family).design == "trees" else _IMPUTED


def _claim(context: AnswerContext, study: Study) -> str:
    """Say what the interval claims; of a treatment that was chosen in practice, also on what condition."""
    interval = context.interval
    if not isinstance(interval, EffectInterval):
        return _QUANTITY if isinstance(interval, QuantityInterval) else _RISK
    chosen = isinstance(study.outcome, EffectOutcome) and study.outcome.treatment.propensity is None
    adjusted = _ADJUSTED if chosen else ""
    if not context.withheld:
        return _EFFECT.format(adjusted=adjusted)
    average = interval_in(context.unit, interval.average, *interval.average_limits)
    return _SAME.format(average=average, adjusted=adjusted)


def _differences(interval: Interval) -> EffectDifferences | None:
    """Return whether benefits are shown to differ: the slope of doubly robust scores on predictions, 95% limits."""
    if not isinstance(interval, EffectInterval):
        return None
    lower, upper = nine_digits(interval.slope_limits)
    return EffectDifferences(shown=interval.shown, slope=interval.slope, lower=lower, upper=upper)


def _unit(study: Study) -> str:
    if isinstance(study.outcome, EffectOutcome):
        return study.outcome.unit or POINTS
    return study.outcome.unit if isinstance(study.outcome, QuantityOutcome) else PERCENT


def _held_out(
    outcome: MeasuredOutcome,
    rows: NDArray[np.intp],
    learned: NDArray[np.intp],
    prediction: NDArray[np.float64],
    *,
    clusters: NDArray[np.intp] | None,
) -> tuple[HeldOut, NDArray[np.intp]]:
    """Return the predictions of patients with a known outcome, and their rows in the cohort."""
    loss = Loss.of(outcome.take(rows), development=outcome.take(learned))
    known = loss.weight > 0  # a patient lost before the horizon says nothing about the risk
    held_out = HeldOut(
        prediction[known],
        loss.target[known],
        weight=loss.weight[known],
        patient=rows[known],
        cluster=None if clusters is None else clusters[rows[known]],
    )
    return held_out, rows[known]


def _bounds(study: Study, accepted: AcceptedInputs) -> tuple[float | None, float | None]:
    """Return the bounds that the suite sets to the outcome of any patient."""
    if isinstance(study.outcome, QuantityOutcome):
        for rule in accepted.rules:
            if rule.decisive and rule.kind == "between" and rule.columns == (study.outcome.column,):
                return rule.low, rule.high
    return None, None


def _means(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(matrix)
    return np.asarray(np.where(known, matrix, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


@dataclass(frozen=True)
class _Under:
    """The features of the patients, ``clean``, and as each scenario of the study stresses them in training."""

    predictor: Predictor
    clean: pd.DataFrame
    study: Study
    sampled: Sampled
    seed: int

    def scenario(self, name: str) -> pd.DataFrame:
        """Return them under a scenario, which was drawn for the whole cohort."""
        stress = Stress.drawn(
            self.study.scenarios[name],
            patients=self.sampled.patients,
            study=self.study.name,
            name=name,
            seed=self.seed,
        )
        return as_features(stress.take(self.sampled.rows).of(self.clean), self.predictor.schema)


def _domain(
    under: _Under, outcome: Outcome, *, rows: NDArray[np.intp], scored: set[str], known: Typicality
) -> ApplicabilityDomain:
    """Return what the held-out patients, in `rows`, were predicted with: as they are, and under scenarios."""

    def frames() -> Iterator[tuple[str, pd.DataFrame]]:
        yield "", under.clean.iloc[rows]
        for name, scenario in under.study.scenarios.items():
            if scenario.missing and name in scored:
                yield name, under.scenario(name).iloc[rows]

    learned = {column.name: column.categories for column in known.columns if column.text}
    return fit_domain(frames(), under.predictor.schema, classes=outcome.take(rows).classes, learned=learned)


def _scenario_intervals(
    under: _Under,
    cohort: pd.DataFrame,
    outcome: Outcome,
    *,
    domain: ApplicabilityDomain,
    predictions: pd.DataFrame,
    learned: NDArray[np.intp],
    fit: Callable[[HeldOut], Interval],
) -> dict[str, Interval]:
    """Return the interval of each scenario, from the patients who lack what is never missing otherwise.

    Of too few such patients there is none, nor of a benefit: then the answer has no limits.
    """
    found: dict[str, Interval] = {}
    if isinstance(outcome, Treated):
        return found
    clusters = read_clusters(cohort, under.study)
    for way in domain.missing[1:]:
        chosen = predictions[(predictions["scenario"] == way.scenario) & (predictions["model"] == "selected")]
        rows = pd.Index(cohort["patient"]).get_indexer(chosen["patient"])
        missing = missing_inputs(under.scenario(way.scenario))
        lacking = ~domain.missing[0].covers(missing, under.predictor.features)[rows]
        prediction = chosen.loc[lacking, "prediction"].to_numpy()
        held_out, _ = _held_out(outcome, rows[lacking], learned, prediction, clusters=clusters)
        if held_out.patients >= LEAST_PATIENTS:
            found[way.scenario] = fit(held_out)
    return found


def _answers(table: pd.DataFrame) -> dict[str, float]:
    """Return the shares of the answers among the patients learned from."""
    shares = table["answer"].value_counts(normalize=True)
    return {answer: round(float(shares.get(answer, 0.0)), 3) for answer in (PREDICTION, NOT_SURE, NO_ANSWER)}
