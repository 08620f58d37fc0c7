"""Who acts: the person who has signed in to the server or, where nobody signs in, a name that is only claimed."""

import getpass
import os
import sys
from collections.abc import Mapping

from theragate.release.admission import Actor
from theragate.release.trust import Trust

__all__ = ["confirmed_actor", "present_actor"]


def confirmed_actor(environ: Mapping[str, str], trust: Trust) -> Actor:
    """Return the present actor, for a decision about a release: who has signed in has done so by this very request.

    Raises
    ------
    Refusal
        If the sign-in does not hold when it is asked for anew.
    """
    actor = present_actor(environ)
    if actor.identity == "signed_in":
        from theragate.mlflow_plugin.confirmation import confirm  # Flask is imported where there is a request

        confirm(actor.name, listed=trust.listed_people)
    return actor


def present_actor(environ: Mapping[str, str]) -> Actor:
    """Return who has sent the present request, or else who runs this process: ``THERAGATE_USER``, or the login."""
    user = _signed_in()
    if user:
        return Actor(user, "signed_in")
    return Actor(environ.get("THERAGATE_USER") or _login_name(), "claimed")


def _signed_in() -> str | None:
    flask = sys.modules.get("flask")  # where it is not imported, this is no server
    if flask is None or not flask.has_request_context():
        return None
    user = getattr(flask.g, "mlflow_authenticated_user", None)
    return str(user) if user else None


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container the user may be a number without a name
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
