"""Log files: what counts as a failure, and the summary."""

from __future__ import annotations

import pytest

from holdfast.providers.failures.logs import failure_in_line, summarise

TELLING = {
    "2025-11-21 01:00:01,123 ERROR llm: Error code: 429 - {'error': {'message': 'Rate limit reached'}}": "rate_limit",
    'INFO:httpx:HTTP Request: POST https://api.openai.com/v1/chat/completions "HTTP/1.1 429 Too Many Requests"': "rate_limit",
    "openai.AuthenticationError: Error code: 401 - {'error': {'code': 'invalid_api_key'}}": "authentication",
    "httpx.ConnectError: [Errno 111] Connection refused": "connection",
    "anthropic.APIStatusError: {'type': 'error', 'error': {'type': 'overloaded_error'}}": "overloaded",
    '{"level":"error","msg":"chat failed","error":"This model\'s maximum context length is 8192 tokens"}': "context_overflow",
    "2025-11-21 01:00:09 ERROR llm: Internal server error": "server_error",
    'ERROR {"error": {"message": "Upstream request failed", "type": "server_error", "code": "WeeklyQuotaUsedUp"}}': "quota_exhausted",
    "WARN litellm.ContextWindowExceededError: prompt is too long: 9 tokens > 8 maximum": "context_overflow",
}
ORDINARY = [
    "",
    "2025-11-21 01:00:00 INFO app: context length 8192, rate limit 60 rpm, request timeout 30 s",
    'INFO:httpx:HTTP Request: POST https://api.openai.com/v1/chat/completions "HTTP/1.1 200 OK"',
    '10.0.0.1 - - [21/Nov/2025] "GET /health HTTP/1.1" 404 12',
    '10.0.0.1 - - [21/Nov/2025] "POST /login HTTP/1.1" 401 12',
    "Traceback (most recent call last):",
    '  File "/site-packages/openai/_base_client.py", line 1020, in _request',
    "    raise self._make_status_error_from_response(err.response) from None",
    "ERROR payment for user 12 failed: insufficient funds",
    "ERROR database: could not serialise access due to concurrent update",
    "WARNING disk usage at 91%",
    "ERROR nginx: internal server error",
    "WARNING the cache for models grows",
    "ERROR KeyError: 'user_id'",
    "DEBUG model gpt-4o supports 128000 tokens",
    "INFO the error rate of the model is 0.1 %",
    "INFO prompt: what does 'insufficient quota' mean?",
]


@pytest.mark.parametrize(("line", "kind"), TELLING.items())
def test_a_line_that_reports_a_failure_is_seen(line: str, kind: str) -> None:
    error = failure_in_line(line)
    assert error is not None
    assert error.kind == kind


@pytest.mark.parametrize("line", ORDINARY)
def test_an_ordinary_line_is_no_alarm(line: str) -> None:
    assert failure_in_line(line) is None


def test_a_summary_groups_by_kind_and_provider_with_the_times_seen() -> None:
    limited = "{} ERROR https://api.openai.com/v1: Error code: 429 - {{'error': {{'message': 'Rate limit reached', 'code': 'rate_limit_exceeded'}}}}"
    lines = [
        limited.format("2025-11-21T10:00:00Z"),
        *ORDINARY,
        limited.format("2025-11-21T10:05:00Z"),
        "2025-11-21T10:06:00Z ERROR anthropic: Error code: 529 - {'error': {'type': 'overloaded_error'}}",
    ]
    rows = summarise(lines)
    assert [(row.kind, row.provider, row.count) for row in rows] == [
        ("rate_limit", "openai", 2),
        ("overloaded", "anthropic", 1),
    ]
    assert (rows[0].first, rows[0].last) == ("2025-11-21T10:00:00Z", "2025-11-21T10:05:00Z")
    assert rows[0].retry_same
    assert rows[0].advice


def test_lines_are_read_one_by_one() -> None:
    def endless() -> object:
        yield from TELLING
        raise StopAsyncIteration

    with pytest.raises(StopAsyncIteration):
        summarise(endless())  # type: ignore[arg-type]
