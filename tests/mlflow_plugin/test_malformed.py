"""Requests that are not what they say they are: one sentence and a 400, and nothing in the log of a real server."""

import json

import pytest

BODIES = {
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1e999",
    "cut off": b'{"name": "a',
    "nested deeply": b"[" * 20_000,
    "objects nested deeply": b'{"a":' * 20_000,
    "another encoding": '{"name": "ä"}'.encode("latin-1"),
    "half of a character": rb'{"name": "\ud800", "experiment_id": "\ud800", "tags": [{"key": "\udfff"}]}',
    "a NUL": rb'{"name": "a\u0000", "experiment_id": "0\u0000"}',
    "a name that is a number": b'{"name": 1, "experiment_id": "0", "query": 2}',
    "a name that is true": b'{"name": true, "experiment_id": false}',
    "a number that no database stores": b'{"name": "a", "schema_id": 9223372036854775808, "query": "{a"}',
    "a name that is none": b'{"name": {}, "experiment_id": [], "run_id": 1.5}',
}
ROADS = [
    ("POST", "/api/2.0/mlflow/experiments/create"),
    ("DELETE", "/ajax-api/2.0/mlflow/model-versions/delete"),
    ("POST", "/api/2.0/mlflow/registered-models/alias"),
    ("POST", "/graphql"),
]


def check_told(server, answer, before):
    assert answer.status_code == 400, answer.text
    said = answer.json()["message"]
    assert said.startswith("the request: "), said
    assert said.endswith("Send it as MLflow's client does."), said
    assert "\n" not in said
    assert "Traceback" not in (server.folder / "log").read_text(errors="replace")[before:]


def log_length(server) -> int:
    return len((server.folder / "log").read_text(errors="replace"))


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(("method", "path"), ROADS)
def test_a_body_that_is_no_object_of_json(server, method, path, kind):
    before = log_length(server)
    headers = {"Content-Type": "application/json"}
    check_told(server, server.person("mallory").send(method, path, data=BODIES[kind], headers=headers), before)


READ = ("/api/2.0/mlflow/webhooks", "/api/3.0/mlflow/datasets/1", "/ajax-api/2.0/mlflow/registered-models/get")


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("said", ["application/json", "text/plain", None])
def test_what_reads_has_no_body(server, path, kind, said):
    before, headers = log_length(server), {"Content-Type": said}
    check_told(server, server.person("mallory").send("GET", path, data=BODIES[kind], headers=headers), before)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"query": 5},
        {"query": None},
        {"query": "{a"},
        {"query": ""},
        {"query": "{a" * 5000},
        {"query": "{" + "a " * 40_000 + "}"},
        {"query": "{mlflowGetRun}", "variables": [1]},
        {"query": "{mlflowGetRun}", "operationName": {}},
    ],
)
def test_a_query_that_is_no_graphql(server, content):
    before = log_length(server)
    check_told(server, server.person("mallory").send("POST", "/graphql", json=content), before)


@pytest.mark.parametrize("who", ["admin", "mallory"])
@pytest.mark.parametrize("wrong", [{"users": 5}, {"users": [{}]}, {"queue_type": []}, {"schema_ids": {"a": 1}}])
def test_a_message_that_is_none_of_the_protocol(server, who, wrong):
    """MLflow's sign-in reads this one itself, before the handler, which would have said so."""
    before = log_length(server)
    content = {"experiment_id": "0", "name": "any", "queue_type": "CUSTOM", **wrong}
    answer = server.person(who).send("POST", "/api/3.0/mlflow/review-queues/create", json=content)
    check_told(server, answer, before)


def test_a_query_in_an_address_and_an_address_with_nul(server):
    before = log_length(server)
    check_told(server, server.person("mallory").send("GET", "/graphql?query={a}"), before)
    check_told(server, server.person("mallory").api("GET", "registered-models/get", name="a\0"), before)


def test_a_path_that_is_encoded_over_and_over(server):
    """MLflow decodes the source of a version until nothing changes: this one would keep it busy for hours."""
    before, mallory, path = log_length(server), server.person("mallory"), "mlflow-artifacts:/1/%" + "25" * 500_000
    check_told(server, mallory.api("POST", "model-versions/create", name="any", source=path), before)
    check_told(server, mallory.send("GET", f"/api/2.0/mlflow/artifacts/list?path=%25{'25' * 1_000}2e"), before)


def test_what_is_well_formed_is_read(server):
    alan = server.person("alan")
    text = r"a note \u0000, \ud800 and 🫀 as they are written"  # six letters each, and one of two halves
    answer = alan.send(
        "POST",
        "/api/2.0/mlflow/experiments/create",
        data=json.dumps({"name": "well formed", "tags": [{"key": "note", "value": text}]}),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert answer.status_code == 200, answer.text
    found = alan.must("GET", "experiments/get", experiment_id=answer.json()["experiment_id"])["experiment"]
    assert {"key": "note", "value": text} in found["tags"]
    query = {"query": "query Q { __typename }", "variables": None, "operationName": "Q"}
    answer = alan.send("POST", "/graphql", json=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["errors"] is None


def test_an_error_inside_mlflow_is_told_without_its_internals(server):
    """MLflow told everybody what Python or the database had said, the statement in SQL included."""
    answer = server.person("admin").send("DELETE", "/api/3.0/mlflow/roles/delete", params={"role_id": "9" * 30})
    assert answer.status_code == 500, answer.text
    assert answer.json()["message"].startswith("the server: MLflow answers; received an error inside it. ")
    assert "roles/delete: " in (server.folder / "log").read_text(errors="replace")
