"""Counting where Anthropic does it: `POST /v1/messages/count_tokens` (API reference, "Count tokens in a Message")."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from holdfast.providers.codec import HTTPRequest
from holdfast.providers.counting import counted_fields, number_of

_FIELDS: Final = frozenset((
    "messages", "model", "cache_control", "compaction", "context_management", "mcp_servers", "output_config", "speed",
    "system", "thinking", "tool_choice", "tools",
))  # fmt: skip  # as the reference lists them


def count_request(encoded: HTTPRequest) -> HTTPRequest:
    """The request that has `encoded` counted."""
    body = msgspec.json.encode(counted_fields(encoded.body, _FIELDS))
    return replace(encoded, url="/v1/messages/count_tokens", body=body)


def read_count(body: bytes) -> int:
    """The number of tokens."""
    return number_of(body, "input_tokens")
