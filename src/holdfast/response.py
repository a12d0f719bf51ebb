"""A complete response is a fold over events; `fold` makes it, `unfold` gives the events back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from io import StringIO
from typing import Any, Self, TypeVar

import msgspec
from msgspec import Struct

from holdfast.errors import ErrorInfo
from holdfast.events import (
    AttemptRecord,
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
from holdfast.messages import AssistantMessage, AssistantPart, CachePoint, Text, Thinking, ToolCall
from holdfast.schema import output_schema, read_output
from holdfast.usage import Usage

T = TypeVar("T")


class Response(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, kw_only=True):
    """What a model answered.

    - `finish_reason` in one vocabulary, next to the provider's `raw_finish_reason`; None while the answer is partial.
    - `truncated`: the stream broke and this is what there was (`error` says why). Never set on a whole answer.
    - `degraded`: why this is an answer that a policy gave, and no model's words; None for every real answer.
    - `attempts`: every attempt of the call, the answering one last; their tokens are not in `usage`.
    """

    parts: tuple[AssistantPart, ...] = ()
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    usage: Usage = Usage()
    model: str | None = None
    provider: str | None = None
    id: str | None = None
    request_id: str | None = None
    logprobs: tuple[Any, ...] = ()
    truncated: bool = False
    error: ErrorInfo | None = None
    degraded: str | None = None
    cached: bool = False
    attempts: tuple[AttemptRecord, ...] = ()
    context: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = {}

    @property
    def text(self) -> str:
        """The words, thinking left out."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def thinking(self) -> str:
        """What the model thought, as far as it shows it."""
        return "".join(part.text for part in self.parts if isinstance(part, Thinking))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def message(self) -> AssistantMessage:
        """The response as the next message of a conversation."""
        return AssistantMessage(self.parts)

    def read(self, shape: type[T]) -> T:
        """The text as a value of `shape`: a pydantic model, dataclass, TypedDict or msgspec Struct.

        Raises:
            InvalidResponseError: the text is no JSON, or does not fit; the message says where.
        """
        value: T = read_output(self.text, output_schema(shape))
        return value

    def to_json(self) -> bytes:
        """The response as JSON; `from_json` reads it back."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Response:
        """The response that `to_json` wrote; raises `msgspec.ValidationError` for anything else."""
        return msgspec.json.decode(data, type=cls)


class Fold:
    """Joins events to a response. `add` takes time in proportion to the delta, whatever came before."""

    def __init__(self) -> None:
        self._start = ResponseStart()
        self._finish: Finish | None = None
        self._reset()

    def _reset(self) -> None:
        self._parts: dict[int, _Buffer | PartAdded] = {}
        self._usage: Usage | None = None
        self._logprobs: list[Any] = []

    @property
    def empty(self) -> bool:
        """Whether nothing has come that a consumer could see."""
        return not self._parts

    @property
    def finished(self) -> bool:
        """Whether the answer is over."""
        return self._finish is not None

    def add(self, event: Event) -> None:
        """Take one more event."""
        match event:
            case TextDelta():
                self._buffer(event, _TextBuffer).add(event)
                if event.logprobs:
                    self._logprobs.extend(event.logprobs)
            case ThinkingDelta():
                self._buffer(event, _ThinkingBuffer).add(event)
            case ToolCallDelta():
                buffer = self._parts[event.part]
                if isinstance(buffer, _ToolCallBuffer):
                    buffer.text.write(event.arguments)
            case ToolCallStart():
                self._parts[event.part] = _ToolCallBuffer(event)
            case PartAdded():
                self._parts[event.part] = event
            case UsageUpdate():
                self._usage = event.usage
            case ResponseStart():
                self._start = event
            case Restart():
                self._reset()
            case Finish():
                self._finish = event
                self._usage = event.usage or self._usage

    def _buffer(self, event: TextDelta | ThinkingDelta, kind: type[_TextBuffer | _ThinkingBuffer]) -> Any:
        buffer = self._parts.get(event.part)
        if buffer is None:
            buffer = self._parts[event.part] = kind()
        return buffer

    def copy(self) -> Fold:
        """Another fold that has seen the same and goes its own way."""
        twin = copy(self)
        twin._parts = {  # noqa: SLF001  # its own kind
            index: part if isinstance(part, PartAdded) else part.copy() for index, part in self._parts.items()
        }
        twin._logprobs = list(self._logprobs)  # noqa: SLF001  # as above
        return twin

    def response(self, finish: Finish | None = None) -> Response:
        """What has come so far; with `finish`, as it would be in the end."""
        start, finish = self._start, finish or self._finish
        response = Response(
            parts=tuple(
                part.content if isinstance(part, PartAdded) else part.part() for _, part in sorted(self._parts.items())
            ),
            usage=(finish and finish.usage) or self._usage or Usage(),
            model=start.model,
            provider=start.provider,
            id=start.id,
            request_id=start.request_id,
            logprobs=tuple(self._logprobs),
        )
        if finish is None:
            return response
        return msgspec.structs.replace(
            response,
            finish_reason=finish.finish_reason,
            raw_finish_reason=finish.raw_finish_reason,
            truncated=finish.truncated,
            error=finish.error,
            degraded=finish.degraded,
            cached=finish.cached,
            attempts=finish.attempts,
            context=finish.context,
            extra=finish.extra,
        )


class _Buffer:
    """One part in the making. A StringIO keeps a million small deltas as one text."""

    __slots__ = ("text",)

    def __init__(self) -> None:
        self.text = StringIO()

    def copy(self) -> Self:
        twin = copy(self)
        twin.text = StringIO()
        twin.text.write(self.text.getvalue())
        return twin

    def part(self) -> AssistantPart:
        raise NotImplementedError


class _TextBuffer(_Buffer):
    __slots__ = ("annotations", "id", "origin", "signature")

    def __init__(self) -> None:
        super().__init__()
        self.annotations: list[Any] = []
        self.id: str | None = None
        self.signature: str | None = None
        self.origin: str | None = None

    def copy(self) -> Self:
        twin = super().copy()
        twin.annotations = list(self.annotations)
        return twin

    def add(self, event: TextDelta) -> None:
        self.text.write(event.text)
        if event.annotations:
            self.annotations.extend(event.annotations)
        if event.origin or event.id or event.signature:
            self.id = event.id or self.id
            self.signature = event.signature or self.signature
            self.origin = event.origin or self.origin

    def part(self) -> AssistantPart:
        return Text(self.text.getvalue(), tuple(self.annotations), self.id, self.signature, self.origin)


class _ThinkingBuffer(_Buffer):
    __slots__ = ("data", "id", "origin", "signature")

    def __init__(self) -> None:
        super().__init__()
        self.id: str | None = None
        self.signature = ""
        self.data: str | None = None
        self.origin: str | None = None

    def add(self, event: ThinkingDelta) -> None:
        self.text.write(event.text)
        self.id = event.id or self.id
        self.signature += event.signature or ""
        self.data = event.data or self.data
        self.origin = event.origin or self.origin

    def part(self) -> AssistantPart:
        return Thinking(self.text.getvalue(), self.id, self.signature or None, self.data, self.origin)


class _ToolCallBuffer(_Buffer):
    __slots__ = ("start",)

    def __init__(self, start: ToolCallStart) -> None:
        super().__init__()
        self.start = start

    def part(self) -> AssistantPart:
        start = self.start
        arguments = self.text.getvalue() or "{}"
        return ToolCall(start.id, start.name, arguments, start.item_id, start.signature, start.origin)


def fold(events: Iterable[Event]) -> Response:
    """The response that `events` add up to."""
    folding = Fold()
    for event in events:
        folding.add(event)
    return folding.response()


def unfold(response: Response) -> Iterator[Event]:
    """The shortest stream that folds to `response`."""
    yield ResponseStart(response.model, response.provider, response.id, response.request_id)
    logprobs = response.logprobs or None
    for index, part in enumerate(response.parts):
        yield from _unfold_part(index, part, logprobs)
        logprobs = None if isinstance(part, Text) else logprobs
    yield Finish(
        finish_reason=response.finish_reason or "unknown",
        raw_finish_reason=response.raw_finish_reason,
        usage=response.usage,
        truncated=response.truncated,
        error=response.error,
        degraded=response.degraded,
        cached=response.cached,
        attempts=response.attempts,
        context=response.context,
        extra=response.extra,
    )


def _unfold_part(index: int, part: AssistantPart, logprobs: tuple[Any, ...] | None) -> Iterator[Event]:
    match part:
        case Text():
            yield TextDelta(part.text, index, logprobs, part.annotations or None, part.id, part.signature, part.origin)
        case Thinking():
            yield ThinkingDelta(part.text, index, part.id, part.signature, part.data, part.origin)
        case ToolCall():
            yield ToolCallStart(index, part.id, part.name, part.item_id, part.signature, part.origin)
            yield ToolCallDelta(index, part.arguments)
        case CachePoint():
            pass
        case _:
            yield PartAdded(index, part)
