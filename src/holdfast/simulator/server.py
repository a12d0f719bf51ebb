"""The simulator: a real HTTP server on loopback that speaks every wire, and fails as its scenario says.

    POST /v1/chat/completions  /v1/responses  /v1/messages  /v1beta/models/NAME:generateContent  /model/NAME/converse
    GET  /v1/models            the models of the scenario
    POST .../count_tokens      and its like at the other providers

What a reply consists of is decided elsewhere (`reception`), as values; this module plays them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, Self, get_args

import msgspec

from holdfast.errors import ConfigurationError
from holdfast.providers.catalog import CodecName
from holdfast.providers.codec import HTTPReply
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.simulator.connection import Connection, Reader
from holdfast.simulator.reading import builtin
from holdfast.simulator.reception import Received, Reception
from holdfast.simulator.reply import drafted, written
from holdfast.simulator.scenario import Scenario
from holdfast.simulator.wire import BadRequestError, read_request

WIRES: Final[tuple[CodecName, ...]] = get_args(CodecName)
# What stands before the paths of each wire's requests.
BASES: Final[dict[CodecName, str]] = {
    "openai_chat": "/v1",
    "openai_responses": "/v1",
    "anthropic": "",
    "gemini": "/v1beta",
    "bedrock": "",
}
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Simulator:
    """A server that fails on purpose.

        async with Simulator(load("storm")) as sim:
            mine = Endpoint("mine", base_url=sim.base_url("openai_chat"), api_key="any", codec="openai_chat")

    Args:
        scenario: what it does; by default the models `calm` and `stormy`.
        host: a loopback address, nothing else.
        port: 0 takes a free one.
        max_connections: those beyond are reset at once.
        max_body: bytes of a request; larger ones are refused with 413.
        max_records: how many requests are remembered, together with at most 64 MB of their bodies.
        wires: those that it speaks.
        clock: where time comes from.

    Raises:
        ConfigurationError: `host` is no loopback address.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        max_connections: int = 4096,
        max_body: int = 64 << 20,
        max_records: int = 10_000,
        wires: Sequence[CodecName] = WIRES,
        clock: Clock | None = None,
    ) -> None:
        if host not in _LOOPBACK:
            raise ConfigurationError(f"The simulator serves loopback only; {host!r} is no loopback address.")
        self.reception = Reception(scenario or builtin("storm"), wires, max_records)
        self._host, self._port = host, port
        self._max_connections, self._max_body = max_connections, max_body
        self._clock = clock or SystemClock()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def requests(self) -> Sequence[Received]:
        """The requests that came, oldest first, and what each of them got."""
        return self.reception.received

    @property
    def url(self) -> str:
        """Where it listens, such as `"http://127.0.0.1:40001"`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def base_url(self, wire: CodecName = "openai_chat") -> str:
        """The base URL for an endpoint that speaks this wire."""
        return self.url + BASES[wire]

    @property
    def connections_open(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self._host, self._port, backlog=1024)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, close every connection, and come back when nothing is left."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _protocol(self) -> asyncio.Protocol:
        reader = Reader()

        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._accept(reader, writer)

        return asyncio.StreamReaderProtocol(reader, accept)

    async def _accept(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._server is None or len(self._connections) >= self._max_connections:
            writer.transport.abort()
            return
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            await self._converse(Connection(reader, writer, self._clock))
        except (asyncio.CancelledError, ConnectionError):
            writer.transport.abort()  # the simulator closes, or the client has left
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _converse(self, connection: Connection) -> None:
        """Answer the requests of one connection until one side has enough."""
        open_ = True
        while open_:
            try:
                asked = await read_request(connection.reader, connection.writer, self._max_body)
            except BadRequestError as error:
                await connection.play(written(drafted(_bad(error))))
                return
            if asked is None:
                return
            reply = self.reception.take(asked, now=self._clock.now(), wall=self._clock.wall())
            open_ = await connection.play(reply) and not asked.closes


def _bad(error: BadRequestError) -> HTTPReply:
    body = msgspec.json.encode({"error": {"message": str(error), "type": "invalid_request_error"}})
    headers = {"content-type": "application/json", "connection": "close"}
    return HTTPReply(status=error.status, headers=headers, body=body)
