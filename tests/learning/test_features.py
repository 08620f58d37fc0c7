import numpy as np
import pandas as pd
import pytest

from theragate.errors import ConfigurationError, DataError
from theragate.learning.design_matrix import fit_design
from theragate.learning.features import Feature, as_features, read_features

SCHEMA = (Feature("age", "number"), Feature("stage", "text"))


def test_features_are_what_is_neither_id_nor_outcome_nor_dropped(problem) -> None:
    cohort, _, study = problem("survival")
    schema = read_features(cohort, study)
    assert [feature.name for feature in schema] == ["age", "marker", "smoker", "stage"]
    assert [feature.type for feature in schema] == ["number", "number", "number", "text"]


def test_a_dropped_column_that_is_not_there_is_refused(problem) -> None:
    cohort, _, study = problem("binary", features={"dropped": {"laek": "A typing error."}})
    with pytest.raises(ConfigurationError, match=r"a dropped column is a column of the cohort; received `laek`"):
        read_features(cohort, study)


def test_no_feature_left_is_refused(problem) -> None:
    cohort, _, study = problem("binary")
    with pytest.raises(ConfigurationError, match="at least one column is left to learn from"):
        read_features(cohort[["patient", "leak", "ill"]], study)


def test_an_infinite_value_is_refused_and_not_shown(problem) -> None:
    cohort, _, study = problem("binary")
    cohort.loc[3, "marker"] = np.inf
    with pytest.raises(DataError, match="feature `marker`: a number is finite or missing; received 1 infinite values"):
        read_features(cohort, study)


def test_columns_come_in_the_order_of_the_schema() -> None:
    frame = pd.DataFrame({"other": [1], "stage": pd.Series([None], dtype="str"), "age": [50]})
    seen = as_features(frame, SCHEMA)
    assert seen.to_dict("list") == {"age": [50.0], "stage": ["(missing)"]}


@pytest.mark.parametrize("kind", ["object", "str", "category"])
def test_text_is_text_however_it_is_stored(kind: str) -> None:
    frame = pd.DataFrame({"age": [50.0, 51.0], "stage": pd.Series(["I", None], dtype=kind)})
    assert as_features(frame, SCHEMA)["stage"].tolist() == ["I", "(missing)"]


def test_an_absent_feature_is_named() -> None:
    with pytest.raises(DataError, match="feature `stage`: every feature of the model is a column of the data"):
        as_features(pd.DataFrame({"age": [1.0]}), SCHEMA)


def test_text_in_place_of_numbers_is_refused_and_not_shown() -> None:
    with pytest.raises(DataError, match="the column holds numbers") as caught:
        as_features(pd.DataFrame({"age": ["Smith"], "stage": ["I"]}), SCHEMA)
    assert "Smith" not in str(caught.value)


def test_nothing_is_learned_from_patients_who_are_only_transformed() -> None:
    learned = pd.DataFrame({"age": [40.0, 50.0, np.nan], "stage": ["I", "II", "II"]})
    design = fit_design("linear", learned, SCHEMA)
    one = design.matrix(pd.DataFrame({"age": [np.nan], "stage": ["I"]}))
    both = design.matrix(pd.DataFrame({"age": [np.nan, 1e6], "stage": ["I", "IV"]}))
    np.testing.assert_array_equal(one[0], both[0])
    # The median is 45, the mean of the filled-in column too; absence has an indicator; IV is no column.
    assert one[0][0] == 0
    assert both[1][-2:].tolist() == [0, 0]


@pytest.mark.parametrize("kind", ["linear", "splines"])
def test_no_value_is_missing_after_the_design(kind) -> None:
    learned = pd.DataFrame({"age": np.arange(30.0, 60.0), "stage": ["I", "II"] * 15})
    unknown = pd.DataFrame({"age": [np.nan], "stage": ["(missing)"]})
    assert np.isfinite(fit_design(kind, learned, SCHEMA).matrix(unknown)).all()


@pytest.mark.parametrize("kind", ["linear", "splines", "trees"])
def test_a_feature_that_nobody_has_is_borne(kind) -> None:
    learned = pd.DataFrame({"age": [np.nan] * 6, "stage": ["I", "II"] * 3})
    matrix = fit_design(kind, learned, SCHEMA).matrix(learned)
    assert matrix.shape[0] == 6
    assert kind == "trees" or np.isfinite(matrix).all()


def test_splines_are_for_numbers_with_five_distinct_knots_and_go_on_straight() -> None:
    schema = (Feature("age", "number"), Feature("smoker", "number"))
    learned = pd.DataFrame({"age": np.arange(0.0, 100.0), "smoker": [0.0, 1.0] * 50})
    design = fit_design("splines", learned, schema)
    assert design.curves == slice(2, 8)
    beyond = design.matrix(pd.DataFrame({"age": [120.0, 140.0, 160.0], "smoker": [0.0] * 3}))
    np.testing.assert_allclose(beyond[1] - beyond[0], beyond[2] - beyond[1], atol=1e-9)
