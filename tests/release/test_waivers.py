"""Waivers: which count, which do not and why, and a file that people may have edited."""

import json
import re
from datetime import date, timedelta

import pytest
from gates.evidence_by_hand import STUDIES, estimate, good_evidence, overall
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from theragate.errors import ConfigurationError, DataError
from theragate.gates import decide, read_policy
from theragate.gates.types import Verdict
from theragate.release.waivers import Waiver, mismatch, read_waivers, standing, write_waivers

STUDY = STUDIES["survival"].name
ISSUED, EXPIRES = date(2026, 11, 24), date(2026, 12, 31)


def blocked() -> Verdict:
    study = STUDIES["survival"]
    evidence = overall(
        good_evidence(study), concordance_index=estimate(0.5, 0.01), calibration_slope=estimate(0.3, 0.05)
    )
    return decide(evidence, read_policy(study), evidence_sha256="9" * 64)


VERDICT = blocked()


def waiver(code: str = "TG003", **changes) -> Waiver:
    gates = {finding.code: finding.gate for finding in VERDICT.findings}
    fields = {
        "study": STUDY,
        "code": code,
        "gate": gates.get(code, "none"),
        "status": "fail",
        "evidence_sha256": VERDICT.evidence_sha256,
        "policy_sha256": VERDICT.policy_sha256,
        "reason": "The ranking is not what is used.",
        "by": "Dr. Ana Ruiz",
        "issued": ISSUED,
        "expires": EXPIRES,
    }
    return Waiver(**fields | changes)


def test_the_verdict_of_these_tests_is_blocked_by_two_findings():
    assert [finding.code for finding in VERDICT.blocking] == ["TG003", "TG004"]


def test_a_waiver_counts_for_its_own_finding():
    found = standing([waiver()], VERDICT, ISSUED)
    assert [one.code for one in found.counting] == ["TG003"]
    assert [finding.code for finding in found.open] == ["TG004"]
    assert (found.accepted, found.until) == (False, None)


def test_all_that_blocks_is_accepted_until_the_first_waiver_ends():
    found = standing([waiver(), waiver("TG004", expires=date(2026, 12, 1))], VERDICT, ISSUED)
    assert (found.accepted, found.until, found.open) == (True, date(2026, 12, 1), ())


@pytest.mark.parametrize(
    ("today", "counts"),
    [
        (ISSUED - timedelta(days=1), False),
        (ISSUED, True),
        (EXPIRES - timedelta(days=1), True),
        (EXPIRES, True),
        (EXPIRES + timedelta(days=1), False),
    ],
)
def test_a_waiver_is_valid_through_the_day_that_it_names(today, counts):
    assert bool(standing([waiver()], VERDICT, today).counting) == counts


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"evidence_sha256": "7" * 64}, "the evidence has changed since"),
        ({"policy_sha256": "7" * 64}, "the policy has changed since"),
        ({"study": "another_study"}, "it was given for another study, `another_study`"),
        ({"code": "TG001", "gate": "data_quality"}, "this verdict has no finding TG001 data_quality fail"),
        ({"gate": "fairness"}, "this verdict has no finding TG003 fairness fail"),
        ({"status": "insufficient"}, "this verdict has no finding TG003 discrimination insufficient"),
    ],
)
def test_a_waiver_of_something_else_does_not_count_and_says_why(changes, why):
    other = waiver(**changes)
    found = standing([other], VERDICT, ISSUED)
    assert found.counting == ()
    assert found.others == ((other, why),)
    assert mismatch(other, VERDICT) == why


def test_what_has_expired_or_is_still_to_come_says_so():
    late = standing([waiver()], VERDICT, EXPIRES + timedelta(days=1)).others
    early = standing([waiver()], VERDICT, ISSUED - timedelta(days=1)).others
    assert late[0][1] == "it expired after 2026-12-31"
    assert early[0][1] == "it is valid only from 2026-11-24"
    assert mismatch(waiver(), VERDICT) == "", "a card knows no clock"


def test_nothing_is_accepted_where_nothing_blocks():
    study = STUDIES["survival"]
    passing = decide(good_evidence(study), read_policy(study), evidence_sha256="9" * 64)
    found = standing([waiver()], passing, ISSUED)
    assert (found.counting, found.accepted, found.until) == ((), False, None)


@settings(deadline=None)
@given(days=st.integers(-800, 800), codes=st.sets(st.sampled_from(["TG003", "TG004"])))
def test_every_waiver_counts_or_says_why_not(days, codes):
    waivers = [waiver(code) for code in sorted(codes)]
    found = standing(waivers, VERDICT, ISSUED + timedelta(days=days))
    assert {*found.counting, *(other for other, _ in found.others)} == set(waivers)
    assert all(why for _, why in found.others)
    assert found.accepted == (not found.open)
    assert {finding.code for finding in found.open} == {"TG003", "TG004"} - {one.code for one in found.counting}


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": "Too short."},
        {"reason": "     "},
        {"reason": "a b c d e\nf g"},
        {"reason": "a b c \u202ed e f"},
        {"reason": "word " * 500},
        {"by": ""},
        {"by": "  "},
        {"by": "x"},
        {"by": "Ana\x1b[2J"},
        {"by": "a\u2066b"},
        {"by": "\udcff\udcfe"},
        {"by": "n" * 201},
        {"code": "TG3"},
        {"status": "pass"},
        {"evidence_sha256": "9"},
        {"expires": ISSUED - timedelta(days=1)},
        {"expires": ISSUED + timedelta(days=367)},
    ],
)
def test_a_waiver_that_is_none_is_refused(changes):
    with pytest.raises(ValidationError):
        waiver(**changes)


@pytest.mark.parametrize("name", ["李明", "Ana O'Brien-Ñúñez", "علی‌رضا", "Zoë  $(rm)"])
def test_names_of_all_the_world_are_taken(name, tmp_path):
    write_waivers(tmp_path / "waivers.json", STUDY, [waiver(by=name)])
    assert read_waivers(tmp_path / "waivers.json", STUDY)[0].by == name


def test_a_name_is_the_same_however_it_was_typed():
    assert waiver(by="Zoe\u0308").by == waiver(by="Zoë").by


def test_the_file_is_sorted_and_read_back(tmp_path):
    path = tmp_path / "release" / STUDY / "waivers.json"
    assert read_waivers(path, STUDY) == ()
    write_waivers(path, STUDY, [waiver("TG004"), waiver("TG003")])
    content = path.read_bytes()
    assert read_waivers(path, STUDY) == (waiver("TG003"), waiver("TG004"))
    write_waivers(path, STUDY, [waiver("TG003"), waiver("TG004")])
    assert path.read_bytes() == content


def set_field(name, value):
    return lambda content: content["waivers"][0].update({name: value})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda content: content.update(study="another_study"),
            f"the file is about the study `{STUDY}`.*`another_study`",
        ),
        (lambda content: content.update(waivers={}), "key `waivers`: this entry is a list; received this entry"),
        (lambda content: content.update(more=1), "key `more`: there is no such key"),
        (lambda content: content.pop("study"), "key `study`: this key is required"),
        (lambda content: content["waivers"].append(content["waivers"][0]), "a finding is waived once"),
        (lambda content: content["waivers"][0].pop("by"), r"key `waivers\.0\.by`: this key is required"),
        (set_field("expires", "2099-01-01"), "expires on the day of its issue or within a year of it"),
        (set_field("expires", "31.12.2026"), r"`waivers\.0\.expires`: .*date.*; received '31\.12\.2026'"),
        (set_field("expires", 0), r"`waivers\.0\.expires`"),
        (set_field("status", "pass"), r"`waivers\.0\.status`"),
        (set_field("reason", "Fine."), "a reason has at least 5 words"),
        (set_field("by", "\ud800"), "it is text; received half of a character"),
    ],
)
def test_a_file_edited_into_another_form_is_refused_in_one_line(edit, message, tmp_path):
    path = tmp_path / "release" / STUDY / "waivers.json"
    write_waivers(path, STUDY, [waiver()])
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message) as refused:
        read_waivers(path, STUDY)
    assert str(refused.value).startswith((f"release/{STUDY}/waivers.json: ", f"release/{STUDY}/waivers.json, key `"))
    assert "Dr. Ana" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[1, NaN]", "<<<<<<< HEAD"])
def test_a_file_that_is_no_json_is_refused(text, tmp_path):
    (tmp_path / "waivers.json").write_text(text, encoding="utf-8")
    with pytest.raises((DataError, ConfigurationError), match="JSON"):
        read_waivers(tmp_path / "waivers.json", STUDY)


@pytest.mark.parametrize(("text", "received"), [("[]", "[]"), ("null", "None"), ("3", "3")])
def test_json_of_another_kind_is_refused(text, received, tmp_path):
    (tmp_path / "waivers.json").write_text(text, encoding="utf-8")
    with pytest.raises(
        ConfigurationError,
        match=f"waivers.json: this entry is a mapping of keys to values; received {re.escape(received)}",
    ):
        read_waivers(tmp_path / "waivers.json", STUDY)


def test_a_waiver_of_another_study_in_the_file_is_kept_and_does_not_count(tmp_path):
    write_waivers(tmp_path / "waivers.json", STUDY, [waiver(), waiver(study="another_study")])
    found = standing(read_waivers(tmp_path / "waivers.json", STUDY), VERDICT, ISSUED)
    assert [one.study for one in found.counting] == [STUDY]
    assert [one.study for one, _ in found.others] == ["another_study"]
