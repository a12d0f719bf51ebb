"""Counting where Google does it: `POST ...:countTokens` (API reference, "models.countTokens").

AI Studio takes the whole request under `generateContentRequest`, Vertex takes its fields as they are.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from holdfast.providers.codec import HTTPRequest
from holdfast.providers.counting import counted_fields, number_of

_VERTEX: Final = frozenset(("contents", "systemInstruction", "tools", "generationConfig"))
_STUDIO: Final = frozenset((*_VERTEX, "toolConfig", "safetySettings", "cachedContent"))


def count_request(encoded: HTTPRequest, *, vertex: bool) -> HTTPRequest:
    """The request that has `encoded` counted."""
    model = encoded.url.rpartition(":")[0].removeprefix("/")
    if vertex:
        body = counted_fields(encoded.body, _VERTEX)
    else:
        body = {"generateContentRequest": {"model": model, **counted_fields(encoded.body, _STUDIO)}}
    return replace(encoded, url=f"/{model}:countTokens", body=msgspec.json.encode(body))


def read_count(body: bytes) -> int:
    """The number of tokens."""
    return number_of(body, "totalTokens")
