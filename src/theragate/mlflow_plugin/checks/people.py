"""The trust file and the accounts: whoever may release can sign in, and nobody else signs in as one of them."""

import configparser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.security import check_password_hash

from theragate.errors import some_of
from theragate.mlflow_plugin.checks.files import sqlite_file
from theragate.mlflow_plugin.checks.findings import Finding, error, warning
from theragate.release.names import folded
from theragate.release.trust import Trust

__all__ = ["SignInFile", "check_people", "check_sign_in_file", "check_trust", "read_sign_in"]

_OLD_PASSWORD = "password1234"  # noqa: S105 - of the user `admin` in earlier versions of MLflow
_REMEMBERED = 60  # seconds, as in the sample of the sign-in: what one process remembers, no other can make it forget
_WIDE = {"EDIT", "MANAGE"}
_NARROW = {"NO_PERMISSIONS", "USE"}


@dataclass(frozen=True)
class SignInFile:
    """What ``sign-in.ini`` says."""

    path: Path
    settings: Mapping[str, str]

    @property
    def database(self) -> str:
        """The address of the users' database."""
        return self.settings.get("database_uri", "")

    @property
    def sqlite(self) -> Path | None:
        """The file of the users' database, where it is one."""
        return sqlite_file(self.database)


def check_trust(trust: Trust) -> Iterator[Finding]:
    """Check that the trust file lets somebody release, and nobody alone."""
    managers = [entry.name for entry in trust.release_managers]
    if not managers:
        yield error(
            "the trust file",
            rule="release managers approve and promote",
            received="nobody under `release_managers`",
            remedy="List the sign-in names of two people or more, once they have accounts.",
        )
    elif len(managers) == 1:
        yield warning(
            "the trust file",
            rule="somebody can release while a release manager is away, or is the author",
            received=f"`{managers[0]}` alone",
            remedy="List a second person.",
        )
    for role, holder in (("evaluator", "CI"), ("ledger", "this server")):
        if not any(entry.revoked is None for entry in trust.of_role(role)):  # type: ignore[arg-type]
            yield error(
                "the trust file",
                rule=f"{holder} has a key with the role `{role}`",
                received="none that is not revoked",
                remedy=f"Make one: `theragate keys make NAME --role {role}`.",
            )
    for entry in trust.keys:
        if len(entry.roles) > 1:
            yield error(
                f"the key `{entry.name}` of the trust file",
                rule="an evaluator's key is not that of the ledger: whoever had it could release anything",
                received="both roles",
                remedy="Make two keys, on two machines, and revoke this one.",
                worst=True,
            )
    if not trust.policies:
        yield warning(
            "the trust file",
            rule="a study is released under a policy that it lists",
            received="no policy",
            remedy="Add the digests that `theragate policy STUDY --json` shows.",
        )


def read_sign_in(path: Path, *, own: bool) -> SignInFile | Finding:
    """Read ``sign-in.ini`` as MLflow does, or say why that fails; the server's `own` is made at its first start."""
    if own and not path.exists():
        return warning(
            f"the sign-in, `{path.name}`",
            rule="it says who can sign in",
            received="none yet",
            remedy="Start the server once, with MLFLOW_AUTH_ADMIN_PASSWORD set; then check again.",
        )
    parser = configparser.ConfigParser()
    try:
        with path.open(encoding="utf-8") as stream:
            parser.read_file(stream)
        return SignInFile(path, dict(parser["mlflow"]))
    except (OSError, KeyError, UnicodeDecodeError, configparser.Error) as raised:
        missing = isinstance(raised, FileNotFoundError)
        return error(
            f"the sign-in, `{path.name}`",
            rule="it is a file with a section `[mlflow]`",
            received=f"no file `{path}`" if missing else f"one that cannot be read ({type(raised).__name__})",
            remedy="Begin with the sample: `theragate docs sign-in.ini`.",
        )


def check_sign_in_file(sign_in: SignInFile, environ: Mapping[str, str], *, workers: int) -> Iterator[Finding]:
    """Check the settings of MLflow's sign-in."""
    subject, told = f"the sign-in, `{sign_in.path.name}`", sign_in.settings
    default = told.get("default_permission", "")
    if default in _WIDE:
        yield warning(
            subject,
            rule="nobody changes what others work on without being asked",
            received=f"`default_permission = {default}`",
            remedy="Set it to READ, and grant more for each model and experiment.",
        )
    elif default in _NARROW:
        yield warning(
            subject,
            rule="whoever has signed in can load champions",
            received=f"`default_permission = {default}`",
            remedy="Set it to READ.",
        )
    secret = told.get("admin_password") or ":" in told.get("database_uri", "").partition("://")[2].partition("@")[0]
    if sign_in.path.stat().st_mode & 0o077 and secret:
        yield error(
            subject,
            rule="a file with a password is its owner's alone",
            received=f"mode {sign_in.path.stat().st_mode & 0o777:o}",
            remedy="Run `chmod 600` on it.",
        )
    if told.get("admin_password") or environ.get("MLFLOW_AUTH_ADMIN_PASSWORD"):
        yield warning(
            "the password of the first user",
            rule="it is needed at the first start only",
            received="one that is still set",
            remedy="Unset MLFLOW_AUTH_ADMIN_PASSWORD, and remove `admin_password` from the file.",
        )
    seconds = told.get("auth_cache_ttl_seconds", "0")
    if workers > 1 and not (seconds.isdecimal() and int(seconds) <= _REMEMBERED):
        yield warning(
            subject,
            rule=f"an old password signs in for {_REMEMBERED} seconds at most",
            received=f"`auth_cache_ttl_seconds = {seconds}` with {workers} processes, of which only one is told",
            remedy=f"Set it to {_REMEMBERED} or less; releases ask for the present password all the same.",
        )


def check_people(sign_in: SignInFile, trust: Trust) -> Iterator[Finding]:
    """Check the accounts of those whom the trust file names."""
    if sign_in.sqlite is not None and not sign_in.sqlite.exists():  # SQLite would make it, readable for everybody
        yield warning(
            f"the users' database of `{sign_in.path.name}`",
            rule="it has the accounts of a release server",
            received="none yet",
            remedy="Start the server once, with MLFLOW_AUTH_ADMIN_PASSWORD set; then check again.",
        )
        return
    try:
        users = _users(sign_in.database)
    except SQLAlchemyError as raised:
        yield error(
            f"the users' database of `{sign_in.path.name}`",
            rule="the server can read it",
            received=f"an error ({type(raised).__name__})",
            remedy="Correct `database_uri`; if it is right, start the server once, which makes the tables.",
        )
        return
    managers = {entry.name for entry in trust.release_managers}
    if absent := sorted(managers - users.keys()):
        yield error(
            "the release managers",
            rule="each has an account, so that nobody else is given one of that name",
            received=f"none of {some_of(absent)}",
            remedy="Take the name out of the trust file, create the account, and list it when its owner has signed in.",
        )
    if both := sorted(name for name in managers if name in users and users[name].is_admin):
        yield error(
            "the release managers",
            rule="none is an administrator of MLflow, who could act as two people",
            received=f"{some_of(both)}",
            remedy="Give administrators an account of their own for releases.",
        )
    for name in sorted(users.keys() - managers):
        if near := [one for one in managers if folded(one) == folded(name)]:
            yield warning(
                f"the account `{ascii(name)[1:-1][:80]}`",
                rule="nobody is taken for a release manager",
                received=f"a name like `{near[0]}`",
                remedy="Delete it, or give it another name.",
            )
    for name, user in sorted(users.items()):
        if user.is_admin and check_password_hash(user.password_hash, _OLD_PASSWORD):
            yield error(
                f"the administrator `{ascii(name)[1:-1][:80]}`",
                rule="nobody else knows the password",
                received="the one that MLflow once came with",
                remedy="Change it now.",
            )


@dataclass(frozen=True)
class _User:
    is_admin: bool
    password_hash: str


def _users(database: str) -> dict[str, _User]:
    engine = sqlalchemy.create_engine(database)
    try:
        with engine.connect() as connection:
            rows = connection.execute(sqlalchemy.text("SELECT username, is_admin, password_hash FROM users"))
            return {str(row[0]): _User(bool(row[1]), str(row[2])) for row in rows}
    finally:
        engine.dispose()
