"""What an output item holds that our parts have no field for, and how it is kept: as JSON in the part's `signature`.

A message's `phase`, a call's `namespace` or `caller` mean nothing to us, but the wire wants them back with the item
(API reference, "Output items"). `rest_of` takes them from an item, `rest_from` gives them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from holdfast.providers.openai_responses.wire import CUSTOM_CALL

_READ: Final = frozenset(
    ("type", "id", "status", "role", "content", "call_id", "name", "arguments", "input", "created_by")
)
_REST: Final = msgspec.json.Decoder(dict[str, Any])


def rest_of(item: Mapping[str, Any]) -> str | None:
    """The fields of a message or call that have no place in our parts, as JSON; None when there are none."""
    rest = {name: value for name, value in item.items() if name not in _READ and value is not None}
    if item.get("type") == CUSTOM_CALL:
        rest["type"] = CUSTOM_CALL
    return msgspec.json.encode(rest).decode() if rest else None


def rest_from(signature: str | None) -> dict[str, Any]:
    """The fields that `rest_of` kept; none when the signature is of another making."""
    if not signature:
        return {}
    try:
        return _REST.decode(signature)
    except msgspec.DecodeError:
        return {}


def custom_arguments(text: str) -> str:
    """The input of a custom tool as arguments: `{"input": text}`."""
    return msgspec.json.encode({"input": text}).decode()


def custom_input(arguments: str) -> str:
    """The input of a custom tool, out of its arguments; all of them when they are not of the form we gave them."""
    try:
        text = _REST.decode(arguments).get("input")
    except msgspec.DecodeError:
        return arguments
    return text if isinstance(text, str) else arguments
