"""A named person's expiring acceptance of one finding: in a file that git tracks and people review."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from theragate.errors import ConfigurationError
from theragate.files import write_json
from theragate.gates.types import REVIEW, Finding, Verdict
from theragate.release.names import unseen_in
from theragate.study import Spec, read_spec

__all__ = [
    "FEWEST_WORDS",
    "LONGEST_VALIDITY",
    "Digest",
    "Person",
    "Reason",
    "Standing",
    "Waiver",
    "WaiverFile",
    "expired",
    "mismatch",
    "plain",
    "read_waivers",
    "standing",
    "write_waivers",
]

LONGEST_VALIDITY = timedelta(days=366)
FEWEST_WORDS = 5
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def plain(text: str) -> str:
    """Return `text` in Unicode's composed form.

    Raises
    ------
    ValueError
        If it has more than one line, or holds what a reader does not see or takes for something else.
    """
    unseen = unseen_in(text)
    if unseen:
        raise ValueError(f"it is one line of plain text, without {unseen}")
    return unicodedata.normalize("NFC", text)


def _named(text: str) -> str:
    if not any(sign.isalnum() for sign in text):
        raise ValueError("a name has letters or digits")
    return text


def _explained(text: str) -> str:
    if len(text.split()) < FEWEST_WORDS:
        raise ValueError(f"a reason has at least {FEWEST_WORDS} words")
    return text


Person = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=200),
    AfterValidator(plain),
    AfterValidator(_named),
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(plain), AfterValidator(_explained)
]


class Waiver(Spec):
    """One person's acceptance of one finding, for one evidence under one policy.

    ``issued`` and ``expires`` are calendar days in UTC; a waiver is valid through both.
    """

    study: str
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,8}\d{3}$")]
    gate: str
    status: Literal["fail", "insufficient"]
    evidence_sha256: Digest
    policy_sha256: Digest
    reason: Reason
    by: Person
    issued: date
    expires: date

    @model_validator(mode="after")
    def _within_a_year(self) -> Self:
        if not self.issued <= self.expires <= self.issued + LONGEST_VALIDITY:
            raise ValueError("a waiver expires on the day of its issue or within a year of it")
        return self


class WaiverFile(Spec):
    """The content of ``release/<study>/waivers.json``: at most one waiver per finding."""

    study: str
    waivers: tuple[Waiver, ...] = Field(default=())

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [(waiver.study, waiver.code) for waiver in self.waivers]
        if len(set(names)) < len(names):
            raise ValueError("a finding is waived once")
        return self


@dataclass(frozen=True)
class Standing:
    """What waivers do for a verdict today.

    ``counting`` are those that accept a blocking finding; ``others`` do not count, each for the reason given; ``open``
    are the blocking findings that no waiver accepts.
    """

    counting: tuple[Waiver, ...]
    others: tuple[tuple[Waiver, str], ...]
    open: tuple[Finding, ...]

    @property
    def accepted(self) -> bool:
        """Whether findings block, and every one of them is accepted by name."""
        return bool(self.counting) and not self.open

    @property
    def until(self) -> date | None:
        """The last day on which every blocking finding is accepted; None where one is not."""
        return min(waiver.expires for waiver in self.counting) if self.accepted else None


def standing(waivers: Sequence[Waiver], verdict: Verdict, today: date) -> Standing:
    """Return which of `waivers` count for `verdict` on the day `today`, and why the others do not.

    A waiver counts if study, finding, evidence and policy are those of the verdict, and if it has been issued and has
    not expired. It never changes the verdict.
    """
    counting, others = [], []
    for waiver in waivers:
        why = mismatch(waiver, verdict)
        if not why and today < waiver.issued:
            why = f"it is valid only from {waiver.issued}"
        if not why and today > waiver.expires:
            why = f"it expired after {waiver.expires}"
        if why:
            others.append((waiver, why))
        else:
            counting.append(waiver)
    codes = {waiver.code for waiver in counting}
    unaccepted = tuple(finding for finding in verdict.blocking if finding.code not in codes)
    return Standing(counting=tuple(counting), others=tuple(others), open=unaccepted)


def expired(waivers: Iterable[Waiver], today: date) -> tuple[Waiver, ...]:
    """Return those of `waivers` that have expired: what rests on them stays in service, and somebody has to look."""
    return tuple(waiver for waiver in waivers if today > waiver.expires)


def mismatch(waiver: Waiver, verdict: Verdict) -> str:
    """Return why `waiver` is not about a finding of `verdict`, on any day; empty where it is."""
    if waiver.study != verdict.study:
        return f"it was given for another study, `{waiver.study}`"
    if waiver.code == REVIEW:
        return "what nobody has written cannot be accepted"
    if waiver.policy_sha256 != verdict.policy_sha256:
        return "the policy has changed since"
    if waiver.evidence_sha256 != verdict.evidence_sha256:
        return "the evidence has changed since"
    blocking = {(finding.code, finding.gate, finding.status) for finding in verdict.blocking}
    if (waiver.code, waiver.gate, waiver.status) not in blocking:
        return f"this verdict has no finding {waiver.code} {waiver.gate} {waiver.status}"
    if any(finding.code == waiver.code and not finding.waivable for finding in verdict.blocking):
        return "no waiver can accept this finding"
    return ""


def read_waivers(path: Path, study: str) -> tuple[Waiver, ...]:
    """Read the waivers of a study, in the order of their codes; none where there is no file.

    Raises
    ------
    ConfigurationError
        If the file has another form, or is another study's. People may edit it: the first wrong key is named.
    DataError
        If it cannot be read or is not JSON.
    """
    if not path.exists():
        return ()
    subject = "/".join(path.parts[-3:])
    remedy = "Restore the file from git, and change it with `theragate waive` only."
    file = read_spec(
        WaiverFile,
        path,
        subject=subject,
        remedy="Restore it from git.",
        outdated=remedy,
        error=ConfigurationError,
    )
    if file.study != study:
        rule = f"the file is about the study `{study}`"
        raise ConfigurationError(subject, rule=rule, received=f"`{file.study}`", remedy=remedy)
    return _sorted(file.waivers)


def write_waivers(path: Path, study: str, waivers: Sequence[Waiver]) -> None:
    """Write the waivers of a study, sorted; the same waivers always give the same bytes."""
    write_json(path, WaiverFile(study=study, waivers=_sorted(waivers)).model_dump(mode="json"))


def _sorted(waivers: Sequence[Waiver]) -> tuple[Waiver, ...]:
    return tuple(sorted(waivers, key=lambda waiver: (waiver.code, waiver.study)))
