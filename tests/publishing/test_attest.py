"""Who may attest, and what: everything that is refused before anything is made again."""

import pytest
from records_by_hand import training_record
from release.submission_by_hand import STRANGER, a_key, key_entry, trust
from support import run

from theragate import cli
from theragate.errors import EvidenceError
from theragate.publishing.attest import check_versions
from theragate.release.keys import development_key
from theragate.release.trust import write_trust
from theragate.workers.alike import library_versions

KEY = "THERAGATE_EVALUATOR_KEY"
EVALUATOR = a_key(1)


@pytest.fixture
def deployed(by_hand):
    write_trust(by_hand.root / "release" / "trust.json", trust())
    return by_hand


def refusal(capsys, study: str) -> str:
    assert cli.main(["attest", study]) == 1
    return capsys.readouterr().err


def test_an_unknown_study(by_hand, capsys):
    assert "there are" in refusal(capsys, "../elsewhere")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "under a trust file an evaluator's key signs; received none"),
        ("", "under a trust file an evaluator's key signs; received none"),
        ("no-such-file", "a file that cannot be read"),
        (STRANGER.pem().decode(), f"received `key {STRANGER.key_id[:12]}`"),
        (a_key(2).pem().decode(), "received `server`"),
    ],
    ids=["unset", "empty", "absent", "stranger", "ledger"],
)
def test_a_key_that_does_not_count(deployed, capsys, monkeypatch, value, message):
    if value is None:
        monkeypatch.delenv(KEY, raising=False)
    else:
        monkeypatch.setenv(KEY, value)
    assert message in refusal(capsys, deployed.study)


def test_a_key_of_other_studies_is_refused_before_anything_is_made_again(deployed, capsys, monkeypatch):
    monkeypatch.setenv(KEY, EVALUATOR.pem().decode())
    limited = key_entry(EVALUATOR, "evaluator").model_copy(update={"studies": ("another_study",)})
    write_trust(deployed.root / "release" / "trust.json", trust(keys=(limited,)))
    assert f"the trust file lets the key attest `{deployed.study}`; received" in refusal(capsys, deployed.study)


def test_a_development_key_never_attests_in_a_deployment(deployed, capsys, monkeypatch):
    own, _ = development_key(deployed.root / "private")
    monkeypatch.setenv(KEY, own.pem().decode())
    assert f"received `key {own.key_id[:12]}`" in refusal(capsys, deployed.study)
    listed = trust(keys=(key_entry(own, "evaluator"),))
    write_trust(deployed.root / "release" / "trust.json", listed)
    assert "never trusts a development key" in refusal(capsys, deployed.study)


def test_an_evaluators_key_without_a_trust_file(by_hand, capsys, monkeypatch):
    monkeypatch.setenv(KEY, EVALUATOR.pem().decode())
    assert "a key, and no trust file" in refusal(capsys, by_hand.study)


def test_what_is_not_committed(deployed, capsys, monkeypatch):
    monkeypatch.setenv(KEY, EVALUATOR.pem().decode())
    assert "what is attested is committed; received no commit" in refusal(capsys, deployed.study)
    run(deployed.root, "git", "init", "-q")
    run(deployed.root, "git", "add", "params.yaml")
    run(deployed.root, "git", "commit", "-qm", "A part")
    assert "received files that differ from the commit" in refusal(capsys, deployed.study)


def test_what_is_not_registered_is_not_made_again(deployed, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv(KEY, EVALUATOR.pem().decode())
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "All of it")):
        run(deployed.root, "git", *words)
    told = refusal(capsys, deployed.study)
    assert "a version is registered before it is attested; received no version, or none that you may READ" in told


@pytest.mark.parametrize(
    "change",
    [{"zlib-fast": "6.6.6"}, {"numpy": "0.1"}, {"numpy": None}],
    ids=["one more", "another version", "one less"],
)
def test_a_record_that_names_what_is_not_installed_here(change):
    whole = library_versions()
    check_versions(training_record(versions=whole | {"python": "3.11.7"}))
    versions = {name: version for name, version in (whole | change).items() if version is not None}
    with pytest.raises(EvidenceError, match=f"received another `{next(iter(change))}`"):
        check_versions(training_record(versions=versions))
