"""However a failure is worded, it keeps its name and its facts.

`reworded.jsonl` holds failures as servers send and clients print them, their sentences written anew: a response
(`status`, `headers`, `body`) or a text of a client, and the `kinds` that are right, whether the same request may pass
`again`, and where it is stated, how long to `wait`, the `limit` (what fits, what was asked for) and the `scope`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import ModelError
from holdfast.providers.classify import classify
from holdfast.providers.failures.again import retry_same

ROWS = [json.loads(line) for line in Path(__file__).with_name("reworded.jsonl").read_text().splitlines()]
NAMES = {"stream_interrupted": "connection"}


def named(row: dict[str, Any]) -> ModelError:
    if "text" in row:
        return classify(row["text"])
    error = classify(
        provider=row.get("provider"), status=row.get("status"), headers=row.get("headers"), body=row.get("body")
    )
    assert error is not None, row
    return error


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_a_failure_in_other_words_keeps_its_name_and_its_facts(row: dict[str, Any]) -> None:
    error = named(row)
    assert NAMES.get(error.kind, error.kind) in row["kinds"], row
    assert retry_same(error) is row["again"], row
    if "wait" in row:
        assert error.retry_after == pytest.approx(row["wait"], abs=1), row
    if "scope" in row:
        assert error.scope == row["scope"], row
    for stated, found in zip(row.get("limit", ()), numbers(error), strict=False):
        assert stated is None or stated == found, row


def numbers(error: ModelError) -> tuple[int | None, int | None]:
    limit = error.limit
    return (None, None) if limit is None else (limit.max_tokens, limit.requested_tokens)
