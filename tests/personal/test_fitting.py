import pytest
from patients import Frozen

from theragate.learning.record import SampleSize
from theragate.personal.answer_table import NO_ANSWER, NOT_SURE, PREDICTION


def test_the_record_says_what_a_dose_interval_claims_and_how_it_held(world):
    record = world("regression", "linear").fitted.record
    assert record.level == 0.9
    assert record.claim.startswith("Of 10 patients like those of the cohort, 9 have")
    assert record.measured["patients"] == 300
    assert record.measured["coverage"] == pytest.approx(0.9, abs=0.04)
    assert 5 < record.measured["mean_width"] < 60


@pytest.mark.parametrize(("task", "family"), [("binary", "logistic"), ("survival", "ridge_cox")])
def test_the_record_says_what_a_risk_interval_claims_and_how_it_agreed(world, task, family):
    record = world(task, family).fitted.record
    assert "the share with the event lies inside" in record.claim
    assert record.measured["fifths"] == 5
    assert record.measured["fifths_in_agreement"] >= 4
    assert 0.03 < record.measured["mean_width"] < 0.4


def test_the_record_counts_the_answers(world):
    answers = world("binary", "logistic").fitted.record.answers
    assert sum(answers.values()) == pytest.approx(1, abs=0.002)
    assert answers[NO_ANSWER] == 0
    assert answers[PREDICTION] > answers[NOT_SURE] > 0.02


def test_patients_without_a_known_outcome_say_nothing_of_the_risk(world):
    made = world("survival", "ridge_cox")
    lost = ~(made.outcome.by_horizon | made.outcome.free_at_horizon)
    assert lost.sum() > 20
    assert made.fitted.record.measured["patients"] == 300 - lost.sum()


def test_who_is_held_out_is_not_learned_from(world):
    made = world("regression", "linear", held_out=100)
    measure = made.fitted.personal.context.typicality
    ages = {column.name: column for column in measure.columns}["age"]
    assert ages.median == made.cohort["age"].iloc[:200].median()
    assert made.fitted.record.measured["patients"] == 100


def test_gaps_say_what_may_be_missing(world):
    (way,) = world("binary", "logistic").fitted.personal.context.domain.missing
    assert (way.always, way.sometimes, way.most) == ((), ("marker",), 1)


def test_the_outcomes_bounds_are_those_of_the_suite(world):
    interval = world("regression", "linear").fitted.personal.context.interval
    assert (interval.low, interval.high) == (1, 200)


def test_labels_are_those_of_the_features(world):
    assert world("binary", "logistic").fitted.personal.context.names.labels == {"marker": "blood marker, mg/dl"}


@pytest.mark.parametrize(
    ("family", "words"),
    [("logistic", "replaced by the median of the patients"), ("xgboost", "A missing number stays missing")],
)
def test_the_record_says_what_becomes_of_missing_inputs(world, family, words):
    said = world("binary", family).fitted.record.imputation
    assert words in said
    assert said.endswith("May be missing: blood marker, mg/dl. Without any other input, there is no answer.")


@pytest.mark.parametrize("held_out", [0, 120])
def test_answers_are_learned_from_a_sample(world, held_out):
    lost = {"no_marker": {"missing": {"marker": 0.5}, "reason": "The laboratory is closed."}}
    made = [
        world("regression", "linear", held_out=held_out, stressed_too=True, scenarios=Frozen(lost), every=every)
        for every in (0, 1, 2)
    ]
    (whole, same, half) = (each.fitted.record for each in made)
    assert (whole.sample, same.sample) == (None, SampleSize(patients=300, of=300))
    assert same.model_copy(update={"sample": None}) == whole
    assert made[1].fitted.personal.context == made[0].fitted.personal.context
    assert half.sample == SampleSize(patients=150, of=300)
    assert "sample" not in whole.model_dump(mode="json")
    assert half.measured["patients"] == whole.measured["patients"] / 2
