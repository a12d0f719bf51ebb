"""How a request proves who sends it. Each kind takes an `HTTPRequest` and gives it back with the proof on it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from msgspec.structs import replace

from holdfast.providers.codec import HTTPRequest
from holdfast.runtime.secret import Secret

TokenSource: TypeAlias = Callable[[], str | Awaitable[str]]
"""Gives a fresh token for each request, such as Entra ID's; may be async."""


class Auth(Protocol):
    """Puts a proof of identity on requests to one endpoint."""

    async def sign(self, request: HTTPRequest) -> HTTPRequest:
        """The request with its proof; raises `AuthenticationError` when there is none to give."""
        ...


class NoAuth:
    """For endpoints that ask for nothing."""

    async def sign(self, request: HTTPRequest) -> HTTPRequest:
        """The request as it is."""
        return request


class KeyAuth:
    """A key in a header, after `scheme` (such as `Bearer`) where there is one."""

    def __init__(self, key: Secret, *, header: str = "authorization", scheme: str = "Bearer") -> None:
        self._key = key
        self._header = header
        self._scheme = scheme

    async def sign(self, request: HTTPRequest) -> HTTPRequest:
        """The request with the key in its header."""
        return _with_header(request, self._header, f"{self._scheme} {self._key.reveal()}".lstrip())


class TokenAuth:
    """A bearer token from a callable, asked anew for each request."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def sign(self, request: HTTPRequest) -> HTTPRequest:
        """The request with the token in its `Authorization` header."""
        token = self._source()
        if inspect.isawaitable(token):
            token = await token
        return _with_header(request, "authorization", f"Bearer {token}")


def _with_header(request: HTTPRequest, name: str, value: str) -> HTTPRequest:
    return replace(request, headers={**request.headers, name: value})
