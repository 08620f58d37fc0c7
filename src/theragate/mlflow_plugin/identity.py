"""Who acts: the person whom the server has signed in, or, without a sign-in, a name that is only claimed."""

import getpass
import os
import sys

from theragate.release.admission import Actor

__all__ = ["present_actor"]


def present_actor() -> Actor:
    """Return who has sent the present request; outside of one, or where nobody signs in, who runs this process."""
    user = _signed_in()
    if user:
        return Actor(user, "signed_in")
    return Actor(os.environ.get("THERAGATE_USER") or _login_name(), "claimed")


def _signed_in() -> str | None:
    flask = sys.modules.get("flask")  # where nothing has imported it, nothing serves
    if flask is None or not flask.has_request_context():
        return None
    user = getattr(flask.g, "mlflow_authenticated_user", None)
    return str(user) if user else None


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
