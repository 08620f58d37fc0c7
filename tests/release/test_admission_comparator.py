"""The champion that a challenger was compared with is the one in use."""

from release.submission_by_hand import (
    EVE,
    NAME,
    NOW,
    PASSING,
    DraftSubmission,
    Release,
    challenger,
    first_release,
    refused,
)

from theragate.release.admission import rollback


def test_a_challenger_that_was_compared_with_a_former_champion():
    release = Release()
    release.release(PASSING)
    second, third = challenger(PASSING, 2), challenger(PASSING, 3)
    release.release(second)
    with refused(r"the present champion \(version 2\).*Run `theragate champion"):
        release.release(third)


def test_a_challenger_that_was_compared_with_nobody():
    release = Release()
    release.release(PASSING)
    with refused(r"\(version 1\); received a comparison with no champion"):
        release.release(DraftSubmission(evidence=first_release(model_sha256="7" * 64), version="2"))


def test_a_first_release_that_was_compared_with_somebody():
    with refused(r"\(none yet: this is the first release\)"):
        Release().release(challenger(PASSING, 2))


def weakened(draft: DraftSubmission, number: int) -> DraftSubmission:
    """A challenger of the champion's model, which was fitted again by another recipe."""
    honest = challenger(draft, number)
    champion = honest.evidence.champion.model_copy(update={"recipe_sha256": "e" * 64})
    return honest.but(evidence=honest.evidence.model_copy(update={"champion": champion}))


def test_a_challenger_that_was_compared_with_a_weakened_champion():
    release = Release()
    assert release.release(PASSING).recipe_sha256 == PASSING.attestation.recipe_sha256
    rule = rf"version 1, was refitted by the recipe {PASSING.attestation.recipe_sha256[:12]} that its own"
    with refused(rule + r" attestation signs; received a refit by recipe eeeeeeeeeeee\. Run `theragate champ"):
        release.approve(weakened(PASSING, 2))
    second = challenger(PASSING, 3)
    release.release(second)
    release.write(rollback(release.state, release.trust, EVE, study=NAME, version="1", now=NOW))
    with refused("that its own attestation signs"):
        release.approve(weakened(PASSING, 4))


def test_the_champion_may_not_change_between_approval_and_promotion():
    release = Release()
    release.release(PASSING)
    second, third = challenger(PASSING, 2), challenger(PASSING, 3)
    release.approve(second)
    release.release(third)
    with refused(r"\(version 3\)"):
        release.promote(second)
