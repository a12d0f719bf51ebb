"""Bedrock's answers as events: one decoder for a stream, one for a whole body, both telling the same.

    messageStart           ResponseStart
    contentBlock*          TextDelta | ThinkingDelta | ToolCallStart ToolCallDelta* | PartAdded
    messageStop            the answer is whole
    metadata               UsageUpdate, Finish (which comes at the end of the body if there is no metadata)
    an exception           raised
    what is new            nothing

Text and thinking have no `contentBlockStart`: their first delta begins them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from holdfast.errors import ModelError
from holdfast.events import Event, PartAdded, TextDelta, ToolCallDelta, ToolCallStart, UsageUpdate
from holdfast.messages import Opaque
from holdfast.providers.arguments import is_object
from holdfast.providers.bedrock.frames import FrameReader
from holdfast.providers.bedrock.parts import (
    CUTTING,
    UNREADABLE,
    Context,
    finish,
    picture,
    thought,
    whole_block,
)
from holdfast.providers.bedrock.wire import (
    ORIGIN,
    SERVER_TOOL,
    Answer,
    Block,
    Delta,
    Payload,
    Start,
    ToolUse,
    decode_answer,
    decode_any,
    decode_block,
    decode_payload,
)

_UNCALLED: Final = ToolUse()


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
        answer = decode_answer(body)
        message = answer.output.message if answer.output is not None else None
        if message is None or message.content is None:
            raise self._without(body)
        # Everything is read before anything is told: a body is right as a whole, or not at all.
        yield from list(self._events(answer, [(raw, decode_block(raw)) for raw in message.content]))

    def _without(self, body: bytes) -> ModelError:
        # The gateway in front of Bedrock can answer 200 with an error: {"Output": {"__type": "...#...Exception"}}.
        told = decode_any(body)
        inner = told.get("Output") if isinstance(told.get("Output"), dict) else told
        kind = inner.get("__type") if isinstance(inner, dict) else None
        if isinstance(kind, str):
            return self._context.said(kind.rpartition("#")[2], msgspec.json.encode(inner))
        return self._context.invalid("The answer has no message.", body)

    def _events(self, answer: Answer, blocks: list[tuple[msgspec.Raw, Block]]) -> Iterator[Event]:
        yield self._context.start
        for part, (raw, block) in enumerate(blocks):
            yield from whole_block(self._context, part, block, raw)
        last = (blocks[-1][1].toolUse if blocks else None) or _UNCALLED
        if last.name and answer.stopReason in CUTTING:
            raise self._context.cut_call(last.name, answer.stopReason, bytes(last.input))
        yield finish(answer, calls=any(_calls(block.toolUse) for _, block in blocks))


def _calls(use: ToolUse | None) -> bool:
    return use is not None and use.type != SERVER_TOOL


class _Open:
    """A block in the making whose pieces must be joined: a tool's input, a tool's result, a picture."""

    __slots__ = ("call", "kind", "pieces", "start")

    def __init__(self, kind: str, start: dict[str, Any], *, call: bool) -> None:
        self.kind = kind
        self.start = start
        self.call = call
        self.pieces: list[Any] = []

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def take(self, delta: Delta) -> None:
        if self.kind == "toolResult" and delta.toolResult is not None:
            self.pieces += delta.toolResult
        elif self.kind == "image" and delta.image is not None:
            self.pieces.append(delta.image)


class StreamDecoder:
    """Reads a response that is a stream of frames."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._frames = FrameReader()
        self._started = False
        self._finished = False
        self._open: dict[int, _Open] = {}
        self._broken: _Open | None = None
        self._calls = False
        self._stop: Payload | None = None

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        try:
            for headers, payload in self._frames.feed(data):
                yield from self._frame(headers, payload)
        except ModelError as error:
            context = self._context
            error.with_facts(provider=context.provider, model=context.model, request_id=context.request_id)
            raise

    def close(self) -> Iterator[Event]:
        """The last event, if no metadata came; raises `StreamInterruptedError` if messageStop has not come."""
        if self._finished:
            return
        if self._stop is None:
            raise self._context.interrupted("The stream ended before messageStop.")
        self._finished = True
        yield finish(self._stop, calls=self._calls)

    def _frame(self, headers: Mapping[str, Any], data: bytes) -> Iterator[Event]:
        if self._finished:
            return
        match headers.get(":message-type", "event"):
            case "event":
                try:
                    yield from self._event(headers.get(":event-type"), decode_payload(data))
                except UNREADABLE as error:
                    raise self._context.invalid(f"An event cannot be read: {error}", data) from error
            case "exception":
                raise self._context.said(str(headers.get(":exception-type")), data)
            case _:  # `error`: a failure of the service itself, told in the headers
                told = {"message": headers.get(":error-message")}
                raise self._context.said(str(headers.get(":error-code")), msgspec.json.encode(told))

    def _event(self, kind: object, payload: Payload) -> Iterator[Event]:
        if not self._started and kind in _ANSWER:
            self._started = True
            yield self._context.start
        match kind:
            case "contentBlockDelta" if payload.delta is not None:
                yield from self._delta(payload.contentBlockIndex, payload.delta)
            case "contentBlockStart" if payload.start is not None:
                yield from self._block(payload.contentBlockIndex, payload.start)
            case "contentBlockStop":
                yield from self._close_block(payload.contentBlockIndex)
            case "messageStop":
                self._end(payload)
            case "metadata" if self._stop is not None:
                yield from self._metadata(payload, self._stop)
            case _:
                return

    def _block(self, part: int, start: Start) -> Iterator[Event]:
        use = start.toolUse
        if use is not None and use.type != SERVER_TOOL:
            self._calls = True
            self._open[part] = _Open("toolUse", {"name": use.name}, call=True)
            yield ToolCallStart(part, use.toolUseId or f"call_{part}", use.name)
        elif use is not None:
            told = {"toolUseId": use.toolUseId, "name": use.name, "type": SERVER_TOOL}
            self._open[part] = _Open("toolUse", told, call=False)
        elif start.toolResult is not None:
            self._open[part] = _Open("toolResult", start.toolResult, call=False)
        elif start.image is not None:
            self._open[part] = _Open("image", start.image, call=False)

    def _delta(self, part: int, delta: Delta) -> Iterator[Event]:
        if delta.text is not None:
            if delta.text:
                yield TextDelta(delta.text, part)
        elif delta.toolUse is not None:
            yield from self._input(part, delta.toolUse.input or "")
        elif delta.reasoningContent is not None:
            yield thought(part, delta.reasoningContent)
        elif delta.citation is not None:
            yield TextDelta("", part, annotations=(delta.citation,), origin=ORIGIN)
        elif part in self._open:
            self._open[part].take(delta)

    def _input(self, part: int, text: str) -> Iterator[Event]:
        block = self._open.get(part)
        if block is None or block.kind != "toolUse":
            raise self._context.invalid("The input of a tool came before its name.", text)
        block.pieces.append(text)
        if block.call and text:
            yield ToolCallDelta(part, text)

    def _close_block(self, part: int) -> Iterator[Event]:
        block = self._open.pop(part, None)
        if block is None:
            return
        if block.kind == "toolUse":
            if block.text and not is_object(block.text):
                self._broken = self._broken or block
            elif not block.call:
                told = block.start | {"input": decode_any(block.text or "{}")}
                yield PartAdded(part, Opaque(ORIGIN, {"toolUse": told}))
        elif block.kind == "toolResult":
            yield PartAdded(part, Opaque(ORIGIN, {"toolResult": block.start | {"content": block.pieces}}))
        else:
            told = dict(block.start)
            for piece in block.pieces:
                told |= piece
            yield PartAdded(part, picture(told))

    def _end(self, payload: Payload) -> None:
        uses = (block for block in self._open.values() if block.kind == "toolUse")
        cut = self._broken or next(uses, None)
        if cut is not None:
            raise self._context.cut_call(str(cut.start.get("name")), payload.stopReason, cut.text)
        if payload.stopReason is None and not self._context.may_omit_finish:
            raise self._context.interrupted("The stream ended without a stop reason.")
        self._stop = payload

    def _metadata(self, payload: Payload, stop: Payload) -> Iterator[Event]:
        self._finished = True
        if payload.usage is not None:
            yield UsageUpdate(payload.usage.usage)
        payload.stopReason = stop.stopReason
        payload.additionalModelResponseFields = stop.additionalModelResponseFields
        yield finish(payload, calls=self._calls)


_ANSWER: Final = frozenset(
    ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop")
)
