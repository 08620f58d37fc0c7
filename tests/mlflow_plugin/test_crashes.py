"""Servers that are killed, disks that are full, forty people at once: nothing is ever half done."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests
from mlflow_plugin.conftest import KINDS
from support import ROOT

from theragate.release.ledger import Row, verify_rows


@pytest.mark.parametrize("kind", KINDS)
def test_a_promotion_that_is_killed_at_any_step_is_there_whole_or_not_at_all(kind, make_database, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mlflow_plugin.dying", f"gated+{make_database(kind)}", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    deaths = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr[-3000:]
    nothing = {"ledger": None, "alias": None, "sealed": False, "tag": False}
    whole = {"ledger": "1", "alias": "1", "sealed": True, "tag": True}
    assert len(deaths) > 25
    assert [death["whole"] for death in deaths] == [False] * (len(deaths) - 1) + [True]
    for death in deaths:
        assert death["found"] in (nothing, whole), death
        assert death["again"] == whole, death
    assert deaths[0]["found"] == nothing
    assert deaths[-2]["found"] == whole, "the last step comes after the commit"
    assert len({tuple(death["found"].values()) for death in deaths}) == 2
    assert sum(path.name.endswith(".part") for path in (tmp_path / "sealed").iterdir()) > 5, "left by the killed"


def test_a_server_that_is_killed_while_it_copies_promotes_after_its_restart(release):
    version, attested = release.register("large", size=60_000_000)
    release.approve(version, attested)
    sealed = release.server.artifacts / "sealed"

    def promote():
        try:
            return release.person("grace").set_alias(release.study, version).status_code
        except requests.ConnectionError:
            return None

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(promote)
        while not list(sealed.glob("*.part")) and not answer.done():
            threading.Event().wait(0.001)
        release.server.stop(signal.SIGKILL)
        assert answer.result() is None, "it was killed in the middle"
    release.server.start()
    assert release.serving() is None
    assert release.events() == [("approve", version)]
    release.promote(version)
    assert release.serving() == version
    assert release.events() == [("approve", version), ("promote", version)]


def test_a_full_disk_changes_nothing_and_is_said_in_a_sentence(release):
    version, attested = release.register("large", size=9_000_000)
    release.approve(version, attested)
    tree = psutil.Process(release.server.process.pid)
    serving = [tree, *tree.children(recursive=True)]
    before = {one: one.rlimit(resource.RLIMIT_FSIZE) for one in serving}
    for one in serving:  # no file of theirs can grow over 5 MB, as on a disk with as much left
        one.rlimit(resource.RLIMIT_FSIZE, (5_000_000, before[one][1]))
    try:
        answer = release.person("grace").set_alias(release.study, version)
    finally:
        for one in serving:
            one.rlimit(resource.RLIMIT_FSIZE, before[one])
    assert answer.status_code == 400, answer.text
    assert "a sealed copy can be written; received File too large. Free space" in answer.json()["message"]
    assert release.serving() is None
    assert release.events() == [("approve", version)]
    assert not list((release.server.artifacts / "sealed").glob(f".{attested.attestation.package_sha256[:16]}*"))
    release.promote(version)


def test_forty_promotions_at_once(release):
    """Of four that were all judged as the first release, one comes into service; then it comes and goes."""
    candidates = []
    for number in range(4):
        version, attested = release.register(f"candidate{number}")
        release.approve(version, attested)
        candidates.append(version)
    grace = release.person("grace")
    with ThreadPoolExecutor(40) as pool:
        answers = list(
            pool.map(lambda n: release.person("grace").set_alias(release.study, candidates[n % 4]), range(40))
        )
    won = [answer for answer in answers if answer.status_code == 200]
    champion = release.serving()
    assert len(won) == 1
    assert {answer.status_code for answer in answers} == {200, 403}
    words = {"a comparison with no champion", "the champion itself"}
    assert all(any(word in answer.json()["message"] for word in words) for answer in answers if answer not in won)
    assert release.events()[4:] == [("promote", champion)]

    def come_or_go(number):
        if number % 2:
            return "withdraw", release.person("grace").delete_alias(release.study).status_code
        return "rollback", release.person("grace").set_alias(release.study, champion).status_code

    with ThreadPoolExecutor(40) as pool:
        moves = list(pool.map(come_or_go, range(40)))
    happened = [kind for kind, _ in release.events()[5:]]
    assert happened == [["withdraw", "rollback"][place % 2] for place in range(len(happened))], "one after the other"
    for kind in ("withdraw", "rollback"):
        assert happened.count(kind) == moves.count((kind, 200)), "every answer says what happened"
    assert {status for _, status in moves} <= {200, 403}
    assert release.serving() == (None if happened and happened[-1] == "withdraw" else champion)
    rows = [Row.model_validate_json(json.dumps(row)) for row in grace.ledger()]
    assert verify_rows(rows, release.server.deployment.trust()) == rows[-1], "no row is lost"
