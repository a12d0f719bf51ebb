"""Counting where Bedrock does it: `POST /model/ID/count-tokens` (API reference, "CountTokens").

It knows the ids of models, and not those of inference profiles, which put a region before them.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

import msgspec
from msgspec.structs import replace

from holdfast.providers.codec import HTTPRequest
from holdfast.providers.counting import counted_fields, number_of

_FIELDS: Final = frozenset(("messages", "system", "toolConfig", "additionalModelRequestFields"))
_PROFILE: Final = re.compile(r"^(?:us|us-gov|eu|apac|au|jp|ca|global)\.(?=[a-z0-9-]+\.)")


def count_request(encoded: HTTPRequest) -> HTTPRequest:
    """The request that has `encoded` counted."""
    model = _PROFILE.sub("", unquote(encoded.url.split("/")[2]))
    body = {"input": {"converse": counted_fields(encoded.body, _FIELDS)}}
    headers = {**encoded.headers, "accept": "application/json"}
    return replace(
        encoded, url=f"/model/{quote(model, safe='')}/count-tokens", body=msgspec.json.encode(body), headers=headers
    )


def read_count(body: bytes) -> int:
    """The number of tokens."""
    return number_of(body, "inputTokens")
