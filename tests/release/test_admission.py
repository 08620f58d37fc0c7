"""Admission of a version that is in order: approved by one person, promoted by another."""

import pytest
from release.submission_by_hand import (
    ADA,
    BOB,
    EVALUATOR,
    EVE,
    LEDGER,
    NAME,
    NOW,
    PASSING,
    REASON,
    DraftSubmission,
    Release,
    blocked_release,
    challenger,
    holders,
    key_entry,
    refused,
    trust,
)

from theragate.release.admission import Actor, rollback
from theragate.release.ledger import verify_rows
from theragate.release.names import as_seen
from theragate.release.trust import Holder


def test_approved_by_one_and_promoted():
    release = Release()
    approval = release.approve(PASSING)
    assert (approval.kind, approval.actor, approval.reason) == ("approve", "bob", REASON)
    event = release.promote(PASSING)
    assert (event.kind, event.version, event.actor, event.replaces) == ("promote", "1", "eve", None)
    signed = PASSING.attestation
    for name in ("package_sha256", "model_sha256", "evidence_sha256", "policy_sha256"):
        assert getattr(event, name) == getattr(signed, name)
    assert event.statement_sha256 == PASSING.statement_sha256
    assert release.state.of(NAME).champion == event
    assert verify_rows(release.rows, release.trust) == release.rows[-1]


def test_a_challenger_replaces_the_champion_that_it_was_compared_with():
    release = Release()
    release.release(PASSING)
    second = challenger(PASSING, 2)
    assert release.release(second).replaces == "1"
    assert release.state.of(NAME).champion.version == "2"


@pytest.mark.parametrize(
    "author", ["bob", "BOB", "ｂｏｂ", " bob\n", "b\u2060ob", "b\u043eb", "Bob <bob@x.org>", "bob@x.org"]
)
def test_the_author_never_approves_under_any_name(author):
    release = Release()
    with refused("someone other than its author"):
        release.approve(PASSING.but(author=author), BOB)
    with refused("someone other than its author"):
        release.approve(PASSING.signing(author=as_seen(author).strip()), BOB)


@pytest.mark.parametrize("name", ["mallory", "", "bobby", "bob@example.org"])
def test_a_stranger_never_approves(name):
    with refused("a release manager of the study approves a model"):
        Release().approve(PASSING, Actor(name, "signed_in"))


def test_nobody_approves_by_word_only():
    with refused("has signed in.*a name that is only claimed"):
        Release().approve(PASSING, Actor("bob", "claimed"))


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "0" * 12,
        "0" * 64,
        "zzzzzzzzzzzz",
        PASSING.attestation.evidence_sha256[:11],
        PASSING.attestation.model_sha256,
        PASSING.attestation.evidence_sha256 + "0",
    ],
)
def test_an_approval_of_another_digest_is_refused(digest):
    with refused("an approval names the evidence that was read"):
        Release().approve(PASSING, digest=digest)


@pytest.mark.parametrize("digits", [12, 40, 64])
def test_an_approval_names_the_evidence_in_any_case(digits):
    Release().approve(PASSING, digest=f" {PASSING.attestation.evidence_sha256[:digits].upper()}\n")


@pytest.mark.parametrize("reason", ["", "fine", "one two three four", "a b c d e\nf", "a b c d \u202e e", "x" * 2001])
def test_an_approval_gives_a_reason(reason):
    with refused("a reason is given"):
        Release().approve(PASSING, reason=reason)


def test_a_person_approves_once():
    release = Release()
    release.approve(PASSING)
    with refused("once"):
        release.approve(PASSING, Actor("bob", "signed_in"))
    release.approve(PASSING, EVE)


def test_what_is_blocked_is_not_approved():
    with refused("BLOCKED, because of TG003"):
        Release().approve(DraftSubmission(evidence=blocked_release()))


# Promotion, and whose approval counts


def test_no_promotion_without_approval():
    with refused("other than its author has approved this attestation"):
        Release().promote(PASSING)


def test_an_approval_of_another_attestation_does_not_count():
    release = Release()
    release.approve(PASSING)
    with refused("approved this attestation"):
        release.promote(PASSING.signing(looks=2))


def test_an_approval_of_another_version_does_not_count():
    release = Release()
    release.approve(PASSING)
    with refused("approved this attestation"):
        release.promote(PASSING.but(version="2"))


def test_an_approval_of_another_study_does_not_count():
    release = Release()
    event = release.approve(PASSING)
    release.rows.clear()
    release.write(event.model_copy(update={"study": "another_study"}))
    with refused("approved this attestation"):
        release.promote(PASSING)


def test_an_approval_by_who_turns_out_to_be_the_author_does_not_count():
    release = Release()
    release.approve(PASSING)
    with refused("approved this attestation"):
        release.promote(PASSING.but(author="Bob"))


def test_an_approval_by_who_is_no_manager_any_more_does_not_count():
    release = Release()
    release.approve(PASSING)
    release.trust = release.trust.model_copy(update={"release_managers": holders("eve")})
    with refused("approved this attestation"):
        release.promote(PASSING)


def test_an_approval_by_word_does_not_count():
    release = Release()
    event = release.approve(PASSING)
    release.rows.clear()
    release.write(event.model_copy(update={"identity": "claimed"}))
    with refused("approved this attestation"):
        release.promote(PASSING)


def test_the_author_may_promote_what_another_has_approved():
    release = Release()
    release.approve(PASSING)
    assert release.promote(PASSING, ADA).actor == "ada"


@pytest.mark.parametrize("actor", [Actor("mallory", "signed_in"), Actor("eve", "claimed")])
def test_only_a_signed_in_manager_promotes(actor):
    release = Release()
    release.approve(PASSING)
    with refused("promotes a model"):
        release.promote(PASSING, actor)


def test_the_champion_is_not_promoted_again():
    release = Release()
    release.release(PASSING)
    with refused("the champion itself"):
        release.promote(PASSING)


def test_an_approval_is_of_one_promotion():
    release = Release()
    release.release(PASSING)
    second = challenger(PASSING, 2)
    release.release(second)
    release.write(rollback(release.state, release.trust, BOB, study=NAME, version="1", now=NOW))
    with refused("approved this attestation"):
        release.promote(second)
    release.approve(second)  # by the same person: it is another approval
    release.promote(second)


def test_the_champion_is_not_approved_ahead_of_its_return():
    release = Release()
    release.release(PASSING)
    with refused("the champion itself"):
        release.approve(PASSING)


def test_a_manager_of_other_studies_is_none_of_this_one():
    release = Release(release_managers=(Holder(name="bob", studies=("another_study",)), *holders("eve", "ada")))
    with refused("`bob`, who is not one, but one of other studies"):
        release.approve(PASSING)
    release.approve(PASSING, EVE)
    with refused("who is not one, but one of other studies"):
        release.promote(PASSING, BOB)
    release.trust = trust(release_managers=(Holder(name="eve", studies=("another_study",)), *holders("ada")))
    with refused("approved this attestation"):
        release.promote(PASSING, ADA)


def test_an_evaluator_of_other_studies_attests_nothing_of_this_one():
    server = key_entry(LEDGER, "ledger", name="server")
    limited = key_entry(EVALUATOR, "evaluator", name="ci", studies=("another_study",))
    with refused("may attest the study `heart_attack_survival`.*key `ci`, which is limited to other studies"):
        Release(keys=(limited, server)).approve(PASSING)
    Release(keys=(key_entry(EVALUATOR, "evaluator", name="ci", studies=(NAME,)), server)).release(PASSING)
