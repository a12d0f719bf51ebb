"""Bytes of a Gemini answer to events: server-sent events, a JSON array of chunks, or one whole response.

A stream ends when the body does: what tells a whole answer from a cut one is a finish reason, or a blocked prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import msgspec

from holdfast.errors import InvalidResponseError, ModelError, StreamInterruptedError
from holdfast.events import Event
from holdfast.providers.codec import Checkpoint
from holdfast.providers.gemini import wire
from holdfast.providers.gemini.answer import Answer
from holdfast.providers.gemini.errors import stream_error
from holdfast.providers.sse import SSEDecoder

_MISSHAPEN: Final = (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError)
"""What reading raises when the wire has another shape than it should."""


class GeminiDecoder:
    """Reads one answer, whichever of the three forms the server chose, whatever was asked for."""

    def __init__(self, provider: str, model: str, request_id: str | None) -> None:
        self._provider = provider
        self._model = model
        self._request_id = request_id
        self._answer = Answer(provider, model, request_id)
        self._sse = SSEDecoder()
        self._whole: list[bytes] | None = None
        self._begun = False
        self._recent: list[bytes] = []  # since the last event, which they may end

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The continuation token of an answer that has not finished; None when there is none."""
        if self._answer.token is None or self._answer.finish_reason not in (None, "CONTINUATION"):
            return None
        return Checkpoint(self._answer.token)

    def reconnect(self) -> None:
        """Go on with the body of the answer to `resume(checkpoint, ...)`."""
        self._sse = SSEDecoder()
        self._whole = None
        self._begun = False
        self._recent.clear()
        self._answer.go_on()

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        if not self._begun and (data := data.lstrip(b" \r\n\t\xef\xbb\xbf")):
            self._begun = True
            self._whole = [] if data[:1] in b"{[<" else None  # JSON, or a proxy's page
        if self._whole is not None:
            self._whole.append(data)
            return
        messages = self._sse.feed(data)
        if messages:
            self._recent.clear()
        self._recent.append(data)
        for message in messages:
            yield from self._take(message.data)

    def close(self) -> Iterator[Event]:
        """The last events."""
        if self._whole is not None:
            yield from self._take_whole(b"".join(self._whole))
        else:
            yield from self._take_rest()
            if self._answer.finish_reason is None:
                self._look_for_bare_error()
                raise StreamInterruptedError("The stream ended without a finish reason", **self._facts())
        yield from self._answer.end()

    def _look_for_bare_error(self) -> None:
        """Raise the error that stands in the stream, over several lines, without being an event of it."""
        tail = b"".join(self._recent).replace(b"\r\n", b"\n").rpartition(b"\n\n")[2].strip()
        try:
            chunk = wire.read_chunk(tail)
        except msgspec.DecodeError:
            return
        if chunk.error is not None:
            raise self._said(chunk.error)

    def _take_rest(self) -> Iterator[Event]:
        rest = self._sse.close()
        if rest is None:
            return
        try:
            wire.read_chunk(rest.data)
        except msgspec.DecodeError as error:
            raise StreamInterruptedError("The stream ended in the middle of an event", **self._facts()) from error
        yield from self._take(rest.data)

    def _take(self, data: bytes) -> Iterator[Event]:
        if not data or data == b"[DONE]":
            return
        try:
            yield from self._take_chunk(wire.read_chunk(data), data)
        except _MISSHAPEN as error:
            raise self._unreadable("An event of the stream", data, error) from error

    def _take_chunk(self, chunk: wire.Chunk, data: bytes, number: int = 0) -> Iterator[Event]:
        if chunk.error is not None:
            raise self._said(chunk.error)
        yield from self._answer.take(chunk, partial(wire.raw_parts, data, number))

    def _take_whole(self, data: bytes) -> Iterator[Event]:
        chunks: list[wire.Chunk] = []
        try:
            chunks = wire.read_chunks(data) if data[:1] == b"[" else [wire.read_chunk(data)]
            for number, chunk in enumerate(chunks):
                yield from self._take_chunk(chunk, data, number)
        except _MISSHAPEN as error:
            raise self._unreadable("The body", data, error) from error
        if self._answer.finish_reason is not None:
            return
        if data[:1] == b"[":
            raise StreamInterruptedError("The stream ended without a finish reason", **self._facts())
        if not chunks[0].candidates:
            raise self._unreadable("The body", data, "it has neither candidates nor a block reason")

    def _said(self, said: Any) -> ModelError:
        payload = said if isinstance(said, dict) else {"message": str(said)}
        failure = stream_error({"error": payload}, provider=self._provider, model=self._model)
        return failure.with_facts(request_id=self._request_id)

    def _unreadable(self, what: str, data: bytes, why: object) -> ModelError:
        beginning = data[:2000].decode(errors="replace")
        return InvalidResponseError(f"{what} cannot be read: {why}", **self._facts(), raw=beginning)

    def _facts(self) -> dict[str, Any]:
        return {"provider": self._provider, "model": self._model, "request_id": self._request_id}
