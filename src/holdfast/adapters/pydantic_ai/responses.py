"""From our responses to Pydantic AI's: parts, usage, finish reasons, and the attempts that came before the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from pydantic_ai.messages import (
    BinaryContent,
    FilePart,
    FinishReason,
    ModelRequestAttempt,
    ModelResponse,
    ModelResponsePart,
    NativeToolCallPart,
    NativeToolReturnPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.usage import RequestUsage

from holdfast.adapters.pydantic_ai.messages import OWN
from holdfast.adapters.pydantic_ai.naming import GOOGLE, NOTES, notes, provider_name, split
from holdfast.errors import ModelError
from holdfast.events import AttemptRecord
from holdfast.messages import AssistantPart, Audio, Document, Image, Opaque, Text, Thinking, ToolCall
from holdfast.recovery.attempt import Failure
from holdfast.response import Response
from holdfast.usage import Usage

_FINISH: Final[Mapping[str | None, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "context_length": "length",
    "tool_calls": "tool_call",
    "content_filter": "content_filter",
    "error": "error",
}
"""`pause`, `unknown` and None have no word there; the provider's own stands in `provider_details`."""
_COUNTS: Final[Mapping[str, str]] = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
    "audio_input_tokens": "input_audio_tokens",
    "audio_output_tokens": "output_audio_tokens",
}


def to_response(response: Response, *, model: str, began: datetime) -> ModelResponse:
    """The response as an agent takes it; `model` is our name of the chain, `began` when the call did."""
    original = original_of(response)
    if original is not None:
        return replace(
            original,
            metadata={**(original.metadata or {}), **metadata_of(response)},
            failed_attempts=[*attempts_of(response.attempts, began), *(original.failed_attempts or ())] or None,
        )
    provider, name = split(model)
    return ModelResponse(
        parts=[part for ours in response.parts if (part := part_of(ours, response.provider)) is not None],
        usage=usage_of(response.usage),
        model_name=response.model or _last_model(response.attempts) or name,
        timestamp=began,
        provider_name=provider_name(response.provider) if response.provider else provider,
        provider_response_id=response.id or response.request_id,
        provider_details=details_of(response),
        finish_reason=finish_reason_of(response),
        metadata=metadata_of(response),
        failed_attempts=attempts_of(response.attempts, began) or None,
    )


def original_of(response: Response) -> ModelResponse | None:
    """The answer of a Pydantic AI model as it gave it; nothing of it is lost then."""
    original = response.extra.get(OWN)
    return original if isinstance(original, ModelResponse) and not response.truncated else None


def part_of(part: AssistantPart, provider: str | None) -> ModelResponsePart | None:
    """One part. `provider_name` has to stand on what is to go back to its provider."""
    name = provider_name(provider) if provider else None
    match part:
        case Text():
            return TextPart(
                part.text,
                id=part.id,
                provider_name=name if part.id or part.signature else None,
                provider_details=text_notes(part.signature, part.origin),
            )
        case Thinking():
            return ThinkingPart(
                part.text,
                id=part.id,
                signature=part.signature,
                provider_name=name,
                provider_details=notes(origin=part.origin, data=part.data),
            )
        case ToolCall():
            return ToolCallPart(
                part.name,
                part.arguments,
                part.id,
                id=part.item_id,
                provider_name=name if part.item_id or part.signature else None,
                provider_details=call_notes(part.item_id, part.signature, part.origin),
            )
        case Image() | Audio() | Document():
            return _file(part)
        case Opaque():
            return _item(part)
        case _:
            return None


def text_notes(signature: str | None, origin: str | None) -> dict[str, Any] | None:
    """What is noted on a text that its provider signed."""
    return _signed(notes(signature=signature, origin=origin), signature, origin) if signature else None


def call_notes(item_id: str | None, signature: str | None, origin: str | None) -> dict[str, Any] | None:
    """What is noted on a tool call that its provider gave an id or a signature of its own."""
    if not item_id and not signature:
        return None
    return _signed(notes(item_id=item_id, signature=signature, origin=origin), signature, origin)


def _signed(details: dict[str, Any] | None, signature: str | None, origin: str | None) -> dict[str, Any] | None:
    """Google's signature stands where Pydantic AI's own Google model looks for it, too."""
    return {**(details or {}), "thought_signature": signature} if signature and origin in GOOGLE else details


def _file(part: Image | Audio | Document) -> ModelResponsePart | None:
    """A file that came as bytes; an address is said in words, since their part holds bytes only."""
    if part.data is not None:
        content = BinaryContent(part.data, media_type=part.media_type or "application/octet-stream")
        return FilePart(content=BinaryContent.narrow_type(content))
    return TextPart(part.url) if part.url else None


def _item(part: Opaque) -> ModelResponsePart:
    """An item that only its provider understands: kept beside the words, and sent back to it."""
    if part.origin == OWN and isinstance(part.data, NativeToolCallPart | NativeToolReturnPart):
        return part.data
    kind = part.data.get("type") if isinstance(part.data, Mapping) else None
    return NativeToolCallPart(
        str(kind or "item"),
        provider_name=NOTES,
        provider_details=notes(origin=part.origin, item=msgspec.to_builtins(part.data)),
    )


def usage_of(usage: Usage | None) -> RequestUsage:
    """The tokens of one answer; a provider that sent none leaves its request unmeasured."""
    if usage is None or usage == Usage():
        return RequestUsage(unmeasured_requests=1)
    return RequestUsage(**{theirs: getattr(usage, ours) for ours, theirs in _COUNTS.items()})


def finish_reason_of(response: Response) -> FinishReason | None:
    """Why the answer ended; one that holds tool calls waits for their results, whatever the provider calls that."""
    if response.truncated:
        return None
    if response.tool_calls and response.finish_reason in ("stop", "unknown"):
        return "tool_call"
    return _FINISH.get(response.finish_reason)


def details_of(response: Response) -> dict[str, Any] | None:
    """What the provider said besides, in its own form."""
    details: dict[str, Any] = {name: value for name, value in response.extra.items() if name != OWN}
    if response.raw_finish_reason is not None:
        details["finish_reason"] = response.raw_finish_reason
    if response.request_id is not None:
        details["request_id"] = response.request_id
    if response.logprobs:
        details["logprobs"] = msgspec.to_builtins(response.logprobs)
    return details or None


def metadata_of(response: Response) -> dict[str, Any]:
    """Our own facts about the answer."""
    facts: dict[str, Any] = {"attempts": max(1, len(response.attempts))}
    if response.truncated:
        facts["truncated"] = True
    if response.error is not None:
        facts["error"] = msgspec.to_builtins(response.error)
    if response.cached:
        facts["cached"] = True
    if response.degraded is not None:
        facts["degraded"] = response.degraded
    if response.context is not None:
        facts["context"] = msgspec.to_builtins(response.context)
    return {NOTES: facts}


def attempts_of(records: Iterable[AttemptRecord], began: datetime) -> list[ModelRequestAttempt]:
    """The attempts that failed; their tokens count in the run's usage, but not as requests."""
    listed: list[ModelRequestAttempt] = []
    at = began
    for record in records:
        at += timedelta(seconds=record.delay)
        if record.error is not None:
            provider, model = split(record.model)
            used = record.usage is not None and record.usage != Usage()
            listed.append(
                ModelRequestAttempt(
                    model_name=model,
                    provider_name=provider,
                    outcome="error",
                    error=f"{record.error.kind}: {record.error.message}",
                    timestamp=at,
                    duration=timedelta(seconds=record.elapsed),
                    usage=usage_of(record.usage) if used else None,
                )
            )
        at += timedelta(seconds=record.elapsed)
    return listed


def attempts_before(error: ModelError, began: datetime) -> list[ModelRequestAttempt]:
    """The attempts of a call that failed, all of them."""
    failures: tuple[Failure, ...] = error.history
    return attempts_of((failure.record for failure in failures), began)


def _last_model(records: tuple[AttemptRecord, ...]) -> str | None:
    answered = [record for record in records if record.error is None]
    return split(answered[-1].model)[1] if answered else None


def nothing_usable(error: ModelError) -> Response | None:
    """The answer that an agent has an error of its own for: filtered, or out of tokens, with nothing to use in it."""
    partial = error.partial
    if partial is not None and partial.finish_reason in ("length", "context_length"):
        return partial
    return None


def filtered(error: ModelError, *, model: str, began: datetime) -> ModelResponse:
    """A refused answer as an agent expects it: empty, with the reason and what the filter said."""
    partial = error.partial or Response()
    attempts = attempts_before(error, began)
    emptied = msgspec.structs.replace(partial, parts=(), finish_reason="content_filter", extra={})
    response = to_response(emptied, model=model, began=began)
    response.provider_details = {"finish_reason": "content_filter", **filter_details(error)}
    response.failed_attempts = attempts[:-1] or None  # the last of them is this answer
    response.metadata = {NOTES: {"attempts": max(1, len(attempts))}}
    return response


def filter_details(error: ModelError) -> dict[str, Any]:
    """What a filter objected to, by the names that Pydantic AI uses for Azure's."""
    partial = error.partial
    details: dict[str, Any] = {"refusal": error.message, **(details_of(partial) or {} if partial else {})}
    if error.categories:
        details["content_filter_result"] = {category: {"filtered": True} for category in error.categories}
    if error.scope is not None:
        details["scope"] = error.scope
    if error.request_id is not None:
        details["request_id"] = error.request_id
    return details
