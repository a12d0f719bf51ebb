"""Our events as Gemini's chunks, and our responses as a whole one."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from holdfast.errors import InvalidRequestError, ModelError
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
from holdfast.messages import Opaque, Text, Thinking, ToolCall
from holdfast.providers.codec import Headers, ServedRequest
from holdfast.providers.gemini.contents import model_parts
from holdfast.providers.gemini.finish import METADATA, REASONS
from holdfast.providers.gemini.refuse import error_object
from holdfast.providers.gemini.wire import ORIGIN
from holdfast.providers.sse import encode_event
from holdfast.response import Response
from holdfast.usage import Usage

_WORDS: Final[dict[FinishReason, str]] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "context_length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "pause": "CONTINUATION",
    "error": "MALFORMED_RESPONSE",
    "unknown": "OTHER",
}


class GeminiWriter:
    """Writes one streamed answer; a call goes out whole, when it is.

    Arguments that are no JSON object cannot be told on this wire: the answer then ends as `MALFORMED_FUNCTION_CALL`,
    as it does at Google. A `Restart`, which cannot be told either, ends the stream with its error.
    """

    def __init__(self, served: ServedRequest) -> None:
        self.headers: Headers = {"content-type": "text/event-stream"}
        self._named: dict[str, Any] = {"modelVersion": served.model, "responseId": "response-0"}
        self._calls: dict[int, tuple[ToolCallStart, list[str]]] = {}
        self._carried: list[Opaque] = []
        self._usage: Usage | None = None
        self._malformed = False
        self._over = False

    def feed(self, event: Event) -> bytes:
        """The bytes that tell of this event."""
        if self._over:
            return b""
        match event:
            case ResponseStart():
                self._named = {
                    "modelVersion": event.model or self._named["modelVersion"],
                    "responseId": event.id or self._named["responseId"],
                }
                return b""
            case TextDelta():
                part = Text(event.text, (), None, event.signature, event.origin)
                return self._flush() + (self._say(part, event.logprobs) if _tells(event) or event.logprobs else b"")
            case ThinkingDelta():
                thought = Thinking(event.text, None, event.signature, None, event.origin)
                return self._flush() + (self._say(thought) if _tells(event) else b"")
            case ToolCallStart():
                self._calls[event.part] = (event, [])
                return b""
            case ToolCallDelta():
                if event.part in self._calls:
                    self._calls[event.part][1].append(event.arguments)
                return b""
            case PartAdded():
                return self._flush() + self._add(event)
            case UsageUpdate():
                self._usage = event.usage
                return b""
            case Restart():
                return self.error(event.reason)
            case Finish():
                return self._flush() + self._finish(event)

    def error(self, error: ModelError) -> bytes:
        """An error object in place of a chunk."""
        self._over = True
        return encode_event(msgspec.json.encode({"error": error_object(error)}))

    def close(self) -> bytes:
        """The API ends its streams without a mark of their own."""
        return b""

    def _chunk(self, **fields: Any) -> bytes:
        counts = {"usageMetadata": usage_object(self._usage, {})} if self._usage is not None else {}
        return encode_event(msgspec.json.encode({**counts, **fields, **self._named}))

    def _say(self, part: Any, logprobs: tuple[Any, ...] | None = None) -> bytes:
        parts = model_parts([*self._carried, part])
        self._carried.clear()
        if not parts:
            return b""
        told = {"logprobsResult": _logprobs_result(logprobs)} if logprobs else {}
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **told}
        return self._chunk(candidates=[candidate])

    def _flush(self) -> bytes:
        said = b""
        for start, pieces in self._calls.values():
            call = ToolCall(start.id, start.name, "".join(pieces) or "{}", start.item_id, start.signature, start.origin)
            try:
                said += self._say(call)
            except InvalidRequestError:
                self._malformed = True
        self._calls.clear()
        return said

    def _add(self, event: PartAdded) -> bytes:
        content = event.content
        if isinstance(content, Opaque) and content.origin == ORIGIN and list(content.data) == ["thoughtSignature"]:
            self._carried.append(content)
            return b""
        return self._say(content)

    def _finish(self, event: Finish) -> bytes:
        self._over = True
        said: dict[str, Any] = {"usageMetadata": usage_object(event.usage or self._usage, event.extra)}
        if "block_reason" in event.extra:
            return self._chunk(**said, promptFeedback=prompt_feedback(event.extra))
        candidate = {"content": {"role": "model", "parts": [{"text": ""}]}, "index": 0}
        word = "MALFORMED_FUNCTION_CALL" if self._malformed else word_of(event.finish_reason, event.raw_finish_reason)
        candidate |= {"finishReason": word, **_said(event.extra)}
        return self._chunk(**said, candidates=[candidate])


def _tells(event: TextDelta | ThinkingDelta) -> bool:
    return bool(event.text or (event.signature and event.origin == ORIGIN))


def response_object(response: Response, served: ServedRequest) -> dict[str, Any]:
    """A whole response."""
    named = {"modelVersion": response.model or served.model, "responseId": response.id or "response-0"}
    counts = {"usageMetadata": usage_object(response.usage, response.extra)}
    if "block_reason" in response.extra:
        return {"promptFeedback": prompt_feedback(response.extra), **counts, **named}
    try:
        parts, word = model_parts(response.parts), word_of(response.finish_reason, response.raw_finish_reason)
    except InvalidRequestError:
        words = tuple(part for part in response.parts if not isinstance(part, ToolCall))
        parts, word = model_parts(words), "MALFORMED_FUNCTION_CALL"
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "finishReason": word, "index": 0}
    if response.logprobs:
        candidate["logprobsResult"] = _logprobs_result(response.logprobs)
    return {"candidates": [{**candidate, **_said(response.extra)}], **counts, **named}


def word_of(reason: FinishReason | None, raw: str | None) -> str:
    """Google's word for the end: the very one, where it was Google's."""
    return raw if raw in REASONS else _WORDS[reason or "unknown"]


def prompt_feedback(extra: Any) -> dict[str, Any]:
    """Why the prompt was blocked."""
    said = {
        "blockReason": extra["block_reason"],
        "blockReasonMessage": extra.get("block_reason_message"),
        "safetyRatings": extra.get("safety_ratings"),
    }
    return {name: value for name, value in said.items() if value is not None}


def usage_object(usage: Usage | None, extra: Any) -> dict[str, Any]:
    """The `usageMetadata`."""
    counts = usage or Usage()
    said: dict[str, Any] = {
        "promptTokenCount": counts.input_tokens,
        "candidatesTokenCount": counts.output_tokens - counts.reasoning_tokens,
        "totalTokenCount": counts.total_tokens,
    }
    optional = {
        "thoughtsTokenCount": counts.reasoning_tokens or None,
        "cachedContentTokenCount": counts.cache_read_tokens or None,
        "promptTokensDetails": _audio(counts.audio_input_tokens),
        "candidatesTokensDetails": _audio(counts.audio_output_tokens),
        "trafficType": extra.get("traffic_type"),
        "serviceTier": extra.get("service_tier"),
    }
    return said | {name: value for name, value in optional.items() if value is not None}


def _audio(count: int) -> list[dict[str, Any]] | None:
    return [{"modality": "AUDIO", "tokenCount": count}] if count else None


def _said(extra: Any) -> dict[str, Any]:
    return {_camel(name): extra[name] for name in METADATA if name in extra}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _logprobs_result(logprobs: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "chosenCandidates": [_logprob(one) for one in logprobs],
        "topCandidates": [{"candidates": [_logprob(top) for top in one.get("top_logprobs") or ()]} for one in logprobs],
    }


def _logprob(one: dict[str, Any]) -> dict[str, Any]:
    said = {"token": one.get("token"), "logProbability": one.get("logprob"), "tokenId": one.get("token_id")}
    return {name: value for name, value in said.items() if value is not None}
