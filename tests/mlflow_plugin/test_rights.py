"""Who lacks a right is told which one on what; it is no disk, no store and no rule of release."""

import json

import pytest
from mlflow_plugin.attested_by_hand import Deployment, attest, policy_of, write_package
from mlflow_plugin.servers import ADMIN, PASSWORD, Server, experiment_of, running
from support import theragate

from theragate.errors import TheragateError
from theragate.tracking.attested import SignedAttestation, attach, check_registered
from theragate.tracking.failures import store_error
from theragate.tracking.store import Stores

pytestmark = pytest.mark.xdist_group("rights")
STUDY = "study_of_alan"
REASON = ("--reason", "Read the card; the limits are as agreed.")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on which nobody may do anything with what others have made, with one attested version of Alan's."""
    folder = tmp_path_factory.mktemp("rights")
    made = Server(
        folder, f"sqlite:///{folder}/mlflow.db", Deployment(folder / "deployment"), permission="NO_PERMISSIONS"
    )
    made.deployment.accept(policy_of(STUDY))
    with running(made):
        made.hire()
        yield made


@pytest.fixture(scope="module")
def attested(server, tmp_path_factory):
    package = write_package(tmp_path_factory.mktemp("package") / "p", STUDY)
    assert server.person("alan").register(STUDY, package) == "1"
    return attest(package, STUDY, server.deployment.evaluator)


def grant(server, who, right, *, kind="registered_model", name=STUDY):
    given = {"username": who, "resource_type": kind, "resource_id": name, "permission": right}
    admin, path = server.person(ADMIN), "/api/3.0/mlflow/users/permissions"
    admin.send("POST", f"{path}/revoke", json={key: given[key] for key in given if key != "permission"})
    answer = admin.send("POST", f"{path}/grant", json=given)
    assert answer.status_code == 200, answer.text


def signed_in(server, who, **more):
    return {
        "MLFLOW_TRACKING_URI": server.address,
        "MLFLOW_TRACKING_USERNAME": who,
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        "THERAGATE_TRUST": str(server.deployment.trust_file),
        "XDG_STATE_HOME": str(server.folder / "state"),
        **more,
    }


def lacks(text, who, right):
    assert f"`{who}`: this needs the right {right} on the registered model `{STUDY}`" in text, text
    assert not any(word in text for word in ("folder", "disk", "store", "403")), text
    assert text.count("\n") <= 1


def attach_as(server, monkeypatch, who, attested):
    for name, value in signed_in(server, who).items():
        monkeypatch.setenv(name, value)
    stores = Stores(server.address, server.address, "")
    signed = SignedAttestation(attested.envelope, "key `evaluator`", attested.dossier)
    return attach(stores, STUDY, "1", keep=lambda _: False, check=lambda *_: None, sign=lambda _: signed)


def test_ci_is_told_that_it_needs_edit_on_the_model(server, attested, monkeypatch):
    """Before, it was told to correct the permissions of a folder."""
    with pytest.raises(TheragateError) as told:
        attach_as(server, monkeypatch, "evaluator", attested)
    lacks(str(told.value), "evaluator", "READ")
    grant(server, "evaluator", "READ")
    with pytest.raises(TheragateError) as told:
        attach_as(server, monkeypatch, "evaluator", attested)
    assert "EDIT on the experiment whose artifacts these are, or READ to read them" in str(told.value)
    grant(server, "evaluator", "READ", kind="experiment", name=experiment_of(server.person("alan")))
    with pytest.raises(TheragateError) as told:
        attach_as(server, monkeypatch, "evaluator", attested)
    lacks(str(told.value), "evaluator", "EDIT")
    before = server.person("alan").version(STUDY, "1")
    with pytest.raises(TheragateError) as told:  # before anything is made again, which takes as long as the pipeline
        check_registered(Stores(server.address, server.address, ""), STUDY)
    lacks(str(told.value), "evaluator", "EDIT")
    grant(server, "evaluator", "EDIT")
    check_registered(Stores(server.address, server.address, ""), STUDY)
    assert server.person("alan").version(STUDY, "1") == before
    assert attach_as(server, monkeypatch, "evaluator", attested) is not None


def test_each_road_names_the_right_that_is_missing(server, attested, tmp_path):
    def told(*words, by="ada", code=3):
        return theragate(tmp_path, *words, code=code, **signed_in(server, by))

    assert "no registered version, or none that you may READ" in told("release", "show", STUDY, code=1)
    patients = tmp_path / "patients.csv"
    patients.write_text("age\n50\n")
    said = told("predict", STUDY, str(patients), "--output", str(tmp_path / "risks.csv"))
    lacks(said, "ada", "READ")
    grant(server, "ada", "READ")
    lacks(told("release", "approve", STUDY, "1", *REASON), "ada", "EDIT")
    lacks(told("release", "promote", STUDY, "1"), "ada", "EDIT")
    lacks(told("release", "revoke", STUDY, "1", *REASON), "ada", "EDIT")
    grant(server, "ada", "EDIT")
    assert "approved, evidence" in told("release", "approve", STUDY, "1", *REASON, code=0)


REFUSED = [
    (
        "POST",
        "model-versions/create",
        {"name": STUDY, "source": "x"},
        "EDIT on the registered model",
        "READ on the run",
    ),
    ("DELETE", "registered-models/alias", {"name": STUDY, "alias": "a"}, "MANAGE on the registered model", STUDY),
    ("DELETE", "model-versions/delete-tag", {"name": STUDY, "version": "1", "key": "k"}, "MANAGE on", STUDY),
    ("GET", "registered-models/get", {"name": STUDY}, "READ on the registered model", STUDY),
    ("POST", "registered-models/set-tag", {"name": STUDY, "key": "k", "value": "v"}, "EDIT on", STUDY),
]


@pytest.mark.parametrize(("method", "path", "fields", "right", "thing"), REFUSED)
def test_the_server_itself_says_it_to_every_client(server, attested, method, path, fields, right, thing):
    answer = server.person("mallory").api(method, path, **fields)
    assert answer.status_code == 403
    assert answer.json()["error_code"] == "PERMISSION_DENIED"
    message = answer.json()["message"]
    assert message.startswith("`mallory`: this needs the right ")
    assert right in message
    assert thing in message


def test_runs_and_experiments_are_named_too(server, attested):
    experiment = experiment_of(server.person("alan"))
    mallory = server.person("mallory")
    answer = mallory.api("POST", "runs/create", experiment_id=experiment)
    assert f"the right EDIT on the experiment `{experiment}`" in answer.json()["message"]
    answer = mallory.api("POST", "runs/search", experiment_ids=[experiment])
    assert answer.status_code in (200, 403)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "API request to endpoint /api/2.0/mlflow/model-versions/set-tag failed with error code 403 != 200. "
            "Response body: 'Permission denied'",
            "READ to read, EDIT to write and MANAGE to delete",
        ),
        ("403 Client Error: Forbidden for url: http://h/api/2.0/mlflow-artifacts/artifacts/1/2/x", "EDIT on the exper"),
        ("403 Client Error: for url: http://h/api/2.0/mlflow-artifacts/artifacts/sealed/ab", "`default_permission`"),
        ("401 Client Error: Unauthorized for url: http://h/api/2.0/mlflow/runs/create", "has signed in"),
    ],
)
def test_a_server_that_says_nothing_is_answered_for(text, words):
    told = str(store_error(OSError(text), "http://mlflow.hospital.example"))
    assert words in told
    assert "folder" not in told
    assert "Correct its permissions" in str(store_error(OSError("Permission denied: '/srv'"), "sqlite:////srv/a.db"))


@pytest.mark.parametrize("said", ["text/plain", "application/x-www-form-urlencoded", None])
@pytest.mark.parametrize("what", ["registered-models/delete", "model-versions/delete", "model-versions/delete-tag"])
def test_rights_on_one_model_delete_nothing_of_another(server, attested, what, said):
    """MLflow looked for the name in the address to decide who may, and in the body to decide what is deleted."""
    mallory, fields = server.person("mallory"), {"version": "1", "key": "theragate.author"}
    mallory.api("POST", "registered-models/create", name="mallorys")
    headers, body = {"Content-Type": said}, json.dumps({"name": STUDY, **fields})
    query = {"name": "mallorys", **fields}
    answer = mallory.send("DELETE", f"/api/2.0/mlflow/{what}", params=query, data=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"].startswith("the request: its body is an object of JSON, and says so;")
    assert server.person("alan").version(STUDY, "1")["tags"]


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("set-tag", {"key": "theragate.verdict", "value": "PASS"}),
        ("log-batch", {"tags": [{"key": "theragate.verdict", "value": "PASS"}]}),
        ("log-parameter", {"key": "verdict", "value": "PASS"}),
        ("update", {"status": "FAILED"}),
        ("delete", {}),
    ],
)
def test_rights_on_one_run_change_nothing_of_another(server, attested, what, fields):
    """MLflow looked for `run_id` or `run_uuid` to decide who may, and took `runId` for what is changed."""
    mallory, alan = server.person("mallory"), server.person("alan")
    run, made = alan.version(STUDY, "1")["run_id"], mallory.api("POST", "experiments/create", name="of mallory")
    if made.status_code != 200:
        made = mallory.api("GET", "experiments/get-by-name", experiment_name="of mallory")
    own = mallory.run(made.json().get("experiment", made.json())["experiment_id"])
    before = alan.must("GET", "runs/get", run_id=run)["run"]
    answer = mallory.api("POST", f"runs/{what}", run_uuid=own, runId=run, **fields)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"].startswith("the request: its field is called `run_id`; received `runId`.")
    assert alan.must("GET", "runs/get", run_id=run)["run"] == before
