"""What is signed about a model: an in-toto Statement about the packaged model, with a predicate of our own.

https://github.com/in-toto/attestation/tree/main/spec/v1. The bytes of the statement are canonical JSON, and their
SHA-256 names it: an approval is of one statement, and of no other.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from theragate.digests import canonical_json, sha256_bytes
from theragate.gates.types import Status
from theragate.release.dsse import Envelope, sign
from theragate.release.keys import SigningKey
from theragate.release.refusals import Refusal
from theragate.release.waivers import Digest, Person, Waiver
from theragate.study import Name, Spec, TaskName, spec_of

__all__ = [
    "PAYLOAD_TYPE",
    "PREDICATE_TYPE",
    "VALIDITY",
    "Attestation",
    "Moment",
    "ParsedStatement",
    "read_statement",
    "sign_attestation",
    "statement_of",
]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
PREDICATE_TYPE: Final = "urn:theragate:release:v1"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
VALIDITY = timedelta(days=90)

_SUBJECT = "the attestation"
_REMEDY = "Attest the version again with this version of Theragate: `theragate attest STUDY`."


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() != timedelta(0):
        raise ValueError("the time is given in UTC")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]


class Attestation(Spec):
    """What a key attests about one model.

    ``model_sha256`` is the digest of the estimator's directory, ``package_sha256`` that of the packaged model;
    ``evidence_sha256`` is that of the full evidence, ``published_sha256`` that of the part that everybody may read,
    ``dossier_sha256`` that of the file with evidence and policy for the server (`theragate.release.dossier`).
    ``recipe_sha256`` is the digest of the recipe in canonical JSON, by which the model is refitted as the one to beat
    once it is champion.
    ``conditions`` are the results of the release conditions by name, ``looks`` is how often the held-out data have
    decided, ``author`` who made the commit, and ``recomputed`` whether the signer has recomputed everything from the
    lock.
    """

    model_config = ConfigDict(strict=True)

    study: Name
    task: TaskName
    simulated: bool
    model_sha256: Digest
    package_sha256: Digest
    cohort_sha256: Digest
    predictions_sha256: Digest
    evidence_sha256: Digest
    published_sha256: Digest
    dossier_sha256: Digest
    policy_sha256: Digest
    verdict_sha256: Digest
    recipe_sha256: Digest
    decision: Literal["PASS", "NOT_PERSONALISED", "BLOCKED"]
    comparator: Annotated[str, Field(min_length=1, max_length=200)]
    waivers: Annotated[tuple[Waiver, ...], Field(max_length=100)]
    conditions: Annotated[dict[Name, Status], Field(max_length=100)]
    looks: Annotated[int, Field(ge=0)]
    commit: Commit | None
    environment_sha256: Digest
    author: Person
    recomputed: bool
    issued: Moment
    expires: Moment

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.expires <= self.issued:
            raise ValueError("an attestation expires after it is issued")
        return self

    def same_but_for_time(self, other: "Attestation") -> bool:
        """Return whether `other` attests the same, at any time."""
        times = {"issued": self.issued, "expires": self.expires}
        return self == other.model_copy(update=times)


class Subject(Spec):
    """The model that a statement is about."""

    name: str
    digest: dict[str, str]


class Statement(Spec):
    """An in-toto Statement with one subject and our predicate."""

    model_config = ConfigDict(strict=True)

    type: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[tuple[Subject, ...], Field(min_length=1, max_length=1)]
    predicate_type: Annotated[Literal["urn:theragate:release:v1"], Field(alias="predicateType")]
    predicate: Attestation

    @model_validator(mode="after")
    def _about_the_package(self) -> Self:
        about = self.predicate
        if self.subject[0] != Subject(name=about.study, digest={"sha256": about.package_sha256}):
            raise ValueError("the subject is the packaged model that the predicate names")
        return self


@dataclass(frozen=True)
class ParsedStatement:
    """The attestation in a statement, and the digest of the statement."""

    attestation: Attestation
    sha256: str


def statement_of(attestation: Attestation) -> bytes:
    """Return the bytes that are signed; the same attestation always gives the same bytes."""
    subject = Subject(name=attestation.study, digest={"sha256": attestation.package_sha256})
    statement = Statement(type=STATEMENT_TYPE, subject=(subject,), predicate_type=PREDICATE_TYPE, predicate=attestation)
    return canonical_json(statement.model_dump(mode="json", by_alias=True))


def sign_attestation(attestation: Attestation, key: SigningKey) -> Envelope:
    """Sign `attestation` with `key`."""
    return sign(statement_of(attestation), PAYLOAD_TYPE, key)


def read_statement(payload: bytes) -> ParsedStatement:
    """Read the payload of an envelope, verified or not.

    Raises
    ------
    Refusal
        If it is not a statement of ours, incomplete, or not in canonical form: two readers must never read it
        differently.
    """
    try:
        raw: Any = json.loads(payload)
        canonical = canonical_json(raw) == payload
    except (ValueError, RecursionError) as error:
        raise _refused("text that is not JSON") from error
    statement = spec_of(Statement, raw, subject=_SUBJECT, remedy=_REMEDY, error=Refusal)
    if not canonical:
        raise _refused("JSON that is not canonical")
    return ParsedStatement(statement.predicate, sha256_bytes(payload))


def _refused(received: str) -> Refusal:
    rule = "it is a complete statement about a release in canonical JSON"
    return Refusal(_SUBJECT, rule=rule, received=received, remedy=_REMEDY)
