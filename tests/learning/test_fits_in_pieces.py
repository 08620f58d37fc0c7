"""What is fitted piece by piece is what is fitted to the whole, in every family that says that it can."""

from pathlib import Path

import numpy as np
import pytest

from theragate.cohorts.outcomes import Binary, Censored, Outcome, Quantity
from theragate.learning import matrix_file
from theragate.learning.families import FAMILIES, Training, TrainingInPieces
from theragate.learning.matrix_file import write_matrix
from theragate.learning.models import BoostedModel, LinearModel

_ROWS, _COLUMNS, _CURVES = 1500, 5, slice(2, 4)


def drawn(task: str) -> tuple[np.ndarray, Outcome]:
    random = np.random.default_rng(7)
    matrix = random.normal(size=(_ROWS, _COLUMNS)).astype(np.float32).astype(np.float64)
    score = matrix @ np.array([1.0, -0.5, 0.25, 0.0, 0.0])
    if task == "binary":
        return matrix, Binary(random.random(_ROWS) < 1 / (1 + np.exp(1 - score)))
    if task == "regression":
        return matrix, Quantity(5 + score + random.normal(size=_ROWS))
    death, lost = random.exponential(np.exp(-score)), random.exponential(2.0, _ROWS)
    # Rounded, so that some die at one time.
    return matrix, Censored(np.ceil(np.minimum(death, lost) * 50) / 50, death <= lost, 1.0)


CASES = [(task, name) for task, families in FAMILIES.items() for name, family in families.items() if family.in_pieces]


def test_which_can() -> None:
    assert CASES == [
        ("binary", "logistic"),
        ("binary", "spline_logistic"),
        ("binary", "xgboost"),
        ("regression", "linear"),
        ("regression", "spline_ridge"),
        ("regression", "xgboost"),
        ("survival", "ridge_cox"),
        ("survival", "strong_ridge_cox"),
        ("survival", "spline_cox"),
        ("survival", "xgboost_cox"),
        ("survival", "xgboost_aft"),
    ]


@pytest.mark.parametrize(("task", "name"), CASES)
def test_the_same_model(task: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_file, "_CELLS", 1000)
    family, (matrix, outcome) = FAMILIES[task][name], drawn(task)
    whole = family.fit(Training(matrix, outcome, _CURVES), family.fixed, seed=3)
    file = write_matrix(tmp_path / "matrix", iter(np.array_split(matrix, 7)), columns=_COLUMNS)
    assert len(list(file.pieces())) == 8
    pieces = family.fit_in_pieces(TrainingInPieces(file, outcome, _CURVES, tmp_path), family.fixed, seed=3)
    assert [path.name for path in tmp_path.iterdir()] == ["matrix"]
    assert pieces.response.kind == whole.response.kind
    assert pieces.response.hazard == pytest.approx(whole.response.hazard, rel=1e-5)
    if isinstance(whole, LinearModel):
        assert isinstance(pieces, LinearModel)
        np.testing.assert_allclose(pieces.coefficients, whole.coefficients, rtol=0, atol=1e-6)
        assert pieces.intercept == pytest.approx(whole.intercept, abs=1e-6)
    else:
        # Quantiles of pieces are sketched, so that trees may divide a little elsewhere.
        assert isinstance(pieces, BoostedModel)
        predictions = [model.response.of(model.score(matrix)) for model in (whole, pieces)]
        assert np.corrcoef(*predictions)[0, 1] > 0.99
        assert np.mean(predictions[0]) == pytest.approx(np.mean(predictions[1]), rel=0.01)
