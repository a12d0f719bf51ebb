"""HTTP/1.1, the server's half that the simulator needs, with every byte in its own hand: no library sends a wrong
length, half a chunk or a reset on request. Parsing is pure; reading a request is the one coroutine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

MAX_HEAD: Final = 65_536  # bytes
LAST_CHUNK: Final = b"0\r\n\r\n"
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Asked(Struct, frozen=True, kw_only=True):
    """One HTTP request. `path` has no query and is unquoted; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path without its query."""
        return unquote(self.target.partition("?")[0])

    @property
    def closes(self) -> bool:
        """Whether the client wants the connection closed afterwards."""
        return self.headers.get("connection", "").lower() == "close"


class BadRequestError(Exception):
    """What came is no HTTP request, or too large for one."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, max_body: int) -> Asked | None:
    """The next request of a connection; None when the client has left.

    Raises:
        BadRequestError: it is malformed, or its body has more than `max_body` bytes.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequestError(431, "The head of the request is too large.") from error
    asked = parse_head(head)
    if asked.headers.get("expect", "").lower() == "100-continue":
        writer.write(_CONTINUE)
    try:
        body = await _read_body(reader, asked.headers, max_body)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Asked(method=asked.method, target=asked.target, headers=asked.headers, body=body)


def parse_head(head: bytes) -> Asked:
    """The request line and the headers of a request."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    try:
        method, target, _ = first.split(" ", 2)
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
    except ValueError as error:
        raise BadRequestError(400, "This is no HTTP request.") from error
    return Asked(method=method.upper(), target=target, headers=headers)


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str], max_body: int) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader, max_body)
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise BadRequestError(400, "The content-length is no number.")
    if int(length) > max_body:
        raise BadRequestError(413, f"The request has {length} bytes; {max_body} are allowed.")
    return await reader.readexactly(int(length))


async def _read_chunks(reader: asyncio.StreamReader, max_body: int) -> bytes:
    chunks, total = [], 0
    while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
        total += size
        if total > max_body:
            raise BadRequestError(413, f"The request has more than {max_body} bytes.")
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        pass  # trailers
    return b"".join(chunks)


def head_bytes(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line and the headers of a response."""
    lines = [
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def chunk_bytes(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
