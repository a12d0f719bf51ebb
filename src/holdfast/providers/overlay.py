"""What callers and endpoints lay over or under a body that a codec has made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def overlay(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` over `body`: objects are merged, `tools` are added to those that are there, all else is replaced."""
    laid = {name: value for name, value in body.items() if value is not None}
    for name, value in extra.items():
        below = laid.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            laid[name] = overlay(below, value)
        elif name == "tools" and isinstance(below, list) and isinstance(value, list | tuple):
            laid[name] = [*below, *value]
        else:
            laid[name] = value
    return laid
