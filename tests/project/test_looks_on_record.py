"""Looks that were committed count for ever, whatever has become of the file since."""

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence
from support import run

from theragate.gates import decide, read_policy
from theragate.gates.types import Verdict
from theragate.project.looks_on_record import committed_looks, look_of, looks_of, number_of_looks
from theragate.release.looks import count_look, ledger
from theragate.settings import Settings, read_settings


@pytest.fixture
def verdict() -> Verdict:
    study = STUDIES["survival"]
    return decide(good_evidence(study), read_policy(study), evidence_sha256="9" * 64)


@pytest.fixture
def settings(tmp_path) -> Settings:
    run(tmp_path, "git", "init", "-q")
    return read_settings({}, tmp_path)


def look(settings: Settings, verdict: Verdict, predictions: str) -> Verdict:
    other = verdict.model_copy(update={"predictions_sha256": predictions * 64})
    count_look(settings, verdict.study, look_of(other))
    return other


def commit(settings: Settings) -> None:
    run(settings.home, "git", "add", "-A", "looks")
    run(settings.home, "git", "commit", "-qm", "Looks")


def test_a_verdict_of_which_no_look_is_on_record_has_none(settings, verdict):
    look(settings, verdict, "a")
    assert number_of_looks(settings, verdict) == 0
    count_look(settings, verdict.study, look_of(verdict))
    assert number_of_looks(settings, verdict) == 2


@pytest.mark.parametrize("loss", ["deleted", "emptied", "reverted", "shortened and committed"])
def test_a_committed_look_counts_after_the_file_has_lost_it(loss, settings, verdict):
    path = ledger(settings, verdict.study)
    look(settings, verdict, "a")
    commit(settings)
    first = path.read_bytes()
    last = look(settings, verdict, "b")
    commit(settings)
    if loss == "deleted":
        path.unlink()
    elif loss == "emptied":
        path.write_bytes(b"")
    else:
        path.write_bytes(first)
    if loss == "shortened and committed":
        commit(settings)
    assert number_of_looks(settings, last) == 2
    third = look_of(verdict.model_copy(update={"predictions_sha256": "c" * 64}))
    assert count_look(settings, verdict.study, third, known=committed_looks(settings, verdict.study)) == 3
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3, "the verdict has made the ledger whole"


def test_outside_git_the_file_alone_counts(tmp_path, verdict):
    settings = read_settings({}, tmp_path)
    look(settings, verdict, "a")
    assert committed_looks(settings, verdict.study) == []
    assert len(looks_of(settings, verdict)) == 1
