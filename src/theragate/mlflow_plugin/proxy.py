"""Single sign-on: a proxy in front has signed somebody in, says who it is, and proves that it is the proxy.

MLflow calls `from_proxy` where ``authorization_function`` of its sign-in file says so. It is a door: it reads the
environment of the process.
"""

import hmac
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Response, request
from werkzeug.datastructures import Authorization

from theragate.errors import ConfigurationError
from theragate.mlflow_plugin.request_filter import Application, Scope, Send
from theragate.release.trust import SIGN_IN_NAME

__all__ = ["SECRET", "SECRET_HEADER", "USER_HEADER", "OneOfEach", "from_proxy", "read_secret"]

SECRET = "THERAGATE_PROXY_SECRET"  # noqa: S105 - the name of a variable
USER_HEADER, SECRET_HEADER = "X-Theragate-User", "X-Theragate-Proxy-Secret"
_SHORTEST = 32  # characters of the secret
_OURS = frozenset({USER_HEADER.lower(), SECRET_HEADER.lower()})


def from_proxy() -> Authorization | Response:
    """Return who the proxy says has sent the present request, or the answer that refuses it.

    The name counts only beside the secret that the proxy and this server share, in the same request, and if it has an
    account here. No password counts.
    """
    from mlflow.server import auth

    try:
        secret = read_secret(os.environ)
    except ConfigurationError as error:
        return _refused(str(error))
    if not hmac.compare_digest(request.headers.get(SECRET_HEADER, "").encode("utf-8", "replace"), secret):
        return _refused(
            f"A request comes through the proxy of this server, which signs people in and proves itself by the header "
            f"`{SECRET_HEADER}`; received none that is right. Use the server's public address."
        )
    name = request.headers.get(USER_HEADER, "")
    if re.fullmatch(SIGN_IN_NAME, name) is None:
        return _refused(
            f"The proxy names who has signed in, once, by the header `{USER_HEADER}`; received no such name. "
            "Sign in, or let whoever runs the proxy see docs/deployment.md."
        )
    if not auth.store.has_user(name, use_primary=True):
        return _refused(
            f"`{name}` has signed in, and whoever uses this server has an account here; received a name without one. "
            "Ask an administrator for an account of exactly this name."
        )
    return Authorization("basic", {"username": name, "password": ""})


def read_secret(environ: Mapping[str, str]) -> bytes:
    """Return the secret that the proxy and this server share, from the file that ``THERAGATE_PROXY_SECRET`` names.

    Raises
    ------
    ConfigurationError
        If there is no such file, others can read it, or the secret is short.
    """
    path = Path(environ.get(SECRET) or "missing")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise _wrong(f"a file that cannot be read ({type(error).__name__})") from None
    if os.name == "posix" and mode & 0o077:
        raise _wrong(f"a file with mode {mode:o}")
    if len(secret) < _SHORTEST:
        raise _wrong(f"one of {len(secret)} characters")
    return secret.encode()


class OneOfEach:
    """ASGI middleware that refuses a request with two of the proxy's headers, or one that could be read as another.

    Servers in between join or choose among headers of one name, and take a dash for an underscore: whichever was the
    client's must not be the one that counts.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        """Refuse a request, or pass it on."""
        names = [name.lower() for name, _ in scope.get("headers", ())]
        ours = [name for name in names if name.replace(b"_", b"-").decode("latin-1") in _OURS]
        if len(set(ours)) == len(ours) and not any(b"_" in name for name in ours):
            await self._application(scope, receive, send)
        elif scope["type"] == "http":
            why = "A request has each header of the proxy once, and in one spelling; let the proxy replace a client's."
            body = json.dumps({"error_code": "BAD_REQUEST", "message": why}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 400, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            await send({"type": "websocket.close", "code": 1008})


def _refused(why: str) -> Response:
    return Response(why, status=401, mimetype="text/plain")


def _wrong(received: str) -> ConfigurationError:
    return ConfigurationError(
        SECRET,
        rule=f"it names a file of mode 600 with at least {_SHORTEST} ASCII characters, which only the proxy has too",
        received=received,
        remedy="Make one: `openssl rand -hex 32 > proxy-secret; chmod 600 proxy-secret`.",
    )
