"""Tables of predictions as arrays: what is read in the order of the file is what is sorted first."""

import numpy as np
import pandas as pd
import pytest

from theragate.errors import EvidenceError
from theragate.stages.prediction_table import Due, PredictionTable
from theragate.testing.cohorts import make_study

TABLE = PredictionTable(make_study("binary"), "predictions.parquet", "train")
PATIENTS = pd.Series(["p9", "p10", "é", "P1", "p2"])


def predicted(due: Due) -> pd.DataFrame:
    """Return what is due, as the file has it, with predictions from 0 in the order of the patients."""
    rows = due.index.to_frame(index=False, name=["repeat", "fold", "patient"])
    rows["prediction"] = np.arange(len(rows), dtype=np.float64)
    return rows.sort_values(["repeat", "patient"], ignore_index=True)


@pytest.fixture
def due() -> Due:
    return Due(PATIENTS, np.array([[0, 1, 0, 1, 1], [1, 1, 0, 0, 0]]))


def test_predictions_in_any_order(due: Due) -> None:
    rows = predicted(due)
    assert due.are(rows)
    expected = np.arange(10.0).reshape(2, 5)
    np.testing.assert_array_equal(TABLE.in_order(rows, due=due), expected)
    shuffled = rows.sample(frac=1, random_state=1)
    assert not due.are(shuffled)
    np.testing.assert_array_equal(TABLE.in_order(shuffled, due=due), expected)


@pytest.mark.parametrize(
    ("change", "received"),
    [
        (lambda rows: rows.iloc[1:], "1 predictions missing, 0 of patients not held out there, 0 repeated"),
        (lambda rows: rows.assign(fold=rows["fold"].where(rows.index != 2, 7)), "1 predictions missing, 1 of patients"),
        (lambda rows: rows.assign(repeat=rows["repeat"].where(rows.index != 9, 5)), "1 predictions missing, 1 of pat"),
        (lambda rows: rows.replace({"patient": {"p2": "p3"}}), "2 predictions missing, 2 of patients"),
        (
            lambda rows: rows.iloc[[0, 0, *range(2, 10)]],
            "1 predictions missing, 0 of patients not held out there, 1 rep",
        ),
    ],
)
def test_predictions_of_others(change, received: str, due: Due) -> None:
    rows = change(predicted(due)).reset_index(drop=True)
    assert not due.are(rows)
    with pytest.raises(EvidenceError, match=received):
        TABLE.in_order(rows, due=due)


def test_models_in_any_order() -> None:
    patients = PATIENTS.to_numpy()
    models = range(-1, 3)
    rows = pd.DataFrame(
        {
            "refit": np.repeat(np.array(models, dtype=np.int16), 5),
            "patient": pd.Series(np.tile(patients, 4), dtype="str"),
            "drawn": np.arange(20, dtype=np.int16),
            "prediction": np.arange(20) / 20,
        }
    )
    asked = {"patients": patients, "due": models, "rule": "all"}
    for table in (rows.sort_values(["refit", "patient"], ignore_index=True), rows.sample(frac=1, random_state=2)):
        predictions, drawn = TABLE.by_model(table, ("refit", "drawn"), **asked)
        np.testing.assert_array_equal(predictions, np.arange(20).reshape(4, 5) / 20)
        np.testing.assert_array_equal(drawn.astype(int), np.arange(20).reshape(4, 5))
    with pytest.raises(EvidenceError, match="all; received 3 models"):
        TABLE.by_model(rows[rows["refit"] != 1], ("refit", "drawn"), **asked)
