"""Envelopes: what was signed is what is read; and other tools read them too."""

import base64
import json

import pytest
from google.protobuf.json_format import Parse
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from release.submission_by_hand import EVALUATOR, NAME, PACKAGE, STRANGER, DraftSubmission
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from theragate.release.attestation import PAYLOAD_TYPE, PREDICATE_TYPE
from theragate.release.dsse import MOST_CHARACTERS, Envelope, Signature, pae, read_envelope, sign, verify
from theragate.release.refusals import Refusal

TYPE = "application/example"


def test_the_encoding_is_that_of_the_specification():
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.binary(max_size=300))
def test_a_payload_comes_back_under_the_key_that_signed_it(payload):
    envelope = read_envelope(sign(payload, TYPE, EVALUATOR).text)
    verified = verify(envelope, [STRANGER.public, EVALUATOR.public], payload_type=TYPE)
    assert (verified.payload, verified.key_id) == (payload, EVALUATOR.key_id)


@given(st.binary(min_size=1, max_size=100), st.data())
def test_a_changed_bit_is_noticed(payload, data):
    envelope = sign(payload, TYPE, EVALUATOR)
    place = data.draw(st.integers(0, len(payload) - 1))
    changed = bytes(byte ^ (index == place) for index, byte in enumerate(payload))
    forged = envelope.model_copy(update={"payload": base64.b64encode(changed).decode()})
    with pytest.raises(Refusal, match="a key which counts here"):
        verify(forged, [EVALUATOR.public], payload_type=TYPE)


def test_a_stranger_cannot_sign_in_the_name_of_a_key():
    envelope = sign(b"payload", TYPE, STRANGER)
    claimed = Signature(keyid=EVALUATOR.key_id, sig=envelope.signatures[0].sig)
    with pytest.raises(Refusal, match=EVALUATOR.key_id[:12]):
        verify(envelope.model_copy(update={"signatures": (claimed,)}), [EVALUATOR.public], payload_type=TYPE)


def test_no_key_no_verification():
    with pytest.raises(Refusal, match="signature"):
        verify(sign(b"payload", TYPE, EVALUATOR), [], payload_type=TYPE)


def test_what_was_signed_for_one_purpose_serves_no_other():
    envelope = sign(b"payload", TYPE, EVALUATOR)
    with pytest.raises(Refusal, match="a payload of type `application/example`"):
        verify(envelope, [EVALUATOR.public], payload_type=PAYLOAD_TYPE)
    relabelled = envelope.model_copy(update={"payload_type": PAYLOAD_TYPE})
    with pytest.raises(Refusal, match="signature"):
        verify(relabelled, [EVALUATOR.public], payload_type=PAYLOAD_TYPE)


def test_a_second_signature_by_a_stranger_takes_nothing_away():
    own, other = sign(b"payload", TYPE, EVALUATOR), sign(b"payload", TYPE, STRANGER)
    both = own.model_copy(update={"signatures": (*other.signatures, *own.signatures)})
    assert verify(both, [EVALUATOR.public], payload_type=TYPE).key_id == EVALUATOR.key_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "[]",
        "{}",
        '{"payload":"","payloadType":"x","signatures":[]}',
        '{"payload":"","payloadType":"x","signatures":[{"keyid":"","sig":"","more":1}]}',
        '{"payload":1,"payloadType":"x","signatures":[{"keyid":"","sig":""}]}',
        "[" * 9000,
        "x" * (MOST_CHARACTERS + 1),
    ],
)
def test_what_is_no_envelope_is_refused(text):
    with pytest.raises(Refusal, match="signed envelope"):
        read_envelope(text)


@pytest.mark.parametrize("broken", ["?", "ä", "AAA", "AA\nAA"])
def test_what_is_no_base64_is_refused(broken):
    envelope = sign(b"payload", TYPE, EVALUATOR)
    with pytest.raises(Refusal, match="not Base64"):
        verify(envelope.model_copy(update={"payload": broken}), [EVALUATOR.public], payload_type=TYPE)
    signatures = (Signature(keyid="", sig=broken),)
    with pytest.raises(Refusal, match="not Base64"):
        verify(envelope.model_copy(update={"signatures": signatures}), [EVALUATOR.public], payload_type=TYPE)


def test_base64_has_one_spelling():
    """The last letter before `==` has four bits that say nothing: sixteen spellings were one signed content."""
    envelope = sign(b"payload", TYPE, EVALUATOR)
    signature = envelope.signatures[0].sig
    assert (envelope.payload[-3:], signature[-2:]) == ("A==", "==")
    respelled = Signature(keyid="", sig=f"{signature[:-3]}{chr(ord(signature[-3]) + 1)}==")
    for change in ({"payload": f"{envelope.payload[:-3]}B=="}, {"signatures": (respelled,)}):
        with pytest.raises(Refusal, match="another spelling than its canonical one"):
            verify(envelope.model_copy(update=change), [EVALUATOR.public], payload_type=TYPE)


def other_key(key) -> SSlibKey:
    return SSlibKey(key.key_id, "ed25519", "ed25519", {"public": key.public.raw.hex()})


def test_securesystemslib_verifies_our_envelopes():
    envelope = OtherEnvelope.from_dict(json.loads(DraftSubmission().submission.envelope))
    assert set(envelope.verify([other_key(EVALUATOR)], threshold=1)) == {EVALUATOR.key_id}
    with pytest.raises(VerificationError):
        envelope.verify([other_key(STRANGER)], threshold=1)


def test_in_toto_reads_our_statements():
    payload = Envelope.model_validate_json(DraftSubmission().submission.envelope).content
    statement = Statement.copy_from_pb(Parse(payload.decode(), StatementMessage()))
    statement.validate()
    assert statement.pb.predicate_type == PREDICATE_TYPE
    assert [(subject.name, subject.digest["sha256"]) for subject in statement.pb.subject] == [(NAME, PACKAGE)]
    assert statement.pb.predicate["decision"] == "PASS"
