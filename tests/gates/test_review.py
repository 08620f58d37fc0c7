"""TG000: a draft blocks whatever the evidence says, no waiver accepts it, and a reviewed study does not notice it."""

from datetime import date

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence

from theragate.gates import Policy, decide, read_policy
from theragate.gates.types import REVIEW, Verdict
from theragate.release.waivers import Waiver, standing
from theragate.study import Study

DIGEST = "0" * 64


def draft_of(study: Study, **card: object) -> Study:
    return study.model_copy(update={"card": study.card.model_copy(update=card)})


def verdict_of(study: Study) -> Verdict:
    return decide(good_evidence(study), read_policy(study), evidence_sha256=DIGEST)


@pytest.mark.parametrize("task", STUDIES)
def test_a_study_without_marks_knows_nothing_of_it(task):
    study = STUDIES[task]
    assert study.unreviewed == ()
    assert "unreviewed" not in read_policy(study).document["declared"]
    assert REVIEW not in {finding.code for finding in verdict_of(study).findings}


def test_one_mark_blocks_the_best_model_and_is_named():
    study = draft_of(STUDIES["survival"], users="REVIEW: who?", cautions=("Fine.", "REVIEW: what else?"))
    verdict = verdict_of(study)
    assert verdict.decision == "BLOCKED"
    assert [finding.code for finding in verdict.blocking] == [REVIEW]
    assert "2 texts" in verdict.blocking[0].summary
    assert "`card.users` and `card.cautions`" in verdict.blocking[0].summary


def test_a_mark_counts_where_a_text_begins_with_it():
    assert draft_of(STUDIES["survival"], users="Those who REVIEW.").unreviewed == ()


def test_the_policy_that_is_read_back_blocks_too():
    policy = read_policy(draft_of(STUDIES["survival"], users="REVIEW: who?"))
    again = Policy.of_json(policy.document)
    assert again == policy
    assert decide(good_evidence(STUDIES["survival"]), again, evidence_sha256=DIGEST).decision == "BLOCKED"
    assert policy.sha256 != read_policy(STUDIES["survival"]).sha256


def test_no_waiver_accepts_it():
    verdict = verdict_of(draft_of(STUDIES["survival"], users="REVIEW: who?"))
    today = date(2026, 11, 26)
    waiver = Waiver(
        study=verdict.study,
        code=REVIEW,
        gate="review",
        status="insufficient",
        evidence_sha256=DIGEST,
        policy_sha256=verdict.policy_sha256,
        reason="We are in a hurry today, and it is a pilot.",
        by="Ada Lovelace",
        issued=today,
        expires=today,
    )
    found = standing([waiver], verdict, today)
    assert not found.accepted
    assert found.others == ((waiver, "what nobody has written cannot be accepted"),)
