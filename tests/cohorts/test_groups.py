"""Every patient belongs to one group of every attribute, unknown or not."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from theragate.cohorts.groups import MISSING, read_groups
from theragate.errors import ConfigurationError, DataError
from theragate.study import Study, parse, resolved_entry

NAME = "heart_attack_survival"
CONTENT = resolved_entry(Path(__file__).parents[2] / "params.yaml", NAME)
PATIENT = "Ada Lovelace"


def study(**subgroups: Any) -> Study:
    groups = {name: {"title": "A test", **spec} for name, spec in subgroups.items()}
    return parse(Study, {"name": NAME, **copy.deepcopy(CONTENT), "subgroups": groups}, at=f"studies.{NAME}")


SEX = study(sex={"column": "gender", "labels": {"0": "male", "1": "female"}})
AGE = study(age_band={"column": "age", "bands": [65, 75]})


def sexes(values: Any) -> list[str]:
    return read_groups(pd.DataFrame({"gender": values}), SEX)["sex"].tolist()


def bands(values: Any, *, spec: Study = AGE) -> list[str]:
    return read_groups(pd.DataFrame({"age": values}), spec)["age_band"].tolist()


@pytest.mark.parametrize(
    "values",
    [["0", "1", None], pd.Categorical(["0", "1", None]), pd.array([0, 1, None], dtype="Int64"), [0.0, 1.0, np.nan]],
    ids=["text", "category", "integer", "float"],
)
def test_codes_have_their_labels_however_they_are_stored(values):
    assert sexes(values) == ["male", "female", MISSING]


def test_bounds_belong_below():
    assert bands([60, 65, 65.1, 75, 76, np.nan]) == ["≤65", "≤65", "65–75", "65–75", ">75", MISSING]


def test_one_bound_makes_two_groups():
    assert bands([1, 2, 3], spec=study(age_band={"column": "age", "bands": [2]})) == ["≤2", "≤2", ">2"]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20))
@hypothesis_settings(deadline=None, max_examples=100)
def test_every_number_is_in_a_group_and_only_the_unknown_is_missing(values):
    named = bands(np.array(values, dtype=float))
    assert set(named) <= {"≤65", "65–75", ">75", MISSING}
    assert [name == MISSING for name in named] == np.isnan(values).tolist()


@pytest.mark.parametrize("bounds", [[100000.1, 100000.2, 100000.3], [0.12345671, 0.12345672, 0.12345673]])
def test_bounds_that_lie_close_keep_their_groups(bounds):
    low, middle, high = bounds
    values = [low - 1, (low + middle) / 2, (middle + high) / 2, high + 1]
    assert len(set(bands(values, spec=study(age_band={"column": "age", "bands": bounds})))) == 4


def test_the_cohort_s_order_and_index_are_kept():
    cohort = pd.DataFrame({"gender": ["1", "0"], "age": [80, 50]}, index=[7, 3])
    both = study(
        sex={"column": "gender", "labels": {"0": "male", "1": "female"}}, age_band={"column": "age", "bands": [65]}
    )
    groups = read_groups(cohort, both)
    assert groups.index.tolist() == [7, 3]
    assert groups.columns.tolist() == ["sex", "age_band"]
    assert groups.to_numpy().tolist() == [["female", ">65"], ["male", "≤65"]]


def test_a_study_without_subgroups_has_none():
    groups = read_groups(pd.DataFrame({"age": [1, 2]}), study())
    assert groups.shape == (2, 0)


def test_a_column_of_unknowns_is_one_group():
    assert sexes([None, None]) == [MISSING, MISSING]
    assert bands([np.nan, np.nan]) == [MISSING, MISSING]


@pytest.mark.parametrize("spec", [SEX, AGE])
def test_an_absent_column_is_named(spec):
    with pytest.raises(
        DataError, match=r"subgroups `(sex|age_band)`: column `(gender|age)` is in the cohort; received no"
    ):
        read_groups(pd.DataFrame({"other": [1]}), spec)


def test_a_value_without_a_label_is_counted_and_not_shown():
    with pytest.raises(DataError, match="has a label; received 2 values without one, in 3 patients") as caught:
        sexes(["0", PATIENT, PATIENT, "1", "0 ", None])
    assert PATIENT not in str(caught.value)


def test_bands_of_texts_are_refused_without_showing_one():
    with pytest.raises(DataError, match=r"column `age` holds numbers; received (str|object) values") as caught:
        bands([PATIENT, "60"])
    assert PATIENT not in str(caught.value)


OTHERS = study(sex={"column": "gender", "labels": {"m": "male", "f": "female", "F": "female"}, "others": "Other"})


def test_values_without_a_label_are_a_group_where_one_is_declared():
    found = read_groups(pd.DataFrame({"gender": ["m", "F", "f", PATIENT, None]}), OTHERS)["sex"].tolist()
    assert found == ["male", "female", "female", "Other", MISSING]
    assert OTHERS.subgroups["sex"].names == ("male", "female", "Other")
    with pytest.raises(ConfigurationError, match="no label may be called so"):
        study(sex={"column": "gender", "labels": {"m": "male", "f": "female"}, "others": MISSING})
