"""The wire of Gemini's `generateContent`, as far as it is read (API reference, "GenerateContentResponse").

A chunk of a stream and a whole response are the same message. What only Google understands stays as it came.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from holdfast.providers.gemini.partial import PartialArg

ORIGIN: Final = "gemini"
"""The name of this wire, which parts that only it understands carry."""


class FunctionCall(Struct, rename="camel"):
    """A call; `args` is the JSON text of an object. `will_continue`: more of its arguments follow."""

    name: str | None = None
    id: str | None = None
    args: Raw = Raw(b"null")
    partial_args: list[PartialArg] | None = None
    will_continue: bool | None = None


class Blob(Struct, rename="camel"):
    """Bytes, in base64."""

    mime_type: str | None = None
    data: str | None = None


class FileData(Struct, rename="camel"):
    """A file by its address."""

    mime_type: str | None = None
    file_uri: str | None = None


class Part(Struct, rename="camel", omit_defaults=True):
    """One piece of content: exactly one of the fields other than the first two is set."""

    thought: bool | None = None
    thought_signature: str | None = None
    text: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    executable_code: Any = None
    code_execution_result: Any = None
    tool_call: Any = None
    tool_response: Any = None


class Content(Struct):
    """What the model said."""

    parts: list[Part] | None = None


class Candidate(Struct, rename="camel"):
    """An answer; only the first is read."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    safety_ratings: Any = None
    citation_metadata: Any = None
    grounding_metadata: Any = None
    url_context_metadata: Any = None
    logprobs_result: Any = None
    avg_logprobs: float | None = None
    continuation_token: str | None = None


class PromptFeedback(Struct, rename="camel"):
    """Why a prompt was blocked."""

    block_reason: str | None = None
    block_reason_message: str | None = None
    safety_ratings: Any = None


class ModalityCount(Struct, rename="camel", gc=False):
    """Tokens of one modality."""

    modality: str | None = None
    token_count: int | None = None


class UsageMetadata(Struct, rename="camel"):
    """Tokens. The prompt's include cached ones; thoughts and the prompts of built-in tools are counted apart."""

    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None
    traffic_type: str | None = None
    service_tier: str | None = None


class Chunk(Struct, rename="camel"):
    """A response, or the next bit of one."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None


_CHUNK: Final = msgspec.json.Decoder(Chunk)
_CHUNKS: Final = msgspec.json.Decoder(list[Chunk])


def read_chunk(data: bytes) -> Chunk:
    """One message; raises `msgspec.DecodeError` when it is none."""
    return _CHUNK.decode(data)


def read_chunks(data: bytes) -> list[Chunk]:
    """The messages of a stream that came as a JSON array; raises `msgspec.DecodeError` when it is none."""
    return _CHUNKS.decode(data)


def raw_parts(data: bytes, number: int = 0) -> list[dict[str, Any]]:
    """The parts of the first candidate as they stand in the message, or in the message `number` of an array."""
    message = msgspec.json.decode(data)
    chunk = message[number] if isinstance(message, list) else message
    return list(chunk["candidates"][0]["content"]["parts"])
