import datetime

import numpy as np
import pandas as pd
import pytest

from theragate.errors import DataError
from theragate.learning.features import Feature
from theragate.personal.applicability import ApplicabilityDomain, MissingPattern, missing_inputs
from theragate.personal.input_names import InputNames
from theragate.personal.patient_inputs import read_inputs
from theragate.study import AcceptedInputs, InputRule

SCHEMA = (Feature("high", "number"), Feature("low", "number"), Feature("code", "text"), Feature("other", "text"))
ANYTHING = ApplicabilityDomain(
    missing=(MissingPattern(always=(), sometimes=("high", "low", "code", "other"), most=4),),
    ranges={},
    untested={},
    rare={},
)
NAMES = InputNames(labels={}, values={})
USUAL = {"high": 120.0, "low": 80.0, "code": "A1", "other": "A1"}


def read(rules=(), *, frame=None, top_coded=None, domain=ANYTHING, names=NAMES, **values):
    given = pd.DataFrame([USUAL | values]) if frame is None else frame
    accepted = AcceptedInputs(study="some_study", rules=tuple(rules), top_coded=top_coded or {})
    categories = {"code": ("A1", "B2"), "other": ("A1", "B2")}
    return read_inputs(given, SCHEMA, accepted=accepted, domain=domain, categories=categories, names=names)


def rule(kind, *columns, decisive=True, **limits):
    return InputRule(id="a-rule", kind=kind, columns=columns, decisive=decisive, **limits)


CASES = [
    (rule("between", "high", low=60, high=250, unit="mmHg"), {"high": 59.9}, "high: outside 60 to 250 mmHg"),
    (rule("between", "high", low=60), {"high": 20}, "high: below 60"),
    (rule("between", "high", high=250), {"high": 251}, "high: above 250"),
    (rule("between", "high", low=120, strict_low=True), {"high": 120}, "high: below 120"),
    (rule("between", "high", high=120, strict_high=True), {"high": 120}, "high: above 120"),
    (rule("one_of", "low", values=(70.0, 80.0)), {"low": 75}, "low: none of 70, 80"),
    (rule("one_of", "code", values=("A1",)), {"code": "B2"}, "code: none of A1"),
    (rule("none_of", "code", values=("B2",)), {"code": "B2"}, "code: a value that the study does not accept"),
    (rule("none_of", "low", values=(9.0,)), {"low": 9}, "low: a value that the study does not accept"),
    (rule("matches", "code", pattern="^A"), {"code": "B2"}, "code: not of the form that the study accepts"),
    (rule("matches_not", "code", pattern="^B"), {"code": "B2"}, "code: not of the form that the study accepts"),
    (rule("length", "code", high=1), {"code": "B2"}, "code: a length above 1"),
    (rule("above", "high", "low", strict_low=True), {"high": 80}, "high and low: the first is not above the second"),
    (rule("above", "high", "low"), {"high": 79}, "high and low: the first is below the second"),
    (rule("equal", "code", "other"), {"other": "B2"}, "code and other: not the same"),
    (rule("ratio", "high", "low", low=1, high=2), {"high": 161}, "high and low: a ratio outside 1 to 2"),
]


@pytest.mark.parametrize(("broken", "values", "reason"), CASES, ids=lambda case: getattr(case, "kind", None))
def test_who_breaks_a_rule_is_told_the_rule(broken, values, reason):
    usual = USUAL | ({"code": "A1"} if broken.kind != "length" else {"code": "A"})
    if broken.kind != "length" and not broken.strict_low and not broken.strict_high and broken.kind != "one_of":
        assert not read([broken], **usual).refused.any.any()
    assert list(read([broken], **values).refused.texts) == [reason]
    doubted = read([broken.model_copy(update={"decisive": False})], **values)
    assert (list(doubted.refused.texts), list(doubted.doubts.texts)) == ([""], [reason])


@pytest.mark.parametrize(("broken", "values", "reason"), CASES, ids=lambda case: getattr(case, "kind", None))
def test_a_rule_is_silent_about_the_missing(broken, values, reason):
    unknown = {name: np.nan if name in {"high", "low"} else None for name in broken.columns}
    assert not read([broken], **(values | unknown)).refused.any.any()


def test_a_rule_about_what_is_no_feature_is_left_out():
    assert not read([rule("between", "follow_up", low=1)]).refused.any.any()


def test_reasons_are_added_up_and_show_no_value():
    rules = [rule("between", "high", high=250), rule("between", "low", high=200)]
    found = read(rules, high=251.73, low=201.73, code="Zz").refused.texts[0]
    assert found == "high: above 250; low: above 200"
    assert "73" not in found


def test_what_is_no_number_is_refused_patient_by_patient():
    frame = pd.DataFrame([USUAL, USUAL | {"high": "about 120"}, USUAL | {"high": "120"}, USUAL | {"high": None}])
    found = read(frame=frame)
    assert list(found.refused.texts) == ["", "high: not a number", "", ""]
    assert list(found.features["high"].isna()) == [False, True, False, True]


def test_the_infinite_is_refused_patient_by_patient():
    frame = pd.DataFrame([USUAL, USUAL | {"low": -np.inf}])
    assert list(read(frame=frame).refused.texts) == ["", "low: not a finite number"]


def test_an_unknown_category_is_refused_and_a_missing_one_is_not():
    frame = pd.DataFrame([USUAL | {"code": "C3"}, USUAL | {"code": None}])
    assert list(read(frame=frame).refused.texts) == ["code: a category that the model has not learned", ""]


def test_ages_are_top_coded_as_in_the_cohort():
    found = read([rule("between", "high", high=90)], top_coded={"high": 90.0}, high=97.0)
    assert found.features["high"].iloc[0] == 90
    assert not found.refused.any.any()


def test_codes_of_text_may_come_as_numbers():
    frame = pd.DataFrame([USUAL]).assign(code=[1.0])
    accepted = AcceptedInputs(study="some_study", rules=(), top_coded={})
    categories = {"code": ("1", "2"), "other": ("A1", "B2")}
    found = read_inputs(frame, SCHEMA, accepted=accepted, domain=ANYTHING, categories=categories, names=NAMES)
    assert not found.refused.any.any()
    assert found.features["code"].iloc[0] == "1"


def test_nullable_numbers_are_numbers():
    frame = pd.DataFrame([USUAL, USUAL]).assign(high=pd.array([120, None], dtype="Int64"))
    assert list(read(frame=frame).features["high"].isna()) == [False, True]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame([USUAL]).drop(columns="low"), "feature `low`: .* received no columns of that name"),
        (pd.concat([pd.DataFrame([USUAL])] * 2, axis=1), "feature `high`: .* received 2 columns of that name"),
        (pd.DataFrame([USUAL]).assign(low=pd.Timestamp(2020, 1, 1)), "feature `low`: the column holds numbers"),
    ],
)
def test_an_unfit_table_is_refused_as_a_whole(frame, message):
    with pytest.raises(DataError, match=message):
        read(frame=frame)


def test_dates_among_texts_are_no_numbers():
    frame = pd.DataFrame([USUAL]).assign(low=pd.Series([datetime.date(2020, 1, 1)], dtype=object))
    assert list(read(frame=frame).refused.texts) == ["low: not a number"]


def test_missing_inputs_are_counted_in_numbers_and_texts():
    frame = pd.DataFrame([USUAL, USUAL | {"low": np.nan, "code": None}])
    assert missing_inputs(read(frame=frame).features).tolist() == [[False] * 4, [False, True, True, False]]


def test_nobody_gives_nothing():
    assert len(read(frame=pd.DataFrame([USUAL]).iloc[:0]).features) == 0


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT, "", " ", "\u00a0"], ids=repr)
@pytest.mark.parametrize("name", ["high", "code"])
def test_blanks_and_every_kind_of_nothing_are_missing(name, nothing):
    found = read(frame=pd.DataFrame([USUAL | {name: nothing}], dtype=object))
    assert not found.refused.any.any()
    assert missing_inputs(found.features).sum() == 1


@pytest.mark.parametrize("word", ["NA", "n/a", "unknown", "missing", "?", "-", "nan", "None", "null", "."])
@pytest.mark.parametrize(("name", "reason"), [("high", "not a number"), ("code", "a category that the model has not")])
def test_words_for_nothing_are_not_guessed_at(name, reason, word):
    assert read(**{name: word}).refused.texts[0].startswith(f"{name}: {reason}")


def test_what_cannot_be_read_is_not_called_missing():
    narrow = ANYTHING.model_copy(update={"missing": (MissingPattern(always=(), sometimes=(), most=0),)})
    assert list(read(domain=narrow, high="x").refused.texts) == ["high: not a number"]
    assert "never tested without it" in read(domain=narrow, high=None).refused.texts[0]


def test_reasons_call_inputs_and_codes_by_their_labels():
    names = InputNames(labels={"code": "type of tumour"}, values={"code": {"A1": "adenoma"}})
    found = read([rule("one_of", "code", values=("A1", "C3"))], names=names, code="B2")
    assert list(found.refused.texts) == ["type of tumour (code): none of A1 (adenoma), C3"]
