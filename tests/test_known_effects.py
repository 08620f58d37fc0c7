"""What is known of the two cohorts of treated patients, from the repository's own studies to the numbers."""

from pathlib import Path

import numpy as np
import pytest
from sksurv.metrics import concordance_index_censored

from theragate.cohorts.deidentify import deidentify
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Censored
from theragate.cohorts.sources import read_source
from theragate.cohorts.splits import inner_folds
from theragate.evidence.inputs.effects import EffectHeldOut
from theragate.evidence.inputs.predictions import HeldOut
from theragate.evidence.measuring.comparability import treatment_evidence
from theragate.learning.families import FAMILIES
from theragate.learning.features import Feature, read_features
from theragate.learning.predictor import fit_predictor
from theragate.stages.effect_target import covariates_of, effect_target
from theragate.study import load_study

PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"


def study_and_cohort(name: str):
    study = load_study(PARAMS, name)
    frame = read_source(study.source, PARAMS.parent, study=name).frame
    return study, deidentify(frame, study.deidentification, study=name)


@pytest.mark.parametrize(
    ("name", "known"),
    [("hiv_trial_response", (0.50, 0.33, 0.76)), ("hormone_therapy_benefit", (0.68, 0.53, 0.88))],
)
def test_the_known_hazard_ratio_is_recovered(name, known):
    study, cohort = study_and_cohort(name)
    target = effect_target(read_outcome(cohort, study), study)
    nothing = np.zeros((1, len(cohort)))
    held_out = EffectHeldOut(
        predictions=HeldOut(nothing, nothing, nothing, {}, {}, frozenset(), cross_validated=True),
        folds=nothing.astype(np.int64),
        control=nothing,
        treated=nothing,
        propensity=nothing + target.treated.mean(),
        covariates=covariates_of(cohort, study),
    )
    found = treatment_evidence(target, held_out, {}).hazard_ratio
    assert (found.value, found.lower, found.upper) == pytest.approx(known, abs=0.01)


@pytest.mark.parametrize(
    ("name", "known"), [("hiv_trial_response", (0.741, 0.038)), ("hormone_therapy_benefit", (0.675, 0.029))]
)
def test_a_ridge_cox_model_ranks_these_patients_as_well_as_is_known(name, known):
    """The cohorts have a known concordance as cohorts of survival, with the treatment among the features."""
    study, cohort = study_and_cohort(name)
    outcome = read_outcome(cohort, study)
    measured, treated = outcome.measured, study.outcome.treatment.column
    frame = cohort.assign(**{treated: outcome.treated.astype(float)})
    schema = (*read_features(cohort, study), Feature(treated, "number"))
    family = FAMILIES["survival"]["ridge_cox"]
    found = []
    for repeat in range(3):
        for train, test in inner_folds(measured, 5, seed=repeat):
            model = fit_predictor(
                frame.iloc[train],
                measured.take(train),
                task="survival",
                family="ridge_cox",
                params=family.fixed,
                schema=schema,
                seed=1,
            )
            part: Censored = measured.take(test)
            found.append(concordance_index_censored(part.event, part.time, model.predict(frame.iloc[test]))[0])
    assert np.mean(found) == pytest.approx(known[0], abs=known[1])
