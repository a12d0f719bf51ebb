"""Answers as Bedrock writes them: whole, and as a stream of frames."""

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
from holdfast.messages import AssistantPart, Image, Opaque, Text, Thinking, ToolCall
from holdfast.providers.bedrock.blocks import block_of
from holdfast.providers.bedrock.frames import CONTENT_TYPE, write_frame
from holdfast.providers.bedrock.refuse import error_body, streamed_exception_of
from holdfast.providers.bedrock.wire import FINISH, ORIGIN
from holdfast.providers.codec import Headers
from holdfast.response import Response
from holdfast.usage import Usage

_STOP: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "context_length": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "error": "malformed_model_output",
}
_OF_STOP: Final = ("additionalModelResponseFields",)
_OF_METADATA: Final = ("trace", "performanceConfig", "serviceTier")


def answer_object(response: Response) -> dict[str, Any]:
    """A whole answer."""
    blocks = [block_of(part) for part in response.parts if _has_block(part)]
    return {
        "output": {"message": {"role": "assistant", "content": blocks}},
        "stopReason": _stop(response.finish_reason, response.raw_finish_reason),
        **_metadata(response.usage, response.extra),
        **{name: response.extra[name] for name in _OF_STOP if name in response.extra},
    }


def _has_block(part: AssistantPart) -> bool:
    match part:
        case Text() | Thinking() | ToolCall():
            return True
        case Image():
            return part.data is not None
        case Opaque():
            return part.origin == ORIGIN
        case _:
            return False


def _stop(reason: FinishReason | None, raw: str | None) -> str:
    if raw is not None and raw in FINISH and reason in (FINISH[raw], "tool_calls"):
        return raw
    return _STOP.get(reason or "unknown", "end_turn")


def _metadata(usage: Usage, extra: Any) -> dict[str, Any]:
    read, write = usage.cache_read_tokens, usage.cache_write_tokens
    cached = {"cacheReadInputTokens": read, "cacheWriteInputTokens": write} if read or write else {}
    counted = {
        "inputTokens": usage.input_tokens - read - write,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        **cached,
        **(extra.get("usage") or {}),
    }
    besides = {name: extra[name] for name in _OF_METADATA if name in extra}
    return {"usage": counted, "metrics": extra.get("metrics") or {"latencyMs": 0}, **besides}


class BedrockWriter:
    """Writes one streamed answer, event by event.

    A tool call's block stays open to the end, since what belongs to other parts may come between its deltas.
    """

    def __init__(self) -> None:
        self.headers: Headers = {"content-type": CONTENT_TYPE}
        self._started = False
        self._over = False
        self._blocks: dict[int, int] = {}  # the open blocks, by part
        self._text: int | None = None  # the part whose open block ends when another one begins
        self._count = 0

    def feed(self, event: Event) -> bytes:
        """The bytes that tell of this event."""
        return b"" if self._over else b"".join(self._feed(event))

    def error(self, error: ModelError) -> bytes:
        """An exception; nothing comes after it."""
        self._over = True
        headers = {":exception-type": streamed_exception_of(error), ":content-type": "application/json"}
        return write_frame({**headers, ":message-type": "exception"}, error_body(error))

    def close(self) -> bytes:
        """Nothing: `metadata` came with `Finish`."""
        return b""

    def _feed(self, event: Event) -> Iterator[bytes]:
        match event:
            case ResponseStart():
                yield self._start()
            case Finish():
                yield from self._finish(event)
            case Restart():
                yield self.error(event.reason)  # this wire cannot take words back
            case UsageUpdate():
                return
            case PartAdded():
                yield from self._added(event)
            case _:
                yield from self._part(event)

    def _start(self) -> bytes:
        self._started = True
        return _event("messageStart", {"role": "assistant"})

    def _part(self, event: TextDelta | ThinkingDelta | ToolCallStart | ToolCallDelta) -> Iterator[bytes]:
        if not self._started:
            yield self._start()
        if event.part not in self._blocks:
            if self._text is not None:
                yield self._close(self._text)
            if isinstance(event, ToolCallDelta):
                return
            if isinstance(event, ToolCallStart):
                yield from self._open_call(event)
                return
            self._text = event.part
            self._open(event.part)
        for delta in _deltas(event):
            told = {"contentBlockIndex": self._blocks[event.part], "delta": delta}
            yield _event("contentBlockDelta", told)

    def _open(self, part: int) -> int:
        index = self._blocks[part] = self._count
        self._count += 1
        return index

    def _open_call(self, event: ToolCallStart) -> Iterator[bytes]:
        start = {"toolUse": {"toolUseId": event.id, "name": event.name}}
        yield _event("contentBlockStart", {"contentBlockIndex": self._open(event.part), "start": start})

    def _close(self, part: int) -> bytes:
        self._text = None if self._text == part else self._text
        return _event("contentBlockStop", {"contentBlockIndex": self._blocks.pop(part)})

    def _added(self, event: PartAdded) -> Iterator[bytes]:
        if not self._started:
            yield self._start()
        if self._text is not None:
            yield self._close(self._text)
        if not _has_block(event.content):
            return
        for kind, block in block_of(event.content).items():
            index = self._open(event.part)
            start, delta = _halves(kind, block)
            yield _event("contentBlockStart", {"contentBlockIndex": index, "start": {kind: start}})
            yield _event("contentBlockDelta", {"contentBlockIndex": index, "delta": {kind: delta}})
            yield self._close(event.part)

    def _finish(self, event: Finish) -> Iterator[bytes]:
        if not self._started:
            yield self._start()
        for part in list(self._blocks):
            yield self._close(part)
        stop = {"stopReason": _stop(event.finish_reason, event.raw_finish_reason)}
        yield _event("messageStop", stop | {name: event.extra[name] for name in _OF_STOP if name in event.extra})
        yield _event("metadata", _metadata(event.usage or Usage(), event.extra))
        self._over = True


def _halves(kind: str, block: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """What of a whole block its start tells, and what its delta."""
    match kind:
        case "toolUse":
            given = msgspec.json.encode(block.get("input") or {}).decode()
            return {name: value for name, value in block.items() if name != "input"}, {"input": given}
        case "toolResult":
            return {name: value for name, value in block.items() if name != "content"}, block.get("content") or []
        case _:
            return {"format": block.get("format")}, {"source": block.get("source")}


def _deltas(event: Event) -> Iterator[dict[str, Any]]:
    match event:
        case TextDelta():
            if event.text:
                yield {"text": event.text}
            for citation in event.annotations or ():
                yield {"citation": citation}
        case ThinkingDelta():
            told = {"text": event.text or None, "signature": event.signature, "redactedContent": event.data}
            for name, value in told.items():
                if value is not None:
                    yield {"reasoningContent": {name: value}}
        case ToolCallDelta():
            yield {"toolUse": {"input": event.arguments}}
        case _:
            return


def _event(kind: str, payload: dict[str, Any]) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return write_frame(headers, msgspec.json.encode(payload))
