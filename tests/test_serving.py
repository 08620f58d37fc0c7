"""The released model as MLflow loads and serves it: installed code, data files, no pickle."""

import json
import os
import shutil
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from patients import make_world
from support import ROOT, free_port

from theragate.errors import DataError
from theragate.personal.answer_table import COLUMNS, NO_ANSWER, NOT_SURE
from theragate.personal.answers import load_personal_model, save_personal_model
from theragate.serving import _load_pyfunc

PAGE = ROOT / "docs" / "predictions.md"
MARKER, STAMP = "Qx7731", "2019-07-31"  # values of a patient that nothing may repeat


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
    from theragate.tracking.packages import answer_signature

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

        path = tmp_path_factory.mktemp("package") / "model"
        mlflow.pyfunc.save_model(
            path,
            loader_module="theragate.serving",
            data_path=str(estimator),
            signature=answer_signature(),
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


def test_answers_say_what_they_are_about_and_who_gives_them(loaded, patients):
    answers = loaded.predict(patients)
    assert set(answers["predicts"]) == {"the probability of `yes`. Outcome: Illness."}
    assert set(answers["model"]) == {"small_binary"}
    assert set(answers["version"]) == {""}
    assert set(answers["status"]) == {"SIMULATED, unregistered"}


@pytest.mark.parametrize(
    ("said", "status"),
    [("candidate", "candidate"), ("BLOCKED", "BLOCKED"), ("champion", "unregistered"), ([1], "unregistered")],
)
def test_a_package_says_its_version_and_status_and_never_that_it_is_in_service(package, tmp_path, said, status):
    copy = shutil.copytree(package, tmp_path / "model")
    description = json.dumps({"metadata": {"status": said}})
    (copy / "MLmodel").write_text(description)
    (copy / "registered_model_meta").write_text("model_name: small_binary\nmodel_version: '7'\n")
    (data,) = (copy / "data").iterdir()
    answers = _load_pyfunc(str(data)).predict(pd.DataFrame([{"age": 60, "sex": "f", "marker": 1.0}]))
    assert (answers["version"].iloc[0], answers["status"].iloc[0]) == ("7", f"SIMULATED, {status}")


def test_columns_may_come_in_any_order_and_with_others_beside_them(loaded, patients):
    shuffled = patients.assign(ward="north")[["ward", "marker", "sex", "age"]]
    pd.testing.assert_frame_equal(loaded.predict(shuffled), loaded.predict(patients))


def test_what_the_tested_lacked_may_be_missing_and_nothing_else(loaded):
    unknown = pd.DataFrame({"age": [70.0, np.nan, 70.0, None], "sex": ["f", "f", None, None], "marker": [None] * 4})
    answers = loaded.predict(unknown)
    assert [answer == NO_ANSWER for answer in answers["answer"]] == [False, True, True, True]
    assert np.isfinite(answers["prediction"].iloc[0])
    assert answers["missing"].iloc[0] == "blood marker, mg/dl"
    for name in ("prediction", "lower", "upper", "typical"):
        assert answers[name].iloc[1:].tolist() == [None] * 3
    assert (answers["drivers"].iloc[1:] == "").all()


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


@pytest.mark.parametrize(
    "whole",
    [{"age": "int64"}, {"age": "int8"}, {"age": "Int64"}, {"age": "str"}, {"age": object}, {"age": "float32"}],
    ids=lambda types: str(types["age"]),
)
def test_numbers_may_be_stored_in_any_way(loaded, patients, whole):
    pd.testing.assert_frame_equal(loaded.predict(patients.astype(whole)), loaded.predict(patients))


def test_the_documented_call_on_a_file_works_word_for_word(loaded, patients, tmp_path):
    (call,) = (line for line in PAGE.read_text().splitlines() if line.startswith("answers = model.predict("))
    patients.astype({"age": "int64"}).to_csv(tmp_path / "patients.csv", index=False)
    words = {"model": loaded, "patients": pd.read_csv(tmp_path / "patients.csv")}
    exec(call, words)  # noqa: S102 - the page's own line
    pd.testing.assert_frame_equal(words["answers"], loaded.predict(patients))


@pytest.mark.parametrize(
    "data",
    [
        [{"age": 60, "sex": "f", "marker": 0.5}, {"age": 70, "sex": "m", "marker": None}],
        {"age": [60, 70], "sex": ["f", "m"], "marker": [0.5, None]},
        {"age": np.array([[60], [70]]), "sex": np.array(["f", "m"]), "marker": np.array([0.5, np.nan])},
    ],
    ids=["records", "columns", "arrays"],
)
def test_a_table_may_come_in_other_forms(loaded, data):
    frame = pd.DataFrame({"age": [60.0, 70.0], "sex": ["f", "m"], "marker": [0.5, np.nan]})
    pd.testing.assert_frame_equal(loaded.predict(data), loaded.predict(frame))


BROKEN = [
    pd.DataFrame({"age": [MARKER], "marker": [0.5]}),
    pd.DataFrame([[60.0, MARKER, "f", 0.5]], columns=["age", "age", "sex", "marker"]),
    pd.DataFrame({"age": pd.to_datetime([STAMP]), "sex": ["f"], "marker": [0.5]}),
    {"age": [60.0], "sex": [MARKER, MARKER], "marker": [0.5]},
    [MARKER],
    MARKER,
    np.array([[MARKER]]),
    None,
]


@pytest.mark.parametrize("data", BROKEN, ids=lambda data: type(data).__name__)
def test_what_is_no_table_for_the_model_is_refused_without_a_value_of_it(loaded, data):
    with pytest.raises(DataError) as caught:
        loaded.predict(data)
    said = "".join(traceback.format_exception(caught.value))
    assert MARKER not in said
    assert STAMP not in said


@pytest.mark.parametrize(
    "value", [MARKER, f" {MARKER}", [MARKER], {"a": MARKER}, MARKER.encode(), 10**400, complex(7731, 1), True]
)
@pytest.mark.parametrize("feature", ["age", "sex", "marker"])
def test_a_value_of_any_kind_costs_one_patient_the_answer_and_is_not_repeated(loaded, feature, value):
    record = {"age": 60.0, "sex": "f", "marker": 0.5}
    answers = loaded.predict(pd.DataFrame([record | {feature: value}, record], dtype=object))
    assert answers["answer"].iloc[1] != NO_ANSWER
    if value is not True or feature != "marker":
        assert answers["answer"].iloc[0] == NO_ANSWER
        assert feature in answers["reason"].iloc[0].split(":")[0]
    assert MARKER not in answers.to_csv()
    assert "7731" not in answers.to_csv()


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


def ask(address: str, content: str, *, kind: str = "application/json") -> tuple[int, str]:
    """Return the status and the whole answer, that of a refusal too."""
    request = urllib.request.Request(address, data=content.encode(), headers={"Content-Type": kind})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


REQUESTS = {
    "split": {"dataframe_split": {"columns": ["age", "sex", "marker"], "data": [[60, "f", 1]]}},
    "records": {"dataframe_records": [{"age": 60, "sex": "f", "marker": 1}]},
    "instances": {"instances": [{"age": 60, "sex": "f", "marker": 1}]},
    "inputs": {"inputs": {"age": [60], "sex": ["f"], "marker": [1]}},
}


@pytest.mark.xdist_group("served")
def test_whole_numbers_are_fine_in_every_form_of_request(served):
    answers = {form: ask(served, json.dumps(content)) for form, content in REQUESTS.items()}
    answers["csv"] = ask(served, "age,sex,marker\n60,f,1\n", kind="text/csv")
    assert {status for status, _ in answers.values()} == {200}
    assert len({text for _, text in answers.values()}) == 1


@pytest.mark.xdist_group("served")
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"dataframe_records": [{"age": MARKER, "sex": "f"}]}, "application/json"),
        ({"dataframe_split": {"columns": ["age", "sex"], "data": [[60, MARKER]]}}, "application/json"),
        ({"dataframe_split": {"columns": ["age", "age", "sex"], "data": [[60, 61, MARKER]]}}, "application/json"),
        ({"dataframe_split": {"columns": ["age"], "data": [[60, MARKER]]}}, "application/json"),
        ({"inputs": MARKER}, "application/json"),
        ({"inputs": {"age": [60], "sex": [MARKER, MARKER], "marker": [1]}}, "application/json"),
        ({"instances": [MARKER]}, "application/json"),
        (f"age,sex,marker\n60,f,1\n60,f,1,{MARKER}\n", "text/csv"),
        (f"age,sex\n60,{MARKER}\n", "text/csv"),
    ],
)
def test_a_bad_request_is_told_so_without_a_value_of_it(served, content, kind):
    status, text = ask(served, content if isinstance(content, str) else json.dumps(content), kind=kind)
    assert status == 400
    assert MARKER not in text


@pytest.mark.xdist_group("served")
def test_what_is_no_number_is_answered_without_a_number_and_not_repeated(served):
    status, text = ask(served, json.dumps({"dataframe_records": [{"age": MARKER, "sex": MARKER, "marker": [MARKER]}]}))
    assert (status, json.loads(text)["predictions"][0]["answer"]) == (200, NO_ANSWER)
    assert MARKER not in text


@pytest.mark.xdist_group("served")
def test_a_request_without_a_feature_is_a_bad_request(served):
    with pytest.raises(urllib.error.HTTPError, match="400"):
        post(served, dataframe_records=[{"age": 60.0, "sex": "f"}])
