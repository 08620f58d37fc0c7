"""Guessed passwords: whoever guesses waits, and the owner does not."""

import concurrent.futures
import contextlib
import os

import pytest
import requests
from mlflow_plugin.attested_by_hand import Deployment
from mlflow_plugin.servers import PASSWORD, Server, running

from theragate.errors import ConfigurationError
from theragate.mlflow_plugin.guesses import Guesses
from theragate.mlflow_plugin.limits import Limits, read_limits


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def guesses(tmp_path, clock):
    return Guesses(tmp_path / "server" / "guesses.db", Limits(), clock=clock)


def wait(guesses, user, address):
    return guesses.standing(user, address)[0]


def test_waits_double_up_to_a_cap(guesses, clock):
    waits = []
    for _ in range(20):
        guesses.wrong("ada", "192.0.2.1")
        waits.append(wait(guesses, "ada", "192.0.2.1"))
    assert waits[:8] == [0, 0, 0, 0, 1, 2, 4, 8]
    assert waits[-3:] == [900, 900, 900]
    clock.now += 899
    assert wait(guesses, "ada", "192.0.2.1") == 1
    clock.now += 24 * 3600
    assert wait(guesses, "ada", "192.0.2.1") == 0


def test_the_owner_at_another_address_is_not_delayed(guesses):
    for number in range(2000):
        guesses.wrong("ada", f"198.51.{number % 100}.{number // 100}")
    assert wait(guesses, "ada", "192.0.2.1") == 0  # not even one that nobody has seen
    guesses.wrong("ada", "192.0.2.1")
    assert wait(guesses, "ada", "192.0.2.1") == 1  # but while so many guess, one slip of a stranger is enough
    assert wait(guesses, "grace", "192.0.2.1") == 0


def test_a_familiar_address_keeps_its_free_guesses(guesses):
    guesses.right("ada", "192.0.2.1")
    for number in range(200):
        guesses.wrong("ada", f"198.51.100.{number}")
        guesses.wrong(f"user {number}", "192.0.2.1")  # a colleague behind the same address
    guesses.wrong("ada", "192.0.2.1")
    assert guesses.standing("ada", "192.0.2.1") == (0, True)
    assert wait(guesses, "grace", "192.0.2.1") > 0


def test_the_right_password_starts_anew(guesses):
    for _ in range(4):
        guesses.wrong("ada", "192.0.2.1")
    guesses.right("ada", "192.0.2.1")
    guesses.wrong("ada", "192.0.2.1")
    assert wait(guesses, "ada", "192.0.2.1") == 0


def test_on_a_full_disk_people_still_sign_in(guesses):
    guesses.wrong("ada", "192.0.2.1")
    limited = guesses._open

    @contextlib.contextmanager
    def full():
        with limited() as database:
            database.execute("PRAGMA query_only = 1")
            yield database

    guesses._open = full
    guesses.right("ada", "192.0.2.9")
    assert guesses.standing("ada", "192.0.2.9") == (0, False)


def test_one_subscriber_of_ipv6_is_one_address(guesses):
    for number in range(6):
        guesses.wrong("ada", f"2001:db8:1:2::{number}")
    assert wait(guesses, "ada", "2001:db8:1:2:ffff::9") > 0
    assert wait(guesses, "ada", "2001:db8:1:3::1") == 0
    for _ in range(6):
        guesses.wrong("grace", "::ffff:192.0.2.1")
    assert wait(guesses, "grace", "192.0.2.1") > 0


def test_processes_count_together_and_a_restart_forgets_nothing(tmp_path, guesses, clock):
    for _ in range(6):
        guesses.wrong("ada", "192.0.2.1")
    other = Guesses(tmp_path / "server" / "guesses.db", Limits(), clock=clock)
    assert wait(other, "ada", "192.0.2.1") == 2
    assert (tmp_path / "server" / "guesses.db").stat().st_mode & 0o077 == 0
    assert b"ada" not in (tmp_path / "server" / "guesses.db").read_bytes()


def test_the_table_stays_small(guesses, monkeypatch):
    monkeypatch.setattr("theragate.mlflow_plugin.guesses._MOST_ROWS", 50)
    for number in range(100):
        guesses._clock.now += 1
        guesses.wrong(f"user {number}", "192.0.2.1")
    with guesses._open() as database:
        assert database.execute("SELECT count(*) FROM wrong").fetchone()[0] <= 50
    assert wait(guesses, "grace", "192.0.2.1") > 0  # what counts the address is the newest row of all


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match=r"the table of wrong passwords.*private/server"):
        Guesses(tmp_path / "guesses.db", Limits())


def test_a_table_that_is_none(tmp_path):
    (tmp_path / "guesses.db").write_bytes(b"not a database, and long enough to be taken for one" * 100)
    with pytest.raises(ConfigurationError, match=r"the table of wrong passwords.*private/server"):
        Guesses(tmp_path / "guesses.db", Limits())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patience=1", "it names header_seconds, body_seconds.*received `patience=1`"),
        ("body_rate=fast", "`body_rate` is a number; received `fast`"),
        ("guesses=1.5", "`guesses` is a number; received `1.5`"),
        ("guesses=0", "`guesses` is above zero"),
        ("body_seconds=nan", "`body_seconds` is above zero"),
        ("body_seconds=inf", "`body_seconds` is above zero"),
        ("body_seconds", "`body_seconds` is a number; received ``"),
    ],
)
def test_limits_that_are_none(text, words):
    with pytest.raises(ConfigurationError, match=words):
        read_limits({"THERAGATE_LIMITS": text})


def test_limits_that_are_changed():
    assert read_limits({}) == Limits()
    assert read_limits({"THERAGATE_LIMITS": " body_rate=5e3  guesses=7 "}) == Limits(body_rate=5000, guesses=7)


# A real server


@pytest.fixture(scope="module", params=[0, 900], ids=["hashed every time", "with MLflow's cache"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guessed")
    made = Server(folder, f"sqlite:///{folder}/mlflow.db", Deployment(folder / "deployment"), cache=request.param)
    made.limits, made.workers = "guesses=3 guess_seconds=500 most_guess_seconds=500", 2
    with running(made):
        made.hire()
        yield made


def sign_in(
    server, user, password, *, address="192.0.2.1", path="/api/2.0/mlflow/experiments/get?experiment_id=0", **more
):
    """Ask for something through a proxy on this machine, which says where the request came from."""
    headers = {"X-Forwarded-For": address} | more.pop("headers", {})
    return requests.get(f"{server.address}{path}", auth=(user, password), headers=headers, timeout=60, **more)


@pytest.mark.xdist_group("guesses")
@pytest.mark.parametrize(
    "path", ["/api/2.0/mlflow/experiments/get?experiment_id=0", "/api/2.0/mlflow-artifacts/artifacts/0/x", "/"]
)
def test_guesses_wait_and_the_owner_does_not(server, path):
    """On each road into MLflow: a Flask route, one of FastAPI, a page; by two processes that count together."""
    address = f"198.51.100.{len(path)}"
    codes = [sign_in(server, "ada", f"guess {n}", address=address, path=path).status_code for n in range(8)]
    assert codes == [401] * 3 + [403] * 5
    late = sign_in(server, "ada", PASSWORD, address=address, path=path)
    assert late.status_code == 403  # or the answer would tell which guess was right
    assert "try again in" in late.text
    assert "from another address" in late.text
    assert sign_in(server, "ada", PASSWORD).status_code == 200
    assert sign_in(server, "grace", PASSWORD, address=address).status_code == 200


@pytest.mark.xdist_group("guesses")
def test_a_hundred_guesses_at_once(server):
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda n: sign_in(server, "grace", f"guess {n}", address="198.51.100.99"), range(100)))
    codes = [answer.status_code for answer in answers]
    # Each of two processes has as many under way as are free.
    assert codes.count(401) <= 3 + 2 * 3, codes
    assert codes.count(401) + codes.count(403) == 100, codes


@pytest.mark.xdist_group("guesses")
def test_a_hundred_names_at_once(server):
    def guess(number):
        return sign_in(server, f"nobody{number}", "guess", address=f"2001:db8:9::{number:x}")

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        codes = [answer.status_code for answer in pool.map(guess, range(200))]
    # From one address ten times as many are free, and each of two processes has as many under way as are free.
    assert codes.count(401) <= 10 * 3 + 2 * 3, codes
    assert codes.count(401) + codes.count(403) == 200, codes
    assert sign_in(server, "mallory", PASSWORD).status_code == 200


@pytest.mark.xdist_group("guesses")
def test_guesses_that_hide_from_the_count(server):
    """Credentials that MLflow would read and the count would not."""
    good, bad = requests.auth._basic_auth_str("alan", PASSWORD), requests.auth._basic_auth_str("ada", "guess")
    url = f"{server.address}/api/2.0/mlflow/experiments/get?experiment_id=0"
    with requests.Session() as session:
        session.headers = {}
        for name in ("X-MLflow-Authorization", "x_mlflow_authorization"):
            path = f"{server.address}/gateway/mlflow/v1/models"
            answer = session.get(path, headers={name: bad, "Authorization": good}, timeout=60)
            assert answer.status_code in (400, 401, 403), answer.text
            right = requests.auth._basic_auth_str("ada", PASSWORD)
            answer = session.get(path, headers={name: right}, timeout=60)
            assert answer.status_code in (400, 401, 403), "a right password that was not counted counts for nothing"
        for value in (f"{bad},{good}", f"basic  {bad[6:]}", "Basic", "Basic ====", "Bearer x", "Basic é"):
            answer = session.get(url, headers={"Authorization": value.encode()}, timeout=60)
            assert answer.status_code in (400, 401), (value, answer.text)
