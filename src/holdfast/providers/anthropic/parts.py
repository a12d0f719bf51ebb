"""What both decoders of this wire share: how a block becomes events, and in which errors an answer can end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.errors import InvalidResponseError, ModelError, StreamInterruptedError
from holdfast.events import Event, Finish, ResponseStart, TextDelta, ThinkingDelta, ToolCallStart
from holdfast.providers.anthropic.errors import stream_error
from holdfast.providers.anthropic.wire import FINISH, ORIGIN, Block, Delta, Stop, WireMessage, WireUsage
from holdfast.providers.arguments import arguments_text

PARTS: Final = frozenset(("text", "thinking", "redacted_thinking", "tool_use"))
"""The blocks that are parts of our own; all others are kept as `Opaque`."""

CUTTING: Final = ("max_tokens", "model_context_window_exceeded")
"""The reasons that end an answer wherever it is, also inside the arguments of a tool call."""


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON can raise: it is no JSON, or not of this shape, or no UTF-8, or nested too deep."""


class Context(Struct, frozen=True, kw_only=True):
    """What a decoder knows before the first byte."""

    provider: str
    model: str
    request_id: str | None = None
    continues: bool = False
    may_omit_finish: bool = False

    def start(self, message: WireMessage) -> ResponseStart:
        """The first event of an answer."""
        return ResponseStart(message.model or self.model, self.provider, message.id, self.request_id, self.continues)

    def invalid(self, message: str, raw: bytes | str) -> InvalidResponseError:
        """The error of an answer that cannot be understood."""
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
        return InvalidResponseError(
            message, provider=self.provider, model=self.model, request_id=self.request_id, status=200, raw=text
        )

    def interrupted(self, message: str) -> StreamInterruptedError:
        """The error of a stream that ended too early."""
        return StreamInterruptedError(
            message, provider=self.provider, model=self.model, request_id=self.request_id, status=200
        )

    def said(self, error: bytes) -> ModelError:
        """The error that the provider tells inside a response with status 200."""
        payload = msgspec.json.decode(error)
        return stream_error(payload, provider=self.provider, model=self.model).with_facts(request_id=self.request_id)

    def arguments(self, block: Block) -> str:
        """The input of a tool call as the text of a JSON object, as it was written."""
        try:
            return arguments_text(bytes(block.input))
        except InvalidResponseError as error:
            error.with_facts(provider=self.provider, model=self.model, request_id=self.request_id, status=200)
            raise

    def cut_call(self, name: str | None, reason: str | None, raw: bytes | str) -> InvalidResponseError:
        """The error of a tool call whose arguments are not whole."""
        if reason in CUTTING:
            return self.invalid(f"The arguments of tool call {name!r} were cut off ({reason}).", raw)
        return self.invalid(f"The arguments of tool call {name!r} are not a JSON object.", raw)


def opening(part: int, block: Block) -> Iterator[Event]:
    """The events that a block begins with; all of them, for a block that came whole, but a call's arguments."""
    match block.type:
        case "text":
            if block.citations:  # they go back with the text, to this wire only
                yield TextDelta(block.text or "", part, annotations=block.citations, origin=ORIGIN)
            elif block.text:
                yield TextDelta(block.text, part)
        case "thinking":
            if block.thinking or block.signature:
                yield ThinkingDelta(block.thinking or "", part, signature=block.signature or None, origin=ORIGIN)
        case "redacted_thinking":
            yield ThinkingDelta("", part, data=block.data, origin=ORIGIN)
        case "tool_use":
            bound = _bound(block)
            yield ToolCallStart(
                part, block.id or f"call_{part}", block.name or "", signature=bound, origin=ORIGIN if bound else None
            )
        case _:
            return


def _bound(block: Block) -> str | None:
    # What a call must have when it is sent back, besides its input: who made it, if not the model itself (docs,
    # "Programmatic tool calling"), and the toolset that it belongs to.
    found: dict[str, Any] = {}
    if isinstance(block.caller, dict) and block.caller.get("type") != "direct":
        found["caller"] = block.caller
    if block.toolset_name:
        found["toolset_name"] = block.toolset_name
    return msgspec.json.encode(found).decode() if found else None


DELTAS: Final[Mapping[str, Callable[[int, Delta], Event]]] = {
    "text_delta": lambda part, delta: TextDelta(delta.text or "", part),
    "thinking_delta": lambda part, delta: ThinkingDelta(delta.thinking or "", part, origin=ORIGIN),
    "signature_delta": lambda part, delta: ThinkingDelta("", part, signature=delta.signature, origin=ORIGIN),
    "citations_delta": lambda part, delta: TextDelta("", part, annotations=(delta.citation,), origin=ORIGIN),
}
"""The event of each kind of delta that needs no memory."""


def finish(stop: Stop, usage: WireUsage, *, calls: bool) -> Finish:
    """The last event of an answer; one with tool calls waits for their results, whatever it says."""
    reason = FINISH.get(stop.reason or "", "unknown")
    if reason == "stop" and calls:
        reason = "tool_calls"
    return Finish(reason, stop.reason, usage.usage, extra=stop.besides(usage))
