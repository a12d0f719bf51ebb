"""The shape of OpenAI's chat completions as they come: whole bodies and chunks alike, and what servers make of them.

Types are loose on purpose. Whatever is not needed to tell text, thinking and calls apart is `Any`, so that a server's
odd value in a side field never costs an answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

ORIGIN: Final = "openai_chat"
"""The name of this wire, as the origin of signatures."""


class Function(Struct, gc=False):
    """The function of a call. `arguments` is text, or an object at servers that parse it themselves."""

    name: str | None = None
    arguments: Any = None


class Custom(Struct, gc=False):
    """The call of a custom tool, whose input is free text."""

    name: str | None = None
    input: str | None = None


class Call(Struct):
    """A tool call, or a piece of one."""

    index: Any = None
    id: Any = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: Any = None
    """Google's: `{"google": {"thought_signature": ...}}`."""


class Delta(Struct):
    """What is new in a chunk, or a whole message."""

    content: Any = None
    tool_calls: list[Call | None] | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    function_call: Function | None = None
    annotations: Any = None
    audio: Any = None
    images: Any = None
    tool_plan: Any = None
    """Cohere's native form: what the model means to do with its tools."""
    extra_content: Any = None
    executed_tools: Any = None


class Choice(Struct):
    """One of the answers; ours is the first."""

    index: Any = None
    delta: Delta | None = None
    finish_reason: Any = None
    message: Delta | None = None
    logprobs: Any = None
    usage: Any = None
    content_filter_results: Any = None
    content_filter_offsets: Any = None
    native_finish_reason: Any = None
    error: Any = None
    text: Any = None
    """Where the text is at servers that answer as to OpenAI's older completions."""


class Chunk(Struct):
    """One event of a stream, or a whole response."""

    id: Any = None
    model: Any = None
    choices: list[Choice | None] | UnsetType | None = UNSET
    usage: Any = None
    error: Any = None
    x_groq: Any = None
    prompt_filter_results: Any = None
    prompt_annotations: Any = None
    system_fingerprint: Any = None
    service_tier: Any = None
    provider: Any = None
    citations: Any = None
    search_results: Any = None
    related_questions: Any = None
    moderation: Any = None
    finish_reason: Any = None
    """Of Cohere's native form, which has no choices."""
    message: Any = None


decode_chunk: Final[Callable[[bytes], Chunk | None]] = msgspec.json.Decoder(Chunk | None).decode
"""A chunk from JSON; None for `null`."""


def decode_loosely(data: bytes) -> Chunk | None:
    """A chunk from JSON with the numbers that Python writes and JSON lacks (`NaN`, `-Infinity` in log probabilities).

    Raises:
        ValueError: it is none.
        RecursionError: it is nested without end.
    """
    try:
        return decode_chunk(data)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = json.loads(data)
        msgspec.json.encode(value)  # half a surrogate pair is no text, and fails here
        chunk: Chunk | None = msgspec.convert(value, Chunk | None)
        return chunk
