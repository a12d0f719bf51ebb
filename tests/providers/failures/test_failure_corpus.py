"""The labelled failures beside the repository, where they are at hand: every row through every door it can come by."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import ModelError
from holdfast.providers.classify import classify
from holdfast.providers.failures.again import retry_same, rules

CORPUS = Path(__file__).parents[4] / "shared" / "failures" / "failures.jsonl"
ROWS = [json.loads(line) for line in CORPUS.read_text().splitlines()] if CORPUS.exists() else []
NAMES = {"stream_interrupted": "connection"}
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


def raw(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()


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


def wrong(row: dict[str, Any], error: ModelError | None) -> str | None:
    """What is wrong with an error for a row, in words; None when all is right."""
    if error is None:
        return "no failure seen"
    kind = NAMES.get(error.kind, error.kind)
    if kind == "server_error" and row["kind"] == "cancelled" and row["retry_same"]:
        kind = "cancelled"  # cancelled at the provider's side is the provider's failure
    if kind not in (row["kind"], *row.get("alt", ())):
        return f"{kind} for {row['kind']}"
    if retry_same(error) != row["retry_same"]:
        return f"retry_same is {row['retry_same']}"
    wait = row.get("retry_after_s")
    if wait is not None and (error.retry_after is None or abs(error.retry_after - wait) > 0.01 * max(1, wait)):
        return f"retry_after {error.retry_after} for {wait}"
    if row.get("scope") and error.scope != row["scope"]:
        return f"scope {error.scope} for {row['scope']}"
    for name, value in (row.get("limit") or {}).items():
        if value is not None and getattr(error.limit, name, None) != value:
            return f"{name} is not {value} in {error.limit}"
    return None


def test_at_least_97_percent_of_the_rows_get_their_right_name_and_facts_by_every_door() -> None:
    failed = {row["id"]: f"{door}: {what}" for row in ROWS for door, error in doors(row) if (what := wrong(row, error))}
    assert len(failed) <= 0.03 * len(ROWS), failed


def test_no_rule_names_a_row() -> None:
    told = " ".join(f"{rule.name} {rule.source} {' '.join((*rule.codes, *rule.phrases))}" for rule in rules().values())
    assert [row["id"] for row in ROWS if row["id"] in told] == []
