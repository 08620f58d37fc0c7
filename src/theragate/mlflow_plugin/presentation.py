"""What MLflow's pages say of a version and of a model: in whose words, and who has signed them.

Before a version is attested, its description is its author's, and begins by saying so. Afterwards the registry has
written description and tags from the signed statement, and from the gates' judgement of the signed evidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from theragate.gates import CONDITIONS
from theragate.mlflow_plugin.names import SIGNER
from theragate.project.waiver_rows import as_of_today
from theragate.release.attestation import Attestation
from theragate.release.examination import Examination
from theragate.release.trust import Trust
from theragate.release.waivers import standing
from theragate.reports.verdict import ANSWERS, verdict_table
from theragate.tracking.description import LONGEST_TEXT, cut, described

__all__ = ["Presentation", "model_text", "own_words", "presentation_of", "unattested_text"]

_UNATTESTED = "NOT ATTESTED: what follows are its author's words, which nobody has signed"
_MODEL = (
    "Whoever may edit this model has written this, and nobody has signed it: what was judged is on the pages of its "
    "versions."
)
_LONGEST_REASON = 600


@dataclass(frozen=True)
class Presentation:
    """The description and the reserved tags of an attested version."""

    description: str
    tags: Mapping[str, str]


def unattested_text(text: str | None, *, why: str = "") -> str:
    """Return the description of a version that is not attested: `text` by its author, under a line that says so.

    Parameters
    ----------
    why
        Why the attestation that was handed in does not count; empty where there is none.
    """
    reason = f" (the tag `theragate.attestation` does not count: {cut(why, _LONGEST_REASON)})" if why else ""
    return cut(f"{_UNATTESTED}{reason}.\n\n{own_words(text)}".strip(), LONGEST_TEXT)


def own_words(text: str | None) -> str:
    """Return what an author has written of a version, without the line that the registry puts above it."""
    head, _, rest = (text or "").partition("\n\n")
    return rest if head.startswith(_UNATTESTED) else text or ""


def model_text(text: str | None) -> str:
    """Return the description of a whole model: `text` under a line that says that nobody has signed it."""
    own = (text or "").removeprefix(_MODEL).lstrip("\n")
    return cut(f"{_MODEL}\n\n{own}".strip(), LONGEST_TEXT)


def presentation_of(examination: Examination, trust: Trust, now: datetime) -> Presentation:
    """Return how an attested version is presented; everything follows from what was signed."""
    signed, verdict = examination.attestation, examination.verdict
    treatment = examination.evidence.treatment
    accepted = standing(signed.waivers, verdict, now.date())
    waivers, signer = as_of_today(accepted), _signer(examination, trust)
    tags = {
        SIGNER: signer,
        "theragate.verdict": signed.decision,
        "theragate.blocked_by": ", ".join(finding.gate for finding in verdict.blocking),
        "theragate.waivers": cut("; ".join(f"{one.finding} by {one.by} until {one.expires}" for one in waivers)),
        "theragate.waived_until": str(accepted.until or ""),
        "theragate.treatment": "" if treatment is None else treatment.assigned,
        **_stated_tags(signed),
    }
    head = (
        f"{signer[:1].upper()}{signer[1:]}.\n\nThe registry has written this from what was signed on "
        f"{signed.issued:%Y-%m-%d} and is valid until {signed.expires:%Y-%m-%d}. Compared with {signed.comparator}."
        f"\n\nRelease conditions:\n\n{_condition_lines(signed)}"
    )
    reproducible = signed.commit is not None and signed.conditions.get("lineage") == "pass"
    text = described(
        verdict_table(verdict, waivers=waivers, looks=signed.looks),
        simulated=signed.simulated,
        assigned=None if treatment is None else treatment.assigned,
        reproduce=f"git checkout {signed.commit} && dvc repro register@{signed.study}" if reproducible else "",
        head=head,
    )
    return Presentation(text, {name: value for name, value in tags.items() if value})


def _stated_tags(signed: Attestation) -> dict[str, str]:
    return {
        "theragate.comparator": signed.comparator,
        "theragate.committed_by": signed.author,
        "theragate.looks": str(signed.looks),
        "theragate.simulated": "true" if signed.simulated else "",
        **{f"theragate.{name}": status for name, status in signed.conditions.items() if name in CONDITIONS},
        "sha256.data": signed.cohort_sha256,
        "sha256.predictions": signed.predictions_sha256,
        "sha256.policy": signed.policy_sha256,
        "sha256.evidence": signed.evidence_sha256,
        "sha256.model": signed.model_sha256,
        "git.commit": signed.commit or "",
    }


def _condition_lines(signed: Attestation) -> str:
    return "\n".join(
        f"- {kind.code} {kind.title}: {ANSWERS[signed.conditions.get(name, 'insufficient')]}."
        for name, kind in CONDITIONS.items()
    )


def _signer(examination: Examination, trust: Trust) -> str:
    """Say which key has signed, as `theragate attest` does."""
    digits = examination.key_id[:12]
    if trust.development:
        return f"DEVELOPMENT KEY {digits} of one machine, which proves nothing to anybody else"
    return f"attested by the key `{trust.key_name(examination.key_id)}`, {digits}"
