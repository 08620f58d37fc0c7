"""Admission of a version that is in order: approved by one person, promoted by another."""

import pytest
from release.papers import (
    ADA,
    BOB,
    EVE,
    NAME,
    PAPERS,
    REASON,
    Papers,
    Release,
    blocked_release,
    challenger,
    refused,
)

from theragate.release.admission import Actor
from theragate.release.ledger import verify_rows


def test_approved_by_one_and_promoted():
    release = Release()
    approval = release.approve(PAPERS)
    assert (approval.kind, approval.actor, approval.reason) == ("approve", "bob", REASON)
    event = release.promote(PAPERS)
    assert (event.kind, event.version, event.actor, event.replaces) == ("promote", "1", "eve", None)
    signed = PAPERS.attestation
    for name in ("package_sha256", "model_sha256", "evidence_sha256", "policy_sha256"):
        assert getattr(event, name) == getattr(signed, name)
    assert event.statement_sha256 == PAPERS.statement_sha256
    assert release.state.of(NAME).champion == event
    assert verify_rows(release.rows, release.trust) == release.rows[-1]


def test_a_challenger_replaces_the_champion_that_it_was_compared_with():
    release = Release()
    release.release(PAPERS)
    second = challenger(PAPERS, 2)
    assert release.release(second).replaces == "1"
    assert release.state.of(NAME).champion.version == "2"


@pytest.mark.parametrize("author", ["bob", "BOB", "ｂｏｂ", " bob\n", "b\u200bob", "Bob <bob@x.org>", "bob@x.org"])
def test_the_author_never_approves_under_any_name(author):
    release = Release()
    with refused("somebody else than its author"):
        release.approve(PAPERS.but(author=author), BOB)
    with refused("somebody else than its author"):
        release.approve(PAPERS.signing(author=author.strip()), BOB)


@pytest.mark.parametrize("name", ["mallory", "", "bobby", "bob@example.org"])
def test_a_stranger_never_approves(name):
    with refused("a release manager approves a model"):
        Release().approve(PAPERS, Actor(name, "signed_in"))


def test_nobody_approves_by_word_only():
    with refused("has signed in.*by word only"):
        Release().approve(PAPERS, Actor("bob", "claimed"))


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "0" * 12,
        "0" * 64,
        "zzzzzzzzzzzz",
        PAPERS.attestation.evidence_sha256[:11],
        PAPERS.attestation.model_sha256,
        PAPERS.attestation.evidence_sha256 + "0",
    ],
)
def test_an_approval_of_another_digest_is_refused(digest):
    with refused("an approval names the evidence that was read"):
        Release().approve(PAPERS, digest=digest)


@pytest.mark.parametrize("digits", [12, 40, 64])
def test_an_approval_names_the_evidence_in_any_case(digits):
    Release().approve(PAPERS, digest=f" {PAPERS.attestation.evidence_sha256[:digits].upper()}\n")


@pytest.mark.parametrize("reason", ["", "fine", "one two three four", "a b c d e\nf", "a b c d \u202e e", "x" * 2001])
def test_an_approval_gives_a_reason(reason):
    with refused("a reason is given"):
        Release().approve(PAPERS, reason=reason)


def test_a_person_approves_once():
    release = Release()
    release.approve(PAPERS)
    with refused("once"):
        release.approve(PAPERS, Actor("bob", "signed_in"))
    release.approve(PAPERS, EVE)


def test_what_is_blocked_is_not_approved():
    with refused("BLOCKED by TG003"):
        Release().approve(Papers(evidence=blocked_release()))


# Promotion, and whose approval counts


def test_no_promotion_without_approval():
    with refused("other than its author must first have approved this very attestation"):
        Release().promote(PAPERS)


def test_an_approval_of_another_attestation_does_not_count():
    release = Release()
    release.approve(PAPERS)
    with refused("approved this very attestation"):
        release.promote(PAPERS.signing(looks=2))


def test_an_approval_of_another_version_does_not_count():
    release = Release()
    release.approve(PAPERS)
    with refused("approved this very attestation"):
        release.promote(PAPERS.but(version="2"))


def test_an_approval_of_another_study_does_not_count():
    release = Release()
    event = release.approve(PAPERS)
    release.rows.clear()
    release.write(event.model_copy(update={"study": "another_study"}))
    with refused("approved this very attestation"):
        release.promote(PAPERS)


def test_an_approval_by_who_turns_out_to_be_the_author_does_not_count():
    release = Release()
    release.approve(PAPERS)
    with refused("approved this very attestation"):
        release.promote(PAPERS.but(author="Bob"))


def test_an_approval_by_who_is_no_manager_any_more_does_not_count():
    release = Release()
    release.approve(PAPERS)
    release.trust = release.trust.model_copy(update={"release_managers": ("eve",)})
    with refused("approved this very attestation"):
        release.promote(PAPERS)


def test_an_approval_by_word_does_not_count():
    release = Release()
    event = release.approve(PAPERS)
    release.rows.clear()
    release.write(event.model_copy(update={"identity": "claimed"}))
    with refused("approved this very attestation"):
        release.promote(PAPERS)


def test_the_author_may_promote_what_another_has_approved():
    release = Release()
    release.approve(PAPERS)
    assert release.promote(PAPERS, ADA).actor == "ada"


@pytest.mark.parametrize("actor", [Actor("mallory", "signed_in"), Actor("eve", "claimed")])
def test_only_a_signed_in_manager_promotes(actor):
    release = Release()
    release.approve(PAPERS)
    with refused("promotes a model"):
        release.promote(PAPERS, actor)


def test_the_champion_is_not_promoted_again():
    release = Release()
    release.release(PAPERS)
    with refused("the champion itself"):
        release.promote(PAPERS)
