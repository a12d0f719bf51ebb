"""A success is never taken for a failure."""

from __future__ import annotations

import json

import pytest

from holdfast.providers.classify import classify
from recordings import FOLDER, Recording

RECORDINGS = [Recording(path) for path in sorted(FOLDER.glob("*/*.json"))]
# Recorded on purpose: a prompt that was blocked, an answer that was blocked, an echo server in place of a model.
FAILURES_INSIDE = ("model_armor_prompt_template_text_gets_blocked", "model_safety_settings__0", "test_invalid_response")

ANSWERS = [
    {"choices": [{"message": {"content": "Rate limit exceeded is an error."}, "finish_reason": "stop"}]},
    {"choices": [{"message": {"content": "half", "refusal": None}, "finish_reason": "content_filter"}]},
    {"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": ""}}]}}]},
    {"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}]}}], "error": None},
    {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "SAFETY"}]},
    {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}]},
    {
        "type": "message",
        "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
        "stop_reason": "tool_use",
    },
    {"output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}], "status": "completed"},
    {"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": "end_turn"},
    {"object": "list", "data": [{"embedding": [0.1]}]},
    {"inputTokens": 12},
]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
@pytest.mark.parametrize("status", [200, None])
def test_an_answer_of_use_is_no_failure(answer: dict[str, object], status: int | None) -> None:
    assert classify(status=status, body=json.dumps(answer).encode()) is None


def test_a_stream_that_speaks_of_errors_in_its_text_is_no_failure() -> None:
    chunk = {"choices": [{"delta": {"content": 'The "error" was a 429 rate limit.'}, "finish_reason": None}]}
    body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
    assert classify(status=200, headers={"content-type": "text/event-stream"}, body=body) is None


@pytest.mark.skipif(not RECORDINGS, reason="the recorded traffic is not at hand")
def test_no_recorded_success_is_taken_for_a_failure() -> None:
    alarms = [
        f"{recording}: {error.kind}"
        for recording in RECORDINGS
        if 200 <= recording.status < 300
        and not any(name in recording.path.name for name in FAILURES_INSIDE)
        and (error := classify(status=recording.status, headers=recording.headers, body=recording.body)) is not None
    ]
    assert alarms == []


@pytest.mark.skipif(not RECORDINGS, reason="the recorded traffic is not at hand")
def test_every_recorded_failure_is_named_by_more_than_its_status() -> None:
    unsure = [
        str(recording)
        for recording in RECORDINGS
        if recording.status >= 400
        and (error := classify(status=recording.status, body=recording.body)) is not None
        and not error.certain
    ]
    assert unsure == []
