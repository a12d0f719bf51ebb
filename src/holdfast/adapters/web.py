"""httpx and httpx2 clients whose network is a Holdfast client. The two libraries have the same shape."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from importlib import import_module
from typing import Any

from holdfast import sync
from holdfast.adapters.in_process import InProcess, Served
from holdfast.errors import ConfigurationError


def http_library(name: str | None) -> Any:
    """The library that the SDK stands on: the one named, else httpx2, else httpx."""
    for candidate in (name,) if name else ("httpx2", "httpx"):
        try:
            return import_module(candidate)
        except ModuleNotFoundError:
            continue
    raise ConfigurationError(f"{name or 'httpx2'} is not installed; it comes with the SDK.")


def async_client(desk: InProcess, library: str | None) -> Any:
    """An `AsyncClient` of the library that sends nothing and is answered by `desk`."""
    web = http_library(library)

    class Body(web.AsyncByteStream):  # type: ignore[misc,name-defined]  # a class of whichever library it is
        def __init__(self, served: Served) -> None:
            self._served = served

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self._served.body

        async def aclose(self) -> None:
            await self._served.close()

    class Transport(web.AsyncBaseTransport):  # type: ignore[misc,name-defined]  # as above
        async def handle_async_request(self, request: Any) -> Any:
            body = await request.aread()
            served = await desk.answer(request.method, request.url.path, dict(request.headers), body)
            return web.Response(served.status, headers=dict(served.headers), stream=Body(served))

    return web.AsyncClient(transport=Transport())


def sync_client(desk: InProcess, library: str | None) -> Any:
    """The same for code that is not async; the work is done in the loop of `holdfast.sync`."""
    web = http_library(library)

    class Body(web.SyncByteStream):  # type: ignore[misc,name-defined]  # as above
        def __init__(self, served: Served) -> None:
            self._served = served

        def __iter__(self) -> Iterator[bytes]:
            while (chunk := sync.run(_next(self._served.body))) is not None:
                yield chunk

        def close(self) -> None:
            sync.run(self._served.close())

    class Transport(web.BaseTransport):  # type: ignore[misc,name-defined]  # as above
        def handle_request(self, request: Any) -> Any:
            body = request.read()
            served = sync.run(desk.answer(request.method, request.url.path, dict(request.headers), body))
            return web.Response(served.status, headers=dict(served.headers), stream=Body(served))

    return web.Client(transport=Transport())


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(chunks, None)
