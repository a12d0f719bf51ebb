"""Counting where OpenAI does it: `POST /responses/input_tokens` (API reference, "Get input token counts")."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from holdfast.providers.codec import HTTPRequest
from holdfast.providers.counting import counted_fields, number_of

_FIELDS: Final = frozenset((
    "conversation", "input", "instructions", "model", "parallel_tool_calls", "previous_response_id", "reasoning",
    "text", "tool_choice", "tools", "truncation",
))  # fmt: skip  # as the reference lists them


def count_request(encoded: HTTPRequest) -> HTTPRequest:
    """The request that has `encoded` counted."""
    path, question, query = encoded.url.partition("?")
    body = msgspec.json.encode(counted_fields(encoded.body, _FIELDS))
    return replace(encoded, url=f"{path}/input_tokens{question}{query}", body=body)


def read_count(body: bytes) -> int:
    """The number of tokens."""
    return number_of(body, "input_tokens")
