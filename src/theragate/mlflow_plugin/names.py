"""The protected alias, and the tags by which people act and the server answers."""

from mlflow.prompt.constants import IS_PROMPT_TAG_KEY

from theragate.release.names import folded

__all__ = [
    "APPROVE",
    "APPROVED",
    "ATTESTATION",
    "AUTHOR",
    "CHAMPION",
    "OF_THE_PIPELINE",
    "RELEASED",
    "REVOKE",
    "REVOKED",
    "WITHDRAW",
    "hides",
    "is_action",
    "is_reserved",
    "is_written_by_server",
]

CHAMPION = "champion"

ATTESTATION = "theragate.attestation"
APPROVE, REVOKE, WITHDRAW = "theragate.approve", "theragate.revoke", "theragate.withdraw"
AUTHOR, APPROVED = "theragate.author", "theragate.approved"
RELEASED, REVOKED = "theragate.released", "theragate.revoked"

# The pipeline's notes about its own work, also on a version in service: neither says anything about the model.
OF_THE_PIPELINE = frozenset({"theragate.candidate_taken", "theragate.pending"})

_ACTIONS = frozenset({APPROVE, REVOKE, WITHDRAW})
_WRITTEN = frozenset({AUTHOR, APPROVED, RELEASED, REVOKED})
_RESERVED = ("theragate.", "sha256.", "git.")


def is_action(key: str) -> bool:
    """Return whether a tag is an action, which is carried out and never stored."""
    return key in _ACTIONS


def is_written_by_server(key: str) -> bool:
    """Return whether a tag, in any spelling, passes for one that only the server writes, or for an action."""
    return folded(key) in _WRITTEN or (folded(key) in _ACTIONS and key not in _ACTIONS)


def hides(key: str) -> bool:
    """Return whether this tag makes MLflow list its bearer as a prompt and not as a model."""
    return key == IS_PROMPT_TAG_KEY


def is_reserved(key: str) -> bool:
    """Return whether a tag, in any spelling, states something about the model that a release may rest on."""
    return folded(key).startswith(_RESERVED) and key not in OF_THE_PIPELINE
