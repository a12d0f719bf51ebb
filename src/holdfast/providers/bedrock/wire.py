"""The wire of Converse and ConverseStream as typed values: what is read of it, and the words in which it ends.

Field names are the wire's. Every field may be missing or null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from holdfast.events import FinishReason
from holdfast.usage import Usage

ORIGIN: Final = "bedrock"
"""The name of the wire, as `origin` of the parts that only it understands."""

# API reference, "ConverseResponse", `stopReason`.
FINISH: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}

SERVER_TOOL: Final = "server_tool_use"
"""The `type` of a `toolUse` that the model's own side runs."""


class WireUsage(Struct, gc=False):
    """Tokens. `inputTokens` leaves out what was read from the cache or written to it; `totalTokens` does not."""

    inputTokens: int | None = None  # noqa: N815  # the wire's name, as below
    outputTokens: int | None = None  # noqa: N815
    cacheReadInputTokens: int | None = None  # noqa: N815
    cacheWriteInputTokens: int | None = None  # noqa: N815
    cacheDetails: Any = None  # noqa: N815
    serverToolUsage: Any = None  # noqa: N815

    @property
    def usage(self) -> Usage:
        """The tokens in the shape that all providers share."""
        read, write = self.cacheReadInputTokens or 0, self.cacheWriteInputTokens or 0
        return Usage(
            input_tokens=(self.inputTokens or 0) + read + write,
            output_tokens=self.outputTokens or 0,
            cache_read_tokens=read,
            cache_write_tokens=write,
        )


class ToolUse(Struct, gc=False):
    """A `toolUse`: whole, or its start. `input` stays as it was written."""

    toolUseId: str = ""  # noqa: N815
    name: str = ""
    input: Raw = Raw(b"")
    type: str | None = None


class ReasoningText(Struct, gc=False):
    """Thinking, in words."""

    text: str | None = None
    signature: str | None = None


class Reasoning(Struct, gc=False):
    """A `reasoningContent`: whole (`reasoningText`), or a delta of it."""

    reasoningText: ReasoningText | None = None  # noqa: N815
    text: str | None = None
    signature: str | None = None
    redactedContent: str | None = None  # noqa: N815


class Piece(Struct, gc=False):
    """Words that citations stand for."""

    text: str | None = None


class Cited(Struct, gc=False):
    """A `citationsContent`: words, and where they come from."""

    content: tuple[Piece, ...] = ()
    citations: tuple[Any, ...] = ()


class Block(Struct, gc=False):
    """A content block, as far as it has a part of its own."""

    text: str | None = None
    toolUse: ToolUse | None = None  # noqa: N815
    reasoningContent: Reasoning | None = None  # noqa: N815
    citationsContent: Cited | None = None  # noqa: N815
    image: dict[str, Any] | None = None


class Message(Struct, gc=False):
    """The message of a whole answer."""

    content: tuple[Raw, ...] | None = None


class Output(Struct, gc=False):
    """Where the message stands."""

    message: Message | None = None


class Answer(Struct, gc=False):
    """A whole answer; of a stream, what `messageStop` and `metadata` say of it."""

    output: Output | None = None
    stopReason: str | None = None  # noqa: N815
    usage: WireUsage | None = None
    metrics: Any = None
    additionalModelResponseFields: Any = None  # noqa: N815
    trace: Any = None
    performanceConfig: Any = None  # noqa: N815
    serviceTier: Any = None  # noqa: N815


class ToolDelta(Struct, gc=False):
    """More of the text of a tool's input."""

    input: str | None = None


class Delta(Struct, gc=False):
    """What a `contentBlockDelta` adds: one of these."""

    text: str | None = None
    toolUse: ToolDelta | None = None  # noqa: N815
    reasoningContent: Reasoning | None = None  # noqa: N815
    citation: Any = None
    toolResult: tuple[Any, ...] | None = None  # noqa: N815
    image: dict[str, Any] | None = None


class Start(Struct, gc=False):
    """How a block begins that has a `contentBlockStart`."""

    toolUse: ToolUse | None = None  # noqa: N815
    toolResult: dict[str, Any] | None = None  # noqa: N815
    image: dict[str, Any] | None = None


class Payload(Answer, gc=False):
    """The payload of any event of a stream."""

    contentBlockIndex: int = 0  # noqa: N815
    start: Start | None = None
    delta: Delta | None = None


decode_answer: Final = msgspec.json.Decoder(Answer).decode
decode_block: Final = msgspec.json.Decoder(Block).decode
decode_payload: Final = msgspec.json.Decoder(Payload).decode
decode_any: Final = msgspec.json.Decoder(dict[str, Any]).decode
