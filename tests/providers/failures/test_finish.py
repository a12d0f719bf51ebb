"""Failures that arrive as success."""

from __future__ import annotations

import pytest

from holdfast.providers.failures.answers import failure_in_answer
from holdfast.providers.failures.finish import failure_of_finish


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("content_filter", "content_filter"), ("refusal", "content_filter"), ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"), ("SPII", "content_filter"), ("BLOCKLIST", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"), ("content_filtered", "content_filter"),
        ("guardrail_intervened", "content_filter"), ("sensitive", "content_filter"), ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "malformed_response"), ("malformed_tool_use", "malformed_response"),
        ("error", "server_error"), ("network_error", "server_error"), ("insufficient_system_resource", "overloaded"),
    ],
)  # fmt: skip
def test_a_finish_reason_that_is_a_failure_gets_its_name(word: str, kind: str) -> None:
    error = failure_of_finish("p", word)
    assert error is not None
    assert (error.kind, error.code, error.provider) == (kind, word, "p")


@pytest.mark.parametrize("word", ["stop", "length", "tool_calls", "end_turn", "STOP", "MAX_TOKENS", "a_new_word", None])
def test_other_words_are_no_failure(word: str | None) -> None:
    assert failure_of_finish("p", word) is None


def test_a_blocked_prompt_is_told_from_a_blocked_answer() -> None:
    extra = {
        "promptFeedback": {
            "blockReason": "SAFETY",
            "safetyRatings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "blocked": True}],
        }
    }
    prompt, response = failure_of_finish("google", None, extra), failure_of_finish("google", "SAFETY", {})
    assert prompt is not None
    assert response is not None
    assert (prompt.scope, prompt.categories) == ("prompt", ("hate_speech",))
    assert response.scope == "response"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"choices": []}, "malformed_response"),
        ({"choices": [{"message": {"role": "assistant"}, "finish_reason": "content_filter"}]}, "content_filter"),
        ({"choices": [{"message": {"content": None, "refusal": "I can't"}, "finish_reason": "stop"}]}, "content_filter"),
        ({"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}, "malformed_response"),
        ({"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": '{"a'}}]}}]}, "malformed_response"),
        ({"candidates": [], "promptFeedback": {"blockReason": "OTHER"}}, "content_filter"),
        ({"candidates": [{"content": {"parts": []}, "finishReason": "RECITATION"}]}, "content_filter"),
        ({"candidates": [{"content": {}}]}, "malformed_response"),
        ({"type": "message", "content": [], "stop_reason": "refusal"}, "content_filter"),
        ({"type": "message", "content": [], "stop_reason": "end_turn"}, "malformed_response"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": []}, "content_filter"),
        ({"status": "completed", "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]}, "content_filter"),
        ({"status": "completed", "output": []}, "malformed_response"),
        ({"type": "function_call", "status": "completed", "arguments": '{"a": '}, "malformed_response"),
        ({"stopReason": "guardrail_intervened", "output": {"message": {"content": []}}}, "content_filter"),
        ({"messageStop": {"stopReason": "content_filtered"}}, "content_filter"),
        ({"predictions": [{"raiFilteredReason": "blocked"}]}, "content_filter"),
        ({"data": [{"respect_moderation": False}]}, "content_filter"),
        ({"content": [], "stop_reason": "refusal"}, "content_filter"),
        ({"type": "message_delta", "delta": {"stop_reason": "refusal"}}, "content_filter"),
        ({"candidates": [{"content": {"parts": []}, "finish_reason": 4}]}, "content_filter"),
        ({"text": "", "finish_reason": "ERROR_TOXIC"}, "content_filter"),
        ({"event_type": "stream-end", "finish_reason": "ERROR_LIMIT"}, "context_overflow"),
        ({"choices": [{"message": {"content": ""}, "finish_reason": "model_context_window_exceeded"}]}, "context_overflow"),
        ({"choices": [{"message": {"content": "half an"}, "finish_reason": "error"}]}, "server_error"),
        ({"choices": [{"delta": {"content": ""}, "finish_reason": "sensitive"}]}, "content_filter"),
        ({"choices": [{"delta": {}, "finish_reason": "stop", "native_finish_reason": "network_error"}]}, "server_error"),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 0}}, "malformed_response"),
        ({"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}}, "content_filter"),
        ({"output": []}, "malformed_response"),
    ],
)  # fmt: skip
def test_an_answer_without_use_is_a_failure(body: dict[str, object], kind: str) -> None:
    error = failure_in_answer(body)
    assert error is not None
    assert error.kind == kind


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 7}},
        {"choices": [{"delta": {"content": "x"}, "finish_reason": "content_filter"}]},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"role": "assistant", "content": "An answer", "stop_reason": "end_turn"},
        {"text": "An answer", "finish_reason": "ERROR_TOXIC"},
        {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finish_reason": 3}]},
        {"data": [{"url": "https://example.com/x.png", "respect_moderation": True}]},
        {"type": "response.incomplete", "response": {"output": [{"type": "function_call", "arguments": "{}"}]}},
    ],
)
def test_what_is_of_use_or_goes_on_is_no_failure(body: dict[str, object]) -> None:
    assert failure_in_answer(body) is None


def test_a_guardrail_says_whether_it_blocked_the_prompt_or_the_answer() -> None:
    def scope(side: str) -> str | None:
        assessment = {"g": {"contentPolicy": {"filters": [{"type": "HATE", "action": "BLOCKED"}]}}}
        trace = {"guardrail": {side: assessment}}
        output = {"message": {"content": [{"text": "No."}]}}
        error = failure_in_answer({"stopReason": "guardrail_intervened", "output": output, "trace": trace})
        assert error is not None
        return error.scope

    assert (scope("inputAssessment"), scope("outputAssessments")) == ("prompt", "response")


def test_a_refusal_keeps_what_was_said_and_its_category() -> None:
    details = {"category": "cyber", "explanation": "Not this."}
    error = failure_in_answer({"type": "message", "content": [], "stop_reason": "refusal", "stop_details": details})
    assert error is not None
    assert (error.message, error.categories) == ("Not this.", ("cyber",))
