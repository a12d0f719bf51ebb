"""What a model's stream consists of.

    stream  =  answer  (Restart answer)*
    answer  =  ResponseStart (TextDelta | ThinkingDelta | toolcall | PartAdded | UsageUpdate)* Finish
    toolcall = ToolCallStart ToolCallDelta*
               (an answer that a Restart makes void has no Finish)

A delta carries only what is new. `part` is the position of its part in the answer, as numbered by the decoder: deltas
of one part may come between those of another (parallel tool calls). Errors are raised, never yielded. Nothing comes
after `Finish`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from holdfast.errors import ErrorInfo, ModelError
from holdfast.messages import Audio, Document, Image, Opaque
from holdfast.usage import Usage

FinishReason: TypeAlias = Literal[
    "stop",  # the model had said what it wanted to say
    "length",  # the limit on output tokens was reached
    "context_length",  # the window was full
    "tool_calls",  # the model waits for the results of its calls
    "content_filter",  # a filter or a refusal ended the answer
    "pause",  # the provider asks to be called again with what it has said so far
    "error",  # the provider says that generation failed
    "unknown",  # a word that is not in our tables, or none; see `raw_finish_reason`
]


class ResponseStart(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """The answer begins. `continues` is true when it carries on natively from the end of `Request.prefix`."""

    model: str | None = None
    provider: str | None = None
    id: str | None = None
    request_id: str | None = None
    continues: bool = False


class TextDelta(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """More words. The other fields, where a wire has them, come with a text that may be empty."""

    text: str
    part: int = 0
    logprobs: tuple[Any, ...] | None = None
    annotations: tuple[Any, ...] | None = None
    id: str | None = None
    signature: str | None = None
    origin: str | None = None


class ThinkingDelta(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """More thinking, or its signature, its encrypted `data`, its id."""

    text: str
    part: int = 0
    id: str | None = None
    signature: str | None = None
    data: str | None = None
    origin: str | None = None


class ToolCallStart(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """A tool call begins; its arguments follow."""

    part: int
    id: str
    name: str
    item_id: str | None = None
    signature: str | None = None
    origin: str | None = None


class ToolCallDelta(Struct, frozen=True, gc=False):
    """More of the text of a tool call's arguments."""

    part: int
    arguments: str


class PartAdded(Struct, frozen=True):
    """A part that comes in one piece: a picture, a sound, a file, an item of the provider's own."""

    part: int
    content: Image | Audio | Document | Opaque


class UsageUpdate(Struct, frozen=True, gc=False):
    """The tokens of this answer so far; the last one counts."""

    usage: Usage


class Restart(Struct, frozen=True):
    """What was seen from event number `since` of this stream on is void; another answer follows."""

    reason: ModelError
    since: int = 0


class AttemptRecord(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """One attempt of a call, as a plain value: which model, what it ended in (None: this answer), seconds, tokens."""

    model: str
    error: ErrorInfo | None = None
    elapsed: float = 0.0
    delay: float = 0.0
    usage: Usage | None = None


class Finish(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """The answer is over; no event follows.

    - `truncated`: the stream broke, and the caller asked for what there was (`error` says why).
    - `degraded`: why this is not a model's answer but one that a policy gave.
    - `attempts`: all attempts of the call, this one last. `usage` is that of this answer alone.
    - `context`: what was done to the history to make it fit.
    - `extra`: what the provider said besides (safety ratings, grounding, ...), in its own form.
    """

    finish_reason: FinishReason
    raw_finish_reason: str | None = None
    usage: Usage | None = None
    truncated: bool = False
    error: ErrorInfo | None = None
    degraded: str | None = None
    cached: bool = False
    attempts: tuple[AttemptRecord, ...] = ()
    context: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = {}


Event: TypeAlias = (
    ResponseStart
    | TextDelta
    | ThinkingDelta
    | ToolCallStart
    | ToolCallDelta
    | PartAdded
    | UsageUpdate
    | Restart
    | Finish
)
