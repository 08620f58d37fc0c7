"""No single change to evidence, policy, statement, envelope, trust, history or time lets a version through."""

import base64
import json
from datetime import timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from release.submission_by_hand import (
    APPROVAL,
    EVALUATOR,
    LEDGER,
    NAME,
    NOW,
    PASSING,
    STRANGER,
    DraftSubmission,
    Release,
    approved,
    holders,
    key_entry,
    refused,
)

from theragate.digests import canonical_json
from theragate.release.admission import Refusal
from theragate.release.attestation import PAYLOAD_TYPE, statement_of
from theragate.release.dsse import sign


def leaves(value, path=()):
    """The paths of all values in JSON that hold no others."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for key, item in inner for leaf in leaves(item, (*path, key))]
    return found or [path]


def spoiled(value, path, how: str):
    """A copy of JSON in which one leaf is another, gone, or (in a list) there twice."""
    copy = json.loads(json.dumps(value))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    if how == "gone":
        del holder[path[-1]]
    elif how == "twice" and isinstance(holder, list):
        holder.append(holder[path[-1]])
    else:
        holder[path[-1]] = other_than(holder[path[-1]])
    return copy


def other_than(leaf):
    if isinstance(leaf, bool):
        return not leaf
    if isinstance(leaf, int | float):
        return leaf + 1
    if isinstance(leaf, str):
        return ("e" if leaf[:1] != "e" else "f") + leaf[1:]
    return "x" if leaf is None else [leaf]


HOW = st.sampled_from(["another", "gone", "twice"])


def admitted(draft: DraftSubmission, release: Release) -> bool:
    try:
        release.promote(draft)
    except Refusal:
        return False
    return True


@settings(max_examples=150)
@given(st.sampled_from(leaves(PASSING.raw)), HOW)
def test_no_other_evidence_is_let_through(path, how):
    raw = spoiled(PASSING.raw, path, how)
    assert not admitted(PASSING.but(sent={"evidence": raw}), approved(PASSING))


@settings(max_examples=80)
@given(st.sampled_from(leaves(PASSING.policy)), HOW)
def test_no_other_policy_is_let_through(path, how):
    policy = spoiled(PASSING.policy, path, how)
    assert not admitted(PASSING.but(sent={"policy": policy}), approved(PASSING))


STATEMENT = json.loads(statement_of(PASSING.attestation))


@settings(max_examples=150)
@given(st.sampled_from(leaves(STATEMENT)), HOW, st.sampled_from([EVALUATOR, STRANGER, None]))
def test_no_other_statement_is_let_through_even_by_the_evaluators_key(path, how, key):
    payload = canonical_json(spoiled(STATEMENT, path, how))
    if key is None:  # with the signature of the honest one
        envelope = json.loads(PASSING.submission.envelope) | {"payload": base64.b64encode(payload).decode()}
        text = json.dumps(envelope)
    else:
        text = sign(payload, PAYLOAD_TYPE, key).text
    assert not admitted(PASSING.but(sent={"envelope": text}), approved(PASSING))


@settings(max_examples=100)
@given(st.integers(0, len(PASSING.submission.envelope) - 1), st.sampled_from('aB9+/={}",: '))
def test_no_other_envelope_is_let_through(place, sign_of):
    text = PASSING.submission.envelope
    other = text[:place] + sign_of + text[place + 1 :]
    assume(_content(other) != _content(text))
    assert not admitted(PASSING.but(sent={"envelope": other}), approved(PASSING))


def _content(text: str):
    """What an envelope signs; the id of the key is a hint that nobody follows."""
    try:
        envelope = json.loads(text)
        return (envelope["payloadType"], envelope["payload"], envelope["signatures"][0]["sig"], sorted(envelope))
    except (ValueError, KeyError, TypeError, IndexError):
        return None


HARMFUL_TRUST = {
    "no keys": {"keys": ()},
    "no evaluator": {"keys": (key_entry(LEDGER, "ledger"),)},
    "a key of another role": {"keys": (key_entry(EVALUATOR, "ledger"),)},
    "another key": {"keys": (key_entry(STRANGER, "evaluator"),)},
    "a revoked key": {"keys": (key_entry(EVALUATOR, "evaluator", revoked=NOW.date()),)},
    "no managers": {"release_managers": ()},
    "no approver": {"release_managers": holders("eve", "ada")},
    "no promoter": {"release_managers": holders("bob")},
    "no policy": {"policies": {NAME: ()}},
    "another policy": {"policies": {NAME: ("9" * 64,)}},
    "a shorter validity": {"most_days": 60},
}


@pytest.mark.parametrize("change", HARMFUL_TRUST)
def test_no_lesser_trust_lets_it_through(change):
    assert not admitted(PASSING, approved(PASSING, **HARMFUL_TRUST[change]))


HARMFUL_EVENTS = {
    "another study": {"study": "another_study"},
    "another kind": {"kind": "withdraw"},
    "another version": {"version": "2"},
    "by the author": {"actor": "ADA"},
    "by a stranger": {"actor": "mallory"},
    "by word": {"identity": "claimed"},
    "of another statement": {"statement_sha256": "9" * 64},
    "a revocation": {"kind": "revoke"},
    "of an estimator that was revoked": {"kind": "revoke", "version": "7"},
    "another champion": {"kind": "promote", "version": "7", "model_sha256": "9" * 64},
}


@pytest.mark.parametrize("change", HARMFUL_EVENTS)
def test_no_other_history_lets_it_through(change):
    release = Release()
    release.write(APPROVAL.model_copy(update=HARMFUL_EVENTS[change]))
    assert not admitted(PASSING, release)


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_no_other_time_lets_it_through(shift):
    signed, now = PASSING.attestation, NOW + shift
    release = approved(PASSING)
    if signed.issued <= now < signed.expires:
        release.promote(PASSING, now=now)
    else:
        with refused("valid now"):
            release.promote(PASSING, now=now)
