"""Which right somebody lacks: MLflow's sign-in answers "Permission denied", and says neither which one nor on what.

MLflow grants READ, EDIT and MANAGE on a registered model and on an experiment. Reading needs the first, writing the
second, deleting (an alias or a tag, too) the third; whoever creates a model or an experiment has MANAGE on it.
"""

import json
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, request

from theragate.release.refusals import Refusal

__all__ = ["missing_right", "name_missing_rights"]

_BARE = b"Permission denied"  # MLflow's own answer
_MODELS = ("registered-models", "model-versions")
_EXPERIMENTS = ("experiments", "runs", "logged-models", "metrics", "artifacts")
_LONGEST_NAME = 200


def name_missing_rights(application: Flask) -> None:
    """Let every refusal of MLflow's sign-in say which right on which model or experiment is missing."""

    def name_right(response: Response) -> Response:
        user = getattr(g, "mlflow_authenticated_user", None)
        if response.status_code != 403 or response.get_data() != _BARE or not user:
            return response
        error = missing_right(str(user), request.method, request.path, {**request.args, **_sent()})
        if error is None:
            return response
        response.set_data(json.dumps({"error_code": "PERMISSION_DENIED", "message": str(error)}))
        response.mimetype = "application/json"
        return response

    application.after_request(name_right)


def missing_right(user: str, method: str, path: str, asked: Mapping[str, Any]) -> Refusal | None:
    """Return the sentence for a request that MLflow has refused to `user`; None where it is about something else.

    Parameters
    ----------
    asked
        The fields of the request, among them the name of the model or the id of the run or the experiment.
    """
    kind, _, action = path.partition("/mlflow/")[2].partition("/")
    if kind not in (*_MODELS, *_EXPERIMENTS):
        return None
    right = "MANAGE" if method == "DELETE" or action == "delete" else "READ" if _reads(method, action) else "EDIT"
    if action == "create" and kind in ("registered-models", "experiments"):
        rule = f"{'models are registered' if kind in _MODELS else 'experiments are made'} by whoever may create them"
        received, remedy = "a user who may not", "Ask an administrator of MLflow for that right in its workspace."
    else:
        thing = _thing(kind, asked)
        also = ", and READ on the run" if (kind, action) == ("model-versions", "create") else ""
        rule = f"this needs the right {right} on {thing}{also}"
        received = "a user without it"
        remedy = "Ask somebody with MANAGE on it, or an administrator of MLflow, to give it to you."
    return Refusal(f"`{user}`", rule=rule, received=received, remedy=remedy)


def _reads(method: str, action: str) -> bool:
    return method == "GET" or action.startswith(("get", "search", "list"))


def _thing(kind: str, asked: Mapping[str, Any]) -> str:
    if kind in _MODELS:
        name = asked.get("name")
        return f"the registered model `{_shown(name)}`" if name else "that registered model"
    for field, words in (("experiment_id", "the experiment {}"), ("run_id", "the experiment of the run {}")):
        if asked.get(field):
            return words.format(f"`{_shown(asked[field])}`")
    name = asked.get("experiment_name")
    return f"the experiment `{_shown(name)}`" if name else "its experiment"


def _shown(name: object) -> str:
    """Write a name that somebody has sent in one line of plain text."""
    return "".join(sign if sign.isprintable() and sign != "`" else "?" for sign in str(name))[:_LONGEST_NAME]


def _sent() -> dict[str, Any]:
    body = request.get_json(silent=True, force=True) if request.content_length else None
    return body if isinstance(body, dict) else {}
