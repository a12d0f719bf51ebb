"""The network as a port of one method, and its aiohttp implementation.

Foreign exceptions are translated here and nowhere else. Redirects are not followed: a key is sent to the host that it
belongs to and to no other.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from holdfast.errors import ModelConnectionError, ModelTimeoutError
from holdfast.providers.codec import Headers, HTTPRequest

if TYPE_CHECKING:
    import aiohttp

_AGENT: Final = "holdfast/0.1"
_DRAIN: Final = 0.1
"""Seconds that a finished response is given to end by itself, so that its connection can be used again."""
_CHUNK: Final = 2**16


class HTTPResponse(Protocol):
    """An HTTP response whose body is still to come."""

    status: int
    headers: Headers

    async def read(self) -> bytes:
        """The next piece of the body, decompressed; empty at its end. Raises `ModelConnectionError` when it breaks."""
        ...

    async def release(self) -> None:
        """Let go of the connection after the answer is complete; it may be used again."""
        ...

    def close(self) -> None:
        """Close the connection at once."""
        ...


class Transport(Protocol):
    """Sends HTTP requests."""

    async def send(self, request: HTTPRequest) -> HTTPResponse:
        """Send `request` (its `url` absolute) and wait for the head of the response.

        Raises:
            ModelConnectionError: no connection, or it broke; `phase` says where.
            ModelTimeoutError: no connection within `request.connect_timeout` seconds.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class AiohttpTransport:
    """The default transport.

    Args:
        connections: connections at once, over all hosts.
        connections_per_host: the same for one host; 0 for no limit of its own.
        keep_alive: seconds that an idle connection is kept.
        tls: an `ssl.SSLContext` of your own.
        proxy: the URL of a proxy; by default the environment's (`HTTPS_PROXY`, `NO_PROXY`, ...).
    """

    def __init__(
        self,
        *,
        connections: int = 1000,
        connections_per_host: int = 0,
        keep_alive: float = 30.0,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self._connections = connections
        self._connections_per_host = connections_per_host
        self._keep_alive = keep_alive
        self._tls = tls
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()

    async def send(self, request: HTTPRequest) -> HTTPResponse:
        """Send `request` and wait for the head of the response; see `Transport.send`."""
        session = self._open_session()
        try:
            response = await session.request(
                request.method,
                request.url,
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
                proxy=self._proxy or _proxy_for(*_origin(request.url)),
                timeout=_timeout(request.connect_timeout),
            )
        except Exception as error:
            raise _translate(error) from error
        return _AiohttpResponse(response)

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is not None and self._process != os.getpid():
            _of_the_parent.append(self._session)
            self._session, self._process = None, os.getpid()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._session, self._loop = self._new_session(), loop
        return self._session

    def _new_session(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415  # 0.15 s that only those pay who send something

        connector = aiohttp.TCPConnector(
            limit=self._connections,
            limit_per_host=self._connections_per_host,
            keepalive_timeout=self._keep_alive,
            ssl=self._tls or True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _AGENT},
            max_line_size=2**15,
            max_field_size=2**15,
            read_bufsize=_CHUNK,
        )


_of_the_parent: list[Any] = []
"""After a fork: the parent's sessions. Closing one, or collecting it, closes the parent's connections."""


class _AiohttpResponse:
    __slots__ = ("_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Headers = {name.lower(): value for name, value in response.headers.items()}

    async def read(self) -> bytes:
        try:
            return await self._response.content.readany()
        except Exception as error:
            raise _translate(error) from error

    async def release(self) -> None:
        response = self._response
        if not response.content.at_eof():
            with suppress(Exception):  # whatever happens now, the answer was complete
                async with asyncio.timeout(_DRAIN):
                    while await response.content.readany():
                        pass
        if response.content.at_eof():
            response.release()
        else:
            response.close()

    def close(self) -> None:
        self._response.close()


@lru_cache(maxsize=64)
def _timeout(connect: float | None) -> aiohttp.ClientTimeout:
    import aiohttp  # noqa: PLC0415  # as above

    return aiohttp.ClientTimeout(total=None, sock_connect=connect, ceil_threshold=60)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2]


@lru_cache(maxsize=256)
def _proxy_for(scheme: str, host: str) -> str | None:
    return None if proxy_bypass(host) else getproxies().get(scheme)


def _translate(error: Exception) -> Exception:
    """Foreign exceptions become ours."""
    import aiohttp  # noqa: PLC0415  # as above

    match error:
        case aiohttp.ConnectionTimeoutError():
            return ModelTimeoutError("No connection within the time allowed for it.", phase="connect")
        case TimeoutError():
            return ModelTimeoutError("The connection timed out.", phase="read")
        case aiohttp.ClientConnectorDNSError():
            return _broken(f"The host {error.host!r} cannot be found.", "dns")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return _broken(f"No secure connection: {error}", "tls")
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return _broken(f"The proxy does not connect: {error}", "proxy")
        case aiohttp.ClientConnectorError():
            return _broken(f"No connection to {error.host}:{error.port}: {error.os_error}", "connect")
        case aiohttp.ServerDisconnectedError() | ConnectionError() | aiohttp.ClientOSError():
            return _broken(f"The connection broke: {_text(error)}", "read")
        case aiohttp.ClientPayloadError():
            return _broken(f"The body broke off: {_text(error)}", "read")
        case aiohttp.InvalidURL():
            return _broken(f"The URL is not valid: {error}", "connect")
        case aiohttp.ClientError() | OSError() | ValueError():
            return _broken(f"The exchange failed: {_text(error)}", "read")
        case _:
            return _broken(f"The exchange failed: {_text(error)}", "read") if _is_foreign(error) else error


def _is_foreign(error: Exception) -> bool:
    """Whether the HTTP library raised it; its parser's errors have no common base."""
    return type(error).__module__.startswith("aiohttp")


def _text(error: Any) -> str:
    return str(error) or type(error).__name__


def _broken(message: str, phase: str) -> ModelConnectionError:
    return ModelConnectionError(message, phase=phase)
