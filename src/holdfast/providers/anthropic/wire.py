"""Anthropic's Messages wire as typed values: what is read of it, and the words in which it ends.

Every field may be missing or null, for the many servers that speak this wire nearly. What is not listed here is not
lost: blocks that have no part of their own are read whole, as dicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from holdfast.events import FinishReason
from holdfast.usage import Usage

ORIGIN: Final = "anthropic"
"""The name of the wire, as `origin` of the parts that only it understands."""

# Docs, "Stop reasons"; `compaction` ends a turn that asked for a pause after it (docs, "Compaction").
FINISH: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "pause",
    "compaction": "pause",
}


class Thought(Struct, gc=False):
    """How much of the output was thinking."""

    thinking_tokens: int | None = None


class WireUsage(Struct, gc=False):
    """Tokens. `input_tokens` leaves out what was read from the cache or written to it (docs, "Prompt caching")."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: Thought | None = None
    cache_creation: Any = None
    server_tool_use: Any = None
    service_tier: Any = None
    inference_geo: Any = None
    speed: Any = None
    iterations: Any = None

    def over(self, earlier: WireUsage) -> WireUsage:
        """This count, with what it leaves out taken from an earlier one: counts are totals, never differences."""
        return WireUsage(
            *(
                getattr(earlier, name) if (value := getattr(self, name)) is None else value
                for name in self.__struct_fields__
            )
        )

    @property
    def usage(self) -> Usage:
        """The tokens in the shape that all providers share."""
        read, write = self.cache_read_input_tokens or 0, self.cache_creation_input_tokens or 0
        thought = self.output_tokens_details
        return Usage(
            input_tokens=(self.input_tokens or 0) + read + write,
            output_tokens=self.output_tokens or 0,
            cache_read_tokens=read,
            cache_write_tokens=write,
            reasoning_tokens=(thought.thinking_tokens or 0) if thought else 0,
        )

    @property
    def details(self) -> dict[str, Any]:
        """What the shared shape has no place for."""
        found = {name: getattr(self, name) for name in _DETAILS}
        return {name: value for name, value in found.items() if value is not None}


_DETAILS: Final = ("cache_creation", "server_tool_use", "service_tier", "inference_geo", "speed", "iterations")


class Block(Struct, gc=False):
    """A content block, as far as it has a part of its own. `input` stays as it was written."""

    type: str = ""
    text: str | None = None
    citations: tuple[Any, ...] | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw(b"")
    caller: Any = None
    toolset_name: str | None = None


class Delta(Struct, gc=False):
    """What a `content_block_delta` or a `message_delta` adds."""

    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: Any = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Any = None
    container: Any = None


class WireMessage(Struct, gc=False):
    """A whole response, and the head of a streamed one."""

    type: str = ""
    id: str | None = None
    model: str | None = None
    content: tuple[Raw, ...] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Any = None
    container: Any = None
    context_management: Any = None
    diagnostics: Any = None
    usage: WireUsage | None = None


class StreamEvent(Struct, gc=False):
    """Any event of a stream, known or not."""

    type: str = ""
    index: int = 0
    delta: Delta | None = None
    content_block: Raw = Raw(b"")
    message: WireMessage | None = None
    usage: WireUsage | None = None
    context_management: Any = None


class Stop(Struct, gc=False):
    """How an answer ended, gathered from wherever it was said."""

    reason: str | None = None
    sequence: str | None = None
    details: Any = None
    container: Any = None
    context_management: Any = None
    diagnostics: Any = None

    def besides(self, usage: WireUsage) -> dict[str, Any]:
        """What the provider said besides; a refusal in the words that every provider's refusals share."""
        found = {
            "stop_sequence": self.sequence,
            "stop_details": self.details,
            "container": self.container,
            "context_management": self.context_management,
            "diagnostics": self.diagnostics,
            "usage": usage.details,
        }
        if isinstance(self.details, dict):
            category = self.details.get("category")
            found |= {"refusal": self.details.get("explanation"), "categories": [category] if category else None}
        return {name: value for name, value in found.items() if value}


decode_event: Final = msgspec.json.Decoder(StreamEvent).decode
decode_block: Final = msgspec.json.Decoder(Block).decode
decode_message: Final = msgspec.json.Decoder(WireMessage).decode
decode_any: Final = msgspec.json.Decoder(dict[str, Any]).decode
