"""Pydantic AI's responses and stream events as ours. The response itself comes along, for agents, who want it whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from pydantic_ai.messages import (
    FinishReason as TheirFinishReason,
)
from pydantic_ai.messages import (
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.models import Model as PydanticAIModel
from pydantic_ai.models import StreamedResponse
from pydantic_ai.usage import RequestUsage

from holdfast.adapters.pydantic_ai.messages import OWN, from_history
from holdfast.errors import StreamInterruptedError
from holdfast.events import (
    Event,
    Finish,
    FinishReason,
    PartAdded,
    ResponseStart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
)
from holdfast.messages import AssistantMessage, Audio, Document, Image, Opaque
from holdfast.response import Response
from holdfast.usage import Usage

_FINISH: Final[Mapping[TheirFinishReason | None, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}


class Translation:
    """One answer of `model`, in our words."""

    def __init__(self, model: PydanticAIModel[Any]) -> None:
        self._model = model
        self._begun: set[int] = set()
        self._whole: set[int] = set()

    def response(self, response: ModelResponse) -> Response:
        """A whole response."""
        parts = tuple(
            part
            for message in from_history([response])
            if isinstance(message, AssistantMessage)
            for part in message.parts
        )
        finish = self._finish(response)
        return Response(
            parts=parts,
            finish_reason=finish.finish_reason,
            raw_finish_reason=finish.raw_finish_reason,
            usage=finish.usage or Usage(),
            model=response.model_name,
            provider=response.provider_name or self._model.system,
            id=response.provider_response_id,
            extra=finish.extra,
        )

    def start(self, stream: StreamedResponse) -> ResponseStart:
        """How a streamed answer begins; its id is known only later."""
        return ResponseStart(stream.model_name, stream.provider_name or self._model.system)

    def feed(self, event: object) -> Iterator[Event]:
        """The events that stand for one of theirs; those that only tell where a part ends stand for none."""
        match event:
            case PartStartEvent():
                self._begun.discard(event.index)
                yield from self._part(event.index, event.part)
            case PartDeltaEvent(delta=TextPartDelta() as delta):
                yield TextDelta(delta.content_delta, event.index)
            case PartDeltaEvent(delta=ThinkingPartDelta() as delta):
                text, signature = delta.content_delta or "", delta.signature_delta
                yield ThinkingDelta(text, event.index, None, signature, None, delta.provider_name)
            case PartDeltaEvent(delta=ToolCallPartDelta() as delta):
                yield from self._arguments(event.index, delta.args_delta)

    def _part(self, index: int, part: Any) -> Iterator[Event]:
        match part:
            case TextPart():
                yield TextDelta(part.content, index, None, None, part.id, _signature(part), _origin(part))
            case ThinkingPart():
                yield ThinkingDelta(part.content, index, part.id, part.signature, None, _origin(part))
            case ToolCallPart():
                self._begun.add(index)
                yield ToolCallStart(index, part.tool_call_id, part.tool_name, part.id, _signature(part), _origin(part))
                yield from self._arguments(index, part.args)
            case _:
                yield from _added(index, part)

    def _arguments(self, index: int, arguments: str | Mapping[str, Any] | None) -> Iterator[Event]:
        """Text goes on at once; objects are merged by their side, and come when they are whole."""
        if isinstance(arguments, str) and index not in self._whole:
            if arguments:
                yield ToolCallDelta(index, arguments)
        elif arguments:
            self._whole.add(index)

    def end(self, response: ModelResponse, *, cut: bool) -> Iterator[Event]:
        """The last events; raises `StreamInterruptedError` for an answer that was `cut`."""
        for index in sorted(self._whole & self._begun):
            part = response.parts[index]
            if isinstance(part, ToolCallPart):
                yield ToolCallDelta(index, part.args_as_json_str())
        if cut:
            raise StreamInterruptedError("The stream ended without a finish reason.")
        yield self._finish(response)

    def _finish(self, response: ModelResponse) -> Finish:
        details = dict(response.provider_details or {})
        raw = details.pop("finish_reason", None)
        reason = _FINISH.get(response.finish_reason, "unknown" if raw else "stop")  # a double gives no reason at all
        if response.state == "suspended":
            reason = "pause"
        elif response.tool_calls and reason in ("stop", "unknown"):
            reason = "tool_calls"
        return Finish(
            reason,
            raw_finish_reason=None if raw is None else str(raw),
            usage=_usage(response.usage),
            extra={**msgspec.to_builtins(details, enc_hook=str), OWN: response},
        )


def _added(index: int, part: Any) -> Iterator[Event]:
    """A part that comes in one piece."""
    for message in from_history([ModelResponse(parts=[part])]):
        for ours in message.parts:
            if isinstance(ours, Image | Audio | Document | Opaque):
                yield PartAdded(index, ours)


def _signature(part: Any) -> str | None:
    signature = (part.provider_details or {}).get("thought_signature")  # Google's
    return signature if isinstance(signature, str) else None


def _origin(part: Any) -> str | None:
    name: str | None = part.provider_name
    return name


def _usage(usage: RequestUsage) -> Usage | None:
    if not usage.has_values():
        return None
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.output_reasoning_tokens,
        audio_input_tokens=usage.input_audio_tokens,
        audio_output_tokens=usage.output_audio_tokens,
    )
