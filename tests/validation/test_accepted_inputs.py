import json
from pathlib import Path

import pytest
from support import STUDY, Project

from theragate.study import load_studies, load_study
from theragate.validation.accepted_inputs import accepted_inputs
from theragate.validation.suites import read_suite

ROOT = Path(__file__).parents[2]


def accepted(project: Project, *more):
    project.suite["expectations"] += more
    project.write()
    suite = read_suite(project.root / "expectations" / f"{STUDY}.json", study=STUDY)
    return accepted_inputs(suite, load_study(project.root / "params.yaml", STUDY))


def expectation(kind, *, severity="critical", **kwargs):
    meta = {"id": "another-rule", "description": "For the tests.", "unit": "mm"}
    return {"type": kind, "kwargs": kwargs, "severity": severity, "meta": meta}


def test_ranges_codes_and_ages_of_one_patient_are_kept(project):
    found = accepted(project)
    assert found.top_coded == {"age": 90}
    assert [(rule.id, rule.kind, rule.columns, rule.decisive) for rule in found.rules] == [
        ("age-range", "between", ("age",), True),
        ("sex-codes", "one_of", ("sex",), True),
    ]
    assert (found.rules[0].low, found.rules[0].high) == (18, 90)
    assert found.rules[1].values == ("f", "m")


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (
            expectation("expect_column_values_to_be_between", column="marker", max_value=9, strict_max=True),
            {"kind": "between", "high": 9, "strict_high": True, "unit": "mm"},
        ),
        (
            expectation("expect_column_values_to_be_between", column="marker", max_value=9, severity="warning"),
            {"decisive": False},
        ),
        (expectation("expect_column_values_to_match_regex", column="sex", regex="^[fm]$"), {"pattern": "^[fm]$"}),
        (
            expectation("expect_column_pair_values_a_to_be_greater_than_b", column_A="age", column_B="marker"),
            {"kind": "above", "columns": ("age", "marker"), "strict_low": True},
        ),
        (
            expectation(
                "expect_column_pair_values_a_to_be_greater_than_b", column_A="age", column_B="marker", or_equal=True
            ),
            {"strict_low": False},
        ),
        (
            expectation(
                "expect_column_pair_values_ratio_to_be_between", column_A="age", column_B="marker", min_value=1
            ),
            {"kind": "ratio", "low": 1},
        ),
        (expectation("expect_column_value_lengths_to_be_between", column="sex", max_value=1), {"kind": "length"}),
    ],
)
def test_a_rule_is_kept_as_it_is_written(project, rule, kept):
    found = accepted(project, rule).rules[-1]
    assert {name: getattr(found, name) for name in kept} == kept


@pytest.mark.parametrize(
    "rule",
    [
        expectation("expect_column_values_to_be_in_set", column="sex", value_set=["f"], mostly=0.4),
        expectation("expect_column_mean_to_be_between", column="age", min_value=40),
        expectation("expect_column_values_to_not_be_null", column="age"),
        expectation("expect_column_values_to_match_regex", column="patient", regex="."),
    ],
)
def test_a_rule_about_the_cohort_or_its_ids_is_left_out(project, rule):
    assert len(accepted(project, rule).rules) == 2


def test_a_better_wording_changes_nothing(project):
    before = accepted(project)
    project.suite["expectations"][0]["meta"]["description"] = "Adults of all ages."
    assert accepted(project) == before


def test_every_study_accepts_something_and_reads_back():
    for study in load_studies(ROOT / "params.yaml"):
        suite = read_suite(ROOT / "expectations" / f"{study.name}.json", study=study.name)
        found = accepted_inputs(suite, study)
        assert found.rules
        assert type(found).model_validate(json.loads(found.model_dump_json())) == found
