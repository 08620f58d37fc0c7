"""`theragate waive`: what is refused, what is written, and what a waiver changes, which is never the verdict."""

import json
import shlex
import subprocess
import sys
from datetime import date, timedelta

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence
from made_projects import put_evidence
from release.submission_by_hand import trust

from theragate import cli
from theragate.commands.waive import renewal, waive, withdraw
from theragate.errors import ConfigurationError, DataError, EvidenceError
from theragate.project.current_verdict import read_judged
from theragate.release.trust import Holder
from theragate.release.waivers import read_waivers
from theragate.runner.command import exit_code
from theragate.stages.gate import gate

TODAY = date(2026, 11, 24)
REASON = "The ranking is not what is used."
GIVEN = {"reason": REASON, "by": "Dr. Ana Ruiz", "expires": "2026-12-31"}


@pytest.fixture
def judged(by_hand, capsys):
    """A study that has been judged: BLOCKED by TG003 and TG004."""
    assert exit_code(gate, [by_hand.study]) == 0
    assert "BLOCKED by TG003 discrimination fail, TG004 calibration fail; look 1" in capsys.readouterr().out
    return by_hand


def waivers_of(workspace):
    return read_waivers(workspace.decided("waivers.json"), workspace.study)


def accept(workspace, code="TG003", today=TODAY, **given):
    return waive(workspace.root, workspace.study, code, **GIVEN | given, today=today)


def test_a_finding_is_accepted_by_name_and_the_verdict_stays(judged):
    before = judged.report("verdict.json").read_bytes()
    line = accept(judged)
    assert "Dr. Ana Ruiz accepts TG003 discrimination (fail) through 2026-12-31. The verdict stays BLOCKED." in line
    found = waivers_of(judged)[0]
    verdict = read_judged(judged).verdict
    assert (found.code, found.gate, found.status, found.issued) == ("TG003", "discrimination", "fail", TODAY)
    assert (found.evidence_sha256, found.policy_sha256) == (verdict.evidence_sha256, verdict.policy_sha256)
    assert judged.report("verdict.json").read_bytes() == before


def test_waivers_of_other_findings_stay_and_the_same_one_is_replaced(judged):
    accept(judged, "TG004")
    accept(judged, "TG003")
    line = accept(judged, "TG003", by="李明")
    assert "in place of the waiver by Dr. Ana Ruiz" in line
    assert [(one.code, one.by) for one in waivers_of(judged)] == [("TG003", "李明"), ("TG004", "Dr. Ana Ruiz")]


def test_spaces_and_lines_in_a_name_or_a_reason_are_one_space(judged):
    accept(judged, by="  Ana\n Ruiz ", reason=" one  two\tthree\nfour five ")
    assert (waivers_of(judged)[0].by, waivers_of(judged)[0].reason) == ("Ana Ruiz", "one two three four five")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"code": "TG001"}, "a finding that blocks is waived; received one that answers `pass`"),
        ({"code": "TG099"}, "the verdict's findings are TG001, TG002.*Name one of them"),
        ({"code": "tg003"}, "the verdict's findings are"),
        ({"code": "TG011"}, "a release condition, which is met or mended"),
        ({"reason": "It is fine."}, "--reason: it says why.*a reason has at least 5 words"),
        ({"reason": ""}, "--reason"),
        ({"by": ""}, "--by: it says who"),
        ({"by": "Ana \x1b[31mRuiz"}, "--by: .*without the character U.001B, which is not seen"),
        ({"by": "\udcff\udcff"}, "--by"),
        ({"expires": "2026-11-23"}, "a day in the past. Name a day from 2026-11-24 to 2027-11-25"),
        ({"expires": "2027-11-26"}, "more than a year away"),
        ({"expires": "2026-02-30"}, "a day of the calendar, as 2026-12-31; received '2026-02-30'"),
        ({"expires": "20261231"}, "a day of the calendar"),
        ({"expires": "2026-W53-1"}, "a day of the calendar"),
        ({"expires": "soon"}, "a day of the calendar"),
        ({"expires": "２０２６-12-31"}, "a day of the calendar"),
    ],
)
def test_what_is_no_waiver_is_refused_in_one_line(given, message, judged):
    before = judged.decided("waivers.json").read_bytes()
    with pytest.raises(ConfigurationError, match=message) as refused:
        accept(judged, **given)
    assert "\n" not in str(refused.value)
    assert judged.decided("waivers.json").read_bytes() == before


@pytest.mark.parametrize("expires", ["2026-11-24", "2027-11-25"])
def test_the_first_and_the_last_day_are_taken(expires, judged):
    accept(judged, expires=expires)
    assert str(waivers_of(judged)[0].expires) == expires


@pytest.mark.parametrize("study", ["nobody", "../elsewhere", ""])
def test_an_unknown_study_is_named_as_such(study, judged):
    for action in (
        lambda: waive(judged.root, study, "TG003", **GIVEN, today=TODAY),
        lambda: withdraw(judged.root, study, "TG003"),
    ):
        with pytest.raises(ConfigurationError, match=f"there are .*{judged.study}"):
            action()


def test_without_a_verdict_there_is_nothing_to_accept(by_hand):
    with pytest.raises(DataError, match=f"Run `dvc repro gate@{by_hand.study}`"):
        accept(by_hand)


def test_a_stale_verdict_is_not_accepted(judged):
    put_evidence(judged, good_evidence(STUDIES["survival"]))
    with pytest.raises(EvidenceError, match="It is stale"):
        accept(judged)


def test_a_waiver_is_withdrawn_and_only_that_one(judged):
    accept(judged, "TG003")
    accept(judged, "TG004")
    assert "the waiver of TG003 by Dr. Ana Ruiz is withdrawn" in withdraw(judged.root, judged.study, "TG003")
    assert [one.code for one in waivers_of(judged)] == ["TG004"]
    with pytest.raises(ConfigurationError, match="received waivers for TG004"):
        withdraw(judged.root, judged.study, "TG003")


def test_a_waiver_of_a_verdict_that_has_changed_can_be_withdrawn(judged):
    accept(judged)
    put_evidence(judged, good_evidence(STUDIES["survival"]))
    withdraw(judged.root, judged.study, "TG003")
    assert waivers_of(judged) == ()


def test_the_command_line(judged, capsys):
    words = ["waive", judged.study, "TG003"]
    soon = str(date.today() + timedelta(days=30))
    assert cli.main([*words, "--by", "Ana Ruiz"]) == 2
    assert cli.main([*words, "--withdraw", "--by", "Ana Ruiz"]) == 2
    assert cli.main([*words, "--withdraw"]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "error: a waiver needs --reason, --expires; see `theragate waive --help`"
    assert "goes without" in shown[1]
    assert len(shown) == 3
    assert cli.main([*words, "--by", "Ana Ruiz", "--reason", REASON, "--expires", soon]) == 0
    assert cli.main([*words, "--withdraw"]) == 0


def test_ci_counts_a_waiver_only_when_it_is_told_to(judged, capsys):
    soon = str(date.today() + timedelta(days=30))
    demand = ["verdict", judged.study, "--require-pass"]
    assert cli.main([*demand, "--accept-waivers"]) == 1
    for code in ("TG003", "TG004"):
        waive(judged.root, judged.study, code, **GIVEN | {"expires": soon}, today=date.today())
    assert cli.main(demand) == 1
    assert cli.main([*demand, "--accept-waivers"]) == 0
    shown = capsys.readouterr().out
    assert "BLOCKED; all that blocks is waived" in shown
    assert "waiver of TG003 discrimination (fail) by Dr. Ana Ruiz" in " ".join(shown.split())


def test_an_expired_waiver_counts_nowhere_and_the_command_to_renew_it_is_shown(judged, capsys):
    long_ago = date.today() - timedelta(days=40)
    odd = {"by": "Ana O'Brien; $(rm -rf x)", "reason": 'She said "no" to `all` of it & $HOME'}
    for code in ("TG003", "TG004"):
        accept(judged, code, today=long_ago, expires=str(long_ago + timedelta(days=39)), **odd)
    assert cli.main(["verdict", judged.study, "--require-pass", "--accept-waivers"]) == 1
    shown = capsys.readouterr().out
    assert "does not count, it expired after" in " ".join(shown.split())
    line = next(line for line in shown.splitlines() if line.startswith("To accept it again: "))
    words = shlex.split(line.removeprefix("To accept it again: "))
    assert words == [
        "theragate",
        "waive",
        judged.study,
        "TG003",
        "--reason",
        odd["reason"],
        "--by",
        odd["by"],
        "--expires",
        "YYYY-MM-DD",
    ]
    assert shlex.split(renewal(waivers_of(judged)[0])) == words


def test_the_card_prints_every_waiver_and_whether_it_is_about_this_verdict(judged, edit):
    assert "Nobody has accepted a finding by name." in judged.report("card.md").read_text(encoding="utf-8")
    accept(judged, "TG003", by="Ana | <b>Ruiz</b>")
    accept(judged, "TG004")
    edit(judged.decided("waivers.json"), lambda content: content["waivers"][1].update(evidence_sha256="7" * 64))
    verdict = judged.report("verdict.json").read_bytes()
    assert exit_code(gate, [judged.study]) == 0
    assert judged.report("verdict.json").read_bytes() == verdict
    card = judged.report("card.md").read_text(encoding="utf-8")
    assert "| TG003 discrimination (fail) | Ana \\| &lt;b>Ruiz&lt;/b> | The ranking is not what is used. |" in card
    assert "2026-11-24 to 2026-12-31 | Yes. It counts through 2026-12-31. |" in card
    assert "| No: the evidence has changed since. |" in card


def test_judging_again_is_no_new_look_and_changes_no_byte(judged):
    ledger = judged.root / "looks" / f"{judged.study}.jsonl"
    files = [ledger, *(judged.report(name) for name in ("verdict.json", "card.md", "metrics.json"))]
    before = [path.read_bytes() for path in files]
    assert exit_code(gate, [judged.study]) == 0
    assert [path.read_bytes() for path in files] == before
    judged.model("predictions.parquet").write_bytes(b"another model's")
    put_evidence(judged, good_evidence(STUDIES["survival"]))
    assert exit_code(gate, [judged.study]) == 0
    assert len(ledger.read_text(encoding="utf-8").splitlines()) == 2
    assert "This verdict is look 2 at them" in judged.report("card.md").read_text(encoding="utf-8")


def test_an_experiment_in_another_folder_is_counted_at_home(judged, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DVC_ROOT", str(home))
    assert exit_code(gate, [judged.study]) == 0
    assert (home / "looks" / f"{judged.study}.jsonl").is_file()


def test_a_file_of_waivers_of_another_study_stops_the_stage_in_one_line(judged, edit, capsys):
    edit(judged.decided("waivers.json"), lambda content: content.update(study="diabetes_progression"))
    assert exit_code(gate, [judged.study]) == 1
    assert cli.main(["verdict", judged.study]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("the file is about the study" in line for line in lines)


IN_A_PROCESS = """
import sys
from datetime import date
from pathlib import Path
from theragate.commands.waive import waive
for number in range(int(sys.argv[3])):
    waive(Path.cwd(), sys.argv[1], sys.argv[2], reason="one two three four five", by=f"Ana {number}",
          expires="2026-12-31", today=date(2026, 11, 24))
"""


def test_two_people_at_once_lose_nothing_and_a_killed_one_leaves_a_whole_file(judged):
    command = [sys.executable, "-c", IN_A_PROCESS, judged.study]
    both = [subprocess.Popen([*command, code, "4"], cwd=judged.root) for code in ("TG003", "TG004")]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert [(one.code, one.by) for one in waivers_of(judged)] == [("TG003", "Ana 3"), ("TG004", "Ana 3")]
    accept(judged, "TG003")
    killed = subprocess.Popen([*command, "TG003", "10000"], cwd=judged.root)
    while waivers_of(judged)[0].by != "Ana 1":
        assert killed.poll() is None
    killed.kill()
    killed.wait()
    assert [one.code for one in waivers_of(judged)] == ["TG003", "TG004"]
    assert json.loads(judged.decided("waivers.json").read_text(encoding="utf-8"))["study"] == judged.study
    accept(judged, "TG003")


def test_under_a_trust_file_a_release_manager_of_the_study_accepts(judged):
    listed = trust(
        release_managers=(Holder(name="ana", studies=(judged.study,)), Holder(name="bob", studies=("other",)))
    )
    for by in ("Dr. Ana Ruiz", "bob", "ANA", "an\u0430"):
        with pytest.raises(
            ConfigurationError, match=r"--by: it is the sign-in name of a release manager.*Name one of ana"
        ):
            waive(judged.root, judged.study, "TG003", **GIVEN | {"by": by}, today=TODAY, trust=listed)
    assert "ana accepts TG003" in waive(
        judged.root, judged.study, "TG003", **GIVEN | {"by": "ana"}, today=TODAY, trust=listed
    )
