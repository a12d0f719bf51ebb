"""The wire of OpenAI's Responses API, as far as it is read: one struct for each stream event that matters.

Field names are the wire's own (API reference, "Streaming events"). An event type that is not here is skipped; a
field that is missing or null takes its default, since compatible servers leave many out.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias, get_args

import msgspec
from msgspec import Struct

ORIGIN: Final = "openai_responses"
"""The name of this wire, which parts that only it understands carry."""

RAW_REASONING: Final = "reasoning_text"
"""The signature of a `Thinking` part that is raw reasoning, not a summary of it."""

CUSTOM_CALL: Final = "custom_tool_call"
"""A call of a tool whose input is plain text. Here it has one argument, `input`."""


class TokenDetails(Struct, gc=False):
    """How many of the tokens were cached, written to the cache, or reasoned."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class Tokens(Struct):
    """The `usage` of a response."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: TokenDetails | None = None
    output_tokens_details: TokenDetails | None = None
    cost: float | None = None


class IncompleteDetails(Struct):
    """Why a response is incomplete."""

    reason: str | None = None


class Body(Struct):
    """A response object, whole or as stream events carry it."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[dict[str, Any]] | None = None
    usage: Tokens | None = None
    incomplete_details: IncompleteDetails | None = None
    error: Any = None
    background: bool | None = None
    service_tier: str | None = None
    content_filters: Any = None
    moderation: Any = None
    conversation: Any = None
    tool_usage: Any = None


class _Event(Struct, tag_field="type"):
    sequence_number: int | None = None


class Piece(_Event):
    """A part of an item: some of it, or all of it once it is done."""

    output_index: int = 0


class Created(_Event, tag="response.created"):
    """The first event."""

    response: Body = msgspec.field(default_factory=Body)


class InProgress(_Event, tag="response.in_progress"):
    """Generation has begun."""

    response: Body = msgspec.field(default_factory=Body)


class Queued(_Event, tag="response.queued"):
    """A background response waits."""

    response: Body = msgspec.field(default_factory=Body)


class Completed(_Event, tag="response.completed"):
    """The end: the answer is whole."""

    response: Body = msgspec.field(default_factory=Body)


class Incomplete(_Event, tag="response.incomplete"):
    """The end: a limit or a filter stopped the answer."""

    response: Body = msgspec.field(default_factory=Body)


class Failed(_Event, tag="response.failed"):
    """The end: generation failed."""

    response: Body = msgspec.field(default_factory=Body)


class Cancelled(_Event, tag="response.cancelled"):
    """The end: somebody cancelled a background response."""

    response: Body = msgspec.field(default_factory=Body)


class Error(_Event, tag="error"):
    """An error in the stream, flat or (as several servers send it) under `error`."""

    code: Any = None
    message: Any = None
    param: Any = None
    error: Any = None


class ItemAdded(_Event, tag="response.output_item.added"):
    """An output item begins."""

    item: dict[str, Any] = {}
    output_index: int = 0


class ItemDone(_Event, tag="response.output_item.done"):
    """An output item, complete."""

    item: dict[str, Any] = {}
    output_index: int = 0


class TextDelta(Piece, tag="response.output_text.delta"):
    """More words."""

    delta: str = ""
    content_index: int = 0
    logprobs: list[Any] | None = None


class TextDone(Piece, tag="response.output_text.done"):
    """The words of one content part."""

    text: str = ""
    content_index: int = 0


class AnnotationAdded(Piece, tag="response.output_text.annotation.added"):
    """A citation of a text."""

    annotation: Any = None
    content_index: int = 0


class RefusalDelta(Piece, tag="response.refusal.delta"):
    """More words of a refusal."""

    delta: str = ""
    content_index: int = 0


class RefusalDone(Piece, tag="response.refusal.done"):
    """The words of a refusal."""

    refusal: str = ""
    content_index: int = 0


class SummaryDelta(Piece, tag="response.reasoning_summary_text.delta"):
    """More of a summary of the reasoning."""

    delta: str = ""
    summary_index: int = 0


class SummaryDone(Piece, tag="response.reasoning_summary_text.done"):
    """One summary part of the reasoning."""

    text: str = ""
    summary_index: int = 0


class ReasoningDelta(Piece, tag="response.reasoning_text.delta"):
    """More raw reasoning."""

    delta: str = ""
    content_index: int = 0


class ReasoningDone(Piece, tag="response.reasoning_text.done"):
    """One part of raw reasoning."""

    text: str = ""
    content_index: int = 0


class ArgumentsDelta(Piece, tag="response.function_call_arguments.delta"):
    """More of a call's arguments."""

    delta: str = ""


class ArgumentsDone(Piece, tag="response.function_call_arguments.done"):
    """The arguments of a call."""

    arguments: str = ""


class _Typed(Struct):
    type: str | None = None
    error: Any = None


PieceEvent: TypeAlias = (
    TextDelta
    | ArgumentsDelta
    | SummaryDelta
    | ReasoningDelta
    | RefusalDelta
    | AnnotationAdded
    | TextDone
    | ArgumentsDone
    | SummaryDone
    | ReasoningDone
    | RefusalDone
)
TurnEvent: TypeAlias = (
    ItemAdded | ItemDone | Created | InProgress | Queued | Completed | Incomplete | Failed | Cancelled | Error
)
StreamEvent: TypeAlias = PieceEvent | TurnEvent

_EVENT: Final[msgspec.json.Decoder[StreamEvent]] = msgspec.json.Decoder(StreamEvent)
_TYPED: Final = msgspec.json.Decoder(_Typed)
_BODY: Final = msgspec.json.Decoder(Body)
_KNOWN: Final = frozenset(cls.__struct_config__.tag for cls in get_args(PieceEvent) + get_args(TurnEvent))


def read_event(data: bytes) -> StreamEvent | None:
    """The event of one SSE message; None for a type that is unknown here. An object with an `error` is one, untyped.

    Raises:
        msgspec.DecodeError: this is no JSON, or a known event of the wrong shape.
    """
    try:
        return _EVENT.decode(data)
    except msgspec.ValidationError:
        typed = _TYPED.decode(data)
        if typed.type in _KNOWN:
            raise
        return None if typed.error is None else Error(error=typed.error)


def read_body(data: bytes) -> Body:
    """A response object; raises `msgspec.DecodeError` when it is none."""
    return _BODY.decode(data)
