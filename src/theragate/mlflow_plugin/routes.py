"""Our own routes beside MLflow's: dossiers and the ledger."""

from typing import Any

from flask import Flask, Response, jsonify, request
from mlflow.server.handlers import _add_static_prefix, _get_model_registry_store, catch_mlflow_exception

from theragate.mlflow_plugin.dossiers import MOST_DOSSIER_BYTES
from theragate.mlflow_plugin.errors import refusal

__all__ = ["ENDPOINTS", "add_routes"]

_DOSSIER, _LEDGER = "theragate_dossier", "theragate_ledger"
_PAGE = 1000  # rows of the ledger in one answer
ENDPOINTS = frozenset({_DOSSIER, _LEDGER})


def add_routes(application: Flask) -> None:
    """Add the routes; who may use them is decided by the store, which knows who has signed in."""
    prefix = _add_static_prefix("/api/2.0/theragate")
    application.add_url_rule(f"{prefix}/dossiers/<sha256>", _DOSSIER, _dossier, methods=["GET", "PUT"])
    application.add_url_rule(f"{prefix}/ledger", _LEDGER, _ledger, methods=["GET"])


@catch_mlflow_exception  # type: ignore[untyped-decorator]
def _dossier(sha256: str) -> Response:
    store = _store()
    if request.method == "GET":
        return Response(store.get_dossier(sha256), mimetype="application/json")
    if (request.content_length or 0) > MOST_DOSSIER_BYTES:
        raise _refused(f"a dossier has {MOST_DOSSIER_BYTES:,} bytes at most", f"{request.content_length:,} bytes")
    stored = store.put_dossier(request.get_data(), named=sha256)
    return jsonify({"sha256": stored})


@catch_mlflow_exception  # type: ignore[untyped-decorator]
def _ledger() -> Response:
    after, limit = _number("after", 0), _number("limit", _PAGE)
    return jsonify({"rows": _store().ledger_rows(after, min(limit, _PAGE))})


def _number(name: str, otherwise: int) -> int:
    text = request.args.get(name, str(otherwise))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _refused(f"`{name}` is the number of a row", f"`{ascii(text)[1:-1][:40]}`")
    return int(text)


def _store() -> Any:
    """Return the guarded store; the application does not start with any other."""
    return _get_model_registry_store()


def _refused(rule: str, received: str) -> Exception:
    return refusal("the request", rule=rule, received=received, remedy="Send it as `theragate` does.")
