"""Exceptions of other libraries, made by those libraries themselves, get the same names as raw responses."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import aiohttp
import anthropic
import botocore.exceptions
import httpx
import openai
import pytest
from google.genai import errors as google_errors
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import Limit, ModelError, RateLimitError
from holdfast.providers.classify import classify

REQUEST = httpx.Request("POST", "https://api.example/v1/chat/completions")
OVERFLOW = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens"


def of_openai(status: int, error: dict[str, Any], **headers: str) -> openai.APIStatusError:
    response = httpx.Response(status, json={"error": error}, headers=headers, request=REQUEST)
    return openai.OpenAI(api_key="k")._make_status_error_from_response(response)


def of_anthropic(status: int, error: dict[str, Any], **headers: str) -> anthropic.APIStatusError:
    response = httpx.Response(status, json={"type": "error", "error": error}, headers=headers, request=REQUEST)
    return anthropic.Anthropic(api_key="k")._make_status_error_from_response(response)


def of_aws(code: str, message: str, status: int) -> botocore.exceptions.ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r-1", "HTTPHeaders": {"retry-after": "3"}},
    }
    return botocore.exceptions.ClientError(answer, "Converse")


def raised_from(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


class LiteLLMRateLimit(Exception):  # noqa: N818  # the shape of a LiteLLM exception, which is not installed here
    status_code = 429
    llm_provider = "groq"
    model = "llama-3"
    litellm_response_headers: ClassVar = {"retry-after": "7"}


class FrameworkError(Exception):
    """A framework's wrapper that says nothing itself."""


CASES: list[tuple[Callable[[], BaseException], str]] = [
    (lambda: of_openai(429, {"message": "Rate limit reached", "code": "rate_limit_exceeded"}), "rate_limit"),
    (lambda: of_openai(429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}), "quota_exhausted"),
    (lambda: of_openai(400, {"message": OVERFLOW, "code": "context_length_exceeded"}), "context_overflow"),
    (lambda: of_openai(400, {"message": "x", "code": "content_filter", "param": "prompt"}), "content_filter"),
    (lambda: of_openai(401, {"message": "Incorrect API key provided"}), "authentication"),
    (lambda: of_openai(404, {"message": "The model `x` does not exist", "code": "model_not_found"}), "model_not_found"),
    (lambda: openai.APIConnectionError(request=REQUEST), "connection"),
    (lambda: openai.APITimeoutError(request=REQUEST), "timeout"),
    (lambda: of_anthropic(529, {"type": "overloaded_error", "message": "Overloaded"}), "overloaded"),
    (lambda: of_anthropic(400, {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}), "context_overflow"),
    (lambda: google_errors.ClientError(429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota"}}), "rate_limit"),
    (lambda: google_errors.ClientError(400, {"error": {"code": 400, "message": "bad", "details": [{"reason": "API_KEY_INVALID"}]}}), "authentication"),
    (lambda: google_errors.ServerError(503, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded."}}), "overloaded"),
    (lambda: of_aws("ThrottlingException", "Too many tokens, please wait", 429), "rate_limit"),
    (lambda: of_aws("ValidationException", "Input is too long for requested model.", 400), "context_overflow"),
    (lambda: of_aws("AccessDeniedException", "no", 403), "permission"),
    (botocore.exceptions.NoCredentialsError, "authentication"),
    (lambda: botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), "connection"),
    (lambda: botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), "timeout"),
    (lambda: httpx.ConnectError("[Errno 111] Connection refused"), "connection"),
    (lambda: httpx.ReadTimeout(""), "timeout"),
    (lambda: httpx.ConnectTimeout(""), "timeout"),
    (lambda: httpx.RemoteProtocolError("peer closed connection without sending complete message body"), "stream_interrupted"),
    (lambda: httpx.HTTPStatusError("x", request=REQUEST, response=httpx.Response(502, request=REQUEST)), "server_error"),
    (aiohttp.ServerDisconnectedError, "connection"),
    (lambda: aiohttp.ServerTimeoutError("Timeout on reading data from socket"), "timeout"),
    (lambda: aiohttp.ClientPayloadError("Response payload is not completed"), "stream_interrupted"),
    (lambda: aiohttp.ClientResponseError(None, (), status=429, message="Too Many Requests"), "rate_limit"),  # type: ignore[arg-type]
    (TimeoutError, "timeout"),
    (type("SocketTimeout", (TimeoutError,), {}), "timeout"),
    (lambda: ConnectionResetError(104, "Connection reset by peer"), "connection"),
    (lambda: ssl.SSLCertVerificationError("certificate verify failed"), "connection"),
    (asyncio.CancelledError, "cancelled"),
    (LiteLLMRateLimit, "rate_limit"),
    (lambda: raised_from(FrameworkError("the agent failed"), of_openai(429, {"message": "Rate limit reached"})), "rate_limit"),
    (lambda: raised_from(openai.APIConnectionError(request=REQUEST), httpx.ReadTimeout("timed out")), "timeout"),
    (lambda: ExceptionGroup("many", [of_openai(401, {"message": "Incorrect API key provided"})]), "authentication"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "kind"), CASES, ids=[f"{n}-{kind}" for n, (_, kind) in enumerate(CASES)])
def test_an_exception_of_another_library_gets_its_right_name(make: Callable[[], BaseException], kind: str) -> None:
    assert classify(make()).kind == kind


def test_an_exception_keeps_the_facts_of_its_response() -> None:
    headers = {"retry-after": "12", "x-request-id": "req_9"}
    error = classify(of_openai(429, {"message": "Rate limit reached", "code": "rate_limit_exceeded"}, **headers))
    assert (error.status, error.retry_after, error.request_id) == (429, 12.0, "req_9")
    overflow = classify(of_openai(400, {"message": OVERFLOW, "code": "context_length_exceeded"}))
    assert overflow.limit == Limit(max_tokens=8_192, requested_tokens=9_000)
    throttled = classify(of_aws("ThrottlingException", "slow down", 429))
    assert (throttled.provider, throttled.code, throttled.retry_after) == ("bedrock", "ThrottlingException", 3.0)
    lite = classify(LiteLLMRateLimit())
    assert (lite.provider, lite.model, lite.retry_after) == ("groq", "llama-3", 7.0)


def test_an_error_of_ours_comes_back_as_it_is_wherever_it_stands_in_the_chain() -> None:
    ours = RateLimitError("slow down", retry_after=3)
    assert classify(ours) is ours
    assert classify(raised_from(FrameworkError("x"), ours)) is ours


def test_an_exception_that_fights_back_is_named_all_the_same() -> None:
    class Hostile(Exception):  # noqa: N818  # its name is its nature
        def __str__(self) -> str:
            raise RuntimeError

        def __getattribute__(self, name: str) -> Any:
            if name.startswith("__"):
                return super().__getattribute__(name)
            raise ValueError(name)

    assert isinstance(classify(Hostile()), ModelError)


def test_a_circle_of_causes_ends() -> None:
    first, second = FrameworkError("a"), FrameworkError("b")
    first.__cause__, second.__cause__ = second, first
    assert isinstance(classify(first), ModelError)


def test_parts_given_beside_an_exception_fill_in_what_it_does_not_carry() -> None:
    error = classify(FrameworkError("it failed"), status=429, headers={"Retry-After": "4"}, provider="groq")
    assert (error.kind, error.retry_after, error.provider) == ("rate_limit", 4.0, "groq")


def test_headers_may_be_written_in_any_case_and_a_date_is_read_against_the_clock() -> None:
    headers = {"Retry-After": "Fri, 21 Nov 2025 12:00:30 GMT"}
    error = classify(status=503, headers=headers, body=b"", now=1_763_726_400.0)
    assert error is not None
    assert error.retry_after == 30.0


def test_a_page_in_place_of_an_answer_is_a_malformed_response() -> None:
    error = classify(status=200, headers={"content-type": "text/html"}, body=b"<!DOCTYPE html><title>Login</title>")
    assert error is not None
    assert (error.kind, error.rule) == ("malformed_response", "page-for-json")


@pytest.mark.parametrize(
    "body", [b"", b"   ", b'{"choices": []}', b'{"choices": null}', b'{"frob": 1}', b'{"choices": [']
)
def test_an_answer_that_is_none_is_a_malformed_response(body: bytes) -> None:
    error = classify(status=200, body=body)
    assert error is not None
    assert error.kind == "malformed_response"


def test_an_error_inside_a_stream_of_a_success_is_seen() -> None:
    body = b'event: message_start\ndata: {"type":"message_start"}\n\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    error = classify(status=200, headers={"content-type": "text/event-stream"}, body=body)
    assert error is not None
    assert error.kind == "overloaded"


@pytest.mark.parametrize(
    ("provider", "body", "kind"),
    [
        ("baidu", {"error_code": 336103, "error_msg": "Prompt tokens too long"}, "context_overflow"),
        ("minimax", {"base_resp": {"status_code": 1008, "status_msg": "x"}}, "quota_exhausted"),
        ("spark", {"header": {"code": 10013, "message": "x"}}, "content_filter"),
        (
            "hunyuan",
            {"Response": {"Error": {"Code": "AuthFailure", "Message": "Invalid credentials"}}},
            "authentication",
        ),
        ("openrouter", {"error": {"code": 502, "message": "Provider returned error"}, "choices": []}, "server_error"),
    ],
)
def test_an_error_inside_a_success_is_seen_where_each_server_puts_it(
    provider: str, body: dict[str, object], kind: str
) -> None:
    error = classify(provider=provider, status=200, body=body)
    assert error is not None
    assert error.kind == kind


def test_the_code_of_a_success_is_no_error() -> None:
    body = {"base_resp": {"status_code": 0}, "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
    assert classify(provider="minimax", status=200, body=body) is None


def test_an_exception_frame_of_an_aws_stream_is_named_by_its_header() -> None:
    error = classify(status=200, headers={":exception-type": "throttlingException"}, body=b'{"message": "x"}')
    assert error is not None
    assert error.kind == "rate_limit"


def test_looking_at_an_exception_imports_no_sdk() -> None:
    code = (
        "import sys; from holdfast.providers.classify import classify; classify(ValueError('429 Too Many Requests'));"
        "assert not {'openai', 'anthropic', 'botocore', 'google.genai', 'httpx', 'aiohttp'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603  # our own interpreter


@given(st.text(max_size=120), st.sampled_from([None, 200, 400, 429, 500]))
def test_classifying_a_text_never_raises(text: str, status: int | None) -> None:
    assert isinstance(classify(text, status=status), ModelError)
    assert isinstance(classify(ValueError(text), status=status), ModelError)
