import json

import numpy as np
import pandas as pd
import pytest
from patients import Frozen

from theragate.digests import sha256_file, sha256_tree
from theragate.errors import DataError
from theragate.learning.families import FAMILIES
from theragate.learning.persistence import load, save
from theragate.personal.answer_table import COLUMNS, NO_ANSWER, NOT_SURE, PREDICTION
from theragate.personal.answers import PersonalModel, load_personal_model, save_personal_model

ALL = [(task, family) for task, families in FAMILIES.items() for family in families if family != "constant_effect"]


SIZES = {"causal_forest": 600}  # in half of fewer, its leaves hold everybody
USUAL = {"age": 60.0, "sex": "f", "marker": -1.0}


@pytest.fixture
def logistic(world):
    return world("binary", "logistic").fitted.personal


def one(personal, **values):
    return personal.answer(pd.DataFrame([USUAL | values])).iloc[0]


@pytest.mark.parametrize(("task", "family"), ALL)
def test_everybody_learned_from_is_answered(world, task, family):
    made = world(task, family, patients=SIZES.get(family, 300))
    personal = made.fitted.personal
    table = personal.answer(made.cohort)
    assert list(table) == list(COLUMNS)
    assert {name for name in table if table[name].dtype == float} == {n for n, kind in COLUMNS.items() if kind is float}
    assert table["prediction"].to_numpy().tobytes() == personal.predictor.predict(made.cohort).tobytes()
    assert ((table["lower"] <= table["prediction"]) & (table["prediction"] <= table["upper"])).all()
    assert table["typical"].between(0, 1).all()
    assert set(table["answer"]) <= {PREDICTION, NOT_SURE}
    assert ((table["reason"] == "") == (table["answer"] == PREDICTION)).all()
    moved = (personal.feature_effects(made.cohort) != 0).any(
        axis=1
    )  # nothing moves who ends in the leaves of an average patient
    assert ((table["drivers"] != "") == moved).all()
    assert moved.mean() > 0.9


@pytest.mark.parametrize(("task", "family"), ALL)
def test_answers_survive_their_files(world, tmp_path, task, family):
    made = world(task, family, patients=SIZES.get(family, 300))
    save_personal_model(made.fitted.personal, tmp_path / "model")
    save_personal_model(made.fitted.personal, tmp_path / "again")
    assert sha256_tree(tmp_path / "model") == sha256_tree(tmp_path / "again")
    read = load_personal_model(tmp_path / "model")
    pd.testing.assert_frame_equal(read.answer(made.cohort), made.fitted.personal.answer(made.cohort))
    assert load(tmp_path / "model").predict(made.cohort).shape == (len(made.cohort),)


def test_a_usual_patient_far_from_the_threshold_is_answered(logistic):
    answer = one(logistic)
    assert (answer["answer"], answer["reason"]) == (PREDICTION, "")
    assert "age" in answer["drivers"] or "marker" in answer["drivers"] or "blood marker" in answer["drivers"]


def test_near_the_threshold_a_clinician_decides(world):
    made = world("binary", "logistic")
    table = made.fitted.personal.answer(made.cohort)
    near = (table["lower"] < 0.45) & (table["upper"] >= 0.45)
    assert 10 < near.sum() < 150
    assert (table.loc[near, "answer"] == NOT_SURE).all()
    assert (table.loc[near, "reason"].str.contains("the interval includes the decision's threshold of 45%")).all()
    assert table.loc[near, "prediction"].notna().all()


def test_a_dose_has_no_threshold_to_be_near(world):
    made = world("regression", "linear")
    assert made.fitted.personal.context.threshold is None
    assert not made.fitted.personal.answer(made.cohort)["reason"].str.contains("threshold").any()


def test_outside_the_suite_there_is_a_reason_and_no_number(logistic):
    answer = one(logistic, age=17)
    assert (answer["answer"], answer["reason"]) == (NO_ANSWER, "age: outside 18 to 90 years")
    assert answer[["prediction", "lower", "upper", "typical"]].isna().all()
    assert answer["drivers"] == ""
    assert one(logistic, sex="x")["answer"] == NO_ANSWER
    assert logistic.feature_effects(pd.DataFrame([USUAL | {"age": 17}])).isna().all(axis=None)


def test_unusual_by_the_suite_is_a_doubt(logistic):
    answer = one(logistic, marker=-4.1)
    assert answer["answer"] == NOT_SURE
    assert answer["reason"].startswith("blood marker, mg/dl (marker): outside -4 to 4")
    assert "unlike the patients learned from: fewer than 1% of them lie so far out" in answer["reason"]
    assert answer["prediction"] < 0.1


def test_farther_out_than_anybody_tested_there_is_no_number(logistic):
    low, high = logistic.context.domain.ranges["marker"]
    for beyond in (1.01 * low, 1.01 * high, 1e300):
        answer = one(logistic, marker=beyond)
        assert answer["answer"] == NO_ANSWER
        assert answer["reason"].endswith(f"outside {low:g} to {high:g}, beyond which the model was never tested")
        assert answer[["prediction", "lower", "upper", "typical"]].isna().all()


def test_a_very_old_patient_counts_as_ninety(logistic):
    assert one(logistic, age=97)["prediction"] == one(logistic, age=90)["prediction"]


NOTHING = [None, np.nan, pd.NA, pd.NaT, "", "  ", "\t"]


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_what_the_tested_lacked_at_times_may_be_missing_and_the_answer_says_so(logistic, nothing):
    answer = logistic.answer(pd.DataFrame([USUAL | {"marker": nothing}], dtype=object)).iloc[0]
    assert answer["answer"] != NO_ANSWER
    assert answer["missing"] == "blood marker, mg/dl"
    assert "missing" not in answer["reason"]
    assert np.isfinite(answer["prediction"])


def test_who_lacks_nothing_is_said_to_lack_nothing(logistic):
    assert one(logistic)["missing"] == ""


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
@pytest.mark.parametrize("feature", ["age", "sex"])
def test_without_what_the_tested_never_lacked_there_is_no_number(logistic, feature, nothing):
    patient = pd.DataFrame([USUAL | {feature: nothing}], dtype=object)
    answer = logistic.answer(patient).iloc[0]
    assert answer["answer"] == NO_ANSWER
    assert answer["reason"] == f"{feature}: missing, and the model was never tested without it; give its value"
    assert answer[["prediction", "lower", "upper", "typical"]].isna().all()
    assert (answer["drivers"], answer["missing"]) == ("", "")
    assert logistic.feature_effects(patient).isna().all(axis=None)


@pytest.mark.parametrize(
    ("task", "family", "limits"),
    [("binary", "logistic", True), ("regression", "linear", True), ("treatment_effect", "dr_learner", False)],
)
def test_who_lacks_what_only_a_scenario_takes_away_gets_the_interval_that_was_tested_so(world, task, family, limits):
    blind = {"blind": {"missing": {"age": 1.0}, "reason": "For the tests."}}
    made = world(task, family, stressed_too=True, scenarios=Frozen(blind))
    personal = made.fitted.personal
    assert [way.scenario for way in personal.context.domain.missing] == ["", "blind"]
    without = personal.answer(made.cohort.assign(age=np.nan))
    given = without["lower"].notna() & without["prediction"].notna()
    assert given.all() == limits
    assert set(without["missing"]) <= {"age", "age; blood marker, mg/dl"}
    if not limits:
        assert without["reason"].str.contains("too few patients were held out to say how far it may be off").all()
    if task == "regression":
        blind_width, width = ((t["upper"] - t["lower"]).mean() for t in (without, personal.answer(made.cohort)))
        assert blind_width > width
        inside = (without["lower"] <= made.cohort["dose"]) & (made.cohort["dose"] <= without["upper"])
        assert inside.mean() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_an_empty_row_gets_no_number_from_any_family(world, task, family):
    made = world(task, family, patients=SIZES.get(family, 300))
    answer = made.fitted.personal.answer(pd.DataFrame([{"age": None, "sex": None, "marker": None}])).iloc[0]
    assert answer["answer"] == NO_ANSWER
    assert answer[["prediction", "lower", "upper", "typical"]].isna().all()


def test_answers_are_the_same_in_any_company_order_and_index(world):
    made = world("survival", "xgboost_cox")
    personal = made.fitted.personal
    table = personal.answer(made.cohort)
    shuffled = made.cohort.iloc[[7, 3, 250]].set_axis(["a", "b", "a"])[["sex", "marker", "age"]]
    some = personal.answer(shuffled)
    assert list(some.index) == ["a", "b", "a"]
    pd.testing.assert_frame_equal(some.reset_index(drop=True), table.iloc[[7, 3, 250]].reset_index(drop=True))


def test_nobody_gets_no_answer(logistic):
    table = logistic.answer(pd.DataFrame([USUAL]).iloc[:0])
    assert list(table) == list(COLUMNS)
    assert len(table) == 0


def test_an_absent_feature_is_refused_as_a_whole(logistic):
    with pytest.raises(DataError, match="feature `marker`"):
        logistic.answer(pd.DataFrame([{"age": 60.5, "sex": "f"}]))


def test_the_example_is_nobody_and_is_answered(world):
    made = world("binary", "logistic")
    example = made.fitted.personal.example()
    assert example["age"].iloc[0] == made.cohort["age"].median()
    assert example["sex"].iloc[0] == made.cohort["sex"].mode()[0]
    assert made.fitted.personal.answer(example)["answer"].iloc[0] in {PREDICTION, NOT_SURE}


def test_no_row_of_a_patient_is_in_the_files(world, tmp_path):
    made = world("regression", "xgboost", patients=300)
    larger = world("regression", "xgboost", patients=1200)
    for name, one_world in (("small", made), ("large", larger)):
        save_personal_model(one_world.fitted.personal, tmp_path / name)
    small, large = ((tmp_path / name / "personal.json").stat().st_size for name in ("small", "large"))
    assert abs(large - small) < 100
    text = (tmp_path / "small" / "personal.json").read_text()
    assert not [value for value in made.cohort["dose"] if f"{value:.6f}" in text]


@pytest.fixture
def stored(logistic, tmp_path):
    save_personal_model(logistic, tmp_path / "model")
    return tmp_path / "model"


def rewrite(directory, **changes):
    """Change the sheet as somebody would who can rewrite all of the files, digests included."""
    path, sheet = directory / "personal.json", directory / "predictor.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    content = json.loads(sheet.read_text())
    content["files"]["personal.json"] = sha256_file(path)
    sheet.write_text(json.dumps(content))


def test_a_changed_context_is_refused(stored):
    path = stored / "personal.json"
    path.write_text(path.read_text().replace("0.45", "0.99"))
    with pytest.raises(DataError, match=r"personal\.json`: it has the digest that predictor\.json names"):
        load_personal_model(stored)


def test_a_context_that_nobody_vouches_for_is_refused(logistic, stored, tmp_path):
    save(logistic.predictor, tmp_path / "plain")
    (tmp_path / "plain" / "personal.json").write_bytes((stored / "personal.json").read_bytes())
    with pytest.raises(DataError, match=r"received no `personal\.json`"):
        load_personal_model(tmp_path / "plain")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"version": 2},
            r"is of form 3, which this version .*; received form 2\. Train again with `dvc repro`",
        ),
        ({"harm": 1}, "key `harm`: there is no such key"),
        ({"threshold": 7}, "one whose `threshold` does not fit"),
        ({"threshold": -1}, "key `threshold`: the value should be greater than or equal to 0"),
        ({"reference": [0.0]}, "one whose `reference` does not fit"),
        (
            {"interval": {"kind": "quantity", "spread": [1, 0], "least": 1, "lower": -1, "upper": 1}},
            "one whose `interval` does not fit",
        ),
    ],
)
def test_a_context_that_does_not_fit_is_refused(stored, changes, message):
    rewrite(stored, **changes)
    with pytest.raises(DataError, match=message):
        load_personal_model(stored)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": []}, "`columns`"),
        ({"variances": [1.0]}, "`axes`"),
        ({"axes": [[1.0]]}, "`axes`"),
        ({"distances": [1.0]}, "`distances`"),
        ({"centre": [0.0] * 9}, "cannot|`axes`"),
    ],
)
def test_a_measure_that_does_not_fit_is_refused(stored, changes, message):
    measure = json.loads((stored / "personal.json").read_text())["typicality"]
    rewrite(stored, typicality=measure | changes)
    with pytest.raises(DataError, match=message):
        load_personal_model(stored)


def test_a_predictor_alone_answers_nobody(logistic, tmp_path):
    save(logistic.predictor, tmp_path / "plain")
    with pytest.raises(DataError, match="what it takes to answer for one patient"):
        load_personal_model(tmp_path / "plain")


def test_it_is_a_value(logistic):
    assert logistic == PersonalModel(logistic.predictor, logistic.context)
