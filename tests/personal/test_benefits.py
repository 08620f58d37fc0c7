"""Benefits against worlds in which everybody's own is known: what is said of patients like these has to hold."""

import numpy as np
import pandas as pd
import pytest
from patients import gain, make_world
from personal.learners import cross_validated, held, least_squares, linear, with_intercept

from theragate.personal.answer_table import NO_ANSWER, NOT_SURE, PREDICTION
from theragate.personal.benefits import EffectInterval, fit_benefits, held_out_benefits
from theragate.personal.coverage import measure_coverage

USUAL = {"age": 60.0, "sex": "f", "marker": -1.0}
FAMILY = "dr_learner"
NOT_SHOWN = r"the study could not show that benefits differ between patients: the average benefit is "


def trial(random, patients, *, slope):
    """A randomised trial, cross-validated: from each fold's mean, its predictions, scores, and the released model."""
    features = random.normal(size=(patients, 5))
    benefit = 1 + slope * features[:, 0]
    treated = random.permutation(np.arange(patients) % 2 == 0)
    value = features[:, 1] + benefit * treated + random.normal(size=patients)

    # Treated by a chance of one half: their mean is the benefit of such patients.
    scores = np.where(treated, 2.0, -2.0) * (value - with_intercept(features) @ least_squares(features, value))
    found, model = cross_validated(random, features, scores, least_squares, linear, repeats=2)
    centre = float(linear(model, features).mean())
    # `cross_validated` adds fold by fold, each of a fifth of the patients.
    means = found.prediction.reshape(-1, patients // 5).mean(axis=1).repeat(patients // 5)
    return held(centre + found.prediction - means, found.target, patient=found.patient, centre=centre), model


def truth_given(prediction, model, *, slope):
    """The mean benefit of patients with this prediction: both are normal."""
    slopes = model[1:]
    return 1 + slope * (prediction - model[0]) * slopes[0] / (slopes @ slopes)


@pytest.mark.parametrize(("patients", "slope"), [(200, 0.0), (200, 0.5), (600, 0.5)])
def test_the_average_benefit_of_such_patients_lies_inside_nine_times_of_ten(patients, slope):
    random = np.random.default_rng(2)
    inside, shown, average = [], [], []
    for _ in range(150):
        found, model = trial(random, patients, slope=slope)
        interval = fit_benefits(found)
        prediction = linear(model, random.normal(size=(300, 5)))
        truth = truth_given(prediction, model, slope=slope)
        lower, upper = interval.limits(prediction)
        inside.append(((lower <= truth) & (truth <= upper)).mean())
        shown.append(interval.shown)
        average.append(interval.average_limits[0] <= 1 <= interval.average_limits[1])
    assert 0.88 <= np.mean(inside) <= 0.98
    assert 0.91 <= np.mean(average) <= 0.99
    if slope == 0:
        assert np.mean(shown) <= 0.03, "where patients do not differ, nobody is told that they do"
    else:
        assert np.mean(shown) >= (0.5 if patients == 200 else 0.95)


def test_agreement_within_fifths_and_folds_is_what_chance_leaves():
    random = np.random.default_rng(3)
    groups = fifths = 0
    for number in range(20):
        measured = measure_coverage(trial(random, 400, slope=0.5)[0], fit_benefits, seed=number)[0]
        assert (measured["patients"], measured["groups"], measured["fifths"]) == (400, 50, 5)
        assert measured["noise_to_reach"] > 1, "a tenth of a fifth says little, and the record says so"
        groups, fifths = groups + measured["groups_in_agreement"], fifths + measured["fifths_in_agreement"]
    assert groups / 1000 == pytest.approx(0.9, abs=0.03)
    assert fifths / 100 >= 0.88


def test_wrong_intervals_are_seen_not_to_agree():
    random = np.random.default_rng(3)

    def too_sure(some):
        return EffectInterval(centre=0.0, average=3.0, slope=1.0, covariance=(0.01, 0.01, 0.0))

    measured = measure_coverage(trial(random, 400, slope=0.5)[0], too_sure, seed=1)[0]
    assert measured["fifths_in_agreement"] == 0
    assert measured["groups_in_agreement"] < 30


def test_by_hand():
    # Scores 0 and 2 at −1, 4 and 6 at 1: mean 3, slope 2, residuals ±1; variances (1/16) × 4 × 4/2.
    found = fit_benefits(held(np.array([-1.0, -1.0, 1.0, 1.0]), np.array([0.0, 2.0, 4.0, 6.0])))
    assert (found.average, found.slope) == (3, 2)
    assert found.covariance == pytest.approx((0.5, 0.5, 0.0), abs=1e-12)
    middle, reach = found.line(np.array([0.0, 1.0]))
    assert list(middle) == [3, 5]
    assert reach == pytest.approx(1.6448536 * 1.2 * np.sqrt([0.5, 1.0]))


def test_predicting_a_patient_again_is_no_second_patient():
    random = np.random.default_rng(5)
    prediction = random.normal(size=200)
    scores = prediction + random.normal(size=200)
    thrice = held(np.tile(prediction, 3), np.tile(scores, 3), patient=np.tile(np.arange(200), 3))
    once = fit_benefits(held(prediction, scores))
    assert fit_benefits(thrice).covariance == pytest.approx(once.covariance, rel=1e-6)
    assert fit_benefits(thrice).slope == pytest.approx(once.slope)


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_one_prediction_for_everybody_shows_no_difference(size):
    random = np.random.default_rng(6)
    same = fit_benefits(held(size * (1 + 1e-14 * random.normal(size=60)), random.normal(size=60), centre=size))
    assert (same.slope, same.shown) == (0, False)
    assert np.isfinite(same.limits(np.array([size]))).all()


def test_the_number_given_is_never_outside_its_interval():
    interval = EffectInterval(centre=0.0, average=1.0, slope=0.2, covariance=(1e-4, 1e-4, 0.0))
    lower, upper = interval.limits(np.array([-10.0, 10.0]))
    assert lower[0] == -10
    assert upper[1] == 10


@pytest.fixture
def personal(world):
    return world("treatment_effect", FAMILY).fitted.personal


def one(personal, **values):
    return personal.answer(pd.DataFrame([USUAL | values])).iloc[0]


def test_who_gains_more_gets_an_interval_of_patients_like_this(world, personal):
    made = world("treatment_effect", FAMILY)
    table = personal.answer(made.cohort)
    truth = gain(made.cohort, same=False)
    assert ((table["lower"] <= truth) & (truth <= table["upper"])).mean() > 0.8
    assert set(table["answer"]) == {PREDICTION, NOT_SURE}
    young = one(personal, age=35)
    assert (young["answer"], young["reason"]) == (PREDICTION, "")
    assert "age +" in young["drivers"]
    assert "metres" in young["drivers"]


def test_near_the_least_benefit_a_clinician_decides(world, personal):
    table = personal.answer(world("treatment_effect", FAMILY).cohort)
    near = (table["lower"] < 30) & (table["upper"] >= 30)
    assert 5 < near.sum() < 150
    assert (table.loc[near, "answer"] == NOT_SURE).all()
    text = "the interval includes the decision's least benefit of 30 metres"
    assert table.loc[near, "reason"].str.contains(text).all()
    assert not table.loc[~near, "reason"].str.contains("least benefit").any()


def test_the_other_doubts_are_those_of_every_task(personal):
    assert "unlike the patients learned from" in one(personal, age=35, marker=3.9)["reason"]
    assert "sex: missing, and the model was never tested without it" in one(personal, age=35, sex=None)["reason"]
    assert one(personal, age=17)["answer"] == NO_ANSWER


def test_without_a_shown_difference_nobody_gets_a_number_of_their_own(world):
    made = world("treatment_effect", FAMILY, same=True)
    personal = made.fitted.personal
    table = personal.answer(made.cohort)
    assert (table["answer"] == NOT_SURE).all()
    assert table[["prediction", "lower", "upper"]].isna().all(axis=None)
    assert (table["drivers"] == "").all()
    assert table["typical"].notna().all()
    assert table["reason"].str.contains(NOT_SHOWN + r"\d+\.\d \(\d+\.\d to \d+\.\d\) metres").all()
    assert personal.feature_effects(made.cohort).isna().all(axis=None)
    low, high = personal.context.interval.average_limits
    assert low < 40 < high
    assert one(personal, age=17)["answer"] == NO_ANSWER


def test_the_record_says_what_the_interval_claims_and_how_it_agreed(world):
    record = world("treatment_effect", FAMILY).fitted.record
    assert record.claim.startswith("Of patients to whom the model gives this prediction, the average benefit lies ")
    assert record.claim.endswith(
        "with 90% confidence. It is no statement about one patient's own benefit, which nobody ever sees."
    )
    assert record.differences.shown
    assert record.differences.lower > 0
    assert record.measured["fifths_in_agreement"] >= 4
    assert 41 <= record.measured["groups_in_agreement"] <= record.measured["groups"] == 50


def test_the_record_says_that_no_difference_is_shown(world):
    record = world("treatment_effect", FAMILY, same=True).fitted.record
    assert "every answer gives the average benefit, 3" in record.claim
    assert record.differences.shown is False
    assert record.measured == {}
    assert record.answers == {PREDICTION: 0.0, NOT_SURE: 1.0, NO_ANSWER: 0.0}


def test_of_a_treatment_chosen_in_practice_the_claim_has_its_condition(world):
    outcome = world("treatment_effect", FAMILY).study.outcome.model_dump()
    chosen = outcome["treatment"] | {"assigned": "in_practice", "propensity": None}
    changed = make_world.__wrapped__("treatment_effect", FAMILY, outcome=outcome | {"treatment": chosen})
    record = changed.fitted.record
    assert "with 90% confidence, as far as what was recorded explains who was treated. It is" in record.claim


def test_a_reference_of_one_effect_for_all_is_personal_for_nobody(world):
    interval = world("treatment_effect", "constant_effect").fitted.personal.context.interval
    assert (interval.slope, interval.shown) == (0, False)


def test_a_released_model_of_one_effect_for_all_is_so_too_whatever_its_folds_did(world):
    made = world("treatment_effect", FAMILY)
    constant = world("treatment_effect", "constant_effect").fitted.personal.predictor
    differing = pd.concat(
        [
            pd.DataFrame(
                {
                    "patient": made.cohort["patient"],
                    "repeat": 0,
                    "fold": np.arange(300) % 5,
                    "model": name,
                    "prediction": values,
                }
            )
            for name, values in {
                "selected": gain(made.cohort, same=False),
                "control": 300.0,
                "treated": 340.0,
                "propensity": 0.5,
            }.items()
        ]
    )
    found = held_out_benefits(constant, made.cohort, made.outcome, predictions=differing)
    assert not fit_benefits(found).shown
    own = made.fitted.personal.predictor
    assert fit_benefits(held_out_benefits(own, made.cohort, made.outcome, predictions=differing)).shown


def test_who_is_held_out_once_is_all_that_counts(world):
    made = world("treatment_effect", FAMILY, patients=600, held_out=300)
    interval = made.fitted.personal.context.interval
    assert made.fitted.record.measured["patients"] == 300
    predicted = made.fitted.personal.predictor.predict(made.cohort.iloc[300:])
    assert interval.centre == pytest.approx(predicted.mean())


def test_events_are_told_in_percentage_points(world):
    outcome = world("treatment_effect", FAMILY).study.outcome.model_dump() | {"effect": "event"}
    outcome["measured"] = {"column": "sex", "positive": "f", "description": "An event that no drug changes."}
    made = make_world.__wrapped__(
        "treatment_effect",
        FAMILY,
        outcome=outcome,
        decision={"none": "Nobody asks."},
        subgroups={},
    )
    context = made.fitted.personal.context
    assert (context.unit, context.threshold) == ("percentage points", None)
    assert context.withheld.endswith(" percentage points")
