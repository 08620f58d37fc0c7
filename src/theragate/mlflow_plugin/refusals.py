"""What the guarded registry refuses whatever the ledger says: spellings of the alias, and tags of its own."""

import re
from collections.abc import Iterable

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from theragate.mlflow_plugin.errors import refusal
from theragate.mlflow_plugin.names import APPROVE, CHAMPION, hides, is_action, is_reserved, is_written_by_server
from theragate.release.names import looks_like

__all__ = [
    "check_alias",
    "check_letters",
    "check_model_tag",
    "check_other_model",
    "check_printable",
    "check_version_tag",
    "does_not_count",
    "keeps_name",
    "states_what_was_signed",
]

_ALIAS = re.compile(r"[A-Za-z0-9._-]+")  # as in deployment/postgresql.sql


def check_letters(alias: str) -> None:
    """Refuse an alias with a letter that could be taken for another, or that is not seen."""
    if _ALIAS.fullmatch(alias) is None:
        raise refusal(
            f"alias {alias[:80]!a}",
            rule="it is made of letters without accents, digits, dots, dashes and underscores",
            received="another character",
            remedy="Choose another alias.",
        )


_PRINTABLE = re.compile(r"[ -~]{1,250}")


def check_alias(alias: str) -> None:
    """Refuse a protected alias that is not exactly `champion`."""
    if alias != CHAMPION:
        raise refusal(
            f"alias `{_shown(alias)}`",
            rule=f"what is in service has the alias `{CHAMPION}`, and no name that could be taken for it",
            received="another spelling, or another protected alias",
            remedy=f"Set the alias `{CHAMPION}`, or one that is not protected.",
        )


def check_printable(kind: str, name: str) -> None:
    """Refuse the name of a tag or a model with anything but printable ASCII: it could look like another."""
    if _PRINTABLE.fullmatch(name) is None or name != name.strip():
        raise refusal(
            f"{kind} `{_shown(name)}`",
            rule="it is written in visible ASCII characters, without a blank at either end",
            received="another character" if not name.isascii() else "a blank or a control character",
            remedy="Choose such a name; other alphabets have their place in descriptions and values.",
        )


def check_other_model(name: str, others: Iterable[str]) -> None:
    """Refuse a registered model that a reader could take for another one."""
    other = looks_like(name, others)
    if other is not None:
        raise refusal(
            f"the model `{_shown(name)}`",
            rule="no reader could take one registered model for another",
            received=f"a name like that of `{_shown(other)}`",
            remedy="Choose another name.",
        )


def _shown(name: str) -> str:
    return ascii(name.strip())[1:-1][:80]


def check_version_tag(key: str) -> None:
    """Refuse a tag of a version that only the server writes, or that turns a model into a prompt."""
    _check_kind(key)
    if is_action(key) or is_written_by_server(key):
        raise refusal(
            f"tag `{_shown(key)}`",
            rule="only the server writes it, about what was signed and what people did",
            received="a value or a deletion by hand",
            remedy=f"Nothing needs to be done; to approve a version, set the tag `{APPROVE}`.",
        )


def check_model_tag(model: str, key: str) -> None:
    """Refuse a reserved tag on a whole model, or one that turns a model into a prompt."""
    _check_kind(key)
    if is_reserved(key):
        raise refusal(
            f"`{model}`, tag `{_shown(key)}`",
            rule="a statement about a release is about one version",
            received="a reserved tag on the whole model",
            remedy="Choose another name for the tag.",
        )


def states_what_was_signed(version: ModelVersion, part: str) -> MlflowException:
    """Return the refusal of a change to what an attested version says."""
    return refusal(
        f"`{version.name}` version {version.version}, {part}",
        rule="once a version is attested, the registry alone says what it is, from what was signed",
        received="a change by hand",
        remedy="Leave it; put a note into a tag of another name, or let `theragate attest` sign something new.",
    )


def does_not_count(version: ModelVersion, why: str) -> MlflowException:
    """Return the refusal of an attestation that does not count, in place of one that does."""
    return refusal(
        f"`{version.name}` version {version.version}",
        rule="an attestation that counts is replaced only by another one that counts",
        received=f"one that does not ({why.rstrip('.')})",
        remedy=f"Let the evaluator sign: `theragate attest {version.name}`.",
    )


def keeps_name(model: str, received: str) -> MlflowException:
    """Return the refusal of a change to a model that the ledger mentions, or to its name."""
    return refusal(
        f"`{model}`",
        rule="a model that the ledger mentions keeps its name, and no other model takes it",
        received=received,
        remedy="Register the other model under another name.",
    )


def _check_kind(key: str) -> None:
    if hides(key):
        raise refusal(
            f"tag `{_shown(key)}`",
            rule="a model stays a model and a prompt stays a prompt",
            received="a change from one to the other",
            remedy="Create a new one of the other kind, under another name.",
        )
