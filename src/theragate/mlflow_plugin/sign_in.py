"""Who sends a request, found out before its body is read, once, and slowly for whoever guesses."""

import asyncio
import os
import secrets
import threading
from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from weakref import WeakValueDictionary

import anyio.to_thread
from anyio import CapacityLimiter
from flask import Flask, Response
from werkzeug.datastructures import Authorization
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.test import create_environ

from theragate.mlflow_plugin.guesses import Guesses, network_of

__all__ = ["Answer", "SignIn"]

Scope = MutableMapping[str, Any]

_PASSWORDS = "authenticate_request_basic_auth"  # MLflow's own sign-in, by user and password
_STRANGERS = 2  # passwords from addresses that are not familiar, hashed at the same time; a hash takes all of a core


@dataclass(frozen=True)
class Answer:
    """Why somebody is not signed in: what the server answers instead."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass
class _Checked:
    """What is known of the request that this context serves."""

    user: str | None = None
    passwords: set[tuple[str, str]] = field(default_factory=set)


_CHECKED: ContextVar[_Checked | None] = ContextVar("theragate_checked", default=None)


class SignIn:
    """MLflow's sign-in, asked before a request is read.

    A right password is hashed once in a request, although MLflow asks several times. What MLflow would read out of a
    request in another way than this class counts as wrong: no guess gets past the count.

    Parameters
    ----------
    auth
        MLflow's sign-in module; the function that compares passwords is replaced in its store.
    guesses
        The wrong passwords of late.
    together
        Passwords that are tried at the same time: for one user from one address, and for all users from an address
        that is not familiar to them.
    """

    def __init__(self, application: Flask, auth: Any, guesses: Guesses, *, together: int) -> None:
        self._application, self._auth, self._guesses = application, auth, guesses
        self._by_password = str(auth.auth_config.authorization_function).endswith(f":{_PASSWORDS}")
        self._lanes = {True: CapacityLimiter(max(4, os.cpu_count() or 1)), False: CapacityLimiter(_STRANGERS)}
        self._looks, self._together = CapacityLimiter(8), together
        self._under_way: WeakValueDictionary[tuple[str, ...], asyncio.Semaphore] = WeakValueDictionary()
        if self._by_password:
            _hash_once(auth)

    async def user(self, scope: Scope, *, must: bool) -> str | Answer:
        """Return who has signed in, empty where nobody tried, or why nobody has.

        Parameters
        ----------
        must
            Whether somebody has to sign in now; otherwise MLflow may say later that somebody has to.
        """
        told = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        checked = _Checked()
        if self._by_password:
            _CHECKED.set(checked)
            if len(told) > 1 or not all(value.isascii() for value in told):
                return _answer(400, "A request has one header `Authorization`, in ASCII; send it so.")
        # Some paths are open to everybody, such as those of the files of MLflow's pages.
        tries = (told or not self._by_password) and not self._auth.is_unprotected_route(scope["path"])
        if not must and not tries:
            return ""
        user = _named(told)
        if not self._by_password or user is None:
            return await anyio.to_thread.run_sync(self._ask, scope)
        checked.user = user
        return await self._try(scope, user)

    async def _try(self, scope: Scope, user: str) -> str | Answer:
        address = str((scope.get("client") or ("",))[0])
        # Otherwise a hundred guesses would all be under way before the first one is counted.
        place = network_of(address)
        async with self._few(("pair", user, place)):
            wait, familiar = await self._standing(user, address)
            if familiar or wait > 0:
                return await self._compared(scope, user, address, wait=wait, familiar=familiar)
            # Nor do a hundred names from one address keep those waiting who sign in from another.
            async with self._few(("address", place)):
                wait, familiar = await self._standing(user, address)
                return await self._compared(scope, user, address, wait=wait, familiar=familiar)

    def _few(self, what: tuple[str, ...]) -> asyncio.Semaphore:
        return self._under_way.setdefault(what, asyncio.Semaphore(self._together))

    async def _standing(self, user: str, address: str) -> tuple[float, bool]:
        return await anyio.to_thread.run_sync(self._guesses.standing, user, address, limiter=self._looks)

    async def _compared(self, scope: Scope, user: str, address: str, *, wait: float, familiar: bool) -> str | Answer:
        if wait > 0:
            return _answer(
                403,
                f"Too many wrong passwords for this user came from {address or 'there'}, so that none is tried "
                f"now, not even the right one; try again in {ceil(wait)} s, or from another address.",
            )
        return await anyio.to_thread.run_sync(self._counted, scope, user, address, limiter=self._lanes[familiar])

    def _counted(self, scope: Scope, user: str, address: str) -> str | Answer:
        found = self._ask(scope)
        if isinstance(found, Answer):
            self._guesses.wrong(user, address)
        else:
            self._guesses.right(user, address)
        return found

    def _ask(self, scope: Scope) -> str | Answer:
        """Let MLflow's own function, whichever is set, look at the head of the request."""
        with self._application.request_context(_environ(scope)):
            found = self._auth.authenticate_request()
            if isinstance(found, Response):
                told = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in found.headers)
                return Answer(found.status_code, told, found.get_data())
            return str(found.username or "")


def _environ(scope: Scope) -> dict[str, Any]:
    """Return the head of a request as Flask gets it, without a body."""
    environ = create_environ(method=scope["method"])
    environ.update(
        PATH_INFO=scope["path"].encode("utf-8").decode("latin-1"),
        QUERY_STRING=scope.get("query_string", b"").decode("latin-1"),
        REMOTE_ADDR=str((scope.get("client") or ("",))[0]),
    )
    for name, value in scope["headers"]:
        key, text = f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}", value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ and key != "HTTP_HOST" else text
    return environ


def _named(told: list[bytes]) -> str | None:
    """Return the user that a header names, read as Flask reads it; None where it names none."""
    read = Authorization.from_header(told[0].decode("latin-1")) if told else None
    return str(read.username) if read is not None and read.type == "basic" and read.username is not None else None


def _hash_once(auth: Any) -> None:
    """Let MLflow compare a password once in a request, and only that of the user who was checked.

    Its cache of right passwords answers for nobody else either: whoever asks it learns whether a guess is right. For a
    name that nobody has, as much is done as for a wrong password: no time of an answer tells who has an account.
    """
    compare, look_up, lock = auth.store.authenticate_user, auth._authenticate_cached, threading.Lock()
    nobodys = generate_password_hash(secrets.token_hex(32))  # as MLflow hashes those of its users

    def authenticate_user(username: str, password: str, **more: Any) -> bool:
        checked = _CHECKED.get()
        if checked is None:  # no request: the server starts
            return bool(compare(username, password, **more))
        if checked.user is None or checked.user != username:
            return False
        if (username, password) in checked.passwords:
            return True
        right = bool(compare(username, password, **more))
        if right:
            with lock:
                checked.passwords.add((username, password))
        elif not auth.store.has_user(username):
            check_password_hash(nobodys, password)
        return right

    def authenticate_cached(username: str, password: str) -> Any:
        checked = _CHECKED.get()
        if checked is not None and (checked.user is None or checked.user != username):
            return None
        return look_up(username, password)

    auth.store.authenticate_user = authenticate_user
    auth._authenticate_cached = authenticate_cached


def _answer(status: int, why: str) -> Answer:
    return Answer(status, ((b"content-type", b"text/plain; charset=utf-8"),), why.encode())
