"""Admission: what lets a version through, and every single thing that does not."""

import base64
import json
from datetime import date, timedelta

import pytest
from gates.evidence_by_hand import changed
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from release.papers import (
    ADA,
    BOB,
    EVALUATOR,
    EVE,
    LEDGER,
    NAME,
    NOW,
    POLICY,
    REASON,
    STRANGER,
    STUDY,
    Papers,
    Release,
    as_json,
    blocked_release,
    challenger,
    first_release,
    key_entry,
    waiver,
)

from theragate.digests import canonical_json, sha256_bytes
from theragate.gates import read_policy
from theragate.release.admission import Actor, Refusal, revoke, rollback, withdraw
from theragate.release.attestation import PAYLOAD_TYPE, statement_of
from theragate.release.dossier import dossier_bytes
from theragate.release.dsse import sign
from theragate.release.ledger import verify_rows
from theragate.release.trust import development_trust

PAPERS = Papers()
APPROVAL = Release().approve(PAPERS)


def refused(match: str):
    return pytest.raises(Refusal, match=match)


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


# Approval


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


# Promotion and who approved


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


# Signatures


def approved(papers: Papers, **changes) -> Release:
    """A release in which `papers` would be approved if they were in order."""
    release = Release(**changes)
    forged = APPROVAL.model_copy(update={"statement_sha256": papers.statement_sha256, "version": papers.version})
    release.write(forged)
    return release


def test_the_helper_lets_the_valid_papers_through():
    assert approved(PAPERS).promote(PAPERS).version == "1"


@pytest.mark.parametrize(
    ("papers", "message"),
    [
        (PAPERS.but(key=STRANGER), "a key which counts here"),
        (PAPERS.but(key=LEDGER), "a key which counts here"),
        (PAPERS.signing(recomputed=False), "made everything again before signing"),
        (PAPERS.signing(study="another_study"), "of the study of this model"),
        (PAPERS.signing(task="binary"), "of the task follows"),
        (PAPERS.signing(model_sha256="e" * 64), "of the model follows"),
        (PAPERS.signing(cohort_sha256="e" * 64), "of the cohort follows"),
        (PAPERS.signing(predictions_sha256="e" * 64), "of the predictions follows"),
        (PAPERS.signing(evidence_sha256="e" * 64), "of the evidence follows"),
        (PAPERS.signing(dossier_sha256="e" * 64), "the dossier is the one"),
        (PAPERS.signing(policy_sha256="e" * 64), "of the policy follows"),
        (PAPERS.signing(verdict_sha256="e" * 64), "of the verdict follows"),
        (PAPERS.signing(comparator=f"champion {'e' * 64}"), "of the comparator follows"),
        (PAPERS.signing(simulated=True), "simulated"),
        (PAPERS.signing(issued=NOW + timedelta(seconds=1)), "in the future"),
        (PAPERS.signing(expires=NOW), "expired on 2026-11-26 12:00 UTC"),
        (PAPERS.signing(expires=NOW + timedelta(days=90)), "one for 91 days"),
        (PAPERS.signing(conditions={}), "lineage, held out use not met"),
        (PAPERS.signing(conditions={"lineage": "pass"}), "held out use not met"),
        (PAPERS.signing(conditions={"lineage": "fail", "held_out_use": "pass"}), "lineage not met"),
        (PAPERS.signing(conditions={"lineage": "not_applicable", "held_out_use": "pass"}), "lineage not met"),
        (PAPERS.signing(conditions={"lineage": "pass", "held_out_use": "pass", "more": "pass"}), "more not met"),
        (PAPERS.signing(looks=0), "held out use not met"),
        (PAPERS.signing(looks=21), "held out use not met"),
        (PAPERS.signing(commit=None), "lineage not met"),
    ],
)
def test_what_the_evaluator_signs_has_to_be_in_order(papers, message):
    with refused(message):
        approved(papers).promote(papers)
    with refused(message):
        Release().approve(papers)


def test_a_passing_decision_over_blocked_evidence_convinces_nobody():
    lying = Papers(evidence=blocked_release()).signing(decision="PASS")
    with refused("of the decision follows"):
        approved(lying).promote(lying)


def test_a_forged_envelope():
    honest = PAPERS.dossier
    envelope = json.loads(honest.envelope)
    envelope["payload"] = json.loads(PAPERS.signing(looks=2).dossier.envelope)["payload"]
    with refused("a key which counts here"):
        approved(PAPERS).promote(PAPERS.but(sent={"envelope": json.dumps(envelope)}))


@pytest.mark.parametrize("revoked", [date(2026, 11, 26), date(2026, 1, 1)])
def test_a_revoked_key_counts_no_more_whenever_it_signed(revoked):
    keys = (key_entry(EVALUATOR, "evaluator", revoked=revoked), key_entry(LEDGER, "ledger", name="ledger"))
    with refused("a key which counts here"):
        approved(PAPERS, keys=keys).promote(PAPERS)


def test_a_development_signature_does_not_count_under_a_trust_file():
    papers = PAPERS.but(key=STRANGER).signing(recomputed=False)
    with refused("a key which counts here"):
        approved(papers).promote(papers)


def test_in_development_the_own_key_counts_and_two_people_are_still_needed():
    release = Release()
    release.trust = development_trust(STRANGER.public, {NAME: (POLICY.sha256,)})
    papers = PAPERS.but(key=STRANGER).signing(recomputed=False)
    with refused("somebody else than its author"):
        release.approve(papers, Actor("ada", "claimed"))
    release.approve(papers, Actor("anybody", "claimed"))
    assert release.promote(papers, Actor("ada", "claimed")).identity == "claimed"


# Evidence and policy


def test_the_evidence_of_another_version_replayed():
    replayed = PAPERS.but(version="2")
    with refused("the files of the version must be those that were attested"):
        approved(replayed).promote(replayed, package_sha256="9" * 64, model_sha256="7" * 64)


@pytest.mark.parametrize("name", ["package_sha256", "model_sha256"])
def test_files_that_are_not_those_that_were_attested(name):
    with refused("the files of the version must be those that were attested"):
        approved(PAPERS).promote(PAPERS, **{name: "9" * 64})


def test_a_policy_that_nobody_trusts():
    for policies in ({}, {NAME: ()}, {NAME: ("9" * 64,)}, {"another_study": (POLICY.sha256,)}):
        with refused(r"a policy that is trusted here.*add the policy's digest"):
            approved(PAPERS, policies=policies).promote(PAPERS)


def test_a_softened_policy_is_another_policy():
    gates = STUDY.gates | {"discrimination": STUDY.gates["discrimination"] | {"floor": 0.1}}
    soft = as_json(read_policy(STUDY.model_copy(update={"gates": gates})).document)
    with refused("of the policy follows"):
        papers = PAPERS.but(policy=soft)
        approved(papers).promote(papers)


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
    papers = PAPERS.but(policy=policy)
    with refused("polic|gate|document"):
        approved(papers).promote(papers)


def test_evidence_that_is_simulated_is_never_released():
    evidence = first_release()
    papers = Papers(evidence=changed(evidence, cohort=evidence.cohort.model_copy(update={"simulated": True})))
    assert papers.verdict.decision == "PASS"
    with refused("a simulated cohort.*no waiver changes that"):
        approved(papers).promote(papers)


@pytest.mark.parametrize("raw", [None, [], {}, {"study": NAME}, float("nan"), first_release().model_dump(mode="json")])
def test_another_evidence_than_was_signed_is_refused(raw):
    changed_raw = raw | {"family": "another"} if isinstance(raw, dict) and len(raw) > 1 else raw
    with refused("the dossier"):
        approved(PAPERS).promote(PAPERS.but(sent={"evidence": changed_raw}))


@pytest.mark.parametrize("raw", [None, [], {}, {"study": NAME}])
def test_signed_nonsense_is_refused(raw):
    papers = PAPERS.signing(dossier_sha256=sha256_bytes(dossier_bytes(raw, PAPERS.policy))).but(sent={"evidence": raw})
    with refused("the evidence has this version's form"):
        approved(papers).promote(papers)


# Waivers


def waived(*codes: str, **changes) -> Papers:
    papers = Papers(evidence=blocked_release())
    return papers.signing(waivers=tuple(waiver(papers.verdict, code, **changes) for code in codes))


def test_what_blocks_can_be_waived_by_name():
    papers = waived("TG003", "TG004")
    assert papers.attestation.decision == "BLOCKED"
    assert Release().release(papers).version == "1"


@pytest.mark.parametrize(
    ("papers", "blocking"),
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
def test_a_waiver_counts_for_its_own_finding_and_its_own_time(papers, blocking):
    release = approved(papers)
    if blocking is None:
        assert release.promote(papers).version == "1"
        with refused("BLOCKED by TG003"):
            approved(papers).promote(papers, now=NOW + timedelta(days=1))
    else:
        with refused(f"BLOCKED by .*{blocking}"):
            release.promote(papers)


# The champion


def test_a_challenger_that_was_compared_with_a_former_champion():
    release = Release()
    release.release(PAPERS)
    second, third = challenger(PAPERS, 2), challenger(PAPERS, 3)
    release.release(second)
    with refused(r"the champion as it is now \(version 2\).*Run `theragate champion"):
        release.release(third)


def test_a_challenger_that_was_compared_with_nobody():
    release = Release()
    release.release(PAPERS)
    with refused(r"\(version 1\); received a comparison with nobody"):
        release.release(Papers(evidence=first_release(model_sha256="7" * 64), version="2"))


def test_a_first_release_that_was_compared_with_somebody():
    with refused(r"\(nobody: it would be the first\)"):
        Release().release(challenger(PAPERS, 2))


def weakened(papers: Papers, number: int) -> Papers:
    """A challenger of the champion's model, which was fitted again by another recipe."""
    honest = challenger(papers, number)
    champion = honest.evidence.champion.model_copy(update={"recipe_sha256": "e" * 64})
    return honest.but(evidence=honest.evidence.model_copy(update={"champion": champion}))


def test_a_challenger_that_was_compared_with_a_weakened_champion():
    release = Release()
    assert release.release(PAPERS).recipe_sha256 == PAPERS.attestation.recipe_sha256
    rule = rf"version 1, must have been fitted again by the recipe {PAPERS.attestation.recipe_sha256[:12]} that its own"
    with refused(
        rule + r" attestation signs; received a comparison with the recipe eeeeeeeeeeee\. Run `theragate champ"
    ):
        release.approve(weakened(PAPERS, 2))
    second = challenger(PAPERS, 3)
    release.release(second)
    release.write(rollback(release.state, release.trust, EVE, study=NAME, version="1", now=NOW))
    with refused("that its own attestation signs"):
        release.approve(weakened(PAPERS, 4))


def test_the_champion_may_not_change_between_approval_and_promotion():
    release = Release()
    release.release(PAPERS)
    second, third = challenger(PAPERS, 2), challenger(PAPERS, 3)
    release.approve(second)
    release.release(third)
    with refused(r"\(version 3\)"):
        release.promote(second)


# Rollback, revocation, withdrawal


def two_releases() -> Release:
    release = Release()
    release.release(PAPERS)
    release.release(challenger(PAPERS, 2))
    return release


def roll(release: Release, version: str, actor: Actor = BOB):
    return rollback(release.state, release.trust, actor, study=NAME, version=version, now=NOW)


def test_a_rollback_needs_no_approval_and_copies_what_was_released():
    release = two_releases()
    event = release.write(roll(release, "1"))
    assert (event.kind, event.version, event.replaces) == ("rollback", "1", "2")
    assert event.package_sha256 == PAPERS.attestation.package_sha256
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
    with refused("it would be 1|goes one step"):
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
    second = challenger(PAPERS, 2)
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
    third = challenger(PAPERS, 3)
    arguments = {"study": NAME, "version": "3", "reason": REASON, "now": NOW}
    with refused("a version that is neither"):
        revoke(release.state, release.trust, BOB, **arguments)
    with refused("a version that is neither"):
        revoke(release.state, release.trust, BOB, **arguments, dossier=PAPERS.dossier)
    with refused("a key which counts here"):
        revoke(release.state, release.trust, BOB, **arguments, dossier=third.but(key=STRANGER).dossier)
    event = revoke(release.state, release.trust, BOB, **arguments, dossier=third.dossier)
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
        approved(PAPERS.but(version="1.0")).promote(PAPERS.but(version="1.0"))


# Any single thing


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


def admitted(papers: Papers, release: Release) -> bool:
    try:
        release.promote(papers)
    except Refusal:
        return False
    return True


@settings(max_examples=150)
@given(st.sampled_from(leaves(PAPERS.raw)), HOW)
def test_no_other_evidence_is_let_through(path, how):
    raw = spoiled(PAPERS.raw, path, how)
    assert not admitted(PAPERS.but(sent={"evidence": raw}), approved(PAPERS))


@settings(max_examples=80)
@given(st.sampled_from(leaves(PAPERS.policy)), HOW)
def test_no_other_policy_is_let_through(path, how):
    policy = spoiled(PAPERS.policy, path, how)
    assert not admitted(PAPERS.but(sent={"policy": policy}), approved(PAPERS))


STATEMENT = json.loads(statement_of(PAPERS.attestation))


@settings(max_examples=150)
@given(st.sampled_from(leaves(STATEMENT)), HOW, st.sampled_from([EVALUATOR, STRANGER, None]))
def test_no_other_statement_is_let_through_even_by_the_evaluators_key(path, how, key):
    payload = canonical_json(spoiled(STATEMENT, path, how))
    if key is None:  # with the signature of the honest one
        envelope = json.loads(PAPERS.dossier.envelope) | {"payload": base64.b64encode(payload).decode()}
        text = json.dumps(envelope)
    else:
        text = sign(payload, PAYLOAD_TYPE, key).text
    assert not admitted(PAPERS.but(sent={"envelope": text}), approved(PAPERS))


@settings(max_examples=100)
@given(st.integers(0, len(PAPERS.dossier.envelope) - 1), st.sampled_from('aB9+/={}",: '))
def test_no_other_envelope_is_let_through(place, sign_of):
    text = PAPERS.dossier.envelope
    other = text[:place] + sign_of + text[place + 1 :]
    assume(_content(other) != _content(text))
    assert not admitted(PAPERS.but(sent={"envelope": other}), approved(PAPERS))


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
    "no approver": {"release_managers": ("eve", "ada")},
    "no promoter": {"release_managers": ("bob",)},
    "no policy": {"policies": {NAME: ()}},
    "another policy": {"policies": {NAME: ("9" * 64,)}},
    "a shorter validity": {"most_days": 60},
}


@pytest.mark.parametrize("change", HARMFUL_TRUST)
def test_no_lesser_trust_lets_it_through(change):
    assert not admitted(PAPERS, approved(PAPERS, **HARMFUL_TRUST[change]))


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
    assert not admitted(PAPERS, release)


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_no_other_time_lets_it_through(shift):
    signed, now = PAPERS.attestation, NOW + shift
    release = approved(PAPERS)
    if signed.issued <= now < signed.expires:
        release.promote(PAPERS, now=now)
    else:
        with refused("valid now"):
            release.promote(PAPERS, now=now)
