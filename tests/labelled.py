"""Failures with labels: what each should be named, and what is wrong with an error that names it otherwise."""

from __future__ import annotations

import json
from typing import Any

from holdfast.errors import ModelError
from holdfast.providers.failures.again import retry_same

_NAMES = {"stream_interrupted": "connection"}  # the labels have one word for both


def kind_of(error: ModelError | None) -> str | None:
    """The label that an error stands for."""
    return None if error is None else _NAMES.get(error.kind, error.kind)


def raw(body: Any) -> bytes:
    """A body as it comes over the wire."""
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()


def wrong(row: dict[str, Any], error: ModelError | None) -> str | None:
    """What is wrong with an error for a row, in words; None when all is right."""
    if error is None:
        return "no failure seen"
    kind = kind_of(error)
    if kind == "server_error" and row["kind"] == "cancelled" and row["retry_same"]:
        kind = "cancelled"  # cancelled at the provider's side is the provider's failure
    if kind not in (row["kind"], *row.get("alt", ())):
        return f"{kind} for {row['kind']}"
    if retry_same(error) != row["retry_same"]:
        return f"retry_same is {row['retry_same']}"
    wait = row.get("retry_after_s")
    if wait is not None and (
        error.retry_after is None or abs(error.retry_after - wait) > min(1.0, 0.01 * max(1, wait))
    ):
        return f"retry_after {error.retry_after} for {wait}"
    if row.get("scope") and error.scope != row["scope"]:
        return f"scope {error.scope} for {row['scope']}"
    for name, value in (row.get("limit") or {}).items():
        if value is not None and getattr(error.limit, name, None) != value:
            return f"{name} is not {value} in {error.limit}"
    return None
