"""The ledger of looks: each decision counted once, whoever repeats it, and no line lost."""

import itertools
import json
import subprocess
import sys

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence

from theragate.errors import DataError
from theragate.gates import decide, read_policy
from theragate.gates.types import Verdict
from theragate.project.looks_on_record import look_of
from theragate.release.looks import Look, count_seen, counted, read_looks, record
from theragate.settings import read_settings

IN_A_PROCESS = """
import sys
from pathlib import Path
from theragate.release.looks import Look, record
look = Look.model_validate_json(Path(sys.argv[1]).read_bytes())
for number in range(20):
    other = look.model_copy(update={"predictions_sha256": f"{sys.argv[2]}{number}"})
    record(Path(sys.argv[3]), other, lock=Path(sys.argv[4]))
"""


@pytest.fixture
def verdict() -> Verdict:
    study = STUDIES["survival"]
    return decide(good_evidence(study), read_policy(study), evidence_sha256="9" * 64)


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "looks" / "study.jsonl"


@pytest.fixture
def look(ledger, tmp_path):
    def at(verdict: Verdict) -> int:
        return record(ledger, look_of(verdict), lock=tmp_path / "state" / "looks.lock")

    return at


@pytest.fixture
def seen(ledger, tmp_path):
    def at(verdict: Verdict) -> int:
        return record(ledger, sight_of(verdict), lock=tmp_path / "state" / "looks.lock")

    return at


def sight_of(verdict: Verdict) -> Look:
    return Look(cohort_sha256=verdict.cohort_sha256, predictions_sha256=verdict.predictions_sha256)


def count(path, cohort_sha256: str) -> int:
    return len(counted(read_looks(path), cohort_sha256))


def test_a_look_is_counted_once(look, verdict, ledger):
    assert count(ledger, verdict.cohort_sha256) == 0
    assert look(verdict) == 1
    content = ledger.read_bytes()
    assert look(verdict) == 1
    assert ledger.read_bytes() == content
    assert count(ledger, verdict.cohort_sha256) == 1
    assert json.loads(content) == {
        "cohort_sha256": verdict.cohort_sha256,
        "predictions_sha256": verdict.predictions_sha256,
        "policy_sha256": verdict.policy_sha256,
        "decision": "PASS",
        "verdict_sha256": json.loads(content)["verdict_sha256"],
    }


@pytest.mark.parametrize("part", ["predictions_sha256", "policy_sha256"])
def test_another_model_or_another_limit_is_another_look(part, look, verdict, ledger):
    look(verdict)
    assert look(verdict.model_copy(update={part: "7" * 64})) == 2
    assert count(ledger, verdict.cohort_sha256) == 2
    assert look(verdict) == 1, "the first stays the first"


def test_new_evidence_about_the_same_predictions_is_no_new_look(look, verdict, ledger):
    look(verdict)
    assert look(verdict.model_copy(update={"evidence_sha256": "7" * 64})) == 1
    assert len(read_looks(ledger)) == 1


def test_what_was_seen_is_a_look_before_anybody_judges_it(look, seen, verdict, ledger):
    assert seen(verdict) == 1
    assert json.loads(ledger.read_text(encoding="utf-8")) == {
        "cohort_sha256": verdict.cohort_sha256,
        "predictions_sha256": verdict.predictions_sha256,
    }
    content = ledger.read_bytes()
    assert seen(verdict) == 1
    assert ledger.read_bytes() == content
    other = verdict.model_copy(update={"predictions_sha256": "7" * 64})
    assert (seen(other), count(ledger, verdict.cohort_sha256)) == (2, 2)


def test_judging_what_was_seen_is_the_same_look(look, seen, verdict, ledger):
    other = verdict.model_copy(update={"predictions_sha256": "7" * 64})
    assert (seen(verdict), seen(other)) == (1, 2)
    assert (look(other), look(verdict)) == (2, 1), "each keeps the number of its first sight"
    assert look(verdict.model_copy(update={"policy_sha256": "8" * 64})) == 3
    content = ledger.read_bytes()
    assert seen(verdict) == 1, "what was judged was seen"
    assert ledger.read_bytes() == content


def test_the_order_of_the_lines_does_not_change_how_many_looks_there_are(look, seen, verdict, ledger):
    other = verdict.model_copy(update={"predictions_sha256": "7" * 64})
    seen(verdict), seen(other), look(verdict), look(verdict.model_copy(update={"policy_sha256": "8" * 64}))
    lines = ledger.read_text(encoding="utf-8").splitlines(keepends=True)
    assert len(lines) == 4
    for order in itertools.permutations(lines):
        ledger.write_text("".join(order), encoding="utf-8")
        assert count(ledger, verdict.cohort_sha256) == 3


def test_a_line_that_the_file_has_lost_is_put_back(look, verdict, ledger, tmp_path):
    other = verdict.model_copy(update={"predictions_sha256": "7" * 64})
    look(verdict), look(other)
    known = read_looks(ledger)
    ledger.unlink()
    third = look_of(verdict.model_copy(update={"predictions_sha256": "8" * 64}))
    assert record(ledger, third, lock=tmp_path / "lock", known=known) == 3
    assert read_looks(ledger) == [*known, third]


def test_what_is_on_record_is_counted_without_writing(tmp_path, verdict):
    settings = read_settings({}, tmp_path)
    digests = {"cohort_sha256": verdict.cohort_sha256, "predictions_sha256": verdict.predictions_sha256}
    count_seen(settings, "study", **digests)
    path = tmp_path / "looks" / "study.jsonl"
    assert counted(read_looks(path), verdict.cohort_sha256) == [Look(**digests)]
    before = path.stat().st_mtime_ns
    settings.state.rename(tmp_path / "elsewhere")
    count_seen(settings, "study", **digests)
    assert (path.stat().st_mtime_ns, settings.state.exists()) == (before, False)


def test_a_changed_cohort_starts_anew(look, verdict, ledger):
    look(verdict)
    assert look(verdict.model_copy(update={"cohort_sha256": "7" * 64})) == 1
    assert (count(ledger, "7" * 64), count(ledger, verdict.cohort_sha256)) == (1, 1)


def test_a_line_that_was_cut_off_is_mended(look, verdict, ledger):
    look(verdict)
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + whole[:50])
    assert count(ledger, verdict.cohort_sha256) == 1
    assert look(verdict.model_copy(update={"policy_sha256": "7" * 64})) == 2
    assert ledger.read_bytes().startswith(whole)
    assert len(ledger.read_bytes().splitlines()) == 2


def test_a_last_line_without_its_end_counts(look, verdict, ledger):
    look(verdict)
    ledger.write_bytes(ledger.read_bytes().rstrip())
    assert look(verdict.model_copy(update={"policy_sha256": "7" * 64})) == 2


def test_lines_that_a_merge_has_doubled_count_once(look, verdict, ledger):
    look(verdict)
    ledger.write_bytes(ledger.read_bytes() * 2)
    assert count(ledger, verdict.cohort_sha256) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<<<<<<< HEAD\n",
        "{}\n",
        "[]\n",
        "\n",
        '{"cohort_sha256": 1}\n',
        "NaN\n",
        "[" * 100_000 + "\n",
        '{"cohort_sha256": "1", "predictions_sha256": "2", "decision": "PASS"}\n',
    ],
)
def test_a_damaged_ledger_is_named(text, look, verdict, ledger):
    look(verdict)
    ledger.write_text(text + ledger.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"looks/study\.jsonl.*text that is not a look in line 1\. Restore the file from git"
    ):
        look(verdict)


def test_a_ledger_that_cannot_be_read_is_named(ledger):
    ledger.mkdir(parents=True)
    with pytest.raises(DataError, match="a file that cannot be read"):
        count(ledger, "0" * 64)


def test_the_ledger_knows_no_clock_and_no_machine(look, verdict, ledger, tmp_path):
    look(verdict)
    again = tmp_path / "elsewhere" / "study.jsonl"
    record(again, look_of(verdict), lock=tmp_path / "other.lock")
    assert again.read_bytes() == ledger.read_bytes()


def test_two_processes_at_once_lose_no_line(verdict, ledger, tmp_path):
    (tmp_path / "look.json").write_text(look_of(verdict).model_dump_json(), encoding="utf-8")
    command = [sys.executable, "-c", IN_A_PROCESS, str(tmp_path / "look.json")]
    both = [subprocess.Popen([*command, name, str(ledger), str(tmp_path / "lock")]) for name in "ab"]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert count(ledger, verdict.cohort_sha256) == 40
