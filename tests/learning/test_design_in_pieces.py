"""A design learned in pieces makes the matrix of one that was learned from the whole."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts import cohort_file
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.parquet import write_table
from theragate.learning.design_in_pieces import design_pieces, fit_design_in_pieces
from theragate.learning.design_matrix import fit_design
from theragate.learning.features import Feature, as_features
from theragate.learning.skops_archive import pack, unpack

_ROWS = 700
_FEATURES = (
    Feature("age", "number"),
    Feature("sex", "text"),
    Feature("often_missing", "number"),
    Feature("always_missing", "number"),
    Feature("one_value", "number"),
    Feature("flag", "number"),
    Feature("site", "text"),
)


@pytest.fixture
def cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CohortFile:
    monkeypatch.setattr(cohort_file, "_PIECE", 50)
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "site": pd.Series(random.choice(["a", "b", "c", "rare"], _ROWS, p=[0.5, 0.3, 0.195, 0.005])),
            "age": random.normal(60, 10, _ROWS),
            "sex": pd.Series(random.choice(["f", "m"], _ROWS)).where(pd.Series(random.random(_ROWS) < 0.9)),
            "often_missing": pd.Series(random.exponential(3, _ROWS)).where(pd.Series(random.random(_ROWS) < 0.6)),
            "always_missing": np.nan,
            "one_value": 0.1,
            "flag": random.random(_ROWS) < 0.2,
        }
    )
    path = tmp_path / "cohort.parquet"
    write_table(path, frame)
    return CohortFile(path, "")


@pytest.mark.parametrize("kind", ["linear", "splines", "trees"])
@pytest.mark.parametrize("features", [_FEATURES, (_FEATURES[0],), (_FEATURES[1],)])
def test_the_same_matrix(cohort: CohortFile, kind: str, features: tuple[Feature, ...]) -> None:
    rows = np.flatnonzero(np.random.default_rng(4).random(_ROWS) < 0.7)
    whole = as_features(cohort.frame(rows=rows), features)
    expected = fit_design(kind, whole, features)
    found = fit_design_in_pieces(kind, cohort, rows, features)
    assert list(found.transformer.get_feature_names_out()) == list(expected.transformer.get_feature_names_out())
    everybody = as_features(cohort.frame(), features)
    np.testing.assert_allclose(found.matrix(everybody), expected.matrix(everybody), rtol=1e-12, atol=1e-12)
    pieces = np.concatenate(list(design_pieces(found, cohort, rows, features)))
    np.testing.assert_array_equal(pieces, found.matrix(whole))
    assert found.curves == expected.curves
    np.testing.assert_array_equal(found.sources(features), expected.sources(features))
    np.testing.assert_array_equal(unpack(pack(found.transformer)).transform(whole), found.matrix(whole))
