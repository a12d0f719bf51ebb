"""What the codecs share whose providers count tokens: what of a body is counted, and the number of the reply."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from holdfast.errors import InvalidResponseError


def counted_fields(body: bytes, fields: Collection[str]) -> dict[str, Any]:
    """Of an encoded body the fields that the counting endpoint takes."""
    whole: dict[str, Any] = msgspec.json.decode(body)
    return {name: value for name, value in whole.items() if name in fields}


def number_of(body: bytes, field: str) -> int:
    """The number that stands in `field` of a reply; raises `InvalidResponseError` when none does."""
    try:
        return msgspec.convert(msgspec.json.decode(body, type=dict[str, Any])[field], int)
    except (msgspec.DecodeError, KeyError) as error:  # a value of another type is a DecodeError too
        said = body[:2000].decode(errors="replace")
        raise InvalidResponseError(f"The reply states no {field}.", raw=said) from error
