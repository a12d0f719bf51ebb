"""A provider inside the process: requests of a vendor's SDK in, its wire out, a client's answers in between."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TypeAlias

import msgspec
from msgspec import Struct

from holdfast.errors import ModelError, ModelNotFoundError, error_from_info
from holdfast.events import Event, Finish
from holdfast.providers.catalog import CodecName, make_service
from holdfast.providers.codec import Headers, HTTPReply, ServedRequest, Service, StreamWriter
from holdfast.request import Request
from holdfast.response import Response
from holdfast.runtime.client import Client
from holdfast.runtime.stream import Stream

Route: TypeAlias = Client | Callable[[str], Client]
"""The client that answers, or a function that chooses one by the model's name in the request."""

# The SDKs retry what they take for temporary. A client's call has ended for good, and both obey this header.
_FINAL = {"x-should-retry": "false"}

# These say how the reply is to be written. Of the models usage is always asked, so that it can be booked.
_OF_THE_REPLY = ("stream_options",)


class Served(Struct, frozen=True):
    """What goes back: a head at once, and the body as it comes; `close` lets go of it, read or not."""

    status: int
    headers: Headers
    body: AsyncGenerator[bytes, None]
    stream: Stream | None = None

    async def close(self) -> None:
        """End the body, and the call behind it."""
        await self.body.aclose()
        if self.stream is not None:  # a body that nobody began to read ends without a word to its stream
            await self.stream.close()


class InProcess:
    """Answers the requests of the wires that it speaks."""

    def __init__(self, route: Route, wires: Iterable[CodecName]) -> None:
        self._route = route
        self._services = [make_service(wire) for wire in wires]

    async def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Served:
        """The response to one request. A stream's first event is awaited, so that an early failure has a status."""
        service = next((service for service in self._services if service.matches(method, path)), None)
        if service is None:
            error = ModelNotFoundError(f"{method} {path} is not answered inside the process.", status=404)
            return _refused(self._services[0], error)
        try:
            served = service.read(path, headers, body)
            client = self._chosen(served.model)
            asked = _asked(service, served.request)
            if not asked.stream:
                return _whole(service, await client.create(asked), served)
            return await _streamed(service, client.stream(asked), served)
        except ModelError as error:
            return _refused(service, error)

    def _chosen(self, model: str) -> Client:
        if isinstance(self._route, Client):
            return self._route
        try:
            return self._route(model)
        except LookupError as error:  # a route is often a dict's __getitem__
            raise ModelNotFoundError(f"No client answers for the model {model!r}.", model=model, status=404) from error


def _asked(service: Service, request: Request) -> Request:
    """The request as the client is asked: what it says beyond our words is for models of the same wire."""
    extra = {name: value for name, value in request.extra.items() if name not in _OF_THE_REPLY}
    return request.replace(extra=extra, extra_origin=service.name)


def _refused(service: Service, error: ModelError) -> Served:
    reply = service.error(error)
    return _reply(msgspec.structs.replace(reply, headers={**reply.headers, **_FINAL}))


def _whole(service: Service, response: Response, served: ServedRequest) -> Served:
    if response.truncated:  # the SDKs have no word for it; half an answer must not look like a whole one
        return _refused(service, _interrupted(response))
    reply = service.write(response, served)
    return _reply(msgspec.structs.replace(reply, headers={**reply.headers, **_notes(response)}))


def _notes(response: Response) -> dict[str, str]:
    """What the wire has no word for, in headers."""
    notes = {"x-holdfast-attempts": str(max(1, len(response.attempts)))}
    if response.degraded:
        notes["x-holdfast-degraded"] = response.degraded.encode("ascii", "replace").decode()
    return notes


def _interrupted(response: Response) -> ModelError:
    if response.error is None:
        raise AssertionError("A truncated response says why.")
    return error_from_info(response.error).with_facts(partial=response)


def _reply(reply: HTTPReply) -> Served:
    async def body() -> AsyncGenerator[bytes, None]:
        yield reply.body

    return Served(reply.status, reply.headers, body())


async def _streamed(service: Service, stream: Stream, served: ServedRequest) -> Served:
    events = stream.events(restarts=False)
    writer = service.writer(served)
    try:
        first = await anext(events)
    except BaseException:
        await stream.close()
        raise

    async def body() -> AsyncGenerator[bytes, None]:
        try:
            yield _written(writer, first)
            async for event in events:
                yield _written(writer, event)
                if isinstance(event, Finish) and event.truncated:
                    return
            yield writer.close()
        except ModelError as error:
            yield writer.error(error)
        finally:
            await events.aclose()
            await stream.close()

    return Served(200, writer.headers, body(), stream)


def _written(writer: StreamWriter, event: Event) -> bytes:
    if isinstance(event, Finish) and event.truncated and event.error is not None:
        return writer.error(error_from_info(event.error))
    return writer.feed(event)
