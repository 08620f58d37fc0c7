"""A server that lies cannot keep a client waiting, fill its memory or disk, send it elsewhere, or crash it."""

import gzip
import json
import time

import pytest
from tracking.lying import content, endless, lying, raw, redirect, text

from theragate.errors import StoreError, TheragateError
from theragate.learning.record import Trial
from theragate.tracking.downloads import fetch_file, fetch_folder
from theragate.tracking.registry import connected
from theragate.tracking.runs import log_trials
from theragate.tracking.store import Stores, opened

MODELS = "/api/2.0/mlflow/registered-models/search"
VERSIONS = "/api/2.0/mlflow/model-versions/search"
LEDGER = "/api/2.0/theragate/ledger"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
SHORT = 0.6  # seconds for a server that has a minute's worth of answer


@pytest.fixture(scope="module")
def liar():
    with lying() as server:
        yield server


@pytest.fixture(autouse=True)
def fresh(liar, monkeypatch):
    """A server that answers as it should, and a user with a password."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a long password")
    monkeypatch.setattr("theragate.tracking.store._ANSWERED", {})  # each test asks for the version
    liar.routes.clear()
    liar.asked.clear()


WHERE = ["file://HERE", "HERE", "s3://bucket/x", "http://127.0.0.1:9/x", "mlflow-artifacts://127.0.0.1:9/x"]


@pytest.mark.parametrize("where", WHERE)
def test_nothing_is_written_where_a_server_says(liar, tmp_path, where):
    where = where.replace("HERE", str(tmp_path / "written"))
    info = {"run_id": "a" * 32, "artifact_uri": where, "experiment_id": "1"}
    liar.routes["/api/2.0/mlflow/runs/get"] = content({"run": {"info": info, "data": {}}})
    (tmp_path / "evidence.json").write_text("{}")
    for ask in (
        lambda client: client.log_artifact("a" * 32, str(tmp_path / "evidence.json")),
        lambda client: client.log_artifacts("a" * 32, str(tmp_path)),
        lambda client: client.download_artifacts("a" * 32, "evidence.json", str(tmp_path)),
    ):
        with pytest.raises(StoreError, match="handed out by itself"), opened(stores(liar)) as client:
            ask(client)
    assert not (tmp_path / "written").exists()


def stores(liar, seconds: float = 20.0) -> Stores:
    return Stores(liar.address, liar.address, "", timeout=seconds)


def refused(liar, words: str, ask=lambda registry: registry.studies(), *, seconds: float = 20.0) -> TheragateError:
    with pytest.raises(TheragateError, match=words) as caught, connected(stores(liar, seconds)) as registry:
        ask(registry)
    assert str(caught.value).count("\n") == 0
    return caught.value


def test_an_honest_server_is_understood(liar):
    liar.routes[MODELS] = content({"registered_models": [{"name": "study_a"}]})
    with connected(stores(liar)) as registry:
        assert registry.studies() == ["study_a"]


SLOW = {
    "a header now and then": raw(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", pause=0.02),
    "a byte of a line now and then": raw(b"HTTP/1.1 200 OK\r\nX-A: ", b"b", pause=0.02),
    "a byte of a body now and then": endless(b" ", pause=0.02),
    "a piece now and then": endless(b" ", chunked=True, pause=0.02),
    "a beginning for ever": raw(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.02),
    "nothing at all": lambda request: request.stopped.wait(30),
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("route", ["/version", MODELS])
def test_all_waiting_together_has_an_end(liar, slow, route):
    liar.routes[route] = slow
    start = time.monotonic()
    refused(liar, "within 0.6 seconds in all; received an answer that takes longer.*THERAGATE_TIMEOUT", seconds=SHORT)
    assert time.monotonic() - start < 20, "the server would go on for a minute"


def test_a_server_that_asks_for_patience_gets_none(liar):
    liar.routes[MODELS] = text("busy", 503, Retry_After="100000")
    refused(liar, "the store")
    assert len(liar.asked) < 10


LARGE = {
    "without a length": endless(b'{"a": "' + b"x" * (1 << 20)),
    "in pieces": endless(b"x" * (1 << 20), chunked=True),
    "of a length that is no length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * (1 << 20)),
    "in the length of a piece": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * (1 << 20)),
    "in tiny pieces with long names": raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 30_000 + b"\r\nx\r\n"
    ),
}


@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("route", [MODELS, LEDGER])
def test_an_answer_in_memory_has_an_end(liar, large, route):
    liar.routes[route] = large
    ask = (lambda registry: registry.studies()) if route == MODELS else (lambda registry: registry.api.ledger())
    refused(liar, "16,777,216 bytes at most; received more|exceeded maximum", ask)


@pytest.mark.parametrize("status", [200, 302, 404, 503])
def test_a_packed_answer_is_not_unpacked(liar, status):
    bomb = gzip.compress(b"x" * (1 << 25))
    liar.routes[MODELS] = text(bomb, status, Content_Encoding="gzip", Location="/elsewhere")
    refused(liar, r"it answers (unpacked|by itself)|no answer")
    assert all("gzip" not in (path or "") for _, path, _ in liar.asked)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_and_no_password_goes_elsewhere(liar, status):
    with lying() as other:
        for where in (f"{other.address}/x", "file:///etc/passwd", "//elsewhere/x", liar.address, "http://[bad"):
            liar.routes[MODELS] = redirect(where, status)
            refused(liar, r"it answers by itself; received a redirect|Invalid|another form")
        assert other.asked == []


def test_requests_side_by_side_go_nowhere_else_either(liar):
    trials = [
        Trial(number=number, state="complete", family="logistic", params={}, value=1.0, folds=(1.0,))
        for number in range(8)
    ]
    with lying() as other:
        liar.routes["/api/2.0/mlflow/runs/create"] = redirect(f"{other.address}/x", 307)
        with pytest.raises(StoreError, match="it answers by itself"), opened(stores(liar)) as client:
            log_trials(client, trials, experiment_id="1", parent="a" * 32, now=1)
        assert other.asked == []


NUMBERS = "9" * 5000
HOSTILE = {
    "deep": ("[" * 100_000, "JSON that is nested too deeply"),
    "deep objects": ('{"a":' * 100_000, "JSON that is nested too deeply"),
    "an endless number": (f'{{"a": {NUMBERS}}}', "JSON with"),
    "no number": ('{"a": NaN}', "the number NaN"),
    "infinity": ('{"a": -Infinity}', "the number -Infinity"),
    "a key twice": ('{"registered_models": [], "registered_models": []}', "a key that occurs twice"),
    "another type": ('{"registered_models": 7}', "MLflow"),
    "a list": ("[]", "MLflow|another form"),
    "no JSON": ("<html>", "MLflow"),
    "bytes": (b"\xff\xfe\x00{", "MLflow"),
    "half of a character": ('{"registered_models": [{"name": "\\ud800"}]}', "MLflow|another form"),
    "a name that is none": ('{"registered_models": [{"name": {"a": 1}}]}', "MLflow"),
}


@pytest.mark.parametrize(("body", "words"), HOSTILE.values(), ids=HOSTILE)
def test_json_that_exhausts_or_deceives_a_reader_is_refused(liar, body, words):
    liar.routes[MODELS] = text(body, Content_Type="application/json")
    refused(liar, words)


VERSION = {"name": "study_a", "version": "1", "creation_timestamp": 1, "tags": []}


@pytest.mark.parametrize("wrong", [{"version": "one"}, {"version": "１"}, {"version": "1" * 5000}, {"version": "-1"}])
def test_versions_that_are_none_are_refused(liar, wrong):
    liar.routes[VERSIONS] = content({"model_versions": [VERSION | wrong]})
    liar.routes["/api/2.0/mlflow/registered-models/get"] = content({"registered_model": {"name": "study_a"}})
    refused(liar, "another form|MLflow", lambda registry: registry.versions("study_a"))


def test_pages_without_end_are_refused(liar):
    for token in ("same", ""):
        count = iter(range(10**6))

        def page(request, token=token, count=count):
            named = token or str(next(count))
            content({"registered_models": [] if not token else [{"name": "a"}], "next_page_token": named})(request)

        liar.routes[MODELS] = page
        refused(liar, "pages without end")


def test_more_rows_than_a_page_of_the_ledger_are_refused(liar):
    liar.routes[LEDGER] = content({"rows": [{}] * 1001})
    refused(liar, "without a ledger", lambda registry: registry.api.ledger())


def test_headers_that_are_none_do_not_reach_the_terminal(liar, capfd):
    liar.routes[MODELS] = raw(b"HTTP/1.1 200 OK\r\n\x1b[2J no header\r\nContent-Length: 2\r\n\r\n{}")
    with connected(stores(liar)) as registry:
        registry.studies()
    assert "\x1b" not in "".join(capfd.readouterr())


# Files


def listing(*entries: dict) -> object:
    return content({"files": list(entries)})


def listed(name: str, size: object = 3) -> dict:
    return {"path": name, "is_dir": False, "file_size": size}


def unchecked(path: str, size: int | None, total: int, count: int) -> None:
    if count > 50:
        raise StoreError("a model", rule="it has 50 files at most", received="more", remedy="Stop.")


def fetch(liar, folder, address="mlflow-artifacts:/sealed/abc", *, seconds: float = 20.0):
    with connected(stores(liar, seconds)):
        return fetch_folder(liar.address, address, folder, check=unchecked)


def test_files_are_fetched_as_they_are_listed(liar, tmp_path):
    def answer(request):
        if request.route == FILES:
            below = request.query["path"].endswith("/data")
            entries = [listed("b.json")] if below else [listed("a.json"), {"path": "data", "is_dir": True}]
            listing(*entries)(request)
        else:
            text(b"abc")(request)

    liar.routes[FILES] = answer
    fetch(liar, tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {"a.json", "data", "data/b.json"}
    asked = [path for _, path, _ in liar.asked if FILES in path]
    assert asked[0].endswith("?path=sealed%2Fabc")


ELSEWHERE = [
    "file:///etc",
    "/etc",
    "s3://bucket/x",
    "http://elsewhere/x",
    "ftp://elsewhere/x",
    "dbfs:/x",
    "mlflow-artifacts://elsewhere/sealed/abc",
    "mlflow-artifacts://127.0.0.1:9/sealed/abc",
    "mlflow-artifacts:/../x",
    "mlflow-artifacts:/sealed/%2e%2e/x",
    "mlflow-artifacts:/sealed/../../x",
    "mlflow-artifacts:/sealed//x",
    "mlflow-artifacts:/sealed/x?path=y",
    "mlflow-artifacts:/",
    "models:/study/1",
    "runs:/abc/model",
    "",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_nothing_is_fetched_from_elsewhere(liar, tmp_path, address):
    with pytest.raises(StoreError, match="a server hands out artifacts itself"):
        fetch(liar, tmp_path, address)
    with pytest.raises(StoreError, match="a server hands out artifacts itself"), connected(stores(liar)):
        fetch_file(liar.address, address, "x", tmp_path)
    assert {path for _, path, _ in liar.asked} == {"/version"}


def placed(liar, folder) -> Stores:
    """The stores of somebody who has said where artifacts lie, as beside an embedded server."""
    return Stores(liar.address, liar.address, folder.as_uri(), timeout=20.0)


def test_files_are_read_where_somebody_here_has_said(liar, tmp_path):
    place = tmp_path / "store"
    (place / "1").mkdir(parents=True)
    (place / "1" / "x").write_bytes(b"abc")
    (tmp_path / "to").mkdir()
    with connected(placed(liar, place)):
        assert fetch_file(liar.address, (place / "1").as_uri(), "x", tmp_path) == b"abc"
        assert fetch_folder(liar.address, (place / "1").as_uri(), tmp_path / "to", check=unchecked)
    with pytest.raises(StoreError, match="unset, or set THERAGATE_ARTIFACTS to the place"), connected(stores(liar)):
        fetch_file(liar.address, (place / "1").as_uri(), "x", tmp_path)


OUTSIDE = ["/../secret", "/1/../../secret", "/%2e%2e/secret", "/./secret", "//secret", "", "x/secret", "/a\\b", "/1?y"]


@pytest.mark.parametrize("below", OUTSIDE)
def test_nothing_beside_that_place_is_read_or_written(liar, tmp_path, below):
    place, where = tmp_path / "store", (tmp_path / "store").as_uri() + below
    info = {"run_id": "a" * 32, "artifact_uri": where, "experiment_id": "1"}
    liar.routes["/api/2.0/mlflow/runs/get"] = content({"run": {"info": info, "data": {}}})
    (tmp_path / "evidence.json").write_text("{}")
    with pytest.raises(StoreError, match="hands out artifacts itself"), connected(placed(liar, place)):
        fetch_file(liar.address, where, "x", tmp_path)
    with pytest.raises(StoreError, match="handed out by itself"), opened(placed(liar, place)) as client:
        client.log_artifact("a" * 32, str(tmp_path / "evidence.json"))
    assert {path.name for path in tmp_path.iterdir()} == {"evidence.json"}


NAMES = [
    "..",
    ".",
    "",
    "../x",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "C:x",
    "a\x00b",
    "a\nb",
    "\x1b[2J",
    "a\u202eb",
    "x" * 300,
    "é" * 200,
    7,
    None,
    ["a"],
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_lead_elsewhere_are_refused(liar, tmp_path, name):
    liar.routes[FILES] = listing(listed(name))
    with pytest.raises(StoreError, match=r"files have plain names|an entry of a listing") as caught:
        fetch(liar, tmp_path)
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("one", "other"), [("a.json", "a.json"), ("a.json", "A.JSON"), ("ﬁ.json", "fi.json")])
def test_names_that_a_disk_may_take_for_one_are_refused(liar, tmp_path, one, other):
    def answer(request):
        (listing(listed(one), listed(other)) if request.route == FILES else text(b"abc"))(request)

    liar.routes[FILES] = answer
    with pytest.raises(StoreError, match="each once"):
        fetch(liar, tmp_path)


@pytest.mark.parametrize("size", [-1, 1.5, None, "x", "9" * 5000, True, [], 10**30])
def test_sizes_that_are_none_are_refused(liar, tmp_path, size):
    liar.routes[FILES] = listing(listed("a.json", size))
    with pytest.raises(
        StoreError, match=r"a name, a kind and a size|Exceeds|JSON with|HTTP|bytes that were listed|at most"
    ):
        fetch(liar, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 10**4


FILLERS = {
    "more than listed": text(b"abcd"),
    "less than listed": text(b"ab"),
    "for ever": endless(b"x" * (1 << 16)),
    "for ever, in pieces": endless(b"x" * (1 << 16), chunked=True),
    "a length of its own": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n", b"x" * (1 << 16)),
    "packed": text(gzip.compress(b"x" * (1 << 24)), Content_Encoding="gzip"),
    "deflated": text(b"x", Content_Encoding="deflate"),
    "led elsewhere": redirect("http://127.0.0.1:9/x"),
}


@pytest.mark.parametrize("filler", FILLERS.values(), ids=FILLERS)
def test_a_file_fills_no_disk(liar, tmp_path, filler):
    def answer(request):
        (listing(listed("a.json")) if request.route == FILES else filler)(request)

    liar.routes[FILES] = answer
    with pytest.raises(StoreError, match=r"bytes that were listed|bytes at most|unpacked|by itself"):
        fetch(liar, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1 << 17


def test_a_file_that_drips_has_an_end(liar, tmp_path):
    def answer(request):
        (listing(listed("a.json", 10**9)) if request.route == FILES else endless(b"x", pause=0.02))(request)

    liar.routes[FILES] = answer
    with pytest.raises(StoreError, match=r"within 0.6 seconds in all"):
        fetch(liar, tmp_path, seconds=SHORT)


def test_folders_without_end_are_refused(liar, tmp_path):
    liar.routes[FILES] = listing({"path": "again", "is_dir": True})
    with pytest.raises(StoreError, match="in folders of few levels"):
        fetch(liar, tmp_path)
    liar.routes[FILES] = listing(*({"path": f"folder {number}", "is_dir": True} for number in range(200)))
    with pytest.raises(StoreError, match="it has 50 files at most"):
        fetch(liar, tmp_path)
    liar.routes[FILES] = text(json.dumps({"files": [listed("a.json")] * 20_000}))
    with pytest.raises(StoreError, match="10,000 entries at most"):
        fetch(liar, tmp_path / "x")


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_server_that_hands_out_nothing_says_so(liar, tmp_path, status):
    liar.routes[FILES] = text("\x1b[2J no", status)
    with pytest.raises(TheragateError, match=r"HTTP status|MLflow") as caught:
        fetch(liar, tmp_path)
    assert "\x1b" not in str(caught.value)
