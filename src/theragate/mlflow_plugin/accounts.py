"""The accounts of release managers: nobody else sets their password, so that nobody signs in as one of them.

Whoever administers MLflow's users could otherwise be two people at once. A manager who has forgotten the password is
taken out of the trust file first, which is a change that people review.
"""

from typing import Any

from flask import Flask, g, request
from mlflow.server.handlers import catch_mlflow_exception

from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.errors import refusal, translated_errors
from theragate.release.names import folded

__all__ = ["guard_accounts"]

_PASSWORD, _DELETION = "update_user_password", "delete_user"  # MLflow's names of the routes


def guard_accounts(application: Flask, auth: Any) -> bool:
    """Let `application` refuse changes of managers' accounts; return whether its routes have the names they had.

    Parameters
    ----------
    auth
        MLflow's module of sign-in, which knows where in a request a user is named.
    """

    @catch_mlflow_exception  # type: ignore[untyped-decorator]
    def refuse_others() -> None:
        if request.endpoint in (_PASSWORD, _DELETION):
            _check(str(auth._get_request_param("username")), deletes=request.endpoint == _DELETION)

    application.before_request(refuse_others)
    return {_PASSWORD, _DELETION} <= set(application.view_functions)


def _check(user: str, *, deletes: bool) -> None:
    with translated_errors():
        managers = Configuration.now().trust().release_managers
    if folded(user) not in {folded(name) for name in managers}:
        return
    if deletes or getattr(g, "mlflow_authenticated_user", None) != user:
        raise refusal(
            f"the account `{user}`",
            rule="its owner alone sets the password, and the account stays as long as the trust file lists it",
            received="its deletion" if deletes else "a new password from somebody else",
            remedy="Take the name out of the trust file first, and back when its owner has chosen a password.",
        )
