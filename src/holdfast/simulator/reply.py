"""One reply as plain values: who was asked what, what goes out, and what happens between two pieces of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdfast.events import Event
from holdfast.providers.codec import HTTPReply, ServedRequest, Service
from holdfast.response import Response
from holdfast.simulator.answers import events_of
from holdfast.simulator.wire import LAST_CHUNK, chunk_bytes, head_bytes


class Send(Struct, frozen=True):
    """These bytes go out."""

    data: bytes


class Wait(Struct, frozen=True):
    """Nothing happens for so many seconds."""

    seconds: float


class Reset(Struct, frozen=True):
    """The connection is reset; what the client had not read may be lost."""


class HangUp(Struct, frozen=True):
    """The connection is closed, after what was sent."""


Act: TypeAlias = Send | Wait | Reset | HangUp
Pause: TypeAlias = Wait | Reset | HangUp


class Scene(Struct, frozen=True, kw_only=True):
    """All that a reply depends on: the wire, the request, the answer; `now` in seconds since 1970; `pace` per event."""

    service: Service
    served: ServedRequest
    response: Response
    now: float = 0.0
    pace: float = 0.0

    @property
    def streamed(self) -> bool:
        """Whether the client asked for a stream."""
        return self.served.request.stream


class Draft(Struct, frozen=True, kw_only=True):
    """A reply before it is written out. The body is pieces, and what happens between them."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: Iterable[bytes | Pause] = ()
    before: tuple[Pause, ...] = ()
    framing: Literal["chunked", "length", "close"] = "length"


Stage: TypeAlias = Callable[[Any, Scene], Draft]
"""How a fault of one class is staged."""

SLICE: Final = 32  # bytes of a whole body that count as one piece
_ENDS: Final = (Reset, HangUp)


def written(draft: Draft) -> Iterator[Act]:
    """What the server does for this reply, in order."""
    yield from draft.before
    if any(isinstance(act, _ENDS) for act in draft.before):
        return
    chunked = draft.framing == "chunked"
    body = draft.body
    framing = {"transfer-encoding": "chunked"} if chunked else {"connection": "close"}
    if draft.framing == "length":
        body = tuple(body)
        framing = {"content-length": str(sum(len(piece) for piece in body if isinstance(piece, bytes)))}
    yield Send(head_bytes(draft.status, {**framing, **draft.headers}))
    for piece in body:
        if piece == b"":
            continue  # an empty chunk would end the body
        yield piece if not isinstance(piece, bytes) else Send(chunk_bytes(piece) if chunked else piece)
        if isinstance(piece, _ENDS):
            return
    if chunked:
        yield Send(LAST_CHUNK)
    elif draft.framing == "close":
        yield HangUp()


def answered(scene: Scene) -> Draft:
    """The reply without any fault."""
    return streamed(scene, events_of(scene.response)) if scene.streamed else whole(scene)


def streamed(scene: Scene, events: Iterable[Event], *, closed: bool = True) -> Draft:
    """These events as a stream; `closed` says whether with the bytes that end it."""
    writer = scene.service.writer(scene.served)
    pieces = [writer.feed(event) for event in events]
    if closed:
        pieces.append(writer.close())
    body: Iterable[bytes | Pause] = tuple(piece for piece in pieces if piece)
    if scene.pace:
        body = chain.from_iterable((Wait(scene.pace), piece) for piece in body)
    return Draft(headers=writer.headers, body=tuple(body), framing="chunked")


def whole(scene: Scene, response: Response | None = None) -> Draft:
    """The answer, or `response`, in one body."""
    reply = scene.service.write(response or scene.response, scene.served)
    return drafted(reply)


def drafted(reply: HTTPReply, status: int | None = None) -> Draft:
    """A reply of the service as a draft, under its own status or another."""
    return Draft(status=status or reply.status, headers=reply.headers, body=sliced(reply.body, SLICE))


def sliced(data: bytes, size: int) -> tuple[bytes, ...]:
    """Bytes in slices of `size`."""
    return tuple(data[at : at + size] for at in range(0, len(data), size))


def joined(draft: Draft) -> bytes:
    """The bytes of a body, without its pauses."""
    return b"".join(piece for piece in draft.body if isinstance(piece, bytes))


def parted(draft: Draft, after: int, bytes_: int | None = None) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The body before and behind a position, which is a number of pieces, or of bytes."""
    if bytes_ is not None:
        data = joined(draft)
        return (data[:bytes_],), (data[bytes_:],)
    body = tuple(draft.body)
    places = [place for place, piece in enumerate(body) if isinstance(piece, bytes)]
    count = len(places)
    position = max(count + after, 0) if after < 0 else min(after, count)
    at = places[position] if position < count else len(body)
    return body[:at], body[at:]


def with_null(draft: Draft, path: tuple[str | int, ...]) -> Draft:
    """A JSON reply with null at one place."""
    *steps, last = path
    body = inner = msgspec.json.decode(joined(draft))
    for step in steps:
        inner = inner[step]
    inner[last] = None
    return replace(draft, body=(msgspec.json.encode(body),))


def changed(draft: Draft, change: Callable[[bytes], bytes]) -> Draft:
    """A reply with this done to each piece of its body."""
    return replace(draft, body=tuple(change(piece) if isinstance(piece, bytes) else piece for piece in draft.body))
