"""k-anonymity and l-diversity, with the known answer of a public trial."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sksurv.datasets import load_aids

from theragate.disclosure.anonymity import k_anonymity, l_diversity
from theragate.errors import DataError

TABLES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from(["ill", "well"])), min_size=1, max_size=40
).map(lambda rows: pd.DataFrame(rows, columns=["sex", "age", "state"]))


def test_a_trial_by_five_years_of_age_sex_and_race_has_unique_patients():
    frame, _ = load_aids()
    frame["age"] = (frame["age"] // 5).astype(int)
    assert k_anonymity(frame, ["age", "sex", "raceth"]) == 1
    assert k_anonymity(frame, ["sex"]) > 100


def test_by_hand():
    frame = pd.DataFrame({"sex": ["f", "f", "m", "m", "m", None, None], "state": [1, 1, 1, 0, 0, 1, 0]})
    assert k_anonymity(frame, ["sex"]) == 2
    assert k_anonymity(frame, ["sex", "state"]) == 1
    assert l_diversity(frame, ["sex"], "state") == 1, "both women are ill"
    assert l_diversity(frame[2:], ["sex"], "state") == 2


@given(TABLES)
def test_more_of_the_same_and_coarser_never_make_k_smaller(frame):
    k = k_anonymity(frame, ["sex", "age"])
    assert k_anonymity(pd.concat([frame, frame]), ["sex", "age"]) == 2 * k
    assert k_anonymity(frame.assign(age=frame["age"] // 2), ["sex", "age"]) >= k
    assert k_anonymity(frame, ["sex"]) >= k
    assert 1 <= k <= len(frame)


@given(TABLES, st.integers(0, 99))
def test_the_order_of_rows_changes_nothing_and_coarser_never_makes_l_smaller(frame, seed):
    turned = frame.iloc[np.random.default_rng(seed).permutation(len(frame))]
    assert k_anonymity(turned, ["age", "sex"]) == k_anonymity(frame, ["sex", "age"])
    diversity = l_diversity(frame, ["sex", "age"], "state")
    assert l_diversity(turned, ["sex", "age"], "state") == diversity
    assert l_diversity(frame, ["sex"], "state") >= diversity


@pytest.mark.parametrize(("rows", "columns"), [(0, ["age"]), (2, []), (2, ["weight"])])
def test_nothing_to_judge_is_refused(rows, columns):
    with pytest.raises(DataError, match="has rows and the columns"):
        k_anonymity(pd.DataFrame({"age": [1, 2]}).head(rows), columns)
