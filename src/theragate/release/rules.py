"""The rules that a version must meet before it is approved or promoted, each with the sentence that refuses it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from theragate.gates import CONDITIONS, ReleaseFacts, conditions
from theragate.release.attestation import Attestation
from theragate.release.examination import Author, Examination, Submission, examine
from theragate.release.ledger import Event, Identity
from theragate.release.names import same_person
from theragate.release.refusals import Refusal
from theragate.release.state import Approval, LedgerState, StudyState
from theragate.release.trust import Trust
from theragate.release.waivers import Waiver, standing

__all__ = [
    "FEWEST_DIGITS",
    "Actor",
    "admissible",
    "approvals_of",
    "author_among",
    "check_approved",
    "check_manager",
    "subject_of",
    "today_of",
]

FEWEST_DIGITS = 12  # of the evidence's digest, in an approval and in messages


@dataclass(frozen=True)
class Actor:
    """Who asks: the name, and whether the server has signed this person in or the name is only claimed."""

    name: str
    identity: Identity


def admissible(submission: Submission, state: LedgerState, trust: Trust, now: datetime) -> Examination:
    """Return the examination of a submission that meets every rule except those about approval and the files.

    Raises
    ------
    Refusal
        If it breaks one of the other rules.
    """
    examination = examine(submission, trust, today_of(now))
    _check_time(submission, trust, examination, now)
    _check_trusted(submission, trust, examination)
    _check_findings(submission, trust, examination, now)
    _check_conditions(submission, examination)
    _check_state(submission, state.of(submission.study), examination)
    return examination


def _check_time(submission: Submission, trust: Trust, examination: Examination, now: datetime) -> None:
    signed, remedy = examination.attestation, f"Attest it again: `theragate attest {submission.study}`."
    rule = f"its attestation is valid now, and for at most {trust.most_days} days"
    if signed.issued > now:
        raise Refusal(
            subject_of(submission),
            rule=rule,
            received=f"one issued in the future, on {_minute(signed.issued)}",
            remedy=remedy,
        )
    if now >= signed.expires:
        received = f"one that expired on {_minute(signed.expires)}"
        raise Refusal(subject_of(submission), rule=rule, received=received, remedy=remedy)
    if signed.expires - signed.issued > timedelta(days=trust.most_days):
        days = (signed.expires - signed.issued).days
        raise Refusal(subject_of(submission), rule=rule, received=f"one valid for {days} days", remedy=remedy)


def _check_trusted(submission: Submission, trust: Trust, examination: Examination) -> None:
    signed = examination.attestation
    if not (signed.recomputed or trust.development):
        raise Refusal(
            subject_of(submission),
            rule="the evaluator recomputes everything before signing",
            received="an attestation of results that were not recomputed",
            remedy=f"Let the evaluator attest it: `theragate attest {submission.study}`.",
        )
    if signed.policy_sha256 not in trust.policies.get(submission.study, ()):
        raise Refusal(
            subject_of(submission),
            rule="it was judged under a policy that is trusted here",
            received=f"policy {signed.policy_sha256[:12]}",
            remedy="Review the limits of this policy; if they are right, add its digest to the trust file.",
        )


def _check_findings(submission: Submission, trust: Trust, examination: Examination, now: datetime) -> None:
    if examination.attestation.simulated:
        raise Refusal(
            subject_of(submission),
            rule="a model for patients has learned from patients",
            received="a simulated cohort",
            remedy="Use it as a demonstration only; no waiver changes that.",
        )
    if examination.verdict.decision == "PASS":
        return
    waived = standing(examination.attestation.waivers, examination.verdict, today_of(now))
    if not waived.accepted:
        blocking = ", ".join(f"{finding.code} {finding.gate} {finding.status}" for finding in waived.open)
        raise Refusal(
            subject_of(submission),
            rule="every gate passes, or valid waivers accept the findings that block",
            received=f"the verdict {examination.verdict.decision}, because of {blocking}",
            remedy="Improve the model or have each finding waived, then attest it again.",
        )
    if not trust.development:
        _check_accepting(submission, trust, examination, waived.counting)


def _check_accepting(submission: Submission, trust: Trust, examination: Examination, waivers: Sequence[Waiver]) -> None:
    """Refuse a waiver in the name of nobody who could confirm it: a name in a file is what somebody typed."""
    for waiver in waivers:
        by = waiver.by
        author = author_among(by, submission, examination.attestation)
        manager = trust.is_manager(by, submission.study)
        if manager and author is None:
            continue
        raise Refusal(
            subject_of(submission),
            rule=f"the waiver of {waiver.code} is by a release manager of the study, under the sign-in name, who is "
            "not its author",
            received=f"`{by}`, who is no release manager of it" if author is None else f"`{by}`, who {author.part}",
            remedy=f"Let a release manager accept the finding: `theragate waive {submission.study} {waiver.code} "
            "--by NAME`, then attest it again.",
        )


def _check_conditions(submission: Submission, examination: Examination) -> None:
    """Require the attested conditions, and judge again those that can be: the commit and the looks at held-out data."""
    signed = examination.attestation
    facts = ReleaseFacts(
        commit=signed.commit,
        clean=True,
        unlocked=(),
        environment_sha256=signed.environment_sha256,
        missing=(),
        others=(),
        looks=signed.looks,
    )
    again = {finding.gate: finding.status for finding in conditions(facts, examination.policy)}
    failing = [
        name for name in CONDITIONS if signed.conditions.get(name) != "pass" or again.get(name) != "pass"
    ] + sorted(set(signed.conditions) - set(CONDITIONS))
    if failing:
        raise Refusal(
            subject_of(submission),
            rule="every release condition is met",
            received=f"{', '.join(name.replace('_', ' ') for name in failing)} not met when it was attested",
            remedy=f"See `theragate verdict {submission.study}` for how to meet it, then attest it again.",
        )


def _check_state(submission: Submission, study: StudyState, examination: Examination) -> None:
    signed, subject = examination.attestation, subject_of(submission)
    if submission.version in study.revoked or signed.model_sha256 in study.revoked_models:
        raise Refusal(
            subject,
            rule="a revoked model is not released again",
            received="a revoked version"
            if submission.version in study.revoked
            else "the estimator of a revoked version",
            remedy="Release another version.",
        )
    incumbent = study.incumbent
    expected = "none: first release" if incumbent is None else f"champion {incumbent.model_sha256}"
    if signed.comparator != expected:
        champion = "none yet: this is the first release" if incumbent is None else f"version {incumbent.version}"
        raise Refusal(
            subject,
            rule=f"it was compared with the present champion ({champion})",
            received=f"a comparison with {_short(signed.comparator)}",
            remedy=f"Run `theragate champion {submission.study}` and `dvc repro`, then attest it again.",
        )
    _check_recipe(submission, incumbent, examination)


def _check_recipe(submission: Submission, incumbent: Event | None, examination: Examination) -> None:
    """Refuse a comparison with a champion that was refitted by another recipe: a weaker one is easily beaten."""
    champion = examination.evidence.champion
    if incumbent is None or champion is None:
        return
    if champion.recipe_sha256 != incumbent.recipe_sha256:
        raise Refusal(
            subject_of(submission),
            rule=f"the champion, version {incumbent.version}, was refitted by the recipe "
            f"{incumbent.recipe_sha256[:12]} that its own attestation signs",
            received=f"a refit by recipe {champion.recipe_sha256[:12] or 'none'}",
            remedy=f"Run `theragate champion {submission.study}`, find out who has changed champion.json, run "
            "`dvc repro`, then attest it again.",
        )


def check_approved(submission: Submission, state: LedgerState, trust: Trust, examination: Examination) -> None:
    """Refuse what no release manager other than its author has approved."""
    signed = examination.attestation
    counting = [
        approval
        for approval in approvals_of(submission, state, examination)
        if trust.is_manager(approval.actor, submission.study)
        and (trust.development or approval.identity == "signed_in")
        and author_among(approval.actor, submission, signed) is None
    ]
    if not counting:
        raise Refusal(
            subject_of(submission),
            rule="a release manager other than its author has approved this attestation",
            received="no such approval",
            remedy="Let one read the evidence and approve it: `theragate release approve`, or the tag "
            f"`theragate.approve` with the value `{signed.evidence_sha256[:FEWEST_DIGITS]}: reason`.",
        )
    if not trust.development:
        _check_confirmed(submission, examination, {approval.actor for approval in counting})


def _check_confirmed(submission: Submission, examination: Examination, approvers: set[str]) -> None:
    """Refuse waivers of people who have not approved this attestation, which lists them, under their own sign-in."""
    waivers = examination.attestation.waivers if examination.verdict.decision != "PASS" else ()
    for waiver in waivers:
        if waiver.by in approvers:
            continue
        raise Refusal(
            subject_of(submission),
            rule="whoever accepts a finding by a waiver has approved this attestation, signed in",
            received=f"a waiver of {waiver.code} by `{waiver.by}`, and no approval by `{waiver.by}`",
            remedy=f"Let `{waiver.by}` read the evidence and approve it: `theragate release approve "
            f"{submission.study} {submission.version}`.",
        )


def author_among(person: str, submission: Submission, signed: Attestation) -> Author | None:
    """Return the author of the version who may be `person`; None where no author may."""
    return next((author for author in submission.authors(signed) if same_person(person, author.name)), None)


def check_manager(trust: Trust, actor: Actor, study: str, verb: str) -> None:
    """Refuse an `actor` who is not a release manager or, in a deployment, has not signed in."""
    if not trust.is_manager(actor.name, study):
        elsewhere = any(entry.name == actor.name for entry in trust.release_managers)
        raise Refusal(
            f"`{study}`",
            rule=f"a release manager of the study {verb} a model",
            received=f"`{actor.name}`, who is not one" + (", but one of other studies" if elsewhere else ""),
            remedy="Ask a release manager; the trust file names them.",
        )
    if actor.identity != "signed_in" and not trust.development:
        raise Refusal(
            f"`{study}`",
            rule=f"whoever {verb} a model has signed in",
            received=f"`{actor.name}`, a name that is only claimed",
            remedy="Sign in to the release server (`theragate server`).",
        )


def approvals_of(submission: Submission, state: LedgerState, examination: Examination) -> list[Approval]:
    """Return the approvals of this version's statement."""
    approvals = state.of(submission.study).approvals.get(examination.statement.sha256, ())
    return [approval for approval in approvals if approval.version == submission.version]


def today_of(now: datetime) -> date:
    """Return the day of `now` in UTC."""
    return now.astimezone(UTC).date()


def subject_of(submission: Submission) -> str:
    """Return what messages call the version."""
    return f"`{submission.study}` version {submission.version}"


def _short(comparator: str) -> str:
    kind, _, digest = comparator.partition(" ")
    return f"the model {digest[:12]}" if kind == "champion" else "no champion"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
