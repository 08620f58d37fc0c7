"""The rules that a version has to meet before it is approved or promoted, each with the sentence that refuses it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from theragate.gates import CONDITIONS, ReleaseFacts, conditions
from theragate.release.dossier import Dossier, Reading, examine
from theragate.release.ledger import Event, Identity
from theragate.release.names import same_person
from theragate.release.refusals import Refusal
from theragate.release.state import Approval, ReleaseState, StudyState
from theragate.release.trust import Trust
from theragate.release.waivers import standing

__all__ = [
    "FEWEST_DIGITS",
    "Actor",
    "admissible",
    "approvals_of",
    "check_approved",
    "check_manager",
    "subject_of",
    "today_of",
]

FEWEST_DIGITS = 12  # of the evidence's digest, in an approval and in messages


@dataclass(frozen=True)
class Actor:
    """Who asks: the name, and whether the server has signed it in or only heard it."""

    name: str
    identity: Identity


def admissible(dossier: Dossier, state: ReleaseState, trust: Trust, now: datetime) -> Reading:
    """Return the reading of a dossier that meets every rule but approval and the files themselves.

    Raises
    ------
    Refusal
        If any other rule is not met.
    """
    reading = examine(dossier, trust, today_of(now))
    _check_time(dossier, trust, reading, now)
    _check_trusted(dossier, trust, reading)
    _check_findings(dossier, reading, now)
    _check_conditions(dossier, reading)
    _check_state(dossier, state.of(dossier.study), reading)
    return reading


def _check_time(dossier: Dossier, trust: Trust, reading: Reading, now: datetime) -> None:
    signed, remedy = reading.attestation, f"Attest it again: `theragate attest {dossier.study}`."
    rule = f"its attestation must be valid now, and for {trust.most_days} days at most"
    if signed.issued > now:
        raise Refusal(subject_of(dossier), rule=rule, received="one that is issued in the future", remedy=remedy)
    if now >= signed.expires:
        when = f"{signed.expires:%Y-%m-%d %H:%M} UTC"
        raise Refusal(subject_of(dossier), rule=rule, received=f"one that expired on {when}", remedy=remedy)
    if signed.expires - signed.issued > timedelta(days=trust.most_days):
        days = (signed.expires - signed.issued).days
        raise Refusal(subject_of(dossier), rule=rule, received=f"one for {days} days", remedy=remedy)


def _check_trusted(dossier: Dossier, trust: Trust, reading: Reading) -> None:
    signed = reading.attestation
    if not (signed.recomputed or trust.development):
        raise Refusal(
            subject_of(dossier),
            rule="the evaluator must have made everything again before signing",
            received="an attestation of what was only found",
            remedy=f"Let the evaluator attest it: `theragate attest {dossier.study}`.",
        )
    if signed.policy_sha256 not in trust.policies.get(dossier.study, ()):
        raise Refusal(
            subject_of(dossier),
            rule="it must have been judged under a policy that is trusted here",
            received=f"policy {signed.policy_sha256[:12]}",
            remedy="Review its limits; if they are right, add the policy's digest to the trust file.",
        )


def _check_findings(dossier: Dossier, reading: Reading, now: datetime) -> None:
    if reading.attestation.simulated:
        raise Refusal(
            subject_of(dossier),
            rule="a model for patients has learned from patients",
            received="a simulated cohort",
            remedy="It stays a demonstration; no waiver changes that.",
        )
    if reading.verdict.decision == "PASS":
        return
    today = standing(reading.attestation.waivers, reading.verdict, today_of(now))
    if not today.accepted:
        blocking = ", ".join(f"{finding.code} {finding.gate} {finding.status}" for finding in today.open)
        raise Refusal(
            subject_of(dossier),
            rule="every gate must pass, or a valid waiver accept what does not",
            received=f"a verdict {reading.verdict.decision} by {blocking}",
            remedy="Improve the model, or have the findings waived by name, then attest it again.",
        )


def _check_conditions(dossier: Dossier, reading: Reading) -> None:
    """Demand what was attested, and judge again what can be: the looks at the held-out data, and the commit."""
    signed = reading.attestation
    facts = ReleaseFacts(
        commit=signed.commit,
        clean=True,
        unlocked=(),
        environment_sha256=signed.environment_sha256,
        missing=(),
        others=(),
        looks=signed.looks,
    )
    again = {finding.gate: finding.status for finding in conditions(facts, reading.policy)}
    failing = [
        name for name in CONDITIONS if signed.conditions.get(name) != "pass" or again.get(name) != "pass"
    ] + sorted(set(signed.conditions) - set(CONDITIONS))
    if failing:
        raise Refusal(
            subject_of(dossier),
            rule="every release condition must be met",
            received=f"{', '.join(name.replace('_', ' ') for name in failing)} not met when it was attested",
            remedy=f"See `theragate verdict {dossier.study}` for what mends it, then attest it again.",
        )


def _check_state(dossier: Dossier, study: StudyState, reading: Reading) -> None:
    signed, subject = reading.attestation, subject_of(dossier)
    if dossier.version in study.revoked or signed.model_sha256 in study.revoked_models:
        raise Refusal(
            subject,
            rule="what was revoked is not released again",
            received="a revoked model",
            remedy="Release another version.",
        )
    incumbent = study.incumbent
    expected = "none: first release" if incumbent is None else f"champion {incumbent.model_sha256}"
    if signed.comparator != expected:
        who = "nobody: it would be the first" if incumbent is None else f"version {incumbent.version}"
        raise Refusal(
            subject,
            rule=f"it must have been compared with the champion as it is now ({who})",
            received=f"a comparison with {_short(signed.comparator)}",
            remedy=f"Run `theragate champion {dossier.study}` and `dvc repro`, then attest it again.",
        )
    _check_recipe(dossier, incumbent, reading)


def _check_recipe(dossier: Dossier, incumbent: Event | None, reading: Reading) -> None:
    """Refuse a comparison with a champion that was fitted again by another recipe: a weaker one is easily beaten."""
    champion = reading.evidence.champion
    if incumbent is None or champion is None:
        return
    if champion.recipe_sha256 != incumbent.recipe_sha256:
        raise Refusal(
            subject_of(dossier),
            rule=f"the champion, version {incumbent.version}, must have been fitted again by the recipe "
            f"{incumbent.recipe_sha256[:12]} that its own attestation signs",
            received=f"a comparison with the recipe {champion.recipe_sha256[:12] or 'of nobody'}",
            remedy=f"Run `theragate champion {dossier.study}`, find out who has changed champion.json, and run "
            "`dvc repro`; then attest it again.",
        )


def check_approved(dossier: Dossier, state: ReleaseState, trust: Trust, reading: Reading) -> None:
    """Refuse what no release manager but its author has approved."""
    signed = reading.attestation
    authors = (dossier.author, signed.author)
    counting = [
        approval
        for approval in approvals_of(dossier, state, reading)
        if trust.is_manager(approval.actor)
        and (trust.development or approval.identity == "signed_in")
        and not any(same_person(approval.actor, author) for author in authors)
    ]
    if not counting:
        raise Refusal(
            subject_of(dossier),
            rule="a release manager other than its author must first have approved this very attestation",
            received="no such approval",
            remedy="Let one read the evidence, then approve: `theragate release approve`, or the tag "
            f"`theragate.approve` with the value `{signed.evidence_sha256[:FEWEST_DIGITS]}: reason`.",
        )


def check_manager(trust: Trust, actor: Actor, study: str, verb: str) -> None:
    """Refuse `actor` who is no release manager or, in a deployment, has not signed in."""
    if not trust.is_manager(actor.name):
        raise Refusal(
            f"`{study}`",
            rule=f"a release manager {verb} a model",
            received=f"`{actor.name}`, who is none",
            remedy="Ask a release manager; the trust file names them.",
        )
    if actor.identity != "signed_in" and not trust.development:
        raise Refusal(
            f"`{study}`",
            rule=f"whoever {verb} a model has signed in",
            received=f"`{actor.name}`, by word only",
            remedy="Sign in to the release server (`theragate server`).",
        )


def approvals_of(dossier: Dossier, state: ReleaseState, reading: Reading) -> list[Approval]:
    """Return the approvals of this version's statement."""
    found = state.of(dossier.study).approvals.get(reading.stated.sha256, ())
    return [approval for approval in found if approval.version == dossier.version]


def today_of(now: datetime) -> date:
    """Return the day of `now` in UTC."""
    return now.astimezone(UTC).date()


def subject_of(dossier: Dossier) -> str:
    """Return what messages call the version."""
    return f"`{dossier.study}` version {dossier.version}"


def _short(comparator: str) -> str:
    name, _, digest = comparator.partition(" ")
    return f"another one, {digest[:12]}" if name == "champion" else "nobody"
