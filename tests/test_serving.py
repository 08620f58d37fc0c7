"""The released model as MLflow loads and serves it: installed code, data files, no pickle."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from patients import make_world
from support import free_port

from theragate.errors import DataError
from theragate.personal.answer_table import COLUMNS, NO_ANSWER, NOT_SURE
from theragate.personal.answers import load_personal_model, save_personal_model
from theragate.serving import _load_pyfunc


@pytest.fixture(scope="module")
def patients():
    return make_world("binary", "logistic").cohort[["age", "sex", "marker"]]


@pytest.fixture(scope="module")
def estimator(tmp_path_factory):
    """The directory of a small logistic regression."""
    folder = tmp_path_factory.mktemp("served") / "estimator"
    save_personal_model(make_world("binary", "logistic").fitted.personal, folder)
    return folder


@pytest.fixture(scope="module")
def package(estimator, tmp_path_factory):
    """The same model, packaged as the tracking room does it."""
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
                inputs=Schema([ColSpec("double", "age"), ColSpec("string", "sex"), ColSpec("double", "marker")]),
                outputs=Schema([ColSpec("double" if kind is float else "string", n) for n, kind in COLUMNS.items()]),
            ),
            pip_requirements=["theragate"],
        )
    return path


@pytest.fixture(scope="module")
def loaded(package):
    """The packaged model, loaded by MLflow with pickle forbidden."""
    import mlflow.pyfunc

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
        return mlflow.pyfunc.load_model(str(package))


def test_a_served_model_answers_as_the_model_does(loaded, estimator, patients):
    expected = load_personal_model(estimator).answer(patients)
    pd.testing.assert_frame_equal(_load_pyfunc(str(estimator)).predict(patients), expected)
    pd.testing.assert_frame_equal(loaded.predict(patients), expected)


def test_columns_may_come_in_any_order_and_with_others_beside_them(loaded, patients):
    shuffled = patients.assign(ward="north")[["ward", "marker", "sex", "age"]]
    pd.testing.assert_frame_equal(loaded.predict(shuffled), loaded.predict(patients))


def test_values_may_be_missing(loaded):
    unknown = pd.DataFrame({"age": [np.nan, 70.0], "sex": ["f", None], "marker": [0.0, np.nan]})
    answers = loaded.predict(unknown)
    assert np.isfinite(answers["prediction"]).all()
    assert (answers["answer"] == NOT_SURE).all()


def test_what_is_not_answered_is_none_and_no_nan(loaded, patients):
    answers = loaded.predict(patients.head(2).assign(age=[17.0, 60.0]))
    assert answers["answer"].iloc[0] == NO_ANSWER
    assert answers["prediction"].iloc[0] is None
    assert answers["prediction"].astype(float).notna().tolist() == [False, True]


def test_where_benefits_are_not_shown_to_differ_there_are_no_numbers_of_ones_own(tmp_path):
    made = make_world("treatment_effect", "dr_learner", same=True)
    save_personal_model(made.fitted.personal, tmp_path / "estimator")
    served = _load_pyfunc(str(tmp_path / "estimator")).predict(made.cohort)
    assert served["prediction"].tolist() == [None] * 300
    assert (served["answer"] == NOT_SURE).all()
    written = json.loads(json.dumps(served.to_dict(orient="records"), allow_nan=False))
    assert "the average benefit is 3" in written[0]["reason"]


def test_an_absent_feature_is_named_and_no_value_is_shown(estimator):
    with pytest.raises(DataError, match="sex") as caught:
        _load_pyfunc(str(estimator)).predict(pd.DataFrame({"age": [71.25], "marker": [0.5]}))
    assert "71.25" not in str(caught.value)


def test_mlflow_refuses_an_absent_feature_before_the_model_is_asked(loaded):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="sex"):
        loaded.predict(pd.DataFrame({"age": [71.25], "marker": [0.5]}))


def test_whole_numbers_are_to_be_stored_as_floats(loaded):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="Can not safely convert int64 to float64"):
        loaded.predict(pd.DataFrame({"age": [70], "sex": ["f"], "marker": [0.5]}))


def test_a_directory_that_is_no_predictor_is_refused(tmp_path):
    with pytest.raises(DataError, match="it holds the files of a predictor only"):
        _load_pyfunc(str(tmp_path))


@pytest.fixture(scope="module")
def served(package, tmp_path_factory):
    """MLflow's own server of the packaged model on a free loopback port; its whole process tree is stopped."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "models",
        "serve",
        "-m",
        str(package),
        "--env-manager",
        "local",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    path = tmp_path_factory.mktemp("server") / "log"
    with path.open("w") as log:
        process = psutil.Popen(command, cwd=path.parent, env=environment, stdout=log, stderr=log)
    try:
        _await(f"http://127.0.0.1:{port}/ping", process, path)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        for child in [*process.children(recursive=True), process]:
            child.kill()
        process.wait()


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - loopback
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def post(address: str, **content) -> str:
    request = urllib.request.Request(  # noqa: S310 - loopback
        address, data=json.dumps(content).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        return answer.read().decode()


def no_constant(word: str) -> float:
    raise AssertionError(f"{word} is no JSON")


@pytest.mark.xdist_group("served")
def test_mlflow_serves_answers_over_http(served, estimator):
    split = {"columns": ["age", "sex", "marker"], "data": [[60, "f", -1.0], [17, "m", 0.5], [80, None, None]]}
    found = json.loads(post(served, dataframe_split=split), parse_constant=no_constant)["predictions"]
    frame = pd.DataFrame(split["data"], columns=split["columns"]).astype({"age": float})
    expected = load_personal_model(estimator).answer(frame)
    assert [list(one) for one in found] == [list(COLUMNS)] * 3
    assert [one["answer"] for one in found] == list(expected["answer"])
    assert found[0]["prediction"] == expected["prediction"].iloc[0]
    assert (found[1]["prediction"], found[1]["reason"]) == (None, "age: outside 18 to 90 years")


@pytest.mark.xdist_group("served")
def test_a_request_without_a_feature_is_a_bad_request(served):
    with pytest.raises(urllib.error.HTTPError, match="400"):
        post(served, dataframe_records=[{"age": 60.0, "sex": "f"}])
