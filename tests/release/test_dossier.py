"""Dossiers: one file that its digest names, and an envelope that is read before anybody believes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.submission_by_hand import EVALUATOR, NOW, STRANGER, DraftSubmission, trust

from theragate.digests import canonical_json, sha256_bytes
from theragate.release.dossier import dossier_bytes, dossier_sha256, read_dossier
from theragate.release.examination import examine, read_unverified, verify_statement
from theragate.release.refusals import Refusal

PASSING, TRUST = DraftSubmission(), trust()
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")), st.lists)


@given(JSON, JSON)
def test_a_file_is_read_as_it_was_written(evidence, policy):
    assert read_dossier(dossier_bytes(evidence, policy)) == (evidence, policy)


def test_the_digest_is_that_of_the_file():
    content = dossier_bytes(PASSING.raw, PASSING.policy)
    assert dossier_sha256(PASSING.raw, PASSING.policy) == sha256_bytes(content) == PASSING.attestation.dossier_sha256


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"evidence":1}',
        b'{"evidence":1,"policy":1,"more":1}',
        b'{"evidence":1, "policy":1}',
        b'{"policy":1,"evidence":1}',
        b'{"evidence":NaN,"policy":1}',
        b"\xff",
        b"[" * 100_000,
        b'{"evidence":"\\ud800","policy":1}',
    ],
)
def test_another_file_is_refused(content):
    with pytest.raises(Refusal, match="the dossier"):
        read_dossier(content)


def test_what_an_envelope_says_can_be_read_without_being_believed():
    forged = PASSING.but(key=STRANGER).submission
    assert read_unverified(forged.envelope) == PASSING.attestation
    with pytest.raises(Refusal, match="a key which counts here"):
        verify_statement(forged.envelope, TRUST, NOW.date())


def test_an_examination_names_the_key_and_the_findings():
    reading = examine(PASSING.submission, TRUST, NOW.date())
    assert (reading.key_id, reading.statement.sha256) == (EVALUATOR.key_id, PASSING.statement_sha256)
    assert reading.verdict == PASSING.verdict
    assert canonical_json(reading.evidence.model_dump(mode="json")) == canonical_json(PASSING.raw)
