import numpy as np
import pytest

from theragate.cohorts.outcomes import Binary
from theragate.learning.families import ESTIMATORS, Training
from theragate.learning.wide import is_wide, narrowed

PENALTY = {"penalty": 3.0, "curvature": 0.5}


def test_a_narrowed_table_keeps_all_distances_and_leads_back() -> None:
    table = np.random.default_rng(0).normal(size=(5, 9))
    narrow, basis = narrowed(table)
    assert (narrow.shape, basis.shape) == ((5, 5), (9, 5))
    np.testing.assert_allclose(narrow @ narrow.T, table @ table.T)
    np.testing.assert_allclose(narrow @ basis.T, table)
    assert is_wide(table)
    assert not is_wide(narrow)


def test_a_wide_logistic_regression_is_that_of_all_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    matrix = random.normal(size=(40, 90))
    training = Training(matrix, Binary(matrix[:, 0] + random.normal(size=40) > 0), slice(60, 90))
    narrow = ESTIMATORS["spline_logistic"].fit(training, PENALTY, seed=0)
    monkeypatch.setattr("theragate.learning.families.logistic.is_wide", lambda _: False)
    whole = ESTIMATORS["spline_logistic"].fit(training, PENALTY, seed=0)
    np.testing.assert_allclose(narrow.coefficients, whole.coefficients, rtol=0, atol=1e-8)
    assert narrow.intercept == pytest.approx(whole.intercept, abs=1e-8)


@pytest.mark.parametrize(("rows", "columns", "most"), [(80, 90, 64), (2_000, 20, 256)])
def test_boosting_splits_a_wide_table_at_fewer_places(rows: int, columns: int, most: int) -> None:
    matrix = np.random.default_rng(2).normal(size=(rows, columns))
    training = Training(matrix, Binary(matrix[:, 0] > 0), slice(0, 0))
    cuts = np.diff(training.quantiles.get_quantile_cut()[0])
    assert most / 2 < cuts.max() <= most + 1
    model = ESTIMATORS["xgboost"].fit(training, ESTIMATORS["xgboost"].fixed, seed=0)
    assert np.corrcoef(model.score(matrix), matrix[:, 0] > 0)[0, 1] > 0.8
