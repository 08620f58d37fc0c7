"""The plain text of a path that may be percent-encoded, once or several times over."""

from urllib.parse import unquote

__all__ = ["plain_path"]

_MOST = 10  # times: each costs as much as the path is long, and nobody encodes one so often by mistake


def plain_path(path: str) -> str | None:
    """Return a path without any percent-encoding, as whoever decodes it to the end reads it; None if there is none."""
    for _ in range(_MOST):
        decoded = unquote(path)
        if decoded == path:
            return path
        path = decoded
    return None
