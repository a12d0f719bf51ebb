"""The labelled failures beside the repository, where they are at hand: every row through every door it can come by."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import ModelError
from holdfast.providers.classify import classify
from holdfast.providers.failures.again import rules
from labelled import raw, wrong

CORPUS = Path(__file__).parents[4] / "shared" / "failures" / "failures.jsonl"
ROWS = [json.loads(line) for line in CORPUS.read_text().splitlines()] if CORPUS.exists() else []
WIRES = {
    "messages": "anthropic",
    "count-tokens": "anthropic",
    "rawPredict (claude)": "anthropic",
    "generateContent": "gemini",
    "streamGenerateContent": "gemini",
    "embedContent": "gemini",
    "models.list": "gemini",
    "responses": "openai_responses",
    "converse": "bedrock",
    "converse_stream": "bedrock",
    "invoke_model": "bedrock",
}

pytestmark = pytest.mark.skipif(not ROWS, reason="the labelled failures are not at hand")


def errors_of(row: dict[str, Any]) -> Any:
    return import_module(f"holdfast.providers.{WIRES.get(row['api'], 'openai_chat')}.errors")


def doors(row: dict[str, Any]) -> list[tuple[str, ModelError | None]]:
    """What each way in says of a row."""
    found: list[tuple[str, ModelError | None]] = []
    headers, status, provider = row.get("headers") or {}, row["status"], row["provider"]
    if row["body"] is not None:
        found.append(("parts", classify(provider=provider, status=status, headers=headers, body=raw(row["body"]))))
        if row["where"] == "http_response" and status and status >= 400:
            found.append(("codec", errors_of(row).error(status, headers, raw(row["body"]), provider=provider)))
        if row["where"] == "sse_event" and "error" in str(row["body"])[:400]:
            found.append(("stream", errors_of(row).stream_error(row["body"], provider=provider)))
    if row["text"] is not None:
        found.append(("text", classify(row["text"])))
    return found


def test_at_least_97_percent_of_the_rows_get_their_right_name_and_facts_by_every_door() -> None:
    failed = {row["id"]: f"{door}: {what}" for row in ROWS for door, error in doors(row) if (what := wrong(row, error))}
    assert len(failed) <= 0.03 * len(ROWS), failed


def test_no_rule_names_a_row() -> None:
    told = " ".join(f"{rule.name} {rule.source} {' '.join((*rule.codes, *rule.phrases))}" for rule in rules().values())
    assert [row["id"] for row in ROWS if row["id"] in told] == []
