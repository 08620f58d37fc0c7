import numpy as np
import pandas as pd
import pytest

from theragate.learning.features import Feature, as_features
from theragate.personal.applicability import ApplicabilityDomain, fit_domain
from theragate.personal.input_names import InputNames
from theragate.personal.input_rules import Reasons

SCHEMA = (*(Feature(name, "number") for name in "abc"), Feature("type", "text"))
NAMES = InputNames(labels={"a": "first"}, values={})
PATIENTS = 200
EVENTS = np.arange(PATIENTS) % 2 == 0


def cohort(**lacking):
    """Patients of whom some rows lack an input."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.normal(10, 1, (PATIENTS, 3)), columns=list("abc"))
    frame["type"] = np.where(np.arange(PATIENTS) < 150, "x", "y")
    for name, rows in lacking.items():
        frame.loc[rows, name] = np.nan if name != "type" else None
    return as_features(frame, SCHEMA)


def domain(*frames, classes=None, learned=("x", "y")) -> ApplicabilityDomain:
    found = {"with": EVENTS, "without": ~EVENTS} if classes is None else classes
    return fit_domain(
        list(zip(("", "one", "two"), frames, strict=False)), SCHEMA, classes=found, learned={"type": learned}
    )


def reason(of: ApplicabilityDomain, *, doubt=False, **values) -> str:
    patient = pd.DataFrame([{"a": 10.0, "b": 10.0, "c": 10.0, "type": "x"} | values])
    refused, doubts = Reasons(1), Reasons(1)
    nobody = np.zeros(1, dtype=bool)
    of.judge(as_features(patient, SCHEMA), unread=nobody, refused=refused, doubts=doubts, names=NAMES)
    return (doubts if doubt else refused).texts[0]


NEVER = "missing, and the model was never tested without it; give its value"


def test_what_enough_lacked_may_be_missing_and_nothing_else():
    found = domain(cohort(a=range(20)))
    assert reason(found) == reason(found, a=np.nan) == ""
    assert reason(found, b=np.nan) == f"b: {NEVER}"
    assert reason(found, type=None) == f"type: {NEVER}"
    assert reason(found, b=np.nan, c=np.nan) == (
        "b, c: missing, and the model was never tested without them; give their values"
    )


@pytest.mark.parametrize(("rows", "enough"), [(range(19), False), (range(20), True), (range(0, 38, 2), False)])
def test_enough_are_ten_with_the_event_and_ten_without(rows, enough):
    assert (reason(domain(cohort(a=rows)), a=np.nan) == "") == enough
    assert reason(domain(cohort(a=range(0, 60, 2))), a=np.nan) == f"first (a): {NEVER}"  # all with the event


def test_of_a_quantity_twenty_patients_are_enough():
    everybody = {"with the quantity": np.ones(PATIENTS, dtype=bool)}
    assert reason(domain(cohort(a=range(0, 40, 2)), classes=everybody), a=np.nan) == ""
    assert reason(domain(cohort(a=range(0, 38, 2)), classes=everybody), a=np.nan) == f"first (a): {NEVER}"


def test_two_that_nobody_lacked_together_may_not_be_missing_together():
    found = domain(cohort(a=range(40), b=range(40, 80), c=range(20, 60)))
    assert reason(found, a=np.nan, c=np.nan) == ""
    assert reason(found, a=np.nan, b=np.nan) == (
        "first (a), b: missing together, and the model was never tested with just that combination; give the values"
    )


def test_what_was_only_lacked_together_may_not_be_missing_alone():
    found = domain(cohort(a=range(40), b=range(45)))
    assert reason(found, a=np.nan, b=np.nan) == ""
    assert reason(found, a=np.nan) == (
        "first (a): missing by itself, and the model was never tested with just that combination; give the values"
    )
    assert reason(found, b=np.nan) != ""  # only five lacked it alone


def test_more_at_once_than_enough_patients_lacked_are_too_many():
    found = domain(cohort(a=range(60), b=range(20, 80), c=[*range(5), *range(40, 55), *range(70, 110)]))
    assert found.missing[0].most == 2
    assert reason(found, a=np.nan, b=np.nan) == ""
    assert reason(found, a=np.nan, b=np.nan, c=np.nan).startswith("more inputs are missing at once than the 2")


def test_what_a_scenario_takes_away_may_be_missing_just_so():
    found = domain(cohort(), cohort(a=range(PATIENTS), b=range(PATIENTS)))
    assert reason(found, a=np.nan, b=np.nan) == ""
    assert "missing by itself" in reason(found, a=np.nan)
    assert reason(found, c=np.nan) == f"c: {NEVER}"


def test_what_nobody_ever_gave_may_not_be_given():
    found = domain(cohort(a=range(PATIENTS)))
    assert reason(found, a=np.nan) == ""
    assert reason(found).startswith("an input is given that was missing for everybody")


def test_a_number_may_lie_a_little_farther_out_and_no_more():
    frame = cohort()
    found = domain(frame)
    low, high = found.ranges["a"]
    span = frame["a"].max() - frame["a"].min()
    assert frame["a"].max() + 0.25 * span <= high < frame["a"].max() + 0.5 * span
    assert reason(found, a=high) == ""
    assert reason(found, a=high * 1.001) == (
        f"first (a): outside {low:g} to {high:g}, beyond which the model was never tested"
    )
    assert not {low, high} & {*frame["a"]}


def test_the_same_number_for_everybody_has_some_room():
    frame = cohort()
    frame["a"] = 0.0
    low, high = domain(frame).ranges["a"]
    assert low == 0 < high  # what was never negative is no amount below 0


@pytest.mark.parametrize(("others", "refused", "doubted"), [(0, True, False), (1, True, False), (2, False, True)])
def test_a_category_of_hardly_anybody_has_no_number_and_a_rare_one_a_doubt(others, refused, doubted):
    frame = cohort()
    frame.loc[: others - 1, "type"] = "z"
    found = domain(frame, learned=("x", "y", "z"))
    assert ("so few patients" in reason(found, type="z")) == refused
    assert ("fewer than 10 patients" in reason(found, doubt=True, type="z")) == doubted
    assert reason(found, type="y") == reason(found, doubt=True, type="y") == ""


def test_scattered_gaps_of_many_inputs_are_answered_as_they_were_tested():
    """A cohort in which everybody lacks some of many inputs answers nearly all of its own kind."""
    random = np.random.default_rng(5)
    schema = tuple(Feature(f"x{place}", "number") for place in range(40))

    def draw(patients):
        values = random.normal(size=(patients, 40))
        values[random.uniform(size=values.shape) < 0.1] = np.nan
        return pd.DataFrame(values, columns=[feature.name for feature in schema])

    found = fit_domain([("", draw(1000))], schema, classes={"all": np.ones(1000, dtype=bool)}, learned={})
    new = draw(2000)
    refused, doubts = Reasons(2000), Reasons(2000)
    found.judge(new, unread=np.zeros(2000, dtype=bool), refused=refused, doubts=doubts, names=NAMES)
    assert refused.any.mean() < 0.05
    assert len(found.model_dump_json()) < 5000


def test_a_domain_of_other_features_does_not_fit():
    found = domain(cohort(a=range(40), b=range(20, 60)))
    assert found.fits(["a", "b", "c", "type"])
    assert not found.fits(["a", "b", "type"])
    assert not found.model_copy(update={"missing": ()}).fits(["a", "b", "c", "type"])
    (way,) = found.missing
    damaged = way.model_copy(update={"apart": ((0, 7),)})
    assert not found.model_copy(update={"missing": (damaged,)}).fits(["a", "b", "c", "type"])


def test_which_inputs_may_be_missing_is_put_into_words():
    found = domain(cohort(a=range(20)), cohort(b=range(PATIENTS), c=range(PATIENTS)))
    assert found.in_words(NAMES) == (
        "May be missing: first; b and c, all together. Without any other input, there is no answer."
    )
    assert domain(cohort()).in_words(NAMES) == "No input may be missing: without one, there is no answer."
