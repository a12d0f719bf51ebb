"""Answers that a provider keeps while it gives them, so that a broken one can be taken up where it broke.

    OpenAI Responses   a request with `"background": true`; then GET /v1/responses/ID gives the whole answer, and
                       ?stream=true&starting_after=N the events after the Nth (reference, "Background mode")
    Gemini             where a scenario's model is `resumable`: each event bears a continuation token, and a request
                       that bears one gets what came after it (SDK, `continuation_token`)

A service of the wire is wrapped by one that adds what the provider sends in these modes. Pure.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdfast.errors import ModelError
from holdfast.events import Event, TextDelta
from holdfast.messages import Text
from holdfast.providers.codec import Headers, HTTPReply, ServedRequest, Service, StreamWriter
from holdfast.response import Response
from holdfast.simulator.answers import events_of
from holdfast.simulator.reply import Draft, Scene, joined, streamed, whole
from holdfast.simulator.wire import Asked

_MOST: Final = 1000  # answers that are kept
_PATH: Final = re.compile(r"/responses/(?P<id>[^/]+)$")
_NUMBER: Final = re.compile(rb'"sequence_number":(\d+)')
_TOKEN: Final = "after-"  # noqa: S105  # no secret


class KeptAnswers:
    """The background answers of one simulator, the oldest forgotten first."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, _Answer] = OrderedDict()

    def keep(self, scene: Scene) -> Scene:
        """The scene as the wire shows it where answers can be resumed; what it will say is kept."""
        scene = replace(scene, service=_Marked(scene.service, _in_background))
        stream = joined(streamed(scene, events_of(scene.response)))
        events = tuple(event + b"\n\n" for event in stream.split(b"\n\n") if event)
        self._answers[scene.response.id or ""] = _Answer(events, joined(whole(scene)))
        if len(self._answers) > _MOST:
            self._answers.popitem(last=False)
        return scene

    def find(self, asked: Asked) -> Draft | None:
        """What a request for a kept answer gets; None where nothing is kept."""
        found = _PATH.search(asked.path)
        answer = self._answers.get(found["id"]) if found is not None and asked.method == "GET" else None
        if answer is None:
            return None
        query = parse_qs(asked.target.partition("?")[2])
        if query.get("stream") != ["true"]:
            return Draft(headers={"content-type": "application/json"}, body=(answer.whole,))
        stated = query.get("starting_after", [""])[0]
        after = int(stated) if stated.isdecimal() else -1
        rest = tuple(event for event in answer.events if _number(event) > after)
        return Draft(headers={"content-type": "text/event-stream"}, body=rest, framing="chunked")


def with_tokens(scene: Scene) -> Scene:
    """The scene with continuation tokens in its events; where the request bears one, with the rest of the answer."""
    token = str(scene.served.request.extra.get("continuationToken") or "")
    said = int(token.removeprefix(_TOKEN)) if token.removeprefix(_TOKEN).isdecimal() else 0
    response, parts = scene.response, scene.response.parts
    if said and all(isinstance(part, Text) for part in parts):
        response = replace(response, parts=(Text(response.text[said:]),))
    return replace(scene, response=response, service=_Marked(scene.service, _tokens_from(said)))


class _Answer(Struct, frozen=True):
    events: tuple[bytes, ...]
    whole: bytes


Mark = Callable[[bytes, Event | None], bytes]
"""What is added to the bytes of an event, or of a whole answer (None)."""


class _Marked:
    """A service that adds something to everything it writes."""

    def __init__(self, inner: Service, mark: Callable[[], Mark]) -> None:
        self.name = inner.name
        self._inner, self._mark = inner, mark

    def matches(self, method: str, path: str) -> bool:
        return self._inner.matches(method, path)

    def read(self, path: str, headers: Headers, body: bytes) -> ServedRequest:
        return self._inner.read(path, headers, body)

    def write(self, response: Response, served: ServedRequest) -> HTTPReply:
        reply = self._inner.write(response, served)
        return replace(reply, body=self._mark()(reply.body, None))

    def writer(self, served: ServedRequest) -> StreamWriter:
        return _MarkedWriter(self._inner.writer(served), self._mark())

    def error(self, error: ModelError) -> HTTPReply:
        return self._inner.error(error)


class _MarkedWriter:
    def __init__(self, inner: StreamWriter, mark: Mark) -> None:
        self.headers = inner.headers
        self._inner, self._mark = inner, mark

    def feed(self, event: Event) -> bytes:
        return self._mark(self._inner.feed(event), event)

    def error(self, error: ModelError) -> bytes:
        return self._inner.error(error)

    def close(self) -> bytes:
        return self._inner.close()


def _in_background() -> Mark:
    return lambda data, _: data.replace(b'"object":"response"', b'"object":"response","background":true')


def _tokens_from(said: int) -> Callable[[], Mark]:
    """Tokens that say how many characters had been said, from `said` on."""

    def start() -> Mark:
        count = said

        def mark(data: bytes, event: Event | None) -> bytes:
            nonlocal count
            if event is None or not data.startswith(b"data: "):
                return data
            count += len(event.text) if isinstance(event, TextDelta) else 0
            chunk: Any = msgspec.json.decode(data.removeprefix(b"data: "))
            for candidate in chunk.get("candidates") or ():
                candidate["continuationToken"] = f"{_TOKEN}{count}"
            return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

        return mark

    return start


def _number(event: bytes) -> int:
    found = _NUMBER.search(event)
    return int(found[1]) if found else -1
