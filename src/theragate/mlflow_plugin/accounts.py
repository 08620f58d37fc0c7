"""The accounts of those whom the trust file lists: nobody else makes, takes over or deletes one.

An administrator of MLflow's users could otherwise act as two people. Whoever is to be listed has an account first, and
has chosen its password. A manager who has forgotten the password is first removed from the trust file, which is a
change that people review. Nor does anybody who is listed make accounts: MLflow lets whoever manages a workspace do so.
"""

import re
from typing import Any

from flask import g, has_request_context

from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.errors import refusal, translated_errors
from theragate.release.names import folded, looks_like
from theragate.release.trust import SIGN_IN_NAME

__all__ = ["guard_accounts"]

_CHANGING = frozenset({"create_user", "delete_user", "update_user"})
# Methods of MLflow's table of users that change no account: they read, or give rights to what is in the registry.
_KNOWN = frozenset(
    {
        "assign_role_to_user",
        "authenticate_user",
        "get_user",
        "grant_user_permission",
        "grant_user_resource_permission",
        "has_user",
        "is_workspace_admin_of_any_of_users_workspaces",
        "list_role_grants_for_user_in_workspace",
        "list_role_users",
        "list_user_present_workspaces",
        "list_user_roles",
        "list_user_roles_for_workspace",
        "list_user_workspace_permissions",
        "list_users",
        "list_users_with_roles",
        "revoke_user_resource_permission",
        "unassign_role_from_user",
        "user_has_any_role_in_workspace",
    }
)


def guard_accounts(auth: Any, configuration: Configuration) -> bool:
    """Guard the table in which all roads to an account end; return whether it has the methods that are known here.

    Parameters
    ----------
    auth
        MLflow's sign-in module, with its table of users.
    """
    users = auth.store
    methods = {name for name in dir(users) if "user" in name and not name.startswith("_")}
    if methods != _CHANGING | _KNOWN:
        return False
    create_user, update_user, delete_user = users.create_user, users.update_user, users.delete_user

    def create(username: str, password: str, is_admin: bool = False) -> Any:
        _check_maker(configuration, str(username))
        _check_new(configuration, str(username), [user.username for user in users.list_users()])
        return create_user(username, password, is_admin)

    def update(username: str, password: str | None = None, is_admin: bool | None = None) -> Any:
        _check_change(configuration, str(username), password=password is not None, admin=bool(is_admin))
        return update_user(username, password, is_admin)

    def delete(username: str) -> Any:
        _check_change(configuration, str(username), deletes=True)
        return delete_user(username)

    users.create_user, users.update_user, users.delete_user = create, update, delete
    return True


def _listed(configuration: Configuration) -> tuple[str, ...]:
    with translated_errors():
        return configuration.trust().listed_people


def _sender() -> str | None:
    return getattr(g, "mlflow_authenticated_user", None) if has_request_context() else None


def _check_maker(configuration: Configuration, user: str) -> None:
    sender = _sender()
    if sender in _listed(configuration):
        raise refusal(
            f"the account `{ascii(user)[1:-1][:80]}`",
            rule="whom the trust file lists makes no accounts, and so cannot act as two people",
            received=f"a request of `{sender}`, who is listed",
            remedy="Let an administrator make it whom the trust file does not list.",
        )


def _check_new(configuration: Configuration, user: str, others: list[str]) -> None:
    if user in others:
        return  # MLflow says so itself
    subject = f"the account `{ascii(user)[1:-1][:80]}`"
    if re.fullmatch(SIGN_IN_NAME, user) is None:
        raise refusal(
            subject,
            rule="a sign-in name begins with an ASCII letter or digit and holds those and . _ % + @ - only",
            received="another name",
            remedy="Choose such a name.",
        )
    listed = looks_like(user, _listed(configuration))
    if listed is not None:
        raise refusal(
            subject,
            rule="somebody has an account, and has chosen its password, before the trust file lists the name",
            received="a new account with a listed name"
            if user == listed
            else f"a name that a reader could take for the listed `{listed}`",
            remedy="Take it out of the trust file, make the account, let its owner choose a password, then list it."
            if user == listed
            else "Choose another name.",
        )
    other = looks_like(user, others)
    if other is not None:
        raise refusal(
            subject,
            rule="no reader could take one account for another",
            received=f"a name like that of the account `{other}`",
            remedy="Choose another name.",
        )


def _check_change(
    configuration: Configuration, user: str, *, password: bool = False, admin: bool = False, deletes: bool = False
) -> None:
    if folded(user) not in {folded(name) for name in _listed(configuration)}:
        return
    own = _sender() == user
    if deletes or (password and not own):
        raise refusal(
            f"the account `{user}`",
            rule="only its owner sets the password, and nobody deletes it while the trust file lists it",
            received="a request to delete it" if deletes else "a new password from somebody else",
            remedy="Remove the name from the trust file first; add it again when its owner has chosen a password.",
        )
    if admin:
        raise refusal(
            f"the account `{user}`",
            rule="whom the trust file lists is no administrator of the accounts, who could act as two people",
            received="a request to make it one",
            remedy="Let somebody be the administrator whom the trust file does not list.",
        )
