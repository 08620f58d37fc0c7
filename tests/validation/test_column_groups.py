"""A suite checked by groups of columns finds what the library finds in the whole cohort at once."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.cohort_frame import CohortFrame
from theragate.cohorts.parquet import write_table
from theragate.validation._column_groups import column_groups
from theragate.validation.run_suite import check_suite
from theragate.validation.suites import Expectation, Suite
from theragate.validation.types import CheckResult

NUMBERS, TEXTS = ("age", "count", "upper", "lower"), ("sex", "stage")
COLUMNS = ("patient", *NUMBERS, *TEXTS, "flag")
OMISSIONS = ("both_values_are_missing", "either_value_is_missing", "neither")


def frames() -> st.SearchStrategy[pd.DataFrame]:
    def frame(seed: int, rows: int, lacking: float) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        known = {name: pd.Series(random.random(rows) >= lacking) for name in COLUMNS}
        return pd.DataFrame(
            {
                "patient": [f"p{number}" for number in random.integers(0, 2 * rows, rows)],
                "age": pd.Series(random.normal(60, 15, rows).round()).where(known["age"]),
                "count": random.integers(0, 4, rows),
                "upper": pd.Series(random.normal(130, 15, rows)).where(known["upper"]),
                "lower": pd.Series(random.normal(120, 15, rows)).where(known["lower"]),
                "sex": random.choice(["f", "m"], rows),
                "stage": pd.Series(random.choice(["I", "II", "III"], rows)).where(known["stage"]),
                "flag": pd.Series(random.random(rows) < 0.5, dtype=object).where(known["flag"], None),
            }
        )

    return st.builds(frame, st.integers(0, 10_000), st.integers(1, 250), st.sampled_from([0.0, 0.1, 1.0]))


def rules() -> st.SearchStrategy[dict[str, Any]]:
    any_column, number, text = map(st.sampled_from, (COLUMNS, NUMBERS, TEXTS))
    bound = st.integers(0, 150)
    mostly = st.sampled_from([{}, {"mostly": 0.5}, {"mostly": 0.9}])
    pair = st.fixed_dictionaries({"column_A": number, "column_B": number, "ignore_row_if": st.sampled_from(OMISSIONS)})

    def kind(name: str, arguments: st.SearchStrategy[dict[str, Any]], more: Any = mostly) -> Any:
        return st.builds(lambda one, two: (f"expect_{name}", one | two), arguments, more)

    of = lambda column, **others: st.fixed_dictionaries({"column": column, **others})  # noqa: E731
    none = st.just({})
    return st.one_of(
        kind("column_values_to_not_be_null", of(any_column)),
        kind("column_values_to_be_null", of(any_column)),
        kind("column_values_to_be_unique", of(any_column)),
        kind("column_values_to_be_between", of(any_column, min_value=bound)),
        kind("column_values_to_be_in_set", of(text, value_set=st.just(["f", "I", "II"]))),
        kind("column_values_to_not_be_in_set", of(text, value_set=st.just(["m", "III"]))),
        kind("column_values_to_match_regex", of(text, regex=st.sampled_from(["^I", "(", "f"]))),
        kind("column_value_lengths_to_be_between", of(text, max_value=st.just(1))),
        kind("column_pair_values_a_to_be_greater_than_b", pair),
        kind("column_pair_values_to_be_equal", pair),
        kind("column_pair_values_ratio_to_be_between", pair, st.just({"min_value": 0.9, "max_value": 1.1})),
        kind("compound_columns_to_be_unique", st.just({"column_list": ["sex", "stage", "count"]})),
        kind("column_mean_to_be_between", of(any_column, min_value=bound), none),
        kind("column_median_to_be_between", of(number, max_value=bound), none),
        kind("column_stdev_to_be_between", of(number, min_value=st.just(10)), none),
        kind("column_unique_value_count_to_be_between", of(any_column, max_value=st.just(3)), none),
        kind("column_proportion_of_non_null_values_to_be_between", of(any_column, min_value=st.just(0.9)), none),
        kind("column_values_to_be_of_type", of(any_column, type_=st.sampled_from(["float64", "int64", "str"])), none),
        kind("column_values_to_be_in_type_list", of(any_column, type_list=st.just(["int64", "bool"])), none),
        kind("column_to_exist", of(any_column), none),
        kind("table_row_count_to_be_between", st.just({"max_value": 100}), none),
        kind("table_column_count_to_be_between", st.just({"max_value": 7}), none),
        kind("table_columns_to_match_set", st.just({"column_set": ["patient", "age"], "exact_match": False}), none),
    )


def suite_of(*entries: tuple[str, dict[str, Any]]) -> Suite:
    expectations = [
        Expectation.model_validate(
            {
                "type": type_,
                "kwargs": kwargs,
                "severity": "warning",
                "meta": {"id": f"r{n}", "description": "It holds."},
            }
        )
        for n, (type_, kwargs) in enumerate(entries)
    ]
    return Suite("a_study", tuple(expectations), "0" * 64)


def whole(frame: pd.DataFrame, suite: Suite) -> dict[str, dict[str, Any]]:
    """What the library says of the whole table at once, by its usual way."""
    import great_expectations
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    context = great_expectations.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    built = [
        ExpectationConfiguration(**rule.model_dump(include={"type", "kwargs", "severity", "meta"})).to_domain_obj()
        for rule in suite.expectations
    ]
    checks = great_expectations.ExpectationSuite(name="a_study", expectations=built)
    asset = context.data_sources.add_pandas("a_study").add_dataframe_asset("cohort")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    asked = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": ["patient"],
        "exclude_unexpected_values": True,
    }
    entries = [entry.to_json_dict() for entry in batch.validate(checks, result_format=asked).results]
    return {entry["expectation_config"]["meta"]["id"]: entry for entry in entries}


def agree(found: CheckResult, entry: dict[str, Any]) -> None:
    """Compare one of our results with the library's."""
    if found.note.startswith(("No patient", "The rule could not")):
        assert not found.passed
        return
    detail = entry["result"]
    assert found.passed == entry["success"]
    assert found.unexpected == detail.get("unexpected_count")
    share = detail.get("unexpected_percent")
    assert found.unexpected_share == (None if share is None else round(share / 100, 6))
    named = [patient for each in detail.get("unexpected_index_list") or () for patient in each["patient"]]
    assert found.rows == (() if found.passed else tuple(dict.fromkeys(named))[:20])


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Callable[[pd.DataFrame], CohortFile]:
    """A cohort in its file, which the next one replaces."""
    path: Path = tmp_path_factory.mktemp("cohort") / "cohort.parquet"

    def store(frame: pd.DataFrame) -> CohortFile:
        write_table(path, frame)
        return CohortFile(path, "Make it again.")

    return store


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frame=frames(), entries=st.lists(rules(), min_size=1, max_size=9))
def test_groups_of_columns_find_what_the_whole_has(frame, entries, stored):
    suite = suite_of(*entries)
    file = stored(frame)
    found = check_suite(file, suite, cells=1)
    assert found == check_suite(CohortFrame(file.frame()), suite)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entire = whole(file.frame(), suite)
    for result in found:
        agree(result, entire[result.id])


def test_a_group_has_few_cells_or_one_expectation_s_columns():
    wide = ("expect_compound_columns_to_be_unique", {"column_list": ["age", "sex", "stage"]})
    known = [("expect_column_values_to_not_be_null", {"column": name}) for name in ("age", "sex", "stage", "age")]
    rows = ("expect_table_row_count_to_be_between", {"min_value": 1})
    names = ("expect_column_to_exist", {"column": "age"})
    suite = suite_of(wide, *known, rows, names)
    groups = list(column_groups(suite.expectations, 100, cells=200))
    assert [group.columns for group in groups] == [("age", "sex", "stage"), ("age", "sex"), ("stage",)]
    assert [[rule.meta.id for rule in group.rules] for group in groups] == [["r0"], ["r1", "r4", "r2"], ["r3", "r5"]]
    (together,) = column_groups(suite.expectations, 100, cells=300)
    assert len(together.rules) == len(suite.expectations) - 1  # what is about names needs no column
