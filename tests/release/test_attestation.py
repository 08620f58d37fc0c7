"""Attestations: strict, canonical, and named by the bytes that are signed."""

import json
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from release.submission_by_hand import NOW, DraftSubmission, waiver

from theragate.digests import canonical_json, sha256_bytes
from theragate.release.attestation import Attestation, read_statement, statement_of
from theragate.release.refusals import Refusal

PASSING = DraftSubmission()


CHANGES = st.fixed_dictionaries(
    {
        "looks": st.integers(0, 1000),
        "expires": st.integers(1, 400).map(lambda days: NOW + timedelta(days=days)),
        "recomputed": st.booleans(),
        "commit": st.none() | st.just("c" * 40),
        "waivers": st.just((waiver(PASSING.verdict, "TG003", status="fail"),)),
    }
)


@given(CHANGES)
def test_an_attestation_is_read_back_as_it_was_signed(changes):
    attestation = PASSING.signing(**changes).attestation
    stated = read_statement(statement_of(attestation))
    assert stated.attestation == attestation
    assert stated.sha256 == sha256_bytes(statement_of(attestation))


def test_the_same_at_another_time_is_the_same_but_for_time():
    later = PASSING.signing(issued=NOW, expires=NOW + timedelta(days=5)).attestation
    assert PASSING.attestation.same_but_for_time(later)
    assert not PASSING.attestation.same_but_for_time(PASSING.signing(looks=2).attestation)
    assert PASSING.statement_sha256 != sha256_bytes(statement_of(later))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expires": NOW - timedelta(days=1)}, "expires after it is issued"),
        ({"issued": NOW.replace(tzinfo=None)}, "timezone"),
        ({"issued": NOW.astimezone(timezone(timedelta(hours=1)))}, "in UTC"),
        ({"model_sha256": "A" * 64}, "pattern"),
        ({"model_sha256": "a" * 63}, "pattern"),
        ({"author": ""}, "at least 2"),
        ({"author": "Ada\nBob"}, "plain text"),
        ({"decision": "pass"}, "PASS"),
        ({"looks": -1}, "greater"),
        ({"looks": True}, "integer"),
        ({"recomputed": "yes"}, "boolean"),
        ({"conditions": {"lineage": "fine"}}, "pass"),
        ({"commit": "HEAD"}, "pattern"),
        ({"more": 1}, "extra"),
    ],
)
def test_an_attestation_is_strict(changes, message):
    with pytest.raises(ValidationError, match=message):
        _ = PASSING.signing(**changes).attestation


def payload() -> dict:
    return json.loads(statement_of(PASSING.attestation))


@pytest.mark.parametrize("name", list(Attestation.model_fields))
def test_no_entry_may_be_left_out(name):
    content = payload()
    del content["predicate"][name]
    with pytest.raises(Refusal, match=rf"predicate\.{name}"):
        read_statement(canonical_json(content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(_type="https://in-toto.io/Statement/v0.1"), "_type"),
        (lambda content: content.update(predicateType="urn:other"), "predicateType"),
        (lambda content: content.update(subject=[]), "subject"),
        (lambda content: content["subject"].append(content["subject"][0]), "subject"),
        (lambda content: content["subject"][0]["digest"].update(sha256="0" * 64), "the packaged model"),
        (lambda content: content["subject"][0]["digest"].update(sha512="0" * 128), "the packaged model"),
        (lambda content: content["subject"][0].update(name="other"), "the packaged model"),
        (lambda content: content.update(more=1), "more"),
    ],
)
def test_another_statement_is_refused(change, message):
    content = payload()
    change(content)
    with pytest.raises(Refusal, match=message):
        read_statement(canonical_json(content))


@pytest.mark.parametrize(
    "spelling",
    [
        lambda text: text.replace(b",", b", "),
        lambda text: text + b"\n",
        lambda text: text.replace(b'"looks":1', b'"looks":9,"looks":1'),
        lambda text: json.dumps(json.loads(text), sort_keys=False).encode(),
    ],
)
def test_only_one_spelling_is_read(spelling):
    with pytest.raises(Refusal, match="that is not canonical"):
        read_statement(spelling(statement_of(PASSING.attestation)))


@pytest.mark.parametrize("content", [b"", b"\xff", b"[", b"NaN", b"[" * 100_000, b'"\\ud800"'])
def test_what_is_no_json_is_refused(content):
    with pytest.raises(Refusal, match="the attestation"):
        read_statement(content)
