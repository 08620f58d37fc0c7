import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from theragate.mlflow_plugin.closed import MOST_BYTES, Closed, why_closed
from theragate.mlflow_plugin.configuration import is_sealed


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("GET", "/prefix/ajax-api/3.0/mlflow/assistant"),
        ("GET", "/ajax-api/3.0/mlflow/%2561ssistant/config"),
        ("GET", "/ajax-api/3.0//mlflow/./ASSISTANT/config"),
        ("DELETE", "/api/3.0/mlflow/workspaces/a"),
        ("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url"),
    ],
)
def test_what_never_reaches_mlflow(method, path):
    assert why_closed(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/3.0/mlflow/workspaces"),
        ("POST", "/api/2.0/mlflow/runs/create"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/assistant/workspaces"),
        ("GET", "/static-files/assistant.js"),
        ("GET", "/"),
    ],
)
def test_what_does(method, path):
    assert not why_closed(method, path)


@pytest.mark.parametrize(
    "path",
    [
        "sealed", "sealed/a", "/sealed/a", "./sealed", "x/../sealed/a", "sealed%2Fa", "%73ealed", "%2573ealed",
        "SEALED/a",
        "x\\..\\sealed", "ｓealed/x", "seal\u200bed/a", "", "/", ".", "x/..", "..", "../sealed", "x/%2e%2e/sealed",
    ],
)  # fmt: skip
def test_spellings_of_the_sealed_folder(path):
    assert is_sealed(path)


@given(st.lists(st.sampled_from(["1", "run", "artifacts", "sealed", "model.json"]), min_size=2, max_size=6))
def test_only_the_first_folder_is_sealed(parts):
    assert is_sealed("/".join(parts)) == (parts[0] == "sealed")
    assert is_sealed(parts[0], "/".join(parts[1:])) == (parts[0] == "sealed")


def test_the_folder_and_the_name_are_read_together():
    assert is_sealed(None, "sealed")
    assert is_sealed("x", "../sealed")
    assert not is_sealed("sealed models", "a")


FILES = "/api/2.0/mlflow-artifacts/artifacts/"
PIECE = b"x" * (MOST_BYTES // 8)


def sent(method, path, *, pieces):
    """Send so many pieces to an application that reads them all; return how many bytes it got."""
    waiting, got = [PIECE] * pieces, []

    async def receive():
        piece = waiting.pop()
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def application(scope, receive, send):
        while True:
            message = await receive()
            got.append(len(message["body"]))
            if not message["more_body"]:
                return

    closed = Closed(application, streamed=(FILES,))
    asyncio.run(closed({"type": "http", "method": method, "path": path}, receive, None))
    return sum(got)


def test_a_request_that_is_read_into_memory_is_not_endless():
    assert sent("POST", "/api/2.0/mlflow/runs/create", pieces=8) == MOST_BYTES
    for method, path in [
        ("POST", "/api/2.0/mlflow/runs/create"),
        ("POST", f"{FILES}1/run"),
        ("PUT", f"/elsewhere{FILES}1/run"),
    ]:
        with pytest.raises(HTTPException, match="413"):
            sent(method, path, pieces=9)


def test_a_file_goes_to_the_disk_whatever_its_size():
    assert sent("PUT", f"{FILES}1/run/model.ubj", pieces=9) == 9 * len(PIECE)
