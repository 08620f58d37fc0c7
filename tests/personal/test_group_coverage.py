import numpy as np
import pandas as pd
import pytest
from patients import make_world

from theragate.personal.answer_table import NO_ANSWER
from theragate.personal.answers import load_personal_model, save_personal_model
from theragate.personal.coverage import measure_coverage
from theragate.personal.group_coverage import group_coverage, large_groups, memberships, not_shown
from theragate.personal.intervals import HeldOut, fit_interval

TITLES = {"site": "Site"}
SITES = [("site", "calm"), ("site", "wild")]


def drawn(patients, *, seed, repeats=1, wild=0.2):
    """Held-out predictions whose errors have a standard deviation of 1, and at some site of 3."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), repeats)
    labels = pd.DataFrame({"site": np.where(random.uniform(size=patients) < wild, "wild", "calm")[patient]})
    prediction = random.normal(10, 2, patients)[patient]
    noise = random.normal(size=patients)[patient] * np.where(labels["site"] == "wild", 3.0, 1.0)
    held_out = HeldOut(prediction, prediction + noise, weight=np.ones(len(patient)), patient=patient)
    return held_out, labels


def shares(interval, seed, *, own):
    new, labels = drawn(20_000, seed=seed)
    members = memberships(labels, SITES if own else [])
    lower, upper = interval.limits(new.prediction, members)
    inside = (lower <= new.target) & (new.target <= upper)
    return {site: float(inside[(labels["site"] == site).to_numpy()].mean()) for site in ("calm", "wild")}


def test_one_interval_for_all_fails_where_errors_are_larger_and_one_for_each_group_holds():
    held_out, labels = drawn(4000, seed=1)
    for_all = shares(fit_interval(held_out, risk=False), 2, own=False)
    assert for_all["wild"] < 0.65
    assert for_all["calm"] > 0.95
    groups = large_groups(labels, held_out)
    assert list(groups) == SITES
    interval = fit_interval(held_out.with_groups(groups, memberships(labels, groups)), risk=False)
    for share in shares(interval, 2, own=True).values():
        assert share == pytest.approx(0.9, abs=0.025)


def test_who_belongs_to_several_groups_gets_the_widest_of_their_limits():
    held_out, labels = drawn(2000, seed=3)
    both = pd.DataFrame({"site": labels["site"], "ward": np.where(np.arange(2000) % 2, "a", "b")})
    groups = large_groups(both, held_out)
    interval = fit_interval(held_out.with_groups(groups, memberships(both, groups)), risk=False)
    limits = {(one.attribute, one.group): (one.lower, one.upper) for one in interval.groups}
    wild, ward = limits["site", "wild"], limits["ward", "a"]
    patient = pd.DataFrame({"site": ["wild"], "ward": ["a"]})
    lower, upper = interval.limits(np.array([10.0]), memberships(patient, groups))
    spread = max(interval.spread[0] + 10 * interval.spread[1], interval.least)
    assert (upper[0] - lower[0]) == pytest.approx(spread * (max(wild[1], ward[1]) - min(wild[0], ward[0])))


def test_the_coverage_of_each_group_is_measured_on_patients_held_out_of_the_interval_too():
    held_out, labels = drawn(3000, seed=4, repeats=2)
    measured, lower, upper = measure_coverage(held_out, lambda rows: fit_interval(rows, risk=False), seed=1)
    assert measured["coverage"] == pytest.approx(0.9, abs=0.01)
    calm, wild = group_coverage(labels, held_out, lower=lower, upper=upper, kind="quantity", titles=TITLES)
    assert (calm.attribute, calm.group, calm.own) == ("Site", "calm", False)
    assert wild.patients + calm.patients == 3000
    assert wild.lower < wild.coverage < wild.upper < 0.7
    assert not_shown((calm, wild)) == ("Site: wild",)


def test_a_group_of_too_few_is_not_shown_and_one_under_eleven_is_not_counted():
    held_out, labels = drawn(400, seed=5, wild=0.0)
    labels.loc[:7, "site"] = "tiny"
    labels.loc[8:60, "site"] = "small"
    limits = {"lower": held_out.target, "upper": held_out.target}
    found = group_coverage(labels, held_out, **limits, kind="quantity", titles=TITLES)
    counted = {one.group: one.patients for one in found}
    assert counted == {"calm": 339, "small": None, "tiny": None}
    assert not_shown(found) == ("Site: small", "Site: tiny")
    assert large_groups(labels, held_out) == (("site", "calm"),)


def test_a_study_of_a_quantity_has_limits_for_its_judged_groups_and_says_where_none_are_shown(world, tmp_path):
    made = world("regression", "linear")
    interval = made.fitted.personal.context.interval
    assert [(one.attribute, one.group) for one in interval.groups] == [("sex", "female"), ("sex", "male")]
    assert {one.group: one.own for one in made.fitted.record.groups} == {"female": True, "male": True}
    answers = made.fitted.personal.answer(made.cohort)
    assert (answers["not_shown_for"] == "").all()
    save_personal_model(made.fitted.personal, tmp_path / "model")
    read = load_personal_model(tmp_path / "model")
    pd.testing.assert_frame_equal(read.answer(made.cohort), answers)
    few = make_world("regression", "linear", patients=160)
    assert few.fitted.personal.context.interval.groups == ()
    said = few.fitted.personal.answer(few.cohort.head(2).assign(age=[60, 17]))
    assert said["not_shown_for"].tolist() == ["Sex: female; Sex: male", ""]
    assert said["answer"].iloc[1] == NO_ANSWER


def test_the_members_of_a_group_get_the_limits_that_were_learned_for_it(world):
    made = world("regression", "linear")
    personal = made.fitted.personal
    pair = pd.DataFrame({"age": [60.0, 60.0], "sex": ["f", "m"], "marker": [0.0, 0.0]})
    answers = personal.answer(pair)
    spread, least = personal.context.interval.spread, personal.context.interval.least
    for row, group in enumerate(personal.context.interval.groups):
        size = max(spread[0] + spread[1] * answers["prediction"].iloc[row], least)
        assert answers["upper"].iloc[row] == pytest.approx(answers["prediction"].iloc[row] + size * group.upper)


@pytest.mark.parametrize(("off", "shown"), [(0.0, True), (0.12, False)])
def test_of_a_risk_it_is_shown_for_a_group_whose_share_with_the_event_agrees(off, shown):
    random = np.random.default_rng(6)
    risk = random.uniform(0.1, 0.5, 2000)
    labels = pd.DataFrame({"site": np.where(np.arange(2000) < 500, "other", "usual")})
    truth = risk + off * (labels["site"] == "other").to_numpy()
    event = (random.uniform(size=2000) < truth).astype(float)
    held_out = HeldOut(risk, event, weight=np.ones(2000), patient=np.arange(2000))
    limits = {"lower": risk - 0.02, "upper": risk + 0.02}
    other, usual = group_coverage(labels, held_out, **limits, kind="risk", titles=TITLES)
    assert (other.agrees, usual.agrees) == (shown, True)
    assert (other.coverage, other.patients) == (None, 500)
    assert not_shown((other, usual)) == (() if shown else ("Site: other",))


def test_of_a_risk_with_few_events_nothing_is_shown():
    held_out = HeldOut(
        np.full(400, 0.02), (np.arange(400) < 9).astype(float), weight=np.ones(400), patient=np.arange(400)
    )
    labels = pd.DataFrame({"site": ["only"] * 400})
    limits = {"lower": np.zeros(400), "upper": np.ones(400)}
    (found,) = group_coverage(labels, held_out, **limits, kind="risk", titles=TITLES)
    assert found.agrees is None
    assert not_shown((found,)) == ("Site: only",)


def test_of_a_benefit_it_is_shown_for_no_group(world):
    record = world("treatment_effect", "dr_learner").fitted.record
    assert not_shown(record.groups) == ("Sex: female", "Sex: male")
