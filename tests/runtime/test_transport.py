"""The network, for real: loopback connections that break in every way."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import zlib

import brotli
import pytest

from holdfast.errors import ModelConnectionError, ModelTimeoutError
from holdfast.providers.codec import HTTPRequest
from holdfast.runtime import transport as module
from holdfast.runtime.transport import AiohttpTransport
from wire import chunked, serving, whole


async def fetch(url: str, **options) -> tuple[int, bytes]:
    transport = AiohttpTransport(**options)
    try:
        response = await transport.send(HTTPRequest(url=url, body=b"{}", connect_timeout=2))
        body = b""
        try:
            while data := await response.read():
                body += data
        except ModelConnectionError:
            response.close()
            raise
        await response.release()
        return response.status, body
    finally:
        await transport.close()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress), ("identity", bytes)],
)
async def test_bodies_are_decompressed(encoding, encode):
    async with serving([whole(encode(b"hello " * 100), content_encoding=encoding)]) as wire:
        assert await fetch(wire.url) == (200, b"hello " * 100)
    assert b"gzip" in wire.requests[0]


@pytest.mark.parametrize(
    ("script", "phase"),
    [
        (["reset"], "read"),
        (["close"], "read"),
        ([b"HTTP/1.1 200 OK\r\ncontent-le", "close"], "read"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "close"], None),
        ([whole(b"0123456789")[:-4], "close"], "read"),
        ([whole(b"0123456789")[:-4], 0.01, "reset"], "read"),
        ([chunked(b"01234", b"56789", end=False), "close"], "read"),
        ([chunked(b"01234", end=False), b"zz\r\n", "close"], "read"),
        ([whole(b"no gzip at all", content_encoding="gzip")], "read"),
    ],
)
async def test_every_break_is_a_connection_error(script, phase):
    async with serving(script) as wire:
        with pytest.raises(ModelConnectionError) as caught:
            await fetch(wire.url)
    assert phase in (None, caught.value.phase)


async def test_a_refused_connection_names_host_and_port():
    async with serving([]) as wire:
        url = wire.url
    with pytest.raises(ModelConnectionError, match=r"127\.0\.0\.1") as caught:
        await fetch(url)
    assert caught.value.phase == "connect"


async def test_a_host_that_does_not_exist_is_a_dns_failure():
    with pytest.raises(ModelConnectionError) as caught:
        await fetch("http://nowhere.invalid/")
    assert caught.value.phase == "dns"


async def test_plain_http_on_a_tls_port_is_a_tls_failure():
    async def plain(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        with pytest.raises(ModelConnectionError) as caught:
            await fetch(f"https://{host}:{port}")
    assert caught.value.phase == "tls"


async def test_no_connection_in_time_is_a_timeout_of_the_connect_phase():
    # A listener whose backlog is full leaves further connections hanging.
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        transport = AiohttpTransport()
        host, port = listener.getsockname()
        with pytest.raises(ModelTimeoutError) as caught:
            await transport.send(HTTPRequest(url=f"http://{host}:{port}", connect_timeout=0.05))
        assert caught.value.phase == "connect"
        await transport.close()


async def test_redirects_are_not_followed():
    async with serving([whole(b"", 307, location="http://127.0.0.1:1/elsewhere")]) as wire:
        assert (await fetch(wire.url))[0] == 307
        assert len(wire.requests) == 1


async def test_a_finished_response_gives_its_connection_back():
    async with serving([whole(b"hello")]) as wire:
        transport = AiohttpTransport()
        for _ in range(3):
            response = await transport.send(HTTPRequest(url=wire.url))
            await response.read()
            await response.release()
        assert (len(wire.requests), wire.open) == (3, 1)
        await transport.close()


async def test_closing_a_response_closes_its_connection_at_once():
    async with serving([chunked(b"first", end=False), 60.0]) as wire:
        transport = AiohttpTransport()
        response = await transport.send(HTTPRequest(url=wire.url))
        assert await response.read() == b"first"
        response.close()
        assert transport._session.connector._acquired == set()
        await transport.close()


async def test_a_server_that_leaves_a_finished_response_open_does_not_hold_us():
    async with serving([chunked(b"done", end=False), 60.0]) as wire:
        transport = AiohttpTransport()
        response = await transport.send(HTTPRequest(url=wire.url))
        await response.read()
        async with asyncio.timeout(2):
            await response.release()
        await transport.close()


async def test_a_proxy_of_the_environment_is_used(monkeypatch):
    async with serving([whole(b"from the proxy")]) as wire:
        monkeypatch.setenv("http_proxy", wire.url)
        monkeypatch.setenv("no_proxy", "")
        module._proxy_for.cache_clear()
        try:
            assert (await fetch("http://model.example/v1"))[1] == b"from the proxy"
        finally:
            module._proxy_for.cache_clear()
        assert wire.requests[0].startswith(b"POST http://model.example/v1 HTTP/1.1")


def test_a_transport_survives_a_new_event_loop():
    transport = AiohttpTransport()

    async def once() -> bytes:
        async with serving([whole(b"hello")]) as wire:
            response = await transport.send(HTTPRequest(url=wire.url))
            body = await response.read()
            await transport.close()
            return body

    assert asyncio.run(once()) == asyncio.run(once()) == b"hello"
