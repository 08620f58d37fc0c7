"""The protected alias, and the tags by which people act and the server answers."""

import re

from theragate.release.names import skeleton

__all__ = [
    "APPROVE",
    "APPROVED",
    "ATTESTATION",
    "AUTHOR",
    "CHAMPION",
    "KEY",
    "OF_THE_PIPELINE",
    "RELEASED",
    "REVOKE",
    "REVOKED",
    "SIGNER",
    "WITHDRAW",
    "hides",
    "is_action",
    "is_of_a_claim",
    "is_reserved",
    "is_written_by_server",
]

CHAMPION = "champion"

ATTESTATION = "theragate.attestation"
KEY = "theragate.key"  # by which the pipeline finds the version of its files again
APPROVE, REVOKE, WITHDRAW = "theragate.approve", "theragate.revoke", "theragate.withdraw"
AUTHOR, APPROVED = "theragate.author", "theragate.approved"
RELEASED, REVOKED = "theragate.released", "theragate.revoked"
SIGNER = "theragate.attested_by"  # its version is attested, and what the reserved tags say was signed

# The pipeline's notes about its own work, also on a version in service: neither says anything about the model.
OF_THE_PIPELINE = frozenset({"theragate.candidate_taken", "theragate.pending"})

_ACTIONS = frozenset({APPROVE, REVOKE, WITHDRAW})
_JUDGED = (
    "verdict",
    "blocked_by",
    "waivers",
    "comparator",
    "committed_by",
)  # what only a signature makes more than words
_WRITTEN = frozenset({AUTHOR, APPROVED, RELEASED, REVOKED, SIGNER, *(f"theragate.{name}" for name in _JUDGED)})
_OF_PEOPLE = frozenset({AUTHOR, APPROVED, RELEASED, REVOKED})
_RESERVED = ("theragate.", "sha256.", "git.")


def is_action(key: str) -> bool:
    """Return whether a tag is an action, which is carried out and never stored."""
    return key in _ACTIONS


def is_written_by_server(key: str) -> bool:
    """Return whether a tag, in any spelling, passes for one that only the server writes, or for an action."""
    return _read(key) in _READ_WRITTEN or (_read(key) in _READ_ACTIONS and key not in _ACTIONS)


def hides(key: str) -> bool:
    """Return whether this tag makes MLflow list its bearer as a prompt and not as a model."""
    from mlflow.prompt.constants import IS_PROMPT_TAG_KEY  # here, so that the names alone are light

    return bool(key == IS_PROMPT_TAG_KEY)


def is_reserved(key: str) -> bool:
    """Return whether a tag, in any spelling, states something about the model that a release may rest on."""
    return f"{_read(key)}.".startswith(_READ_RESERVED) and key not in OF_THE_PIPELINE


def is_of_a_claim(key: str) -> bool:
    """Return whether a tag gives way to what was signed, once a version is attested."""
    return is_reserved(key) and key not in _OF_PEOPLE | {ATTESTATION, KEY}


def _read(key: str) -> str:
    """Return a tag as people read it: `Theragate_verdict` and `theragate verdict` pass for `theragate.verdict`.

    So does one with letters of another alphabet, or with characters that are not seen.
    """
    prefix, *rest = re.split(r"[\W_]+", skeleton(key).strip("._-/ "), maxsplit=1)
    return ".".join([prefix, *rest])


_READ_WRITTEN, _READ_ACTIONS = (frozenset(map(_read, names)) for names in (_WRITTEN, _ACTIONS))
_READ_RESERVED = tuple(f"{_read(prefix)}." for prefix in _RESERVED)
