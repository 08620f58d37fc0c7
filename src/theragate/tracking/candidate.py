"""The alias `candidate`: which version has it, and which one loses it.

It names the last *registered* version among those that nothing blocks, or whose blocking findings are all accepted by
name. It moves only with a new version: publishing again moves nothing, nor does a BLOCKED verdict without waivers, and
where a person has moved or removed the alias, it stays as that person left it. An alias that rests on waivers is
removed once they no longer count.
"""

from dataclasses import dataclass
from datetime import date

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from theragate.tracking.bundle import Bundle
from theragate.tracking.content import WAIVED_UNTIL

__all__ = ["CANDIDATE", "Review", "name_candidate", "restore_candidate", "review_candidate"]

CANDIDATE = "candidate"
_TAKEN = "theragate.candidate_taken"


def name_candidate(client: MlflowClient, version: ModelVersion) -> None:
    """Give the alias to `version`, unless a newer version has it."""
    named = client.get_registered_model(version.name).aliases.get(CANDIDATE)
    if named is None or int(named) < int(version.version):
        client.set_registered_model_alias(version.name, CANDIDATE, version.version)


def restore_candidate(client: MlflowClient, version: ModelVersion) -> None:
    """Give the alias back to a version from which `review_candidate` has taken it."""
    if _TAKEN in version.tags:
        name_candidate(client, version)
        client.delete_model_version_tag(version.name, version.version, _TAKEN)


@dataclass(frozen=True)
class Review:
    """Which version has the alias after a review, and which one has lost it; each None where none has."""

    holder: str | None
    taken: str | None = None


def review_candidate(client: MlflowClient, bundle: Bundle, *, today: date, known: ModelVersion | None = None) -> Review:
    """Take the alias from the version that has it if it rests on waivers that no longer count.

    Where the version has the evidence and policy of `bundle`, the bundle knows which waivers count; otherwise the last
    day in the version's tag decides.

    Parameters
    ----------
    known
        A version that the caller has read already: over a network, every question counts.
    """
    name = bundle.study.name
    try:
        number = client.get_registered_model(name).aliases.get(CANDIDATE)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return Review(None)
    if number is None:
        return Review(None)
    holder = str(number)
    version = known if known is not None and str(known.version) == holder else client.get_model_version(name, holder)
    if WAIVED_UNTIL not in version.tags or _counts(version, bundle, today=today):
        return Review(holder)
    client.set_model_version_tag(name, holder, _TAKEN, "true")
    client.delete_registered_model_alias(name, CANDIDATE)
    return Review(None, taken=holder)


def _counts(version: ModelVersion, bundle: Bundle, *, today: date) -> bool:
    verdict, judged = bundle.verdict, ("sha256.evidence", "sha256.policy")
    if tuple(version.tags.get(tag) for tag in judged) == (verdict.evidence_sha256, verdict.policy_sha256):
        return bundle.may_be_candidate
    try:
        return today <= date.fromisoformat(version.tags[WAIVED_UNTIL])
    except ValueError:
        return False
