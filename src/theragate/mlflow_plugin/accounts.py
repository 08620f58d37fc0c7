"""The accounts of release managers: only their owners set the passwords, so that nobody else signs in as one of them.

An administrator of MLflow's users could otherwise act as two people. A manager who has forgotten the password is first
removed from the trust file, which is a change that people review.
"""

from typing import Any

from flask import Flask, g, request
from mlflow.server.handlers import catch_mlflow_exception

from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.errors import refusal, translated_errors
from theragate.release.names import folded

__all__ = ["guard_accounts"]

_PASSWORD, _DELETION = "update_user_password", "delete_user"  # MLflow's names of the routes


def guard_accounts(application: Flask, auth: Any, configuration: Configuration) -> bool:
    """Let `application` refuse changes to managers' accounts; return whether it has the routes that are guarded.

    Parameters
    ----------
    auth
        MLflow's sign-in module, which reads the name of a user out of a request.
    """

    @catch_mlflow_exception  # type: ignore[untyped-decorator]
    def refuse_others() -> None:
        if request.endpoint in (_PASSWORD, _DELETION):
            _check(configuration, str(auth._get_request_param("username")), deletes=request.endpoint == _DELETION)

    application.before_request(refuse_others)
    return {_PASSWORD, _DELETION} <= set(application.view_functions)


def _check(configuration: Configuration, user: str, *, deletes: bool) -> None:
    with translated_errors():
        managers = configuration.trust().listed_people
    if folded(user) not in {folded(name) for name in managers}:
        return
    if deletes or getattr(g, "mlflow_authenticated_user", None) != user:
        raise refusal(
            f"the account `{user}`",
            rule="only its owner sets the password, and nobody deletes it while the trust file lists it",
            received="a request to delete it" if deletes else "a new password from somebody else",
            remedy="Remove the name from the trust file first; add it again when its owner has chosen a password.",
        )
