"""One answer in the making: chunks become events.

Text runs on over chunks. A part with a thought signature is always a part of its own, because the API wants each
signature back in the part that it came in, neither merged nor moved (docs, "Thought signatures").
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from holdfast.errors import InvalidResponseError
from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.messages import Audio, Document, Image, Opaque
from holdfast.providers.arguments import arguments_text
from holdfast.providers.gemini import finish
from holdfast.providers.gemini.partial import PartialArguments
from holdfast.providers.gemini.wire import ORIGIN, Candidate, Chunk, FunctionCall, Part
from holdfast.usage import Usage


class Answer:
    """Takes chunks, gives events; the `Finish` is kept back until `end`, since words may follow a finish reason."""

    def __init__(self, provider: str, model: str, request_id: str | None) -> None:
        self._provider = provider
        self._model = model
        self._request_id = request_id
        self._started = False
        self._response_id: str | None = None
        self._parts = 0
        self._open: type[TextDelta | ThinkingDelta] | None = None
        self._last_text: int | None = None
        self._calls: set[str] = set()
        self._partial: PartialArguments | None = None
        self._usage: Usage | None = None
        self._before: Usage | None = None
        self._extra: dict[str, Any] = {}
        self.finish_reason: str | None = None
        self.token: str | None = None

    def take(self, chunk: Chunk, raw: Callable[[], list[dict[str, Any]]]) -> Iterator[Event]:
        """The events of one chunk; `raw` gives its parts as they came, for those that are unknown here."""
        self._response_id = chunk.response_id or self._response_id
        if not self._started:
            self._started = True
            yield ResponseStart(chunk.model_version or self._model, self._provider, chunk.response_id, self._request_id)
        if chunk.usage_metadata is not None:
            yield from self._count(chunk)
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self.finish_reason = chunk.prompt_feedback.block_reason
            self._extra |= finish.said_of_prompt(chunk.prompt_feedback)
        candidate = next((one for one in chunk.candidates or () if not one.index), None)
        if candidate is not None:
            yield from self._take_candidate(candidate, raw)

    def end(self) -> Iterator[Event]:
        """The answer is over."""
        blocked = "block_reason" in self._extra
        reason = "content_filter" if blocked else finish.finish_reason(self.finish_reason, calls=bool(self._calls))
        yield Finish(reason, self.finish_reason, self._usage, extra=self._extra)

    def go_on(self) -> None:
        """The answer goes on in another body, whose counts of tokens begin again at zero."""
        self.finish_reason = None
        self._before = self._usage or self._before

    def _count(self, chunk: Chunk) -> Iterator[Event]:
        counts = chunk.usage_metadata
        if counts is None:
            return
        usage = finish.usage(counts)
        if self._before is not None:
            usage = self._before + usage
        if counts.traffic_type is not None:
            self._extra["traffic_type"] = counts.traffic_type
        if counts.service_tier is not None:
            self._extra["service_tier"] = counts.service_tier
        if usage != self._usage:
            self._usage = usage
            yield UsageUpdate(usage)

    def _take_candidate(self, candidate: Candidate, raw: Callable[[], list[dict[str, Any]]]) -> Iterator[Event]:
        parts = (candidate.content and candidate.content.parts) or ()
        goes_on = True
        for number, part in enumerate(parts):
            yield from self._take_part(part, partial(_nth, raw, number), goes_on=goes_on)
            goes_on = False
        if candidate.logprobs_result is not None and self._last_text is not None:
            yield TextDelta("", self._last_text, _logprobs(candidate.logprobs_result))
        self.finish_reason = candidate.finish_reason or self.finish_reason
        self.token = candidate.continuation_token or self.token
        if said := finish.said_of(candidate):
            self._extra |= said

    def _take_part(self, part: Part, raw: Callable[[], dict[str, Any]], *, goes_on: bool) -> Iterator[Event]:
        if part.text is not None:
            yield from self._say(part, part.text, goes_on=goes_on)
        elif part.function_call is not None:
            yield from self._call(part.function_call, part.thought_signature)
        elif part.inline_data is not None and not part.thought and (media := _media(part)) is not None:
            if part.thought_signature:
                yield self._add(Opaque(ORIGIN, {"thoughtSignature": part.thought_signature}))
            yield self._add(media)
        elif part == Part(thought=part.thought, thought_signature=part.thought_signature) and part.thought_signature:
            yield from self._say(part, "", goes_on=False)
        elif found := raw():
            yield self._add(Opaque(ORIGIN, found))

    def _say(self, part: Part, text: str, *, goes_on: bool) -> Iterator[Event]:
        kind = ThinkingDelta if part.thought else TextDelta
        signature = part.thought_signature
        if not (text or signature):
            return
        begins = signature is not None or not goes_on or self._open is not kind
        number = self._next() if begins else self._parts - 1
        self._open = None if signature else kind
        if kind is ThinkingDelta:
            yield ThinkingDelta(text, number, None, signature, None, ORIGIN if begins else None)
        else:
            self._last_text = number
            yield TextDelta(text, number, None, None, None, signature, ORIGIN if signature else None)

    def _call(self, call: FunctionCall, signature: str | None) -> Iterator[Event]:
        if self._partial is None:
            if not call.name:
                raise ValueError("a call names no function")
            number = self._next()
            yield ToolCallStart(number, self._id(call.id, number), call.name, None, signature, ORIGIN)
            if not (call.will_continue or call.partial_args):
                yield ToolCallDelta(number, _arguments(call))
                return
            self._partial = PartialArguments()
        for piece in call.partial_args or ():
            self._partial.add(piece)
        if not call.will_continue:
            yield ToolCallDelta(self._parts - 1, self._partial.text())
            self._partial = None

    def _id(self, given: str | None, number: int) -> str:
        """The call's id; AI Studio sends none, and then it is made of the response's id and the part's number."""
        name = given or f"call_{(self._response_id or 'gemini')[:22]}_{number}"
        if name in self._calls:
            name = f"{name}_{number}"
        self._calls.add(name)
        return name

    def _add(self, content: Image | Audio | Document | Opaque) -> Event:
        return PartAdded(self._next(), content)

    def _next(self) -> int:
        self._open = None
        self._parts += 1
        return self._parts - 1


def _nth(raw: Callable[[], list[dict[str, Any]]], number: int) -> dict[str, Any]:
    return raw()[number]


def _arguments(call: FunctionCall) -> str:
    text = bytes(call.args).decode()
    try:
        return arguments_text(text)
    except InvalidResponseError:
        return text  # for the verdict to see


def _media(part: Part) -> Image | Audio | Document | None:
    blob = part.inline_data
    if blob is None or blob.data is None:
        return None
    try:
        data = b64decode(blob.data.replace("-", "+").replace("_", "/") + "=" * (-len(blob.data) % 4))
    except (binascii.Error, ValueError):
        return None
    kind = blob.mime_type or "application/octet-stream"
    if kind.startswith("image/"):
        return Image(data=data, media_type=kind)
    if kind.startswith("audio/"):
        return Audio(data=data, media_type=kind)
    return Document(data=data, media_type=kind)


def _logprobs(result: dict[str, Any]) -> tuple[Any, ...]:
    """The log probabilities in the shape that other providers use."""
    chosen = result.get("chosenCandidates") or ()
    tops = result.get("topCandidates") or ()
    return tuple(
        {
            **_logprob(one),
            "top_logprobs": [_logprob(other) for other in (tops[number].get("candidates") or ())]
            if number < len(tops)
            else [],
        }
        for number, one in enumerate(chosen)
    )


def _logprob(one: dict[str, Any]) -> dict[str, Any]:
    return {"token": one.get("token"), "logprob": one.get("logProbability"), "token_id": one.get("tokenId")}
