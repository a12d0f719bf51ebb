"""Anthropic's answers as events: one decoder for a stream, one for a whole body, both telling the same.

    message_start            ResponseStart, UsageUpdate
    content_block_*          TextDelta | ThinkingDelta | ToolCallStart ToolCallDelta* | PartAdded (an Opaque)
    message_delta            UsageUpdate
    message_stop             Finish; without it the stream was cut
    error                    raised
    ping, and what is new    nothing

A block of a kind that has no part of its own (a server's tool, its result) is gathered and comes out whole as `Opaque`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from holdfast.events import Event, PartAdded, TextDelta, ToolCallDelta, UsageUpdate
from holdfast.messages import Opaque
from holdfast.providers.anthropic.parts import CUTTING, DELTAS, PARTS, UNREADABLE, Context, finish, opening
from holdfast.providers.anthropic.wire import (
    ORIGIN,
    Block,
    Delta,
    Stop,
    StreamEvent,
    WireMessage,
    WireUsage,
    decode_any,
    decode_block,
    decode_event,
    decode_message,
)
from holdfast.providers.arguments import is_object
from holdfast.providers.sse import SSEDecoder

_NO_USAGE: Final = WireUsage()


class WholeDecoder:
    """Reads a response that is one JSON object."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._body: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[Event]:
        """Nothing yet: the body is read when it is whole."""
        self._body.append(data)
        return iter(())

    def close(self) -> Iterator[Event]:
        """All events; raises what the body says, or `InvalidResponseError` when it says nothing."""
        body = b"".join(self._body)
        try:
            yield from self._read(body)
        except UNREADABLE as error:
            raise self._context.invalid(f"The answer is not a message: {error}", body) from error

    def _read(self, body: bytes) -> Iterator[Event]:
        message = decode_message(body)
        if message.type == "error":
            raise self._context.said(body)
        if message.content is None:
            raise self._context.invalid("The answer has no content.", body)
        # Everything is read before anything is told: a body is right as a whole, or not at all.
        yield from list(self._events(message, [(raw, decode_block(raw)) for raw in message.content]))

    def _events(self, message: WireMessage, blocks: list[tuple[msgspec.Raw, Block]]) -> Iterator[Event]:
        yield self._context.start(message)
        for part, (raw, block) in enumerate(blocks):
            yield from opening(part, block)
            if block.type == "tool_use":
                yield ToolCallDelta(part, self._context.arguments(block))
            elif block.type not in PARTS:
                yield PartAdded(part, Opaque(ORIGIN, decode_any(raw)))
        last = blocks[-1][1] if blocks else Block()
        if last.type == "tool_use" and message.stop_reason in CUTTING:
            raise self._context.cut_call(last.name, message.stop_reason, bytes(last.input))
        stop = Stop(
            message.stop_reason,
            message.stop_sequence,
            message.stop_details,
            message.container,
            message.context_management,
            message.diagnostics,
        )
        yield finish(stop, message.usage or _NO_USAGE, calls=any(block.type == "tool_use" for _, block in blocks))


class _Call:
    """A tool call in the making; `start` is what its input was when it began."""

    __slots__ = ("name", "pieces", "start")

    def __init__(self, name: str | None, start: str) -> None:
        self.name = name
        self.start = start
        self.pieces: list[str] = []


class _Kept(_Call):
    """A block without a part of its own, in the making."""

    __slots__ = ("data",)

    def __init__(self, name: str | None, data: dict[str, Any]) -> None:
        super().__init__(name, "{}")
        self.data = data


class StreamDecoder:
    """Reads a response that is a stream of events."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sse = SSEDecoder()
        self._started = False
        self._finished = False
        self._open: dict[int, _Call] = {}
        self._calls = False
        self._broken: _Call | None = None
        self._usage = _NO_USAGE
        self._stop = Stop()

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        for sent in self._sse.feed(data):
            try:
                yield from self._take(decode_event(sent.data), sent.data)
            except UNREADABLE as error:
                raise self._context.invalid(f"An event cannot be read: {error}", sent.data) from error

    def close(self) -> Iterator[Event]:
        """What the end of the body left unfinished; raises `StreamInterruptedError` if message_stop has not come."""
        last = self._sse.close()
        if last is not None and not self._finished:
            try:
                yield from self._take(decode_event(last.data), last.data)
            except UNREADABLE as error:
                raise self._context.interrupted("The stream ended inside an event.") from error
        if not self._finished:
            raise self._context.interrupted("The stream ended before message_stop.")

    def _take(self, event: StreamEvent, data: bytes) -> Iterator[Event]:
        if self._finished:
            return
        match event.type:
            case "content_block_delta" if event.delta is not None:
                yield from self._delta(event.index, event.delta, data)
            case "content_block_start":
                yield from self._block(event, data)
            case "content_block_stop":
                yield from self._close_block(event.index)
            case "message_start" if event.message is not None:
                yield from self._start(event.message)
            case "message_delta":
                yield from self._message_delta(event)
            case "message_stop":
                yield self._end(data)
            case "error":
                raise self._context.said(data)
            case _:  # `ping`, and events that came after this was written: to be ignored (docs, "Streaming")
                return

    def _start(self, message: WireMessage) -> Iterator[Event]:
        self._started = True
        yield self._context.start(message)
        if message.usage is not None:
            self._usage = message.usage
            yield UsageUpdate(self._usage.usage)

    def _block(self, event: StreamEvent, data: bytes) -> Iterator[Event]:
        if not self._started:
            raise self._context.invalid("A block came before message_start.", data)
        block = decode_block(event.content_block)
        if block.type == "tool_use":
            self._calls = True
            self._open[event.index] = _Call(block.name, self._context.arguments(block))
        elif block.type not in PARTS:
            self._open[event.index] = _Kept(block.name, decode_any(event.content_block))
        yield from opening(event.index, block)

    def _delta(self, part: int, delta: Delta, data: bytes) -> Iterator[Event]:
        block = self._open.get(part)
        if block is None:
            if delta.type == "text_delta":
                yield TextDelta(delta.text or "", part)
            elif delta.type in DELTAS:
                yield DELTAS[delta.type](part, delta)
        elif delta.type != "input_json_delta":
            if isinstance(block, _Kept):
                _grow(block.data, decode_any(data)["delta"])
        elif delta.partial_json:
            block.pieces.append(delta.partial_json)
            if not isinstance(block, _Kept):
                yield ToolCallDelta(part, delta.partial_json)

    def _close_block(self, part: int) -> Iterator[Event]:
        block = self._open.pop(part, None)
        if block is None:
            return
        text = "".join(block.pieces)
        if text and not is_object(text):
            self._broken = self._broken or block
        elif isinstance(block, _Kept):
            yield PartAdded(part, Opaque(ORIGIN, block.data | {"input": decode_any(text)} if text else block.data))
        elif not text and block.start != "{}":  # servers that send the input at once
            yield ToolCallDelta(part, block.start)

    def _message_delta(self, event: StreamEvent) -> Iterator[Event]:
        delta = event.delta
        if delta is not None:
            self._stop = Stop(
                delta.stop_reason, delta.stop_sequence, delta.stop_details, delta.container, event.context_management
            )
        if event.usage is not None:
            self._usage = event.usage.over(self._usage)
            yield UsageUpdate(self._usage.usage)

    def _end(self, data: bytes) -> Event:
        reason = self._stop.reason
        if not self._started:
            raise self._context.invalid("The stream has no message_start.", data)
        call = self._broken or next(iter(self._open.values()), None)
        if call is not None:
            raise self._context.cut_call(call.name, reason, "".join(call.pieces))
        if reason is None and not self._context.may_omit_finish:
            raise self._context.interrupted("The stream ended without a stop reason.")
        self._finished = True
        return finish(self._stop, self._usage, calls=self._calls)


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        before = block.get(name)
        if name != "type":
            block[name] = before + value if isinstance(before, str) and isinstance(value, str) else value
