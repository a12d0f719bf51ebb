"""Bytes of a Responses answer to events: streamed, or whole.

The stream ends with `response.completed`, `response.incomplete` or `response.failed`; a body that ends before is cut.
`data: [DONE]`, which some servers add, means nothing here. A response in background mode can be taken up again after
its last `sequence_number` (guide, "Background mode").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, assert_never

import msgspec

from holdfast.errors import InvalidResponseError, ModelError, StreamInterruptedError
from holdfast.events import Event
from holdfast.providers.codec import Checkpoint
from holdfast.providers.openai_responses import wire
from holdfast.providers.openai_responses.answer import Answer
from holdfast.providers.openai_responses.errors import stream_error
from holdfast.providers.sse import SSEDecoder

_RUNNING: Final = ("queued", "in_progress")


_MISSHAPEN: Final = (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError)
"""What reading raises when the wire has another shape than it should."""


class ResponsesDecoder:
    """Reads one answer, whichever of the two forms the server chose, whatever was asked for."""

    def __init__(self, provider: str, model: str, request_id: str | None) -> None:
        self._provider = provider
        self._model = model
        self._answer = Answer(provider, request_id)
        self._sse = SSEDecoder()
        self._whole: list[bytes] | None = None
        self._begun = False
        self._over = False
        self._response_id: str | None = None
        self._background = False
        self._last: int | None = None
        self._skip: int | None = None

    @property
    def checkpoint(self) -> Checkpoint | None:
        """From where a background response can be taken up; None for any other, and when it is over."""
        if self._over or not self._background or self._response_id is None:
            return None
        return Checkpoint(self._response_id, self._last)

    def reconnect(self) -> None:
        """Go on with the body of the answer to `resume(checkpoint, ...)`."""
        self._sse = SSEDecoder()
        self._whole = None
        self._begun = False
        self._skip = self._last

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        if not self._begun and (data := data.lstrip(b" \r\n\t\xef\xbb\xbf")):
            self._begun = True
            self._whole = [] if data[:1] in b"{[<" else None  # JSON, or a proxy's page
        if self._whole is not None:
            self._whole.append(data)
            return
        try:
            for message in self._sse.feed(data):
                event = self._read(message.data)
                if isinstance(event, wire.Piece) and self._answer.started:  # nearly every event of a stream
                    if (told := self._piece(event)) is not None:
                        yield told
                elif event is not None:
                    yield from self._tell(event)
        except _MISSHAPEN as error:
            raise self._unreadable("An event of the stream", data, error) from error

    def close(self) -> Iterator[Event]:
        """The last events."""
        if self._whole is not None:
            yield from self._take_whole(b"".join(self._whole))
        elif (rest := self._sse.close()) is not None:
            yield from self._take_rest(rest.data)
        if not self._over:
            yield from self._take_bare(self._sse.stray)
            raise self._cut()

    def _take_bare(self, line: bytes) -> Iterator[Event]:
        """An error that stands in the stream without being an event of it."""
        try:
            event = wire.read_event(line)
        except msgspec.DecodeError:
            return
        if isinstance(event, wire.Error):
            yield from self._turn(event)

    def _take_rest(self, data: bytes) -> Iterator[Event]:
        """An event without the empty line after it: whole only if it is the terminal one, of servers that stint."""
        try:
            event = self._read(data)
        except InvalidResponseError as error:
            raise self._cut() from error
        try:
            if event is not None:
                yield from self._tell(event)
        except _MISSHAPEN as error:
            raise self._unreadable("The last event", data, error) from error

    def _read(self, data: bytes) -> wire.StreamEvent | None:
        """The event, unless it is unknown, was read before, or comes after the end."""
        if self._over or data == b"[DONE]" or not data:
            return None
        try:
            event = wire.read_event(data)
        except msgspec.DecodeError as error:
            raise self._unreadable("An event of the stream", data, error) from error
        if event is None or event.sequence_number is None:
            return event
        if self._skip is not None and event.sequence_number <= self._skip:
            return None
        self._last = event.sequence_number
        return event

    def _tell(self, event: wire.StreamEvent) -> Iterator[Event]:
        if isinstance(event, wire.Piece):
            yield from self._answer.start(wire.Body())
            if (told := self._piece(event)) is not None:
                yield told
        else:
            yield from self._turn(event)

    def _piece(self, event: wire.PieceEvent) -> Event | None:
        answer = self._answer
        match event:
            case wire.TextDelta():
                return answer.text(event.output_index, event.content_index, event.delta, event.logprobs)
            case wire.ArgumentsDelta():
                return answer.arguments(event.output_index, event.delta)
            case wire.SummaryDelta():
                return answer.thinking(event.output_index, "summary", event.summary_index, event.delta)
            case wire.ReasoningDelta():
                return answer.thinking(event.output_index, "raw", event.content_index, event.delta)
            case wire.RefusalDelta():
                return answer.refusal(event.output_index, event.content_index, event.delta)
            case wire.AnnotationAdded():
                return answer.annotation(event.output_index, event.content_index, event.annotation)
            case wire.TextDone():
                return answer.missing(event.output_index, "text", event.content_index, event.text)
            case wire.ArgumentsDone():
                return answer.missing(event.output_index, "arguments", 0, event.arguments)
            case wire.SummaryDone():
                return answer.missing(event.output_index, "summary", event.summary_index, event.text)
            case wire.ReasoningDone():
                return answer.missing(event.output_index, "raw", event.content_index, event.text)
            case wire.RefusalDone():
                return answer.missing(event.output_index, "refusal", event.content_index, event.refusal)
            case _:
                assert_never(event)

    def _turn(self, event: wire.TurnEvent) -> Iterator[Event]:
        match event:
            case wire.ItemAdded() | wire.ItemDone():
                yield from self._answer.start(wire.Body())
                take = self._answer.add_item if isinstance(event, wire.ItemAdded) else self._answer.close_item
                yield from take(event.output_index, event.item)
            case wire.Created() | wire.InProgress() | wire.Queued():
                self._remember(event.response)
                yield from self._answer.start(event.response)
            case wire.Completed() | wire.Incomplete():
                self._over = True
                if event.response.status is None:
                    event.response.status = "completed" if isinstance(event, wire.Completed) else "incomplete"
                yield from self._answer.end(event.response)
            case wire.Failed() | wire.Cancelled():
                raise self._failed(event.response)
            case wire.Error():
                said = event.error or {"code": event.code, "message": event.message, "param": event.param}
                raise self._said(said)
            case _:
                assert_never(event)

    def _remember(self, body: wire.Body) -> None:
        self._response_id = body.id or self._response_id
        self._background = bool(body.background) or self._background

    def _take_whole(self, data: bytes) -> Iterator[Event]:
        try:
            yield from self._take_body(wire.read_body(data), data)
        except _MISSHAPEN as error:
            raise self._unreadable("The body", data, error) from error

    def _take_body(self, body: wire.Body, data: bytes) -> Iterator[Event]:
        self._remember(body)
        if body.error is not None or body.status in ("failed", "cancelled"):
            raise self._failed(body)
        if body.status in _RUNNING:
            message = f"The response is still {body.status} in the background"
            raise StreamInterruptedError(message, **self._facts(), raw=_beginning(data))
        if body.output is None:
            raise self._unreadable("The body", data, "it has no output")
        self._over = True
        yield from self._answer.end(body)

    def _failed(self, body: wire.Body) -> ModelError:
        if body.status == "cancelled":
            self._over = True
            return StreamInterruptedError("The response was cancelled", **self._facts(), code="cancelled")
        return self._said(body.error or {"message": "The response failed, and nothing says why"})

    def _said(self, said: Any) -> ModelError:
        self._over = True
        payload = said if isinstance(said, dict) else {"message": str(said)}
        return stream_error({"error": payload}, provider=self._provider, model=self._model).with_facts(
            request_id=self._answer.request_id
        )

    def _cut(self) -> ModelError:
        return StreamInterruptedError("The stream ended before its terminal event", **self._facts())

    def _unreadable(self, what: str, data: bytes, why: object) -> ModelError:
        return InvalidResponseError(f"{what} cannot be read: {why}", **self._facts(), raw=_beginning(data))

    def _facts(self) -> dict[str, Any]:
        return {"provider": self._provider, "model": self._model, "request_id": self._answer.request_id}


def _beginning(data: bytes) -> str:
    return data[:2000].decode(errors="replace")
