import warnings

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.outcomes import Binary
from theragate.errors import DataError
from theragate.learning.families import FAMILIES
from theragate.learning.features import Feature
from theragate.learning.persistence import load, save
from theragate.learning.predictor import fit_predictor
from theragate.serving import _load_pyfunc

SCHEMA = (Feature("age", "number"), Feature("stage", "text"))


@pytest.fixture(scope="module")
def patients():
    random = np.random.default_rng(1)
    age = random.uniform(40, 90, 120).round()
    return pd.DataFrame({"age": age, "stage": random.choice(["I", "II"], 120)})


@pytest.fixture(scope="module")
def estimator(patients, tmp_path_factory):
    """The directory of a small logistic regression."""
    folder = tmp_path_factory.mktemp("served") / "estimator"
    event = (patients["age"] + 20 * np.random.default_rng(2).normal(size=120) > 65).to_numpy()
    save(
        fit_predictor(
            patients, Binary(event), task="binary", family="logistic", params=FAMILIES["binary"]["logistic"].fixed,
            schema=SCHEMA, seed=3,
        ),
        folder,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def packaged(estimator, tmp_path_factory):
    """The same model, packaged as the tracking room does it, and loaded by MLflow with pickle forbidden."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

        path = tmp_path_factory.mktemp("package") / "model"
        mlflow.pyfunc.save_model(
            path,
            loader_module="theragate.serving",
            data_path=str(estimator),
            signature=ModelSignature(
                inputs=Schema([ColSpec("double", "age"), ColSpec("string", "stage")]),
                outputs=Schema([ColSpec("double")]),
            ),
            pip_requirements=["theragate"],
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
        return mlflow.pyfunc.load_model(str(path))


def test_a_served_model_predicts_what_the_predictor_predicts(estimator, patients):
    served = _load_pyfunc(str(estimator)).predict(patients)
    assert served.tobytes() == load(estimator).predict(patients).tobytes()
    assert served.shape == (120,)


def test_mlflow_predicts_the_same(packaged, estimator, patients):
    assert packaged.predict(patients).tobytes() == load(estimator).predict(patients).tobytes()


def test_columns_may_come_in_any_order_and_with_others_beside_them(estimator, patients):
    shuffled = patients.assign(ward="north")[["ward", "stage", "age"]]
    assert (_load_pyfunc(str(estimator)).predict(shuffled) == load(estimator).predict(patients)).all()


def test_values_may_be_missing(packaged):
    unknown = pd.DataFrame({"age": [np.nan, 70.0], "stage": ["I", None]})
    assert np.isfinite(packaged.predict(unknown)).all()


def test_a_single_patient_is_predicted(packaged):
    assert packaged.predict(pd.DataFrame({"age": [70.0], "stage": ["II"]})).shape == (1,)


def test_an_absent_feature_is_named_and_no_value_is_shown(estimator):
    with pytest.raises(DataError, match="stage") as caught:
        _load_pyfunc(str(estimator)).predict(pd.DataFrame({"age": [71.25]}))
    assert "71.25" not in str(caught.value)


def test_mlflow_refuses_an_absent_feature_before_the_model_is_asked(packaged):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="stage"):
        packaged.predict(pd.DataFrame({"age": [71.25]}))


def test_whole_numbers_are_to_be_stored_as_floats(packaged):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="Can not safely convert int64 to float64"):
        packaged.predict(pd.DataFrame({"age": [70], "stage": ["I"]}))


def test_a_directory_that_is_no_predictor_is_refused(tmp_path):
    with pytest.raises(DataError, match="it holds the files of a predictor only"):
        _load_pyfunc(str(tmp_path))
