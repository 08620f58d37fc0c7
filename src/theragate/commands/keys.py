"""Keys of a deployment: the private half goes into a file, the public half into the trust file."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import get_args

from filelock import FileLock
from pydantic import ValidationError

from theragate.errors import ConfigurationError, did_you_mean
from theragate.release.keys import SigningKey, write_key
from theragate.release.trust import (
    Holder,
    Role,
    Trust,
    TrustedKey,
    own_key,
    project_trust,
    read_trust,
    trust_path,
    write_trust,
)
from theragate.settings import Settings
from theragate.study import first_flaw

__all__ = ["list_keys", "make_key", "revoke_key", "rotate_key"]

ROLES: tuple[Role, ...] = get_args(Role)
_VARIABLES = {"evaluator": "THERAGATE_EVALUATOR_KEY", "ledger": "THERAGATE_LEDGER_KEY"}


def make_key(
    settings: Settings,
    environ: Mapping[str, str],
    name: str,
    *,
    roles: Sequence[Role],
    out: Path | None,
    studies: Sequence[str] = (),
) -> list[str]:
    """Make a key pair: the private half in a new file, the public half in the trust file, which is made if need be.

    Parameters
    ----------
    studies
        Those that an evaluator's key may attest; empty where it may attest all.

    Returns
    -------
    Lines for the user: where the halves are, and what is still to be done.

    Raises
    ------
    ConfigurationError
        If the name is taken or no name, the file exists, or the trust file is wrong.
    StoreError
        If the disk does not take a file.
    """
    target, fresh = _file(settings, name, out), _path(settings, environ)
    key = SigningKey.generate()
    began = not fresh.exists()

    def add(trust: Trust) -> Trust:
        if any(entry.name == name for entry in trust.keys):
            raise _wrong(
                f"key `{name}`",
                "a new key has a new name",
                "one that is in the trust file",
                "Name another one, or use `theragate keys rotate`.",
            )
        extended = _with(trust, [*trust.keys, _entry(name, key, roles, tuple(studies) or None)])
        write_key(target, key)
        return extended

    trust = _changed(settings, environ, add)
    lines = _made(name, key, roles, target)
    if began:
        count = len(trust.policies)
        policies = f"the policies of {count} studies" if count > 1 else "the policy of 1 study" if count else ""
        lines.append(
            f"{_shown(fresh, settings)} is new: from now on only the keys that it lists count here, and no development "
            + (f"key. It accepts {policies} as params.yaml has them." if policies else "key. It accepts no policy yet.")
        )
    return [*lines, *_lacking(trust)]


def rotate_key(
    settings: Settings, environ: Mapping[str, str], name: str, *, out: Path | None, today: date
) -> list[str]:
    """Make a successor of a key, with its roles; the old one counts through today (UTC) and is then revoked.

    Raises
    ------
    ConfigurationError
        If there is no such key, it is revoked already, or a file or name is taken.
    StoreError
        If the disk does not take a file.
    """
    key, until = SigningKey.generate(), today + timedelta(days=1)
    made: list[tuple[str, tuple[Role, ...], Path]] = []

    def exchange(trust: Trust) -> Trust:
        old = _known(trust, name)
        successor = _successor(trust, name)
        target = _file(settings, successor, out)
        exchanged = _with(trust, [*_revoked(trust, name, until), _entry(successor, key, old.roles, old.studies)])
        write_key(target, key)
        made.append((successor, tuple(sorted(old.roles)), target))
        return exchanged

    _changed(settings, environ, exchange)
    successor, roles, target = made[0]
    return [
        *_made(successor, key, roles, target),
        f"`{name}` counts through {today} (UTC), and signs nothing from {until} on.",
    ]


def revoke_key(settings: Settings, environ: Mapping[str, str], name: str, *, since: date) -> list[str]:
    """Revoke a key from the day `since` on (UTC).

    Raises
    ------
    ConfigurationError
        If there is no such key, or it is revoked already.
    StoreError
        If the disk does not take the trust file.
    """
    trust = _changed(settings, environ, lambda trust: _with(trust, _revoked(trust, name, since)))
    entry = _known(trust, name, revoked=True)
    lines = [
        f"`{name}` ({entry.key.key_id[:12]}) is revoked from {since} on (UTC). Commit the trust file and deploy it."
    ]
    if "evaluator" in entry.roles:
        lines.append("From that day no attestation by it counts, whenever it was made. Who is in service stays so.")
    if "ledger" in entry.roles:
        lines.append("Ledger rows of that day and later that it has signed no longer verify; earlier ones do.")
    return [*lines, *_lacking(trust)]


def list_keys(settings: Settings, environ: Mapping[str, str], *, today: date) -> list[str]:
    """Return a line for each key: name, roles, the first digits of its id, and since when it is revoked.

    Raises
    ------
    ConfigurationError, DataError
        If the trust file cannot be used.
    """
    own = own_key(settings)
    mine = [f"development  {own.key_id[:12]}  this machine only; never counts under a trust file"] if own else []
    path = _path(settings, environ)
    if not path.exists():
        return [*mine, f"There is no trust file ({_shown(path, settings)}), so only a development key counts here."]
    trust = read_trust(path, development=own_key(settings))
    width = max((len(entry.name) for entry in trust.keys), default=0)
    people = [f"release manager {_holding(entry)}" for entry in trust.release_managers]
    people += [f"reader {_holding(entry)}" for entry in trust.readers]
    return [*(_line(entry, width, today) for entry in trust.keys), *mine, *people, *_lacking(trust)]


def _line(entry: TrustedKey, width: int, today: date) -> str:
    roles = ", ".join(sorted(entry.roles))
    return (
        f"{entry.name:<{width}}  {entry.key.key_id[:12]}  {roles:<17}  {_standing(entry, today)}{_scope(entry.studies)}"
    )


def _holding(entry: Holder) -> str:
    return f"{entry.name}{_scope(entry.studies)}"


def _scope(studies: Sequence[str] | None) -> str:
    return "" if studies is None else f", of {', '.join(studies)} only"


def _standing(entry: TrustedKey, today: date) -> str:
    if entry.revoked is None:
        return "counts"
    return f"revoked since {entry.revoked}" if today >= entry.revoked else f"counts until {entry.revoked}"


def _changed(settings: Settings, environ: Mapping[str, str], change: Callable[[Trust], Trust]) -> Trust:
    """Change the trust file, alone among the processes of this machine; make it where there is none."""
    path = _path(settings, environ)
    settings.state.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.state / "trust.lock"):
        if path.exists():
            before = read_trust(path, development=own_key(settings))
        else:
            judged_by = project_trust(settings.home)
            before = Trust(policies=judged_by["policies"], extensions=judged_by["extensions"])
        after = change(before)
        write_trust(path, after)
    return after


def _path(settings: Settings, environ: Mapping[str, str]) -> Path:
    return trust_path(environ, settings.home) or settings.home / "release" / "trust.json"


def _file(settings: Settings, name: str, out: Path | None) -> Path:
    return out or settings.private / "keys" / f"{name}.pem"


def _entry(
    name: str, key: SigningKey, roles: Sequence[Role] | frozenset[Role], studies: tuple[str, ...] | None
) -> TrustedKey:
    try:
        return TrustedKey(name=name, public=key.public.base64, roles=frozenset(roles), studies=studies)
    except ValidationError as error:
        flaw = first_flaw(error)
        if not flaw.key.startswith("name"):
            raise _wrong(f"key `{name}`", flaw.rule, flaw.received, "Correct `--study` or `--role`.") from error
        raise _wrong(
            "the name of a key",
            "it is up to 64 letters, digits, blanks, dots, dashes and underscores",
            repr(name[:40]),
            "Name it after where it is held, as `ci-evaluator`.",
        ) from error


def _with(trust: Trust, keys: Sequence[TrustedKey]) -> Trust:
    """Return `trust` with other keys, checked as if it had been read."""
    fields = {field: getattr(trust, field) for field in Trust.model_fields} | {"keys": tuple(keys)}
    try:
        return Trust(**fields)
    except ValidationError as error:
        flaw = first_flaw(error)
        raise _wrong("the trust file", flaw.rule, flaw.received, "Name another key.") from error


def _known(trust: Trust, name: str, *, revoked: bool = False) -> TrustedKey:
    entry = next((entry for entry in trust.keys if entry.name == name), None)
    if entry is None:
        names = ", ".join(f"`{entry.name}`" for entry in trust.keys) or "no key"
        raise _wrong(
            f"key `{name[:64]}`",
            "it is in the trust file",
            f"a name that is not there; it has {names}",
            f"{did_you_mean(name, [entry.name for entry in trust.keys])}See `theragate keys list`.",
        )
    if entry.revoked is not None and not revoked:
        raise _wrong(
            f"key `{name}`",
            "it is not revoked yet",
            f"one that is revoked from {entry.revoked} on",
            "See `theragate keys list`.",
        )
    return entry


def _revoked(trust: Trust, name: str, since: date) -> list[TrustedKey]:
    _known(trust, name)
    return [entry.model_copy(update={"revoked": since}) if entry.name == name else entry for entry in trust.keys]


def _successor(trust: Trust, name: str) -> str:
    """Return the next name: `ci`, `ci-2`, `ci-3`."""
    base = re.sub(r"-\d+$", "", name)
    taken = {entry.name for entry in trust.keys}
    number = 2
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"


def _made(name: str, key: SigningKey, roles: Sequence[Role], target: Path) -> list[str]:
    variables = " or ".join(_VARIABLES[role] for role in roles)
    return [
        f"`{name}` ({', '.join(roles)}): id {key.key_id}",
        f"Private half: {target}, mode 600. Move it to where it is used, name it in {variables}, and delete it here.",
        "Public half: in the trust file. Commit that, and have somebody review it.",
    ]


def _lacking(trust: Trust) -> list[str]:
    """Say what the trust file still lacks for a release."""
    absent = [f"a key with the role `{role}`" for role in ROLES if all(entry.revoked for entry in trust.of_role(role))]
    absent += ["a name under `release_managers`"] * (not trust.release_managers)
    absent += ["a digest under `policies`"] * (not any(trust.policies.values()))
    return [f"Nothing can be released yet: the trust file lacks {', '.join(absent)}."] if absent else []


def _shown(path: Path, settings: Settings) -> str:
    return path.relative_to(settings.home).as_posix() if path.is_relative_to(settings.home) else path.name


def _wrong(subject: str, rule: str, received: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(subject, rule=rule, received=received, remedy=remedy)
