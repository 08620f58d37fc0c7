"""How long a server waits for a client, and how much it takes from one, before it gives up on it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite

from theragate.errors import ConfigurationError, some_of

__all__ = ["VARIABLE", "Limits", "read_limits"]

VARIABLE = "THERAGATE_LIMITS"


@dataclass(frozen=True)
class Limits:
    """What one process of a server grants its clients.

    Parameters
    ----------
    header_seconds
        For the head of a request, from its first byte (or the connection) to its last header.
    body_seconds, body_rate
        A body that has had `s` seconds must have brought ``(s - body_seconds) * body_rate`` bytes.
    answer_seconds
        Without any progress, until an answer that nobody reads is given up.
    connections
        At the same time; beyond them, the oldest one that nobody has signed in on gives way.
    bytes_before_sign_in
        Of a body, from somebody who has not signed in.
    request_bytes
        Of a body that MLflow reads into memory whole.
    bytes_in_flight, bytes_of_one_user
        Of such bodies at the same time, altogether and from one user.
    file_bytes
        Of one file that is sent as an artifact.
    uploads_of_one_user
        Such files at the same time.
    requests_of_one_user
        Requests of any kind at the same time, each until its answer has been read.
    free_bytes
        What stays free on the disk of the artifacts: no more is taken from anybody.
    guesses
        Wrong passwords for a user from one address, before the next one has to wait.
    guess_seconds, most_guess_seconds
        The first such wait, which doubles with each wrong password, and the longest.
    unused_dossiers, unused_dossier_bytes
        Of one user, that no attestation refers to.
    """

    header_seconds: float = 15
    body_seconds: float = 20
    body_rate: float = 1_000
    answer_seconds: float = 60
    connections: int = 500  # below the 1,024 open files that a process usually may have
    bytes_before_sign_in: int = 64 << 10
    request_bytes: int = 32 << 20  # twice the largest dossier
    bytes_in_flight: int = 128 << 20
    bytes_of_one_user: int = 64 << 20
    file_bytes: int = 8 << 30
    uploads_of_one_user: int = 32
    requests_of_one_user: int = 100  # a fifth of the connections
    free_bytes: int = 512 << 20
    guesses: int = 5
    guess_seconds: float = 1
    most_guess_seconds: float = 900
    unused_dossiers: int = 50
    unused_dossier_bytes: int = 128 << 20


def read_limits(environ: Mapping[str, str]) -> Limits:
    """Return the limits, with those changed that ``THERAGATE_LIMITS`` names, as in ``body_rate=5000 connections=200``.

    Raises
    ------
    ConfigurationError
        If an entry has another form, no limit has its name, or its value is not a number above zero.
    """
    known = {field.name: field.type for field in fields(Limits)}
    changed: dict[str, float] = {}
    for entry in environ.get(VARIABLE, "").split():
        name, _, text = entry.partition("=")
        if name not in known:
            raise _wrong(f"it names {some_of(known, most=99)}", f"`{entry[:80]}`")
        try:
            value = float(text) if known[name] in (float, "float") else int(text)
        except ValueError as error:
            raise _wrong(f"`{name}` is a number", f"`{text[:80]}`") from error
        if not (isfinite(value) and value > 0):
            raise _wrong(f"`{name}` is above zero", f"`{text[:80]}`")
        changed[name] = value
    return Limits(**changed)  # type: ignore[arg-type]


def _wrong(rule: str, received: str) -> ConfigurationError:
    return ConfigurationError(
        f"environment variable {VARIABLE}",
        rule=rule,
        received=received,
        remedy="Write each limit as `name=number`, with blanks between them, or unset it.",
    )
