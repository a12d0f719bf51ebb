from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from holdfast.errors import (
    ERRORS,
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    ModelError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
)
from holdfast.events import Finish, ResponseStart, Restart, TextDelta, ToolCallDelta, ToolCallStart, UsageUpdate
from holdfast.messages import AssistantMessage, Image, Opaque, SystemMessage, Text, Thinking, ToolCall, UserMessage
from holdfast.providers.codec import Dialect, ServedRequest, decode_all
from holdfast.providers.openai_responses.codec import OpenAIResponsesCodec
from holdfast.providers.openai_responses.serve import OpenAIResponsesService
from holdfast.providers.openai_responses.wire import ORIGIN
from holdfast.request import Request
from holdfast.response import Response, fold, unfold
from holdfast.usage import Usage

CODEC = OpenAIResponsesCodec(Dialect(provider="openai"))
SERVICE = OpenAIResponsesService()
ASKED = Request(messages=(UserMessage("hi"),), stream=True)
SERVED = ServedRequest(model="gpt-5", request=ASKED)
EVENT = TypeAdapter(ResponseStreamEvent)


def written(response: Response) -> bytes:
    writer = SERVICE.writer(SERVED)
    return b"".join(writer.feed(event) for event in unfold(response)) + writer.close()


def read(body: bytes) -> Response:
    return fold(decode_all(CODEC.decoder(ASKED, "gpt-5", {}), [body]))


@pytest.mark.parametrize(
    ("method", "path", "ours"),
    [
        ("POST", "/v1/responses", True),
        ("POST", "/openai/v1/responses/", True),
        ("GET", "/v1/responses", False),
        ("POST", "/v1/responses/compact", False),
        ("POST", "/v1/chat/completions", False),
    ],
)
def test_requests_of_this_wire_are_known_by_their_path(method: str, path: str, *, ours: bool) -> None:
    assert SERVICE.matches(method, path) is ours


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"model": "m", "input": [{"type": "function_call"}]}',
        b'{"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": 7}]}]}',
    ],
)
def test_a_body_that_is_no_request_is_the_clients_fault(body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        SERVICE.read("/v1/responses", {}, body)


def test_items_in_a_row_of_one_side_are_one_message() -> None:
    body = {
        "model": "m",
        "instructions": "be",
        "input": [
            {"role": "developer", "content": "now"},
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "secret"},
            {"type": "web_search_call", "id": "ws_1"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "42"},
        ],
    }
    messages = SERVICE.read("/v1/responses", {}, json.dumps(body).encode()).request.messages
    assert messages[:3] == (SystemMessage("be"), SystemMessage("now"), UserMessage((Text("hi"),)))
    assert messages[3] == AssistantMessage(
        (
            Thinking("", "rs_1", None, "secret", ORIGIN),
            Opaque(ORIGIN, {"type": "web_search_call", "id": "ws_1"}),
            ToolCall("c", "f"),
        )
    )
    assert messages[4].parts[0].text == "42"


def test_every_event_that_is_written_is_one_of_the_sdks() -> None:
    response = Response(
        parts=(
            Thinking("hm"),
            Text("Hi", ({"type": "file_path", "file_id": "f", "index": 0},)),
            ToolCall("c", "f", '{"a":1}'),
        ),
        finish_reason="tool_calls",
        usage=Usage(3, 2),
        id="resp_1",
        model="gpt-5",
    )
    lines = [line[6:] for line in written(response).splitlines() if line.startswith(b"data: ")]
    events = [EVENT.validate_json(line) for line in lines]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "Hi"


def test_the_sdks_own_stream_puts_the_response_together() -> None:
    parts = (
        Thinking("hm", "rs_1", None, "secret", ORIGIN),
        Thinking("raw", "rs_2", "reasoning_text", None, ORIGIN),
        Text("Hello"),
        ToolCall("c", "f", '{"a":1}'),
    )
    response = Response(parts=parts, finish_reason="tool_calls", usage=Usage(3, 2), id="resp_1", model="gpt-5")
    reply = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=written(response))
    transport = httpx2.MockTransport(lambda _: reply)
    with (
        openai.OpenAI(api_key="k", base_url="http://x", http_client=httpx2.Client(transport=transport)) as client,
        client.responses.stream(model="gpt-5", input="hi") as stream,
    ):
        theirs = stream.get_final_response()
    assert theirs.output_text == "Hello"
    assert [item.type for item in theirs.output] == ["reasoning", "reasoning", "message", "function_call"]
    assert theirs.output[3].arguments == '{"a":1}'


words = st.text(min_size=1, max_size=8)
parts = st.one_of(
    st.builds(Text, words),
    st.builds(Thinking, words),
    st.builds(ToolCall, st.uuids().map(str), st.sampled_from(["f", "g"]), st.sampled_from(['{"a": 1}', "{}"])),
    st.builds(Image, data=st.just(b"PNG"), media_type=st.just("image/png")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(parts, max_size=5), st.sampled_from(["stop", "length", "content_filter"]))
def test_what_is_written_is_read_back(written_parts: list[Any], reason: Any) -> None:
    calls = any(isinstance(part, ToolCall) for part in written_parts)
    response = Response(
        parts=tuple(written_parts), finish_reason="tool_calls" if calls and reason == "stop" else reason
    )
    for body in (written(response), SERVICE.write(response, SERVED).body):
        again = read(body)
        assert again.finish_reason == response.finish_reason
        told = [part for part in again.parts if not isinstance(part, Opaque)]
        assert [_plain(part) for part in told] == [_plain(part) for part in written_parts]


def _plain(part: Any) -> Any:
    """A part without the ids that the wire adds."""
    match part:
        case Text() | Thinking():
            return type(part), part.text
        case ToolCall():
            return part.id, part.name, part.arguments
        case _:
            return part


def test_a_refusal_is_written_as_one() -> None:
    response = Response(finish_reason="content_filter", raw_finish_reason="completed", extra={"refusal": "No."})
    for body in (written(response), SERVICE.write(response, SERVED).body):
        again = read(body)
        assert (again.finish_reason, again.extra, again.parts) == ("content_filter", {"refusal": "No."}, ())


def test_interleaved_calls_are_told_apart() -> None:
    writer = SERVICE.writer(SERVED)
    events = [
        ResponseStart("gpt-5", id="resp_1"),
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


KINDS = (
    RateLimitError, QuotaExhaustedError, RequestTooLargeError, ContextOverflowError, ContentFilterError, OverloadedError,
    ServerError, AuthenticationError, PermissionDeniedError, ModelNotFoundError, InvalidRequestError,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_is_written_is_read_as_the_same_class(kind: type[ModelError]) -> None:
    reply = SERVICE.error(kind("It failed.", retry_after=2.5, request_id="req_1"))
    error = CODEC.error(reply.status, reply.headers, reply.body)
    assert type(error) is kind
    assert (error.request_id, error.message) == ("req_1", "It failed.")
    assert error.retry_after == 2.5


@pytest.mark.parametrize("kind", ERRORS.values())
def test_every_error_has_a_form(kind: type[ModelError]) -> None:
    assert SERVICE.error(kind("x")).status >= 400


@pytest.mark.parametrize("kind", [RateLimitError, ServerError, OverloadedError, ContextOverflowError])
def test_an_error_inside_a_stream_is_read_as_the_same_class(kind: type[ModelError]) -> None:
    writer = SERVICE.writer(SERVED)
    body = writer.feed(ResponseStart("gpt-5")) + writer.feed(TextDelta("Hel")) + writer.error(kind("It failed."))
    with pytest.raises(kind):
        read(body + writer.feed(Finish("stop")))


def test_a_restart_cannot_be_told_and_ends_the_stream() -> None:
    writer = SERVICE.writer(SERVED)
    body = writer.feed(TextDelta("Hel")) + writer.feed(Restart(ServerError("Oops"))) + writer.feed(TextDelta("Hello"))
    with pytest.raises(ServerError):
        read(body)
