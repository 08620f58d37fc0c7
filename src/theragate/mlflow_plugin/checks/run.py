"""All checks of a deployment, as the server would read it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from theragate.errors import ConfigurationError, TheragateError
from theragate.mlflow_plugin.checks.artifacts import check_artifacts
from theragate.mlflow_plugin.checks.buckets import check_buckets
from theragate.mlflow_plugin.checks.database import check_database
from theragate.mlflow_plugin.checks.files import check_disk, check_files, check_private_keys, check_trust_file
from theragate.mlflow_plugin.checks.findings import Finding, error
from theragate.mlflow_plugin.checks.network import check_network
from theragate.mlflow_plugin.checks.people import (
    SignInFile,
    check_people,
    check_sign_in_file,
    check_trust,
    read_sign_in,
)
from theragate.mlflow_plugin.configuration import Configuration
from theragate.release.trust import Trust, deployed_trust
from theragate.settings import Settings

__all__ = ["check_server", "refuse_worst"]


def check_server(
    settings: Settings, environ: Mapping[str, str], *, host: str, workers: int, sign_in: Path, own: bool
) -> Iterator[Finding]:
    """Find what is missing in a deployment, or too open; nothing is changed.

    Parameters
    ----------
    sign_in
        The file of MLflow's sign-in.
    own
        Whether it is the one that the server makes at its first start.
    """
    yield from _guarded(_keys_and_trust, settings, environ)
    trust = _trust(settings, environ)
    read = read_sign_in(sign_in, own=own)
    if isinstance(read, Finding):
        yield read
    else:
        yield from check_sign_in_file(read, environ, workers=workers)
        if isinstance(trust, Trust):
            yield from check_people(read, trust)
    users = read.sqlite if isinstance(read, SignInFile) else None
    yield from _guarded(check_files, settings, environ, users)
    yield from _guarded(check_disk, settings, environ)
    yield from _guarded(check_buckets, settings, environ)
    yield from _guarded(check_artifacts, settings, environ)
    yield from check_network(host, workers, environ)
    yield from check_database(settings.registry.removeprefix("gated+"))


def refuse_worst(settings: Settings, environ: Mapping[str, str]) -> None:
    """Refuse to start a server that anybody on the machine, or one key alone, could make release anything.

    Raises
    ------
    ConfigurationError
        For the first such finding.
    """
    worst = next((one for one in _guarded(_keys_and_trust, settings, environ) if one.worst), None)
    if worst is not None:
        raise ConfigurationError(
            "the release server",
            rule="it starts where nobody else decides whom it trusts and what it signs",
            received=f"this: {worst.sentence.rstrip('.')}",
            remedy="See everything with `theragate server --check`.",
        )


def _keys_and_trust(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    yield from check_trust_file(settings, environ)
    trust = _trust(settings, environ)
    if isinstance(trust, Finding):
        yield trust
        return
    yield from check_trust(trust)
    yield from check_private_keys(settings, environ, trust)
    try:
        Configuration(environ, settings.home).ledger_key(trust)
    except TheragateError as raised:
        # Without a key the server serves, and refuses every release by itself.
        yield Finding.of(raised, worst=bool(environ.get("THERAGATE_LEDGER_KEY")))


def _trust(settings: Settings, environ: Mapping[str, str]) -> Trust | Finding:
    try:
        found = deployed_trust(settings, environ)
    except TheragateError as raised:
        return Finding.of(raised, worst=True)
    return found or error(
        "the trust file",
        rule="it says who releases, and whose signatures count",
        received="none",
        remedy="Make one with `theragate keys make` (docs/keys.md).",
        worst=True,
    )


def _guarded(check: Callable[..., Iterable[Finding]], *arguments: object) -> Iterator[Finding]:
    """Turn what stops a check into a finding: the others go on."""
    try:
        yield from check(*arguments)
    except TheragateError as raised:
        yield Finding.of(raised)
    except OSError as raised:
        yield error(
            f"`{raised.filename}`" if raised.filename else "a file of the server",
            rule="the check can look at it",
            received=raised.strerror or type(raised).__name__,
            remedy="Run the check as the server's user.",
        )
