"""What an evaluator signed: who signed it, which evidence, which policy, which waivers."""

import json
from datetime import date, timedelta

import pytest
from gates.evidence_by_hand import changed
from release.submission_by_hand import (
    BOB,
    EVALUATOR,
    EVE,
    LEDGER,
    NAME,
    NOW,
    PASSING,
    POLICY,
    STRANGER,
    STUDY,
    DraftSubmission,
    Release,
    approved,
    as_json,
    blocked_release,
    first_release,
    holders,
    key_entry,
    refused,
    waiver,
)

from theragate.digests import sha256_bytes
from theragate.gates import read_policy
from theragate.release.admission import Actor
from theragate.release.dossier import dossier_bytes
from theragate.release.trust import Holder, development_trust
from theragate.release.waivers import expired


def test_the_helper_lets_a_valid_submission_through():
    assert approved(PASSING).promote(PASSING).version == "1"


@pytest.mark.parametrize(
    ("draft", "message"),
    [
        (PASSING.but(key=STRANGER), "a key which counts here"),
        (PASSING.but(key=LEDGER), "a key which counts here"),
        (PASSING.signing(recomputed=False), "recomputes everything before signing"),
        (PASSING.signing(study="another_study"), "about the study of this model"),
        (PASSING.signing(task="binary"), "the task that it states follows"),
        (PASSING.signing(model_sha256="e" * 64), "the model that it states follows"),
        (PASSING.signing(cohort_sha256="e" * 64), "the cohort that it states follows"),
        (PASSING.signing(predictions_sha256="e" * 64), "the predictions that it states follows"),
        (PASSING.signing(evidence_sha256="e" * 64), "the evidence that it states follows"),
        (PASSING.signing(dossier_sha256="e" * 64), "the dossier is the one"),
        (PASSING.signing(policy_sha256="e" * 64), "the policy that it states follows"),
        (PASSING.signing(verdict_sha256="e" * 64), "the verdict that it states follows"),
        (PASSING.signing(comparator=f"champion {'e' * 64}"), "the comparator that it states follows"),
        (PASSING.signing(simulated=True), "simulated"),
        (PASSING.signing(issued=NOW + timedelta(seconds=1)), "in the future"),
        (PASSING.signing(expires=NOW), "expired on 2026-11-26 12:00 UTC"),
        (PASSING.signing(expires=NOW + timedelta(days=90)), "one valid for 91 days"),
        (PASSING.signing(conditions={}), "lineage, held out use not met"),
        (PASSING.signing(conditions={"lineage": "pass"}), "held out use not met"),
        (PASSING.signing(conditions={"lineage": "fail", "held_out_use": "pass"}), "lineage not met"),
        (PASSING.signing(conditions={"lineage": "not_applicable", "held_out_use": "pass"}), "lineage not met"),
        (PASSING.signing(conditions={"lineage": "pass", "held_out_use": "pass", "more": "pass"}), "more not met"),
        (PASSING.signing(looks=0), "held out use not met"),
        (PASSING.signing(looks=21), "held out use not met"),
        (PASSING.signing(commit=None), "lineage not met"),
    ],
)
def test_what_the_evaluator_signs_has_to_be_in_order(draft, message):
    with refused(message):
        approved(draft).promote(draft)
    with refused(message):
        Release().approve(draft)


def test_a_passing_decision_over_blocked_evidence_convinces_nobody():
    lying = DraftSubmission(evidence=blocked_release()).signing(decision="PASS")
    with refused("the decision that it states follows"):
        approved(lying).promote(lying)


def test_a_forged_envelope():
    honest = PASSING.submission
    envelope = json.loads(honest.envelope)
    envelope["payload"] = json.loads(PASSING.signing(looks=2).submission.envelope)["payload"]
    with refused("a key which counts here"):
        approved(PASSING).promote(PASSING.but(sent={"envelope": json.dumps(envelope)}))


@pytest.mark.parametrize("revoked", [date(2026, 11, 26), date(2026, 1, 1)])
def test_a_revoked_key_counts_no_more_whenever_it_signed(revoked):
    keys = (key_entry(EVALUATOR, "evaluator", revoked=revoked), key_entry(LEDGER, "ledger", name="ledger"))
    with refused("a key which counts here"):
        approved(PASSING, keys=keys).promote(PASSING)


def test_a_development_signature_does_not_count_under_a_trust_file():
    draft = PASSING.but(key=STRANGER).signing(recomputed=False)
    with refused("a key which counts here"):
        approved(draft).promote(draft)


def test_in_development_the_own_key_counts_and_two_people_are_still_needed():
    release = Release()
    release.trust = development_trust(STRANGER.public, {NAME: (POLICY.sha256,)})
    draft = PASSING.but(key=STRANGER).signing(recomputed=False)
    with refused("someone other than its author"):
        release.approve(draft, Actor("ada", "claimed"))
    release.approve(draft, Actor("anybody", "claimed"))
    assert release.promote(draft, Actor("ada", "claimed")).identity == "claimed"


def test_the_evidence_of_another_version_replayed():
    replayed = PASSING.but(version="2")
    with refused("the files of the version are those that were attested"):
        approved(replayed).promote(replayed, package_sha256="9" * 64, model_sha256="7" * 64)


@pytest.mark.parametrize("name", ["package_sha256", "model_sha256"])
def test_files_that_are_not_those_that_were_attested(name):
    with refused("the files of the version are those that were attested"):
        approved(PASSING).promote(PASSING, **{name: "9" * 64})


def test_a_policy_that_nobody_trusts():
    for policies in ({}, {NAME: ()}, {NAME: ("9" * 64,)}, {"another_study": (POLICY.sha256,)}):
        with refused(r"a policy that is trusted here.*add its digest"):
            approved(PASSING, policies=policies).promote(PASSING)


def test_a_softened_policy_is_another_policy():
    gates = STUDY.gates | {"discrimination": STUDY.gates["discrimination"] | {"floor": 0.1}}
    soft = as_json(read_policy(STUDY.model_copy(update={"gates": gates})).document)
    with refused("the policy that it states follows"):
        draft = PASSING.but(policy=soft)
        approved(draft).promote(draft)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["gates"].pop("fairness"),
        lambda p: p["gates"].clear(),
        lambda p: p["conditions"].clear(),
        lambda p: p["gates"].update(horoscope={}),
        lambda p: p["gates"]["discrimination"].update(floor="0.7"),
        lambda p: p["gates"]["data_quality"].update(max_warnings=3.0),
        lambda p: p.update(more=1),
        lambda p: p["declared"].update(study="another_study"),
    ],
)
def test_a_spoiled_policy(change):
    policy = as_json(POLICY.document)
    change(policy)
    draft = PASSING.but(policy=policy)
    with refused("polic|gate|document"):
        approved(draft).promote(draft)


def test_evidence_that_is_simulated_is_never_released():
    evidence = first_release()
    draft = DraftSubmission(evidence=changed(evidence, cohort=evidence.cohort.model_copy(update={"simulated": True})))
    assert draft.verdict.decision == "PASS"
    with refused("a simulated cohort.*no waiver changes that"):
        approved(draft).promote(draft)


@pytest.mark.parametrize("raw", [None, [], {}, {"study": NAME}, float("nan"), first_release().model_dump(mode="json")])
def test_another_evidence_than_was_signed_is_refused(raw):
    changed_raw = raw | {"family": "another"} if isinstance(raw, dict) and len(raw) > 1 else raw
    with refused("the dossier"):
        approved(PASSING).promote(PASSING.but(sent={"evidence": changed_raw}))


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (None, "the evidence: this entry is a mapping"),
        ([], "the evidence: this entry is a mapping"),
        ({}, "the evidence, key `study`: this key is required"),
        ({"study": NAME}, "the evidence, key `task`: this key is required"),
    ],
)
def test_signed_nonsense_is_refused(raw, rule):
    draft = PASSING.signing(dossier_sha256=sha256_bytes(dossier_bytes(raw, PASSING.policy))).but(sent={"evidence": raw})
    with refused(rule):
        approved(draft).promote(draft)


def waived(*codes: str, **changes) -> DraftSubmission:
    draft = DraftSubmission(evidence=blocked_release())
    return draft.signing(waivers=tuple(waiver(draft.verdict, code, **changes) for code in codes))


def test_what_blocks_can_be_waived_by_name():
    draft = waived("TG003", "TG004")
    assert draft.attestation.decision == "BLOCKED"
    assert Release().release(draft).version == "1"


@pytest.mark.parametrize(
    ("draft", "blocking"),
    [
        (waived(), "TG003 discrimination fail, TG004"),
        (waived("TG003"), "TG004"),
        (waived("TG003", "TG004", expires=NOW.date()), None),
        (waived("TG003", "TG004", study="another_study"), "TG003"),
        (waived("TG003", "TG004", evidence_sha256="9" * 64), "TG003"),
        (waived("TG003", "TG004", policy_sha256="9" * 64), "TG003"),
        (waived("TG003", "TG004", status="insufficient"), "TG003"),
        (waived("TG003", "TG004", issued=NOW.date() + timedelta(days=1)), "TG003"),
    ],
)
def test_a_waiver_counts_for_its_own_finding_and_its_own_time(draft, blocking):
    release = approved(draft)
    if blocking is None:
        assert release.promote(draft).version == "1"
        with refused("BLOCKED, because of TG003"):
            approved(draft).promote(draft, now=NOW + timedelta(days=1))
    else:
        with refused(f"BLOCKED, because of .*{blocking}"):
            release.promote(draft)


@pytest.mark.parametrize(
    ("by", "received"),
    [
        ("Dr. Ana Ruiz", "`Dr. Ana Ruiz`, who is no release manager of it"),
        ("BOB", "`BOB`, who is no release manager of it"),
        ("ada", "`ada`, who registered it"),
        ("Ada Lovelace", "`Ada Lovelace`, who made the commit"),
        ("dan", "`dan`, who is no release manager of it"),
    ],
)
def test_a_waiver_is_by_a_manager_who_is_no_author(by, received):
    draft = waived("TG003", "TG004", by=by)
    others = Holder(name="dan", studies=("another_study",))
    release = approved(draft, release_managers=(*holders("bob", "eve", "ada"), others))
    with refused(f"the waiver of TG003 is by a release manager of the study.*{received}"):
        release.approve(draft)
    with refused(received):
        release.promote(draft)


def test_a_waiver_counts_once_its_giver_has_approved_it_signed_in():
    draft = waived("TG003", "TG004", by="eve")
    release = Release()
    release.approve(draft, BOB)
    with refused("a waiver of TG003 by `eve`, and no approval by `eve`"):
        release.promote(draft)
    release.approve(draft, EVE)
    release.promote(draft)
    release = Release()
    release.approve(draft, EVE)
    release.promote(draft, EVE)  # the author and one release manager: two people


def test_what_passes_needs_no_approval_by_whoever_once_waived():
    draft = DraftSubmission()
    old = waiver(DraftSubmission(evidence=blocked_release()).verdict, "TG003", by="eve")
    draft = draft.signing(waivers=(old,))
    release = Release()
    release.approve(draft, BOB)
    release.promote(draft)


def test_waivers_that_have_expired():
    verdict = DraftSubmission(evidence=blocked_release()).verdict
    short, long = waiver(verdict, "TG003", expires=NOW.date()), waiver(verdict, "TG004")
    assert expired((short, long), NOW.date()) == ()
    assert expired((short, long), NOW.date() + timedelta(days=1)) == (short,)
