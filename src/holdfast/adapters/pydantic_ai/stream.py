"""A streamed answer as Pydantic AI reads it, which may break and begin anew without the agent being told.

There is no event that takes words back. So each answer after a `Restart` gets parts of its own, and those before it
are hidden from the response: history, output, validation and tools see the winning answer only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic_ai.messages import ModelResponse, ModelResponsePart, ModelResponseStreamEvent
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.usage import RequestUsage

from holdfast.adapters.pydantic_ai.errors import to_theirs
from holdfast.adapters.pydantic_ai.limits import Limits
from holdfast.adapters.pydantic_ai.naming import notes, provider_name, split
from holdfast.adapters.pydantic_ai.responses import (
    attempts_before,
    attempts_of,
    call_notes,
    details_of,
    finish_reason_of,
    metadata_of,
    nothing_usable,
    original_of,
    part_of,
    text_notes,
    usage_of,
)
from holdfast.errors import ModelError
from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.response import Response
from holdfast.runtime.stream import Stream


@dataclass
class HoldfastStream(StreamedResponse):
    """One streamed request of an agent.

    Args:
        model_request_parameters: as prepared for the model.
        source: the call in progress.
        model: our name of the chain.
        limits: those of the request.
        began: when it did.
    """

    model_request_parameters: ModelRequestParameters
    _: KW_ONLY
    source: Stream
    model: str
    limits: Limits
    began: datetime
    _start: ResponseStart = field(default_factory=ResponseStart, init=False)
    _era: int = field(default=0, init=False)
    _provider: str | None = field(default=None, init=False)
    _url: str | None = field(default=None, init=False)
    _void: int = field(default=0, init=False)
    _call: ToolCallStart | None = field(default=None, init=False)
    _original: Sequence[ModelResponsePart] | None = field(default=None, init=False)
    _signatures: dict[int, str] = field(default_factory=dict, init=False)
    _reader: asyncio.Task[Any] | None = field(default=None, init=False)
    _closed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _woken: bool = field(default=False, init=False)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        try:
            while (event := await self._next()) is not None:
                for shown in self._feed(event):
                    yield shown
        except ModelError as error:
            self._fail(error)

    async def _next(self) -> Event | None:
        """The next event; None at the end, and when somebody has closed the stream meanwhile."""
        if self._closed.is_set():
            return None
        self._reader = reader = asyncio.current_task()
        before = reader.cancelling() if reader is not None else 0
        try:
            return await anext(self.source, None)
        except asyncio.CancelledError:
            if not self._woken or reader is None or reader.uncancel() > before:
                raise  # somebody else has cancelled, too
            return None
        finally:
            self._reader = None

    def _feed(self, event: Event) -> Iterator[ModelResponseStreamEvent]:
        """Their events for one of ours; a call begins together with the first of its arguments."""
        call, self._call = self._call, None
        if isinstance(event, ToolCallDelta) and call is not None and call.part == event.part:
            yield from self._begin(call, event.arguments)
            return
        if call is not None:
            yield from self._begin(call, "")
        if isinstance(event, ToolCallStart):
            self._call = event
        else:
            yield from self._show(event)

    def _show(self, event: Event) -> Iterator[ModelResponseStreamEvent]:
        manager = self._parts_manager
        match event:
            case TextDelta():
                yield from manager.handle_text_delta(
                    vendor_part_id=(self._era, event.part),
                    content=event.text,
                    id=event.id,
                    provider_name=self.provider_name if event.id or event.signature else None,
                    provider_details=text_notes(event.signature, event.origin),
                )
            case ThinkingDelta():
                yield from self._think(event)
            case ToolCallDelta():
                yield from manager.handle_tool_call_delta_events(
                    vendor_part_id=(self._era, event.part), args=event.arguments
                )
            case PartAdded():
                part = part_of(event.content, self._start.provider)
                if part is not None:
                    yield manager.handle_part(vendor_part_id=(self._era, event.part), part=part)
            case UsageUpdate():
                self._usage = usage_of(event.usage)
            case ResponseStart():
                self._start = event
                self._provider = provider_name(event.provider) if event.provider else split(self.model)[0]
                self.provider_response_id = event.id or event.request_id
            case Restart():
                self._start_over()
            case Finish():
                self._finish(self.source.response())

    def _begin(self, call: ToolCallStart, arguments: str) -> Iterator[ModelResponseStreamEvent]:
        yield from self._parts_manager.handle_tool_call_delta_events(
            vendor_part_id=(self._era, call.part),
            tool_name=call.name,
            args=arguments,
            tool_call_id=call.id,
            provider_name=self.provider_name if call.item_id or call.signature else None,
            provider_details=call_notes(call.item_id, call.signature, call.origin),
        )

    def _think(self, event: ThinkingDelta) -> Iterator[ModelResponseStreamEvent]:
        signature = None
        if event.signature:  # theirs replaces, ours go on
            signature = self._signatures[event.part] = self._signatures.get(event.part, "") + event.signature
        yield from self._parts_manager.handle_thinking_delta(
            vendor_part_id=(self._era, event.part),
            content=event.text,
            id=event.id,
            signature=signature,
            provider_name=self.provider_name,
            provider_details=notes(origin=event.origin, data=event.data) if event.signature or event.data else None,
        )

    def _start_over(self) -> None:
        self._era += 1
        self._void = len(self._parts_manager.get_parts())
        self._signatures.clear()
        self._usage = RequestUsage()

    def _finish(self, response: Response) -> None:
        self._usage = usage_of(response.usage)
        self.finish_reason = finish_reason_of(response)
        self.provider_details = details_of(response)
        self.metadata = metadata_of(response)
        self.failed_attempts = attempts_of(response.attempts, self.began) or None
        original = original_of(response)
        if original is not None:
            self._take(original)

    def _take(self, original: ModelResponse) -> None:
        """Take over what a Pydantic AI model said of its answer; its parts too, unless they are the end of one only."""
        self._usage = original.usage
        self.finish_reason = original.finish_reason
        self.provider_details = original.provider_details
        self.provider_response_id = original.provider_response_id
        self.canonical_system = original.canonical_system
        self._url = original.provider_url
        self._provider = original.provider_name
        self.state = original.state
        if _said(original.parts) == _said(self._parts_manager.get_parts()[self._void :]):
            self._original = original.parts

    def _fail(self, error: ModelError) -> None:
        """Raise their error, or end as their own rules have it; the tokens of all attempts are counted either way."""
        attempts = attempts_before(error, self.began)
        exhausted = nothing_usable(error)
        if exhausted is not None:
            self._finish(exhausted)
            self.failed_attempts = attempts[:-1] or None
            return
        self._usage = RequestUsage()
        self.failed_attempts = attempts or None
        if self._closed.is_set():
            return
        shown = bool(self._parts_manager.get_parts())
        raise to_theirs(error, self.model_name, self.limits, streamed=shown) from error

    def get(self) -> ModelResponse:
        """The response so far, without the parts of answers that were begun anew."""
        response = super().get()
        if self._original is not None:
            return replace(response, parts=self._original)
        return replace(response, parts=list(response.parts)[self._void :]) if self._void else response

    async def close_stream(self) -> None:
        """End the call at once; also while another task waits for its next event."""
        self._closed.set()
        reader = self._reader
        if reader is not None and reader is not asyncio.current_task():
            self._woken = True
            reader.cancel()
            return
        await self.source.close()

    @property
    def model_name(self) -> str:
        """The model that answers, as far as it is known."""
        return self._start.model or split(self.model)[1]

    @property
    def provider_name(self) -> str | None:
        """Its provider."""
        return self._provider

    @property
    def provider_url(self) -> str | None:
        """The address that a Pydantic AI model inside says it asked; a chain has none of its own."""
        return self._url

    @property
    def timestamp(self) -> datetime:
        """When the request began."""
        return self.began


def _said(parts: Sequence[ModelResponsePart]) -> list[tuple[str, Any]]:
    """What the parts say, whatever is noted on them."""
    return [(part.part_kind, getattr(part, "content", None) or getattr(part, "tool_call_id", None)) for part in parts]
