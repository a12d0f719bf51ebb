"""A server on loopback that says exactly the bytes it is told to, one script per connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Step = bytes | float | str
"""Bytes are sent; a number is slept; `"reset"` resets the connection; the end of the script closes it."""


class Wire:
    """What came, and where to reach it."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[bytes] = []
        self.open = 0


@asynccontextmanager
async def serving(*scripts: list[Step] | Callable[[bytes], list[Step]]) -> AsyncIterator[Wire]:
    """Serve the scripts, one request each (the last one again and again), keeping connections alive."""
    wire = Wire()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0
                )
                request = head + await reader.readexactly(length)
                script = scripts[min(len(wire.requests), len(scripts) - 1)]
                wire.requests.append(request)
                await play(script(request) if callable(script) else script, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            wire.open -= 1
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    wire.url = f"http://{host}:{port}"
    try:
        yield wire
    finally:
        server.close()
        for task in asyncio.all_tasks():
            if task.get_coro().__qualname__.startswith("serving"):
                task.cancel()
        await asyncio.sleep(0)


async def play(script: list[Step], writer: asyncio.StreamWriter) -> None:
    for step in script:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case "reset":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                raise ConnectionResetError
            case "close":
                raise ConnectionAbortedError
            case _:
                await asyncio.sleep(step)


def whole(body: bytes, status: int = 200, **headers: str) -> bytes:
    """A response with a body of known length."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*pieces: bytes, end: bool = True, **headers: str) -> bytes:
    """A response in chunks, ended or not."""
    lines = ["HTTP/1.1 200 OK", "transfer-encoding: chunked"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body + (b"0\r\n\r\n" if end else b"")
