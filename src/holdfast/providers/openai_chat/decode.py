"""Reads one response: an event stream or a JSON body, told apart by its first bytes, whatever the header says.

| begins with | is read as |
|---|---|
| `{`, `[` | JSON, whole at the end of the body |
| `data`, `event`, `id`, `retry`, `:` | an event stream |
| anything else | no answer at all: HTML, a gateway's text |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

from holdfast.errors import InvalidResponseError, ModelError, StreamInterruptedError
from holdfast.events import Event
from holdfast.providers.openai_chat.answer import Answer
from holdfast.providers.openai_chat.errors import stream_error
from holdfast.providers.openai_chat.shapes import (
    NO_ERROR,
    SHOWN,
    documents,
    is_end,
    native_choices,
    read_json,
    tells_error,
)
from holdfast.providers.openai_chat.wire import Chunk, decode_chunk, decode_loosely
from holdfast.providers.output import FinalAnswer
from holdfast.providers.sse import EVENT_LIMIT, ServerSentEvent, SSEDecoder

BODY_LIMIT: Final = 64 * 1024 * 1024
"""How many bytes a whole body may have, unless told otherwise."""

_FIELDS: Final = (b"data", b"event", b"retry", b"id", b":")
_BLANK: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"


class ChatDecoder:
    """Reads one response of this wire; see `holdfast.providers.codec.Decoder`.

    Args:
        answer: what the chunks are joined in.
        provider, model, request_id: what errors know.
        may_omit_finish: whether `[DONE]` alone ends an answer.
        answer_tool: the tool whose arguments are the answer, where the endpoint has no structured output.
        event_limit, body_limit: bytes that an event of a stream, or a whole body, may have.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        provider: str = "",
        model: str | None = None,
        request_id: str | None = None,
        may_omit_finish: bool = False,
        answer_tool: str | None = None,
        event_limit: int = EVENT_LIMIT,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        self._answer = answer
        self._provider = provider
        self._model = model
        self._request_id = request_id
        self._may_omit_finish = may_omit_finish
        self._final = FinalAnswer(answer_tool) if answer_tool else None
        self._limit = body_limit
        self._sse = SSEDecoder(event_limit)
        self._form: Literal["unknown", "stream", "json", "text", "over"] = "unknown"
        self._body: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        out: list[Event] = []
        try:
            if self._form == "stream":
                self._stream(self._sse.feed(data), out)
            else:
                self._collect(data, out)
        except ModelError as error:
            return self._break(out, error)
        return iter(out) if self._final is None else self._through(self._final, out)

    def close(self) -> Iterator[Event]:
        """The last events; raises when the answer is not whole."""
        out: list[Event] = []
        try:
            self._end(out)
        except ModelError as error:
            return self._break(out, error)
        self._form = "over"
        return iter(out) if self._final is None else self._through(self._final, out)

    def _through(self, final: FinalAnswer, out: list[Event]) -> Iterator[Event]:
        return iter([shown for event in out for shown in final.feed(event)])

    def _break(self, out: list[Event], error: ModelError) -> Iterator[Event]:
        self._form = "over"
        self._answer.flush(out)
        if self._final is not None:
            out = [*self._through(self._final, out), *self._final.close()]
        provider, model, request_id = self._provider or None, self._model, self._request_id
        return _then_raise(out, error.with_facts(provider=provider, model=model, request_id=request_id, status=200))

    # The form of the body.

    def _collect(self, data: bytes, out: list[Event]) -> None:
        if self._form == "over":
            return
        self._body.append(data)
        self._size += len(data)
        if self._size > self._limit:
            raise InvalidResponseError(f"The response is larger than {self._limit} bytes.")
        if self._form == "unknown":
            self._sniff(out)
        if self._form == "text" and self._size > SHOWN:
            raise self._no_answer()

    def _sniff(self, out: list[Event]) -> None:
        body = b"".join(self._body).removeprefix(_BOM).lstrip(_BLANK)
        # White space before an answer is a keep-alive (DeepSeek, OpenRouter) and need not be kept.
        self._body, self._size = [body], len(body)
        if not body or _BOM.startswith(body):
            return
        if body[:1] in b"{[":
            self._form = "json"
        elif any(body.startswith(field) for field in _FIELDS):
            self._form = "stream"
            self._body = []
            self._stream(self._sse.feed(body), out)
        elif not any(field.startswith(body) for field in _FIELDS):
            self._form = "text"

    def _end(self, out: list[Event]) -> None:
        match self._form:
            case "stream":
                self._end_stream(out)
            case "json":
                self._whole(b"".join(self._body), out)
            case "text":
                raise self._no_answer()
            case "unknown":
                body = b"".join(self._body)
                raise self._no_answer() if body else InvalidResponseError("The response is empty.", raw="")
            case "over":
                pass

    def _no_answer(self) -> InvalidResponseError:
        text = b"".join(self._body)[:SHOWN].decode("utf-8", "replace")
        what = "HTML" if text.startswith("<") else "text"
        return InvalidResponseError(f"The response is {what} instead of JSON: {text[:200]!r}", raw=text)

    # Event streams.

    def _stream(self, events: list[ServerSentEvent], out: list[Event]) -> None:
        for event in events:
            if event.event:
                chunk = None
            else:
                try:
                    chunk = decode_chunk(event.data)
                except (ValueError, RecursionError):  # the end mark, first of all
                    chunk = None
            if chunk is None:
                if self._odd(event, out):
                    return
                continue
            if chunk.error or not chunk.choices:
                self._check(chunk, event.data)
            self._answer.take(chunk, out)

    def _odd(self, event: ServerSentEvent, out: list[Event]) -> bool:
        """Take an event that is no plain chunk; whether it ends the stream."""
        data = event.data.strip()
        if event.event == "error":
            raise self._error(read_json(data))
        if is_end(data):
            self._done(out)
            return True
        if not data or data == b"null":
            return False
        lines = documents(data)
        if lines is not None:
            return self._take_lines(lines, out)
        payload = read_json(data)
        if tells_error(payload):
            raise self._error(payload)
        if event.event and data[:1] != b"{":  # some other kind of event
            return False
        text = data[:SHOWN].decode("utf-8", "replace")
        raise InvalidResponseError(f"An event of the stream cannot be read: {text[:200]!r}", raw=text)

    def _take_lines(self, lines: list[bytes], out: list[Event]) -> bool:
        for line in lines:
            if is_end(line):
                self._done(out)
                return True
            chunk = decode_loosely(line)
            if chunk is not None:
                if chunk.error or not chunk.choices:
                    self._check(chunk, line)
                self._answer.take(chunk, out)
        return False

    def _check(self, chunk: Chunk, data: bytes) -> None:
        """Raise the error that a chunk without an answer in it may be."""
        if chunk.error in NO_ERROR and chunk.choices:
            return
        payload = read_json(data)
        if tells_error(payload):
            raise self._error(payload)

    def _done(self, out: list[Event]) -> None:
        if not self._answer.ended and self._answer.started and not self._may_omit_finish:
            raise self._unfinished()
        self._answer.finish(out)
        self._form = "over"

    def _end_stream(self, out: list[Event]) -> None:
        left = self._sse.close()
        if left is not None:
            self._take_left(left, out)
        if self._form == "over":
            return
        if not self._answer.ended:
            raise self._unfinished()
        self._answer.finish(out)

    def _unfinished(self) -> ModelError:
        stray = read_json(self._sse.stray)
        return (
            self._error(stray)
            if tells_error(stray)
            else StreamInterruptedError("The stream ended without a finish reason.")
        )

    def _take_left(self, left: ServerSentEvent, out: list[Event]) -> None:
        """An event that lacks only the empty line after it is as good as whole; one that was cut is not."""
        data = left.data.strip()
        if left.event == "error" or not data or is_end(data) or documents(data) is not None:
            self._odd(left, out)
        elif not self._answer.ended:
            raise StreamInterruptedError("The stream was cut in the middle of an event.")

    # Whole bodies.

    def _whole(self, body: bytes, out: list[Event]) -> None:
        try:
            chunk = decode_loosely(body)
        except (ValueError, RecursionError) as error:
            payload = read_json(body)
            if tells_error(payload):
                raise self._error(payload) from error
            text = body[:SHOWN].decode("utf-8", "replace")
            raise InvalidResponseError(f"The response cannot be read: {error}", raw=text) from error
        if chunk is None:
            raise InvalidResponseError("The response is empty.", raw="null")
        if chunk.error or not chunk.choices:
            self._check(chunk, body)
        if not chunk.choices:
            chunk.choices = native_choices(chunk, body)
        self._answer.take(chunk, out)
        self._answer.finish(out)

    def _error(self, payload: Any) -> ModelError:
        return stream_error(payload, provider=self._provider, model=self._model)


def _then_raise(events: list[Event], error: ModelError) -> Iterator[Event]:
    yield from events
    raise error
