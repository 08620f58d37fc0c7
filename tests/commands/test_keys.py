"""`theragate keys`: files and trust file agree, old keys end on a day, and the user is told what is still lacking."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from made_projects import STUDY
from release.submission_by_hand import POLICY

from theragate import cli
from theragate.release.keys import development_key, read_key
from theragate.release.trust import read_trust

TODAY = datetime.now(UTC).date()


@pytest.fixture
def home(by_hand, monkeypatch):
    monkeypatch.delenv("THERAGATE_TRUST", raising=False)
    return by_hand.root


def keys(*arguments: str, code: int = 0) -> None:
    assert cli.main(["keys", *arguments]) == code


def trust_of(home):
    return read_trust(home / "release" / "trust.json", development=None)


def test_before_the_first_key(home, capsys):
    keys("list")
    assert capsys.readouterr().out == (
        "There is no trust file (release/trust.json), so only a development key counts here.\n"
    )
    own, _ = development_key(home / "private")
    keys("list")
    assert capsys.readouterr().out.startswith(f"development  {own.key_id[:12]}  this machine only")


def test_the_first_key_begins_a_deployment_and_says_what_is_lacking(home, capsys):
    keys("make", "ci", "--role", "evaluator")
    said = capsys.readouterr().out
    private = home / "private" / "keys" / "ci.pem"
    key = read_key(str(private), named="a key")
    assert f"id {key.key_id}" in said
    assert f"{private}, mode 600. Move it to where it is used, name it in THERAGATE_EVALUATOR_KEY" in said
    assert "release/trust.json is new" in said
    assert "lacks a key with the role `ledger`, a name under `release_managers`" in said
    found = trust_of(home)
    assert [(entry.name, entry.key, entry.roles) for entry in found.keys] == [("ci", key.public, {"evaluator"})]
    assert found.policies[STUDY] == (POLICY.sha256,)
    assert "PRIVATE" not in said + (home / "release" / "trust.json").read_text(encoding="utf-8")


def test_a_whole_deployment_lacks_nothing(home, capsys):
    keys("make", "ci", "--role", "evaluator")
    keys("make", "server", "--role", "ledger", "--out", str(home / "server.pem"))
    path = home / "release" / "trust.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"release_managers": ["bob"]}), encoding="utf-8")
    capsys.readouterr()
    keys("list")
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r"[0-9a-f]{12}", "…", line) for line in lines] == [
        "ci      …  evaluator          counts",
        "server  …  ledger             counts",
        "release manager bob",
    ]


def test_a_rotated_key_counts_through_today(home, capsys):
    keys("make", "ci", "--role", "evaluator", "--role", "ledger")
    keys("rotate", "ci")
    said = capsys.readouterr().out
    assert f"`ci` counts through {TODAY} (UTC), and signs nothing from {TODAY + timedelta(days=1)} on." in said
    keys("rotate", "ci-2")
    found = {entry.name: (entry.revoked, entry.roles) for entry in trust_of(home).keys}
    both, tomorrow = {"evaluator", "ledger"}, TODAY + timedelta(days=1)
    assert found == {"ci": (tomorrow, both), "ci-2": (tomorrow, both), "ci-3": (None, both)}
    assert (home / "private" / "keys" / "ci-3.pem").is_file()
    capsys.readouterr()
    keys("list")
    assert f"counts until {tomorrow}" in capsys.readouterr().out


def test_a_revoked_key_counts_no_more(home, capsys):
    keys("make", "ci", "--role", "evaluator")
    keys("make", "server", "--role", "ledger")
    capsys.readouterr()
    keys("revoke", "server", "--from", "2026-01-31")
    said = capsys.readouterr().out
    assert "is revoked from 2026-01-31 on (UTC). Commit the trust file and deploy it." in said
    assert "Ledger rows of that day and later that it has signed no longer verify" in said
    keys("revoke", "ci")
    assert "no attestation by it counts, whenever it was made" in capsys.readouterr().out
    assert [entry.revoked for entry in trust_of(home).keys] == [TODAY, date(2026, 1, 31)]
    assert trust_of(home).evaluators(TODAY) == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("make", "ci", "--role", "evaluator"), "a new key has a new name"),
        (("make", "CI", "--role", "evaluator"), "each key has its own name"),
        (("make", "a/b", "--role", "evaluator"), "up to 64 letters"),
        (("rotate", "none"), "received a name that is not there; it has `ci`"),
        (("revoke", "none"), "received a name that is not there; it has `ci`"),
    ],
)
def test_what_cannot_be_done_changes_nothing(home, capsys, arguments, message):
    keys("make", "ci", "--role", "evaluator")
    before = (home / "release" / "trust.json").read_bytes()
    keys(*arguments, code=1)
    assert message in capsys.readouterr().err
    assert (home / "release" / "trust.json").read_bytes() == before
    assert [path.name for path in (home / "private" / "keys").glob("*.pem")] == ["ci.pem"]


def test_a_key_is_revoked_once_and_no_file_is_overwritten(home, capsys):
    keys("make", "ci", "--role", "evaluator")
    keys("revoke", "ci")
    for action in ("revoke", "rotate"):
        keys(action, "ci", code=1)
        assert "it is not revoked yet" in capsys.readouterr().err
    keys("make", "ci2", "--role", "ledger", "--out", str(home / "private" / "keys" / "ci.pem"), code=1)
    assert "a new key goes into a new file" in capsys.readouterr().err


def test_the_trust_file_that_is_set_is_the_one_that_changes(home, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere" / "trust.json"
    monkeypatch.setenv("THERAGATE_TRUST", str(elsewhere))
    keys("make", "ci", "--role", "evaluator")
    assert elsewhere.is_file()
    assert not (home / "release" / "trust.json").exists()


@pytest.mark.parametrize(
    "arguments", [("make", "ci"), ("make", "ci", "--role", "admin"), (), ("revoke", "ci", "--from", "x")]
)
def test_a_wrong_command_line(home, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["keys", *arguments])
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_key_of_one_study_stays_one_when_it_is_rotated(home, capsys):
    keys("make", "ci", "--role", "evaluator", "--study", "heart_attack_survival")
    keys("rotate", "ci")
    capsys.readouterr()
    keys("list")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("ci")]
    assert len(lines) == 2
    assert all(line.endswith(", of heart_attack_survival only") for line in lines)
    keys("make", "server", "--role", "ledger", "--study", "heart_attack_survival", code=1)
    assert "alone is limited to studies" in capsys.readouterr().err
