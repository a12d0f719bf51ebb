from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import (
    ERRORS,
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
)
from holdfast.events import (
    Finish,
    FinishReason,
    ResponseStart,
    Restart,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.messages import AssistantMessage, Image, Opaque, Text, ToolCall, ToolMessage, ToolResult, UserMessage
from holdfast.providers.codec import Dialect, ServedRequest, decode_all
from holdfast.providers.gemini.codec import GeminiCodec
from holdfast.providers.gemini.serve import GeminiService
from holdfast.providers.gemini.wire import ORIGIN
from holdfast.request import Request, Tool
from holdfast.response import Response, fold, unfold
from holdfast.usage import Usage

CODEC = GeminiCodec(Dialect(provider="gemini"))
SERVICE = GeminiService()
ASKED = Request(messages=(UserMessage("hi"),), stream=True)
SERVED = ServedRequest(model="gemini-3-pro", request=ASKED)
PATH = "/v1beta/models/gemini-3-pro:generateContent"


def written(response: Response) -> bytes:
    writer = SERVICE.writer(SERVED)
    return b"".join(writer.feed(event) for event in unfold(response)) + writer.close()


def read(body: bytes) -> Response:
    return fold(decode_all(CODEC.decoder(ASKED, "gemini-3-pro", {}), [body]))


@pytest.mark.parametrize(
    ("method", "path", "model"),
    [
        ("POST", PATH, "gemini-3-pro"),
        ("POST", "/v1beta/models/gemini-3-pro:streamGenerateContent", "gemini-3-pro"),
        ("POST", "/v1/projects/p/locations/l/publishers/google/models/gemini-3-pro:generateContent", "gemini-3-pro"),
        ("GET", PATH, None),
        ("POST", "/v1beta/models/gemini-3-pro:countTokens", None),
        ("POST", "/v1/chat/completions", None),
    ],
)
def test_requests_of_this_wire_are_known_by_their_path(method: str, path: str, model: str | None) -> None:
    assert SERVICE.matches(method, path) is (model is not None)
    if model is not None:
        served = SERVICE.read(path, {}, b'{"contents": []}')
        assert (served.model, served.request.stream) == (model, "stream" in path)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"contents": 1}',
        b'{"contents": [{"parts": [{"text": 7}]}]}',
        b'{"contents": [{"parts": [{"functionResponse": {}}]}]}',
    ],
)
def test_a_body_that_is_no_request_is_the_clients_fault(body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        SERVICE.read(PATH, {}, body)


def test_a_path_without_a_model_is_the_clients_fault() -> None:
    with pytest.raises(InvalidRequestError):
        SERVICE.read("/v1beta/models", {}, b"{}")


def test_a_body_in_snake_case_says_the_same() -> None:
    body = {
        "system_instruction": {"parts": [{"text": "be"}]},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        "contents": [
            {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "eA"}}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {}}, "thought_signature": "sig"}]},
            {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"a_b": 1}}}]},
        ],
        "generation_config": {"max_output_tokens": 3},
    }
    request = SERVICE.read(PATH, {}, json.dumps(body).encode()).request
    assert request.tools == (Tool("f", "", {"type": "object"}),)
    assert request.settings.max_tokens == 3
    assert request.messages[0].text == "be"
    assert request.messages[1:] == (
        UserMessage((Image(data=b"x", media_type="image/png"),)),
        AssistantMessage((ToolCall("f", "f", "{}", None, "sig", ORIGIN),)),
        ToolMessage((ToolResult("f", '{"a_b":1}', "f"),)),
    )
    assert request.extra == {}


words = st.text(min_size=1, max_size=8)
parts = st.one_of(
    st.builds(Text, words),
    st.builds(ToolCall, st.uuids().map(str), st.sampled_from(["f", "g"]), st.sampled_from(['{"a": 1}', "{}"])),
    st.builds(Image, data=st.just(b"PNG"), media_type=st.just("image/png")),
    st.builds(Text, words, signature=st.just("c2ln"), origin=st.just(ORIGIN)),
    st.just(Opaque(ORIGIN, {"executableCode": {"code": "1"}})),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(parts, max_size=5), st.sampled_from(["stop", "length", "content_filter", "pause", "error", "unknown"]))
def test_what_is_written_is_read_back_and_the_sdk_reads_it(written_parts: list[Any], reason: Any) -> None:
    calls = any(isinstance(part, ToolCall) for part in written_parts)
    response = Response(
        parts=tuple(written_parts), finish_reason="tool_calls" if calls and reason == "stop" else reason
    )
    whole = SERVICE.write(response, SERVED).body
    types.GenerateContentResponse.model_validate_json(whole)
    assert [_plain(part) for part in read(whole).parts] == [_plain(part) for part in written_parts]
    streamed = read(written(response))
    assert streamed.text == response.text
    assert [_plain(part) for part in streamed.tool_calls] == [_plain(part) for part in response.tool_calls]
    assert read(whole).finish_reason == streamed.finish_reason == response.finish_reason


def _plain(part: Any) -> Any:
    return (part.id, part.name, part.arguments) if isinstance(part, ToolCall) else part


@pytest.mark.parametrize(
    ("reason", "raw", "word"),
    [
        ("stop", None, "STOP"),
        ("length", None, "MAX_TOKENS"),
        ("content_filter", "SPII", "SPII"),
        ("stop", "end_turn", "STOP"),
    ],
)
def test_the_word_for_the_end_is_googles(reason: FinishReason, raw: str | None, word: str) -> None:
    response = Response(parts=(Text("Hi"),), finish_reason=reason, raw_finish_reason=raw)
    assert json.loads(SERVICE.write(response, SERVED).body)["candidates"][0]["finishReason"] == word


def test_a_blocked_prompt_is_written_as_one() -> None:
    response = Response(finish_reason="content_filter", raw_finish_reason="SAFETY", extra={"block_reason": "SAFETY"})
    for body in (written(response), SERVICE.write(response, SERVED).body):
        again = read(body)
        assert (again.finish_reason, again.raw_finish_reason, again.extra) == (
            "content_filter",
            "SAFETY",
            response.extra,
        )


def test_interleaved_calls_are_told_apart() -> None:
    writer = SERVICE.writer(SERVED)
    events = [
        ResponseStart("gemini-3-pro", id="r1"),
        ToolCallStart(0, "a", "f"),
        ToolCallStart(1, "b", "g"),
        ToolCallDelta(0, '{"x"'),
        ToolCallDelta(1, "{}"),
        ToolCallDelta(0, ":1}"),
        UsageUpdate(Usage(1, 1)),
        Finish("tool_calls", usage=Usage(2, 2)),
    ]
    again = read(b"".join(map(writer.feed, events)))
    assert [(call.id, call.arguments) for call in again.tool_calls] == [("a", '{"x":1}'), ("b", "{}")]
    assert again.usage == Usage(2, 2)


def test_arguments_that_are_no_object_end_as_a_malformed_call() -> None:
    response = Response(parts=(Text("so"), ToolCall("a", "f", '{"x": ')), finish_reason="tool_calls")
    for body in (written(response), SERVICE.write(response, SERVED).body):
        again = read(body)
        assert (again.raw_finish_reason, again.text, again.tool_calls) == ("MALFORMED_FUNCTION_CALL", "so", ())


KINDS = (
    RateLimitError, QuotaExhaustedError, OverloadedError, ServerError, AuthenticationError, PermissionDeniedError,
    ModelNotFoundError, InvalidRequestError,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_is_written_is_read_as_the_same_class(kind: type[ModelError]) -> None:
    reply = SERVICE.error(kind("It failed.", retry_after=2.5))
    error = CODEC.error(reply.status, reply.headers, reply.body)
    assert type(error) is kind
    assert error.message == "It failed."
    assert kind is not RateLimitError or error.retry_after == 2.5


@pytest.mark.parametrize("kind", [ContextOverflowError, ContentFilterError, RequestTooLargeError, ModelTimeoutError])
def test_what_google_tells_by_words_is_told_by_words(kind: type[ModelError]) -> None:
    reply = SERVICE.error(kind("It failed."))
    assert type(CODEC.error(reply.status, reply.headers, reply.body)) is kind


@pytest.mark.parametrize("kind", ERRORS.values())
def test_every_error_has_a_form(kind: type[ModelError]) -> None:
    assert SERVICE.error(kind("x")).status >= 400


@pytest.mark.parametrize("kind", [RateLimitError, ServerError, OverloadedError])
def test_an_error_inside_a_stream_is_read_as_the_same_class(kind: type[ModelError]) -> None:
    writer = SERVICE.writer(SERVED)
    body = writer.feed(TextDelta("Hel")) + writer.error(kind("It failed."))
    with pytest.raises(kind):
        read(body + writer.feed(Finish("stop")))


def test_a_restart_cannot_be_told_and_ends_the_stream() -> None:
    writer = SERVICE.writer(SERVED)
    body = writer.feed(TextDelta("Hel")) + writer.feed(Restart(ServerError("Oops"))) + writer.feed(TextDelta("Hello"))
    with pytest.raises(ServerError):
        read(body)
