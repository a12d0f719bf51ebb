"""Answers as Anthropic writes them: whole, and as a stream.

Blocks of a stream come one after the other. Parts that come interleaved (parallel tool calls of another provider) are
put in order: while a tool call is not complete, what belongs to other parts waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from holdfast.errors import ModelError
from holdfast.events import (
    Event,
    Finish,
    FinishReason,
    PartAdded,
    ResponseStart,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.messages import AssistantPart, Opaque, Text, Thinking, ToolCall
from holdfast.providers.anthropic.blocks import block_of
from holdfast.providers.anthropic.refuse import error_object
from holdfast.providers.anthropic.wire import FINISH, ORIGIN
from holdfast.providers.arguments import is_object
from holdfast.providers.codec import Headers, ServedRequest
from holdfast.providers.sse import encode_event
from holdfast.response import Response
from holdfast.usage import Usage

_STOP: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "context_length": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}
_BESIDES: Final = ("stop_details", "container", "context_management")


def message_object(response: Response, served: ServedRequest) -> dict[str, Any]:
    """A whole answer."""
    blocks = [block_of(part) for part in response.parts if _has_block(part)]
    return {
        "id": response.id or "msg_0",
        "type": "message",
        "role": "assistant",
        "model": response.model or served.model,
        "content": blocks,
        **_stop(response.finish_reason, response.raw_finish_reason, response.extra),
        "usage": _usage(response.usage, response.extra),
    }


def _has_block(part: AssistantPart) -> bool:
    match part:
        case Text() | Thinking() | ToolCall():
            return True
        case Opaque():
            return part.origin == ORIGIN
        case _:
            return False


def _stop(reason: FinishReason | None, raw: str | None, extra: Any) -> dict[str, Any]:
    own = raw is not None and reason in (FINISH.get(raw), "tool_calls")
    besides = {name: extra[name] for name in _BESIDES if name in extra}
    word = raw if own and FINISH.get(raw or "") is not None else _STOP.get(reason or "unknown", "end_turn")
    return {"stop_reason": word, "stop_sequence": extra.get("stop_sequence"), **besides}


def _usage(usage: Usage, extra: Any = None) -> dict[str, Any]:
    read, write = usage.cache_read_tokens, usage.cache_write_tokens
    details = {"output_tokens_details": {"thinking_tokens": usage.reasoning_tokens}} if usage.reasoning_tokens else {}
    return {
        "input_tokens": usage.input_tokens - read - write,
        "cache_creation_input_tokens": write,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_tokens,
        **details,
        **((extra or {}).get("usage") or {}),
    }


class AnthropicWriter:
    """Writes one streamed answer, event by event."""

    def __init__(self, served: ServedRequest) -> None:
        self.headers: Headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        self._model = served.model
        self._started = False
        self._over = False
        self._block: _Block | None = None
        self._count = 0
        self._waiting: list[Event] = []

    def feed(self, event: Event) -> bytes:
        """The bytes that tell of this event."""
        return b"" if self._over else b"".join(self._feed(event))

    def error(self, error: ModelError) -> bytes:
        """An `error` event; nothing comes after it."""
        self._over = True
        return _event("error", error_object(error))

    def close(self) -> bytes:
        """Nothing: `message_stop` came with `Finish`."""
        return b""

    def _feed(self, event: Event) -> Iterator[bytes]:
        match event:
            case ResponseStart():
                yield self._start(event)
            case Finish():
                yield from self._finish(event)
            case Restart():
                yield self.error(event.reason)  # this wire cannot take words back
            case UsageUpdate():
                return
            case _:
                yield from self._part(event)

    def _start(self, event: ResponseStart) -> bytes:
        self._started = True
        message: dict[str, Any] = {
            "id": event.id or "msg_0",
            "type": "message",
            "role": "assistant",
            "model": event.model or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(Usage()),
        }
        return _event("message_start", {"type": "message_start", "message": message})

    def _part(self, event: Any) -> Iterator[bytes]:
        block = self._block
        if block is not None and block.part != event.part:
            if not block.whole:
                self._waiting.append(event)
                return
            yield self._stop_block()
            if self._waiting:
                self._waiting.append(event)
                yield from self._catch_up()
                return
        if not self._started:
            yield self._start(ResponseStart())
        yield from self._write(event)

    def _catch_up(self) -> Iterator[bytes]:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            yield from self._part(event)

    def _write(self, event: Any) -> Iterator[bytes]:
        if isinstance(event, PartAdded):
            if _has_block(event.content):
                yield self._open(event.part, block_of(event.content))
                yield self._stop_block()
            return
        if isinstance(event, ThinkingDelta) and event.data is not None:
            yield self._open(event.part, {"type": "redacted_thinking", "data": event.data})
            return
        if self._block is None:
            if isinstance(event, ToolCallDelta):
                return  # its call is complete already
            yield self._open(event.part, _EMPTY[type(event)](event))
        for delta in _deltas(event):
            yield self._delta(delta)

    def _open(self, part: int, block: dict[str, Any]) -> bytes:
        self._block = _Block(part, self._count, call=block["type"] == "tool_use")
        self._count += 1
        told = {"type": "content_block_start", "index": self._block.index, "content_block": block}
        return _event("content_block_start", told)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        block = self._block
        assert block is not None  # noqa: S101  # `_write` has opened it
        block.pieces.append(delta.get("partial_json", ""))
        return _event("content_block_delta", {"type": "content_block_delta", "index": block.index, "delta": delta})

    def _stop_block(self) -> bytes:
        block, self._block = self._block, None
        return (
            b"" if block is None else _event("content_block_stop", {"type": "content_block_stop", "index": block.index})
        )

    def _finish(self, event: Finish) -> Iterator[bytes]:
        if not self._started:
            yield self._start(ResponseStart())
        yield self._stop_block()
        while self._waiting:
            yield from self._catch_up()
            yield self._stop_block()
        delta = _stop(event.finish_reason, event.raw_finish_reason, event.extra)
        management = delta.pop("context_management", None)
        told = {"type": "message_delta", "delta": delta, "usage": _usage(event.usage or Usage(), event.extra)}
        yield _event("message_delta", {**told, "context_management": management} if management else told)
        yield _event("message_stop", {"type": "message_stop"})
        self._over = True


class _Block:
    """The block that is being written."""

    __slots__ = ("_call", "index", "part", "pieces")

    def __init__(self, part: int, index: int, *, call: bool) -> None:
        self.part = part
        self.index = index
        self.pieces: list[str] = []
        self._call = call

    @property
    def whole(self) -> bool:
        """Whether another block may follow; a tool call's arguments must be complete first."""
        return not self._call or is_object("".join(self.pieces))


def _tool_use(event: ToolCallStart) -> dict[str, Any]:
    call = ToolCall(event.id, event.name, "{}", signature=event.signature, origin=event.origin)
    return block_of(call)


_EMPTY: Final[dict[type, Any]] = {
    TextDelta: lambda _: {"type": "text", "text": ""},
    ThinkingDelta: lambda _: {"type": "thinking", "thinking": "", "signature": ""},
    ToolCallStart: _tool_use,
}


def _deltas(event: Event) -> Iterator[dict[str, Any]]:
    match event:
        case TextDelta():
            if event.text:
                yield {"type": "text_delta", "text": event.text}
            for citation in event.annotations or ():
                yield {"type": "citations_delta", "citation": citation}
        case ThinkingDelta():
            if event.text:
                yield {"type": "thinking_delta", "thinking": event.text}
            if event.signature:
                yield {"type": "signature_delta", "signature": event.signature}
        case ToolCallDelta():
            yield {"type": "input_json_delta", "partial_json": event.arguments}
        case _:
            return


def _event(name: str, data: dict[str, Any]) -> bytes:
    return encode_event(msgspec.json.encode(data), name)
