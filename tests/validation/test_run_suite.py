"""Running a suite: every kind of answer, and nothing that could carry a patient's value."""

import math

import numpy as np
import pandas as pd
import pytest
from support import ROOT

from theragate.cohorts.cohort_frame import CohortFrame
from theragate.cohorts.parquet import read_table, write_table
from theragate.errors import ConfigurationError, DataError
from theragate.validation.run_suite import validate
from theragate.validation.types import CheckResult, LeakageFinding, Validation

SECRET = 987654.125


def test_the_real_cohorts_pass(name, checked, real):
    found = checked(name)
    assert found.passed
    assert found.critical == ()
    assert found.leakage == ()
    assert found.warnings == (("diastolic-usual",) if name == "heart_attack_survival" else ())
    assert found.patients == len(real(name)[0])
    assert not [result.id for result in found.results if result.note]
    assert Validation.model_validate_json(found.model_dump_json()) == found


def test_the_same_cohort_from_its_file_gives_the_same_bytes(checked, real, tmp_path):
    frame, study = real("diabetes_progression")
    write_table(tmp_path / "cohort.parquet", frame)
    cohort = read_table(tmp_path / "cohort.parquet", remedy="Write it.")
    again = validate(CohortFrame(cohort), study, suite=ROOT / f"expectations/{study.name}.json", cohort_sha256="1" * 64)
    assert again.model_dump_json() == checked(study.name).model_dump_json()


def test_the_records_behind_the_known_warning_are_named_by_id(checked):
    results = checked("heart_attack_survival").results
    warning = next(result for result in results if result.id == "diastolic-usual")
    assert warning.rows == ("227", "303", "405", "416", "492")
    assert warning.unexpected == 5
    assert warning.unexpected_share == pytest.approx(0.01)


def test_spoilt_columns_of_the_breast_cohort_are_found(real):
    frame, study = real("breast_cancer_diagnosis")
    frame["mean radius"] = frame["mean radius"] / 10  # another unit
    frame["worst texture"] = frame["worst texture"].astype("str")  # numbers stored as text
    frame.loc[3, "worst area"] = 1.0
    frame.loc[4, "texture error"] = 100.0
    frame.loc[5, "mean symmetry"] = np.nan
    frame["diagnosis"] = frame["diagnosis"].replace("benign", "no finding")
    found = validate(CohortFrame(frame), study, suite=ROOT / f"expectations/{study.name}.json", cohort_sha256="1" * 64)
    assert set(found.critical) == {
        "diagnosis-codes",
        "mean-perimeter-fits-radius",
        "mean-radius-range",
        "mean-symmetry-known",
        "worst-area-above-mean",
        "worst-area-range",
        "worst-texture-above-mean",
        "worst-texture-range",
    }
    assert set(found.warnings) == {"benign-share", "radius-error-below-mean", "texture-error-below-mean"}
    rows = {result.id: result.rows for result in found.results}
    assert rows["worst-area-range"] == ("4",)
    assert rows["mean-symmetry-known"] == ("6",)


def test_rows_columns_and_units_that_are_not_the_studys(real):
    frame, study = real("heart_attack_survival")
    frame = frame.iloc[:400].assign(sysbp=frame["diasbp"], diasbp=frame["sysbp"], ward="7", fstat=frame["fstat"] * 1.0)
    found = validate(
        CohortFrame(frame), study, suite=ROOT / "expectations/heart_attack_survival.json", cohort_sha256="1" * 64
    )
    assert {"patients", "columns", "systolic-above-diastolic", "death-number"} <= set(found.critical)
    notes = {result.id: result.note for result in found.results}
    assert notes["patients"] == "The cohort has 400 rows."
    assert notes["columns"] == "Not foreseen: ward."
    assert notes["death-number"] == "The column is stored as `float64`."


def test_a_failure_counts_and_names_patients_in_the_cohorts_order(run, cohort, rule):
    cohort.loc[[2, 30], "age"] = 5.0
    cohort.loc[4, "age"] = np.nan
    result = run(cohort, rule("column_values_to_be_between", column="age", min_value=18)).results[0]
    assert (result.passed, result.unexpected, result.rows) == (False, 2, ("p02", "p30"))
    assert result.unexpected_share == pytest.approx(2 / 39, abs=1e-6)
    assert result.columns == ("age",)


def test_at_most_twenty_patients_are_named(run, cohort, rule):
    result = run(cohort, rule("column_values_to_be_between", column="age", min_value=1000)).results[0]
    assert result.unexpected == 40
    assert result.rows == tuple(f"p{number:02d}" for number in range(20))


def test_mostly_allows_some_and_then_names_nobody(run, cohort, rule):
    cohort.loc[[2, 30], "age"] = 5.0
    result = run(cohort, rule("column_values_to_be_between", column="age", min_value=18, mostly=0.95)).results[0]
    assert (result.passed, result.unexpected, result.rows) == (True, 2, ())


def test_severity_decides_what_stops(run, cohort, rule):
    rules = [
        rule("column_values_to_be_in_set", "hard", column="sex", value_set=["f"]),
        rule("column_values_to_be_in_set", "soft", "warning", column="sex", value_set=["m"]),
        rule("table_row_count_to_be_between", "whole", min_value=40, max_value=40),
    ]
    found = run(cohort, *rules)
    assert (found.passed, found.critical, found.warnings) == (False, ("hard",), ("soft",))
    assert [result.id for result in found.results] == ["hard", "soft", "whole"]
    assert run(cohort, *rules[1:]).passed


def test_the_ratio_of_two_columns(run, cohort, rule):
    cohort["double"] = cohort["lower"] * 2
    cohort.loc[3, "double"] = cohort.loc[3, "lower"] * 2.2
    cohort.loc[5, "lower"] = 0.0
    cohort.loc[6, "double"] = np.nan
    pair = {"column_A": "double", "column_B": "lower"}
    bounds = {"min_value": 1.9, "max_value": 2.1, "ignore_row_if": "either_value_is_missing"}
    result = run(cohort, rule("column_pair_values_ratio_to_be_between", **pair, **bounds)).results[0]
    assert (result.passed, result.rows, result.columns) == (False, ("p03", "p05"), ("double", "lower"))
    # A patient with only one of the two values breaks the rule, unless the rule says to leave such patients out.
    strict = bounds | {"ignore_row_if": "neither"}
    assert "p06" in run(cohort, rule("column_pair_values_ratio_to_be_between", **pair, **strict)).results[0].rows
    one_sided = {"max_value": 3, "ignore_row_if": "either_value_is_missing", "mostly": 0.9}
    assert run(cohort, rule("column_pair_values_ratio_to_be_between", **pair, **one_sided)).results[0].passed


def test_a_pair_in_the_wrong_order(run, cohort, rule):
    cohort.loc[7, ["upper", "lower"]] = [70.0, 120.0]
    entry = rule("column_pair_values_a_to_be_greater_than_b", column_A="upper", column_B="lower")
    assert run(cohort, entry).results[0].rows == ("p07",)


def test_a_missing_and_an_empty_column_fail_critically_whatever_the_severity(run, cohort, rule):
    cohort["empty"] = np.nan
    cohort["void"] = pd.Series([None] * 40, dtype="str")
    found = run(
        cohort,
        rule("column_values_to_be_between", "absent", "warning", column="weight", min_value=1),
        rule("column_values_to_be_between", "empty", "warning", column="empty", min_value=1),
        rule("column_mean_to_be_between", "empty-mean", "warning", column="empty", min_value=1),
        rule("column_values_to_match_regex", "void", "warning", column="void", regex="x"),
        rule("column_to_exist", "exists", "warning", column="empty"),
        rule("column_values_to_be_null", "null", "warning", column="empty"),
        rule("compound_columns_to_be_unique", "list", "warning", column_list=["age", "height"]),
        rule("column_values_to_be_between", "near", "warning", column="Age", min_value=1),
    )
    assert found.critical == ("absent", "empty", "empty-mean", "void", "list", "near")
    notes = [result.note for result in found.results]
    assert notes[0] == "The cohort has no column `weight`."
    assert notes[1] == "No patient has a value in the column `empty`."
    assert notes[6] == "The cohort has no column `height`."
    assert notes[7] == "The cohort has no column `Age`. Did you mean `age`?"
    assert found.leakage == ()


def test_a_rule_that_does_not_fit_the_values_fails_critically_and_quietly(run, cohort, rule, capfd, caplog):
    caplog.set_level("DEBUG")
    cohort["mixed"] = pd.Series([SECRET, "text"] * 20, dtype=object)
    found = run(
        cohort,
        rule("column_values_to_be_between", "text", "warning", column="sex", min_value=1),
        rule("column_values_to_be_between", "mixed", "warning", column="mixed", min_value=1),
        rule("column_values_to_match_regex", "regex", "warning", column="sex", regex="("),
    )
    assert set(found.critical) == {"text", "mixed", "regex"}
    assert found.results[0].note.startswith("The rule could not be applied")
    assert str(SECRET) not in found.model_dump_json()
    assert "Traceback" not in found.model_dump_json()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_no_value_of_a_patient_is_repeated(run, cohort, rule, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cohort["planted"] = SECRET
    cohort["word"] = f"secret {SECRET}"
    before = cohort.copy()
    found = run(
        cohort,
        rule("column_values_to_be_between", "a", column="planted", max_value=1),
        rule("column_max_to_be_between", "b", column="planted", max_value=1),
        rule("column_min_to_be_between", "c", column="planted", max_value=1),
        rule("column_mean_to_be_between", "d", column="planted", max_value=1),
        rule("column_median_to_be_between", "e", column="planted", max_value=1),
        rule("column_stdev_to_be_between", "f", column="planted", min_value=1),
        rule("column_values_to_be_in_set", "g", column="word", value_set=["x"]),
        rule("column_values_to_be_unique", "h", column="word"),
        rule("column_values_to_match_regex", "i", column="word", regex="^x"),
        rule("column_pair_values_to_be_equal", "j", column_A="planted", column_B="age"),
        rule("column_pair_values_ratio_to_be_between", "k", column_A="planted", column_B="age", max_value=1),
        rule("column_values_to_be_of_type", "l", column="word", type_="float64"),
        rule("column_values_to_be_in_type_list", "m", column="word", type_list=["float64"]),
        rule("compound_columns_to_be_unique", "n", column_list=["planted", "word"]),
        rule("column_values_to_not_be_in_set", "o", column="planted", value_set=[987654.125]),
        rule("column_value_lengths_to_be_between", "p", column="word", max_value=1),
        rule("column_unique_value_count_to_be_between", "q", column="word", min_value=2),
    )
    assert len(found.critical) == 17
    assert not [result.note for result in found.results if "could not be applied" in result.note]
    assert "987654" not in found.model_dump_json()
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["small_study.json"]
    pd.testing.assert_frame_equal(cohort, before)


@pytest.mark.parametrize("entry", ["column_distinct_values_to_be_in_set", "column_kl_divergence_to_be_less_than"])
def test_expectations_that_repeat_values_are_refused(entry, run, cohort, rule):
    with pytest.raises(ConfigurationError, match="an expectation that a suite may use"):
        run(cohort, rule(entry, column="sex", value_set=["f"]))


def test_what_the_library_refuses_is_our_error(run, cohort, rule):
    entry = rule("column_values_to_be_between", column="age", min_value=1, max_value=1, strict_min=True)
    bad = rule(
        "column_pair_values_to_be_equal", column_A="age", column_B="upper", ignore_row_if="all_values_are_missing"
    )
    with pytest.raises(ConfigurationError, match=r"Great Expectations understands every.*`the-rule`, refused"):
        run(cohort, bad)
    assert not run(cohort, entry).passed


@pytest.mark.parametrize(
    ("change", "received"),
    [
        (lambda c: c.iloc[:0], "no patient"),
        (lambda c: c.drop(columns="patient"), "no column `patient`"),
        (lambda c: pd.concat([c, c[["age"]]], axis=1), "the column `age` twice"),
    ],
)
def test_a_table_that_is_no_cohort(change, received, run, cohort, rule):
    with pytest.raises(DataError, match=f"one row per patient.*received {received}"):
        run(change(cohort), rule("column_to_exist", column="age"))


def test_a_patient_who_occurs_twice_is_found_by_the_suite_and_without_it(run, cohort, rule):
    cohort.loc[9, "patient"] = "p01"
    found = run(cohort, rule("column_values_to_be_unique", column="patient"))
    assert found.results[0].rows == ("p01",)
    assert found.results[0].unexpected == 2
    without = run(cohort, rule("column_to_exist", column="age"))
    assert (without.passed, without.critical, without.leaks) == (False, (), ("patient",))
    assert without.leakage[0].sentence.startswith("Rows that repeat an earlier row's id: 1; rows without an id: 0.")


def test_a_missing_id(run, cohort, rule):
    cohort["patient"] = cohort["patient"].astype("str").where(cohort.index != 5)
    found = run(cohort, rule("column_values_to_not_be_null", column="patient"))
    assert (found.critical, found.results[0].rows, found.leaks) == (("the-rule",), (), ("patient",))


def test_an_outcome_that_cannot_be_read_is_a_critical_finding_beside_the_suites(run, cohort, rule):
    cohort["ill"] = "no"
    found = run(cohort, rule("column_values_to_be_in_set", column="sex", value_set=["f"]))
    assert found.critical == ("the-rule",)
    assert found.leaks == ("ill",)
    assert "patients with and without the event" in found.leakage[0].sentence


def test_the_form_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="finite number"):
        LeakageFinding(check="value", feature="x", severity="critical", sentence="A leak.", estimate=math.nan)
    with pytest.raises(ValueError, match="less than or equal to 1"):
        CheckResult(
            id="x", type="t", columns=(), severity="critical", passed=False, description="d", unexpected_share=1.5
        )
