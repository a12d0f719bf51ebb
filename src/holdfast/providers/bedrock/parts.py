"""What both decoders of this wire share: how a block becomes events, and in which errors an answer can end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.errors import InvalidResponseError, ModelError, StreamInterruptedError
from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
)
from holdfast.messages import Image, Opaque
from holdfast.providers.arguments import arguments_text
from holdfast.providers.bedrock.errors import stream_error
from holdfast.providers.bedrock.wire import FINISH, ORIGIN, SERVER_TOOL, Answer, Block, Reasoning, ToolUse, WireUsage
from holdfast.providers.bedrock.wire import decode_any as read_object
from holdfast.providers.guardrail import verdict_facts

CUTTING: Final = ("max_tokens", "model_context_window_exceeded")
"""The reasons that end an answer wherever it is, also inside the arguments of a tool call."""

_BESIDES: Final = ("trace", "metrics", "additionalModelResponseFields", "performanceConfig", "serviceTier")
_NO_USAGE: Final = WireUsage()


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON can raise: it is no JSON, or not of this shape, or no UTF-8, or nested too deep."""


class Context(Struct, frozen=True, kw_only=True):
    """What a decoder knows before the first byte."""

    provider: str
    model: str
    request_id: str | None = None
    continues: bool = False
    may_omit_finish: bool = False

    @property
    def start(self) -> ResponseStart:
        """The first event of an answer; this wire does not say which model it is from."""
        return ResponseStart(self.model, self.provider, None, self.request_id, self.continues)

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

    def said(self, exception: str, payload: bytes) -> ModelError:
        """The error that the provider tells inside a response with status 200."""
        try:
            told: Any = msgspec.json.decode(payload)
        except UNREADABLE:
            told = {"message": payload.decode("utf-8", "replace")}
        error = stream_error(exception, told, provider=self.provider, model=self.model)
        return error.with_facts(request_id=self.request_id)

    def arguments(self, use: ToolUse) -> str:
        """The input of a tool call as the text of a JSON object, as it was written."""
        try:
            return arguments_text(bytes(use.input))
        except InvalidResponseError as error:
            error.with_facts(provider=self.provider, model=self.model, request_id=self.request_id, status=200)
            raise

    def cut_call(self, name: str, reason: str | None, raw: bytes | str) -> InvalidResponseError:
        """The error of a tool call whose arguments are not whole."""
        if reason in CUTTING:
            return self.invalid(f"The arguments of tool call {name!r} were cut off ({reason}).", raw)
        return self.invalid(f"The arguments of tool call {name!r} are not a JSON object.", raw)


def whole_block(context: Context, part: int, block: Block, raw: bytes | msgspec.Raw) -> Iterator[Event]:
    """The events of a block that came whole."""
    call, thinking, cited = block.toolUse, block.reasoningContent, block.citationsContent
    if block.text is not None:
        if block.text:
            yield TextDelta(block.text, part)
    elif call is not None and call.type != SERVER_TOOL:
        yield ToolCallStart(part, call.toolUseId or f"call_{part}", call.name)
        yield ToolCallDelta(part, context.arguments(call))
    elif thinking is not None:
        text = thinking.reasoningText
        yield thought(part, thinking if text is None else Reasoning(text=text.text, signature=text.signature))
    elif cited is not None:
        words = "".join(piece.text or "" for piece in cited.content)
        yield TextDelta(words, part, annotations=cited.citations, origin=ORIGIN)
    elif block.image is not None:
        yield PartAdded(part, picture(block.image))
    else:
        yield PartAdded(part, Opaque(ORIGIN, read_object(raw)))


def thought(part: int, thinking: Reasoning) -> ThinkingDelta:
    """Thinking, as one event."""
    return ThinkingDelta(
        thinking.text or "", part, signature=thinking.signature, data=thinking.redactedContent, origin=ORIGIN
    )


def picture(image: dict[str, Any]) -> Image | Opaque:
    """A picture, or the item that it is when its bytes are not here."""
    match image:
        case {"source": {"bytes": str(data)}}:
            return Image(data=msgspec.convert(data, bytes), media_type=f"image/{image.get('format') or 'png'}")
        case _:
            return Opaque(ORIGIN, {"image": image})


def finish(answer: Answer, *, calls: bool) -> Finish:
    """The last event of an answer; one with tool calls waits for their results, whatever it says."""
    reason = FINISH.get(answer.stopReason or "", "unknown")
    if reason == "stop" and calls:
        reason = "tool_calls"
    counted = answer.usage or _NO_USAGE
    usage = counted.usage
    besides = {name: value for name in _BESIDES if (value := getattr(answer, name)) is not None}
    details = {"cacheDetails": counted.cacheDetails, "serverToolUsage": counted.serverToolUsage}
    if any(details.values()):
        besides["usage"] = {name: value for name, value in details.items() if value}
    besides |= verdict_facts(answer.stopReason, answer.trace, usage)
    return Finish(reason, answer.stopReason, None if answer.usage is None else usage, extra=besides)
