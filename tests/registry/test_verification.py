"""Which day counts for an evaluator's signature on what is in service."""

from datetime import timedelta

import pytest
from release.submission_by_hand import EVALUATOR, LEDGER, NOW, DraftSubmission, key_entry, trust

from theragate.registry.verification import check_statement
from theragate.release.ledger import Event, append, first_day
from theragate.release.refusals import Refusal

PAPERS = DraftSubmission()


def event(kind: str, *, days: int) -> Event:
    signed, stated = PAPERS.attestation, PAPERS.statement_sha256
    return Event(
        study=signed.study,
        kind=kind,
        version="1",
        actor="bob",
        identity="signed_in",
        reason="",
        at=NOW + timedelta(days=days),
        package_sha256=signed.package_sha256,
        model_sha256=signed.model_sha256,
        statement_sha256=stated,
        evidence_sha256=signed.evidence_sha256,
        policy_sha256=signed.policy_sha256,
        recipe_sha256=signed.recipe_sha256,
    )


def rows(*events: Event) -> list:
    made = []
    for one in events:
        made.append(append(made[-1] if made else None, one, LEDGER))
    return made


def revoked_after(days: int):
    day = (NOW + timedelta(days=days)).date()
    return trust(keys=(key_entry(EVALUATOR, "evaluator", revoked=day),))


def test_a_champion_that_is_rolled_back_to_needs_the_key_of_its_first_release_only():
    promotion, rollback = event("promote", days=0), event("rollback", days=9)
    ledger = rows(promotion, event("withdraw", days=5), rollback)
    day = first_day(rollback, ledger)
    assert day == promotion.at.date()
    assert check_statement(rollback, PAPERS.submission.envelope, revoked_after(4), day=day).attestation.study
    with pytest.raises(Refusal, match="a key which counts here"):  # stolen before the model was ever released
        check_statement(rollback, PAPERS.submission.envelope, revoked_after(0), day=day)


def test_another_statement_of_the_same_version_lends_no_day():
    other = event("promote", days=0).model_copy(update={"statement_sha256": "0" * 64})
    rollback = event("rollback", days=9)
    assert first_day(rollback, rows(other, rollback)) == rollback.at.date()
