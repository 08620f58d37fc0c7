"""Requests that are not what they say they are: refused in one sentence, before anything of MLflow reads them.

MLflow takes a body for an object of JSON, and its fields for text, without looking; whatever else comes ends in its
error 500 and a traceback in the log.

Nor do MLflow's sign-in and what then acts always read the same. Where a body does not say that it is JSON, the one
looks for the name of a model in the address and the other in the body; and the one reads fields by one name where the
other knows two. Whoever sends both would have rights on the one thing and change the other.
"""

import json
import logging
import re
from collections.abc import Iterable
from functools import wraps
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, request
from google.protobuf.json_format import ParseError
from mlflow.exceptions import MlflowException
from mlflow.server import handlers
from mlflow.server.handlers import catch_mlflow_exception
from werkzeug.exceptions import BadRequest

from theragate.errors import DataError
from theragate.mlflow_plugin.errors import malformed
from theragate.mlflow_plugin.spellings import plain_path

__all__ = ["refuse_malformed"]

_LOG = logging.getLogger(__name__)
_FAILED = 500
_GRAPHQL = "_graphql"  # MLflow's name of the route
_MOST_QUERY = 64 << 10  # characters of a query in GraphQL, whose parser is slow
_READING = ("GET", "HEAD", "OPTIONS")
_SENDING = ("POST", "PUT")  # files and forms, or what MLflow itself reads only if it says that it is JSON
_HALF = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")  # may be a NUL or half of a character: neither can be stored
_NAMES = re.compile(r"(.*_)?(name|uuid|key|alias|stage)")  # what fields are called that name something
_NUMBERED = re.compile(r"(.*_)?(id|version)")  # some of these are numbers
_MOST_NUMBER = (1 << 63) - 1  # that a database stores


def refuse_malformed(application: Flask) -> None:
    """Look at each request before MLflow does, its sign-in included; call this before that is added.

    What MLflow itself finds out, and does not say, is said too: that a message is none of its protocol.
    """
    application.before_request(_check_request)
    application.register_error_handler(ParseError, _not_of_protocol)
    application.after_request(_without_internals)
    handlers._reject_conflicting_field_aliases = _one_spelling  # type: ignore[assignment]
    application.view_functions[_GRAPHQL] = _guarded(application.view_functions[_GRAPHQL])


@catch_mlflow_exception  # type: ignore[untyped-decorator]
def _check_request() -> None:
    if b"\0" in unquote_to_bytes(request.full_path):
        raise _malformed("an address holds no NUL", "one with a NUL")
    _check_spellings(request.args.values())
    if (request.method in _SENDING and not request.is_json) or not request.get_data():
        return
    if request.method in _READING:
        raise _malformed("one that reads has no body", "a body")
    if not request.is_json:
        raise _malformed("its body is an object of JSON, and says so", "a body of another type")
    content = _content()
    if _HALF.search(request.get_data()) and not _whole(content):
        raise _malformed("its texts are whole characters, none of them NUL", "half of a character, or a NUL")
    _check_spellings(value for value in content.values() if isinstance(value, str))
    for name, value in content.items():
        _check_field(name, value)


def _check_field(name: str, value: Any) -> None:
    shown = f"`{ascii(name)[1:-1][:40]}`"
    if isinstance(value, int) and abs(value) > _MOST_NUMBER:
        raise _malformed(f"{shown} is a number of 64 bits at most", "a larger one")
    if value is None or isinstance(value, str):
        return
    if _NAMES.fullmatch(name):
        raise _malformed(f"{shown} is a text", _kind(value))
    if _NUMBERED.fullmatch(name) and type(value) is not int:
        raise _malformed(f"{shown} is a text or a whole number", _kind(value))


def _without_internals(response: Response) -> Response:
    """Say in one sentence that MLflow has failed; what it failed with, SQL included, is for the server's log."""
    if response.status_code == _FAILED:
        found = response.get_json(silent=True)
        if isinstance(found, dict):  # otherwise the log has a traceback
            _LOG.error("%s %s: %.2000s", request.method, request.path, ascii(found.get("message")))
        sentence = DataError(
            "the server",
            rule="MLflow answers",
            received="an error inside it",
            remedy="Send the request as MLflow's client does; whoever runs the server finds the error in its log.",
        )
        response.set_data(json.dumps({"error_code": "INTERNAL_ERROR", "message": str(sentence)}))
        response.mimetype = "application/json"
    return response


_find_two_spellings = handlers._reject_conflicting_field_aliases


def _one_spelling(content: Any, protocol: Any) -> None:
    """Refuse `runId` for `run_id`, which MLflow reads into its messages, while its sign-in does not see it.

    MLflow calls this whenever it makes a message of a body; it refuses those with both.
    """
    _find_two_spellings(content, protocol)
    for field in protocol.fields if isinstance(content, dict) else ():
        if field.json_name != field.name and field.json_name in content:
            raise _malformed(f"its field is called `{field.name}`", f"`{field.json_name}`")


@catch_mlflow_exception  # type: ignore[untyped-decorator]
def _not_of_protocol(error: ParseError) -> None:
    raise _malformed("its fields are those that its route names, each of its type", "another") from error


def _check_spellings(texts: Iterable[str]) -> None:
    """Refuse what MLflow would decode for hours, because it decodes a path until nothing changes."""
    if any("%25" in text and plain_path(text) is None for text in texts):
        raise _malformed("a path is encoded once", "one that is encoded over and over")


def _content() -> dict[str, Any]:
    """Return the body, which Flask keeps, so that it is parsed only once."""
    try:
        content = request.get_json(force=True)
    except RecursionError as error:
        raise _malformed("its body is an object of JSON", "one that is nested too deeply") from error
    except (BadRequest, ValueError) as error:
        raise _malformed("its body is an object of JSON", "what is no JSON") from error
    if not isinstance(content, dict):
        raise _malformed("its body is an object of JSON", _kind(content))
    return content


def _whole(content: Any) -> bool:
    """Return whether all texts in parsed JSON can be stored."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in value):
            return False
    return True


def _guarded(view: Any) -> Any:
    @wraps(view)
    @catch_mlflow_exception  # type: ignore[untyped-decorator]
    def guarded() -> Response:
        _check_query(_content() if request.method == "POST" and request.get_data() else {})
        return view()  # type: ignore[no-any-return]

    return guarded


def _check_query(content: dict[str, Any]) -> None:
    """Refuse what is no query in GraphQL, before MLflow parses it again."""
    from graphql import GraphQLError, parse

    query = content.get("query")
    if not (isinstance(query, str) and len(query) <= _MOST_QUERY):
        received = f"{len(query):,} characters" if isinstance(query, str) else _kind(query)
        raise _malformed(f"its body has a `query` in GraphQL, of {_MOST_QUERY:,} characters at most", received)
    for name, kind in (("variables", dict), ("operationName", str)):
        if not isinstance(content.get(name), kind | None):
            raise _malformed(f"`{name}` of a query is {_KINDS[kind]}", _kind(content[name]))
    try:
        parse(query)
    except (GraphQLError, RecursionError) as error:
        place = f", line {error.locations[0].line}" if isinstance(error, GraphQLError) and error.locations else ""
        raise _malformed("its `query` is GraphQL", f"what is none{place}") from error


_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number with a fraction",
    type(None): "nothing",
}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "something else")


def _malformed(rule: str, received: str) -> MlflowException:
    return malformed("the request", rule=rule, received=received)
