import asyncio
from unittest import mock
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theragate.mlflow_plugin.limits import Limits
from theragate.mlflow_plugin.request_filter import RequestFilter, why_refused
from theragate.mlflow_plugin.sealed_location import is_sealed


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("GET", "/prefix/ajax-api/3.0/mlflow/assistant"),
        ("GET", "/ajax-api/3.0/mlflow/%2561ssistant/config"),
        ("GET", "/ajax-api/3.0//mlflow/./ASSISTANT/config"),
        ("DELETE", "/api/3.0/mlflow/workspaces/a"),
        ("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url"),
        ("POST", "/prefix/gateway/proxy/any/static-files/mlflow-artifacts"),
        ("POST", "/prefix/ajax-api/3.0/jobs"),
        ("PUT", "/prefix/api/3.0/mlflow/GATEWAY/budgets/create"),
        ("POST", "/prefix/ajax-api/3.0/mlflow/scorer/invoke/"),
    ],
)
def test_what_never_reaches_mlflow(method, path):
    assert why_refused(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/3.0/mlflow/workspaces"),
        ("POST", "/api/2.0/mlflow/runs/create"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/assistant/workspaces"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/gateway/3.0/jobs/invoke"),
        ("GET", "/api/3.0/mlflow/gateway/endpoints/list"),
        ("GET", "/static-files/assistant.js"),
        ("GET", "/"),
    ],
)
def test_what_does(method, path):
    assert not why_refused(method, path)


@pytest.mark.parametrize(
    "path",
    [
        "sealed",
        "sealed/a",
        "/sealed/a",
        "./sealed",
        "x/../sealed/a",
        "sealed%2Fa",
        "%73ealed",
        "%2573ealed",
        "SEALED/a",
        "x\\..\\sealed",
        "ｓealed/x",
        "seal\u200bed/a",
        "",
        "/",
        ".",
        "x/..",
        "..",
        "../sealed",
        "x/%2e%2e/sealed",
    ],
)
def test_spellings_of_the_sealed_folder(path):
    assert is_sealed(path)


def test_a_path_that_is_encoded_over_and_over_is_not_read():
    """Each time costs as much as the path is long: half a minute of the whole server for one request of 64 KiB."""
    path = "/%" + "25" * 30_000 + "61"
    with mock.patch("theragate.mlflow_plugin.spellings.unquote", wraps=unquote) as decoded:
        assert "over and over" in why_refused("GET", path)
        assert is_sealed(path[1:])
    assert decoded.call_count < 30
    assert not why_refused("GET", "/api/2.0/mlflow-artifacts/artifacts/1/%252561")


@given(st.lists(st.sampled_from(["1", "run", "artifacts", "sealed", "model.json"]), min_size=2, max_size=6))
def test_only_the_first_folder_is_sealed(parts):
    assert is_sealed("/".join(parts)) == (parts[0] == "sealed")
    assert is_sealed(parts[0], "/".join(parts[1:])) == (parts[0] == "sealed")


def test_the_folder_and_the_name_are_read_together():
    assert is_sealed(None, "sealed")
    assert is_sealed("x", "../sealed")
    assert not is_sealed("sealed models", "a")


FILES = "/api/2.0/mlflow-artifacts/artifacts/"
MUCH = (b"content-length", str(Limits.request_bytes + 1).encode())
ENDLESS = (b"transfer-encoding", b"chunked")


def status_of(method, path, header):
    """Send a request that says its size in `header`; return the status, 200 where the application gets it."""
    told = []

    async def send(message):
        told.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    closed = RequestFilter(application, limits=Limits(), streamed=(FILES,))
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", b"127.0.0.1"), header]}
    asyncio.run(closed(scope, receive, send))
    return told[0]["status"]


@pytest.mark.parametrize("header", [MUCH, ENDLESS, (b"Content-Length", b"-1"), (b"content-length", "²".encode())])
def test_what_would_be_read_into_memory_whole_is_not_endless(header):
    for method, path in [
        ("POST", "/api/2.0/mlflow/runs/create"),
        ("POST", f"{FILES}1/run"),
        ("PUT", f"/elsewhere{FILES}1/run"),
        ("PUT", "/api/2.0/theragate/dossiers/0"),
    ]:
        assert status_of(method, path, header) == 413


def test_requests_of_a_usual_size_and_files_of_any_size():
    assert (
        status_of("POST", "/api/2.0/mlflow/runs/create", (b"content-length", str(Limits.request_bytes).encode())) == 200
    )
    assert [status_of("PUT", f"{FILES}1/run/model.ubj", header) for header in (MUCH, ENDLESS)] == [200, 200]


@pytest.mark.parametrize(
    ("header", "status"),
    [((b"content-encoding", b"gzip"), 415), ((b"x_forwarded_user", b"ada"), 400), ((b"content-encoding", b""), 200)],
)
def test_headers_that_hide_something(header, status):
    assert status_of("PUT", f"{FILES}1/run", header) == status
