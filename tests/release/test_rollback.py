"""Rollback, revocation and withdrawal of what was released."""

from datetime import timedelta

import pytest
from release.submission_by_hand import (
    BOB,
    EVE,
    NAME,
    NOW,
    PASSING,
    REASON,
    STRANGER,
    Release,
    approved,
    challenger,
    refused,
)

from theragate.release.admission import Actor, revoke, rollback, withdraw


def two_releases() -> Release:
    release = Release()
    release.release(PASSING)
    release.release(challenger(PASSING, 2))
    return release


def roll(release: Release, version: str, actor: Actor = BOB):
    return rollback(release.state, release.trust, actor, study=NAME, version=version, now=NOW)


def test_a_rollback_needs_no_approval_and_copies_what_was_released():
    release = two_releases()
    event = release.write(roll(release, "1"))
    assert (event.kind, event.version, event.replaces) == ("rollback", "1", "2")
    assert event.package_sha256 == PASSING.attestation.package_sha256
    assert release.state.of(NAME).champion.version == "1"
    with refused("received no such champion"):
        roll(release, "2")


def test_a_rollback_ignores_expiry_but_not_revocation():
    release = two_releases()
    now = NOW + timedelta(days=400)
    rollback(release.state, release.trust, BOB, study=NAME, version="1", now=now)
    release.write(revoke(release.state, release.trust, BOB, study=NAME, version="1", reason=REASON, now=NOW))
    with refused("no such champion"):
        roll(release, "1")


@pytest.mark.parametrize("version", ["2", "3", "", "x"])
def test_a_rollback_goes_one_step(version):
    with refused("the target is 1|goes one step"):
        roll(two_releases(), version)


@pytest.mark.parametrize("actor", [Actor("mallory", "signed_in"), Actor("bob", "claimed")])
def test_only_a_signed_in_manager_rolls_back_revokes_and_withdraws(actor):
    release = two_releases()
    state, trust = release.state, release.trust
    with refused("rolls back"):
        roll(release, "1", actor)
    with refused("revokes"):
        revoke(state, trust, actor, study=NAME, version="1", reason=REASON, now=NOW)
    with refused("withdraws"):
        withdraw(state, trust, actor, study=NAME, now=NOW)


def test_a_revoked_champion_leaves_service_and_never_comes_back():
    release = two_releases()
    second = challenger(PASSING, 2)
    event = release.write(revoke(release.state, release.trust, BOB, study=NAME, version="2", reason=REASON, now=NOW))
    assert (event.kind, event.model_sha256) == ("revoke", second.attestation.model_sha256)
    state = release.state.of(NAME)
    assert (state.champion, state.rollback_target.version) == (None, "1")
    with refused("revoked"):
        release.approve(second)
    with refused("revoked"):
        release.approve(second.but(version="9"))
    with refused("revoked once"):
        revoke(release.state, release.trust, BOB, study=NAME, version="2", reason=REASON, now=NOW)


def test_a_version_that_was_never_released_is_revoked_by_its_attestation():
    release = two_releases()
    third = challenger(PASSING, 3)
    arguments = {"study": NAME, "version": "3", "reason": REASON, "now": NOW}
    with refused("a version that is neither"):
        revoke(release.state, release.trust, BOB, **arguments)
    with refused("a version that is neither"):
        revoke(release.state, release.trust, BOB, **arguments, submission=PASSING.submission)
    with refused("a key which counts here"):
        revoke(release.state, release.trust, BOB, **arguments, submission=third.but(key=STRANGER).submission)
    event = revoke(release.state, release.trust, BOB, **arguments, submission=third.submission)
    assert event.statement_sha256 == third.statement_sha256
    assert release.state.of(NAME).champion.version == "2"


@pytest.mark.parametrize("reason", ["", "bad"])
def test_a_revocation_gives_a_reason(reason):
    release = two_releases()
    with refused("a reason is given"):
        revoke(release.state, release.trust, BOB, study=NAME, version="1", reason=reason, now=NOW)


def test_a_withdrawn_champion_leaves_nobody_and_can_be_put_back():
    release = two_releases()
    release.write(withdraw(release.state, release.trust, EVE, study=NAME, now=NOW, reason="A wrong unit"))
    assert release.state.of(NAME).champion is None
    with refused("no champion in service"):
        withdraw(release.state, release.trust, EVE, study=NAME, now=NOW)
    assert roll(release, "2").replaces is None


def test_an_event_is_one_line_of_plain_text():
    release = two_releases()
    with refused("one line of plain text"):
        withdraw(release.state, release.trust, EVE, study=NAME, now=NOW, reason="a\nb")
    with refused("release event, version"):
        approved(PASSING.but(version="1.0")).promote(PASSING.but(version="1.0"))
