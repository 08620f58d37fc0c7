import numpy as np
import pandas as pd
import pytest

from theragate.learning import importance
from theragate.learning.families import FAMILIES
from theragate.learning.features import as_features, read_features
from theragate.learning.importance import permutation_importance
from theragate.learning.predictor import fit_predictor
from theragate.learning.tuning_loss import Loss


@pytest.mark.parametrize(("task", "family"), [("binary", "spline_logistic"), ("survival", "xgboost_cox")])
def test_it_is_the_rise_of_the_loss_when_one_column_is_shuffled(problem, monkeypatch, task, family) -> None:
    cohort, outcome, study = problem(task)
    schema = read_features(cohort, study)
    frame, loss = as_features(cohort, schema), Loss.of(outcome, development=outcome)
    params = FAMILIES[task][family].fixed
    predictor = fit_predictor(frame, outcome, task=task, family=family, params=params, schema=schema, seed=1)
    generator, expected = np.random.default_rng(7), []
    for feature in schema:
        shuffled: pd.DataFrame = frame.copy()
        shuffled[feature.name] = frame[feature.name].to_numpy()[generator.permutation(len(frame))]
        expected.append(loss.mean(predictor.predict(shuffled)) - loss.mean(predictor.predict(frame)))
    found = permutation_importance(predictor, frame, loss=loss, seed=7)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    monkeypatch.setattr(importance, "_CELLS", 1)  # one feature after the other
    np.testing.assert_allclose(permutation_importance(predictor, frame, loss=loss, seed=7), found, rtol=0, atol=1e-12)
