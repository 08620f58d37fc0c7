"""Whether the person of a request has signed in by it: asked anew, without any cache, before a decision counts."""

from collections.abc import Collection
from functools import partial
from typing import Any

from flask import g, request

from theragate.release.refusals import Refusal

__all__ = ["PASSWORD", "PROXY", "confirm", "is_known"]

PASSWORD = "mlflow.server.auth:authenticate_request_basic_auth"  # noqa: S105 - the name of a function
PROXY = "theragate.mlflow_plugin.proxy:from_proxy"


def is_known(function: str) -> bool:
    """Return whether `function`, the setting ``authorization_function``, is a sign-in that can be confirmed."""
    return function in (PASSWORD, PROXY)


def confirm(name: str, *, listed: Collection[str]) -> None:
    """Check that `name` signs in by this very request and, if `listed`, is not an administrator of the accounts.

    MLflow may remember for a while that a password was right, each of its processes for itself. A decision about a
    release asks the database of users instead, and not a copy of it for reading.

    Raises
    ------
    Refusal
        If the password is not the present one, the proxy does not vouch for the person, or the person is an
        administrator, who could be two people.
    """
    if getattr(g, "theragate_confirmed", None) == name:
        return
    from mlflow.server import auth

    if not _signs_in(auth, name):
        auth._invalidate_user_auth_cache(name)
        raise Refusal(
            f"the sign-in of `{name}`",
            rule="whoever decides about a release signs in by the same request, with the present password",
            received="a sign-in that does not hold now",
            remedy="Sign in again.",
        )
    if name in listed and auth.store.get_user(name).is_admin:
        raise Refusal(
            f"`{name}`",
            rule="whoever decides about a release is no administrator of the accounts, who could act as two people",
            received="an administrator",
            remedy="Let another administrator take that right away, or decide under an account without it.",
        )
    g.theragate_confirmed = name


def _signs_in(auth: Any, name: str) -> bool:
    function = auth.auth_config.authorization_function
    if function == PASSWORD:
        given = request.authorization
        if given is None or given.username != name or given.password is None:
            return False
        # What was compared in this request is not compared again, unless it was with a copy of the database.
        users = type(auth.store) if auth.auth_config.read_database_uri else None
        ask = auth.store.authenticate_user if users is None else partial(users.authenticate_user, auth.store)
        return bool(ask(name, given.password, use_primary=True))
    if function == PROXY:
        return getattr(auth.authenticate_request(), "username", None) == name
    return False
