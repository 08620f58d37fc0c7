"""A column that is named and not there is found, whatever it is named for."""

import copy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from theragate.cohorts.declared_columns import check_columns
from theragate.errors import DataError
from theragate.study import Study, parse, resolved_entry

NAME = "heart_attack_survival"
CONTENT = resolved_entry(Path(__file__).parents[2] / "params.yaml", NAME)
COHORT = pd.DataFrame(columns=["age", "bmi", "gender", "los"])


def study(**changes: Any) -> Study:
    plain = {"features": {}, "subgroups": {}, "scenarios": {}}
    return parse(Study, {"name": NAME, **copy.deepcopy(CONTENT), **plain, **changes}, at=f"studies.{NAME}")


def test_columns_that_are_there():
    groups = {"sex": {"title": "Sex", "column": "gender", "labels": {"0": "male", "1": "female"}}}
    check_columns(list(COHORT), study(features={"dropped": {"los": "Known too late."}}, subgroups=groups))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"features": {"dropped": {"loss": "A reason."}}},
            r"dropped`.*`loss`, which is not in it\. Did you mean `los`\? Correct",
        ),
        (
            {"features": {"labels": {"BMI": "body mass"}}},
            r"features\.labels`.*`BMI`, which is not in it\. Did you mean `bmi`",
        ),
        (
            {"subgroups": {"age_band": {"title": "Age", "column": "aeg", "bands": [60]}}},
            r"subgroups\.age_band\.column`.*`aeg`.*`age`",
        ),
        ({"scenarios": {"odd": {"missing": {"bmii": 1.0}, "reason": "A reason."}}}, r"scenarios\.odd`.*`bmii`.*`bmi`"),
        ({"scenarios": {"odd": {"noise": {"bimi": 1.0}, "reason": "A reason."}}}, r"scenarios\.odd`.*`bimi`.*`bmi`"),
        (
            {"validation": {"scheme": "temporal", "column": "year", "since": 1, "inner_folds": 2, "reason": "A test."}},
            r"validation\.column`.*`year`",
        ),
    ],
)
def test_a_column_that_is_not_there_is_named_with_its_key(changes, message):
    with pytest.raises(DataError, match=message):
        check_columns(list(COHORT), study(**changes))
