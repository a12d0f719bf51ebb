"""The server's side: what one side writes, the other reads."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from holdfast.errors import (
    ERRORS,
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    Limit,
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
from holdfast.events import ResponseStart, Restart, TextDelta
from holdfast.messages import (
    AssistantMessage,
    Audio,
    CachePoint,
    Document,
    Image,
    Opaque,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.providers.codec import Dialect, Headers, ServedRequest, decode_all
from holdfast.providers.openai_chat.codec import OpenAIChatCodec
from holdfast.providers.openai_chat.serve import OpenAIChatService
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool
from holdfast.response import Response, fold, unfold
from holdfast.usage import Usage

SERVICE = OpenAIChatService()
WIDE = Dialect(
    provider="test",
    reasoning_field="reasoning_content",
    cache_points="cache_control",
    thought_signatures=True,
    video=True,
    file_urls=True,
    top_k=True,
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
HELLO = (UserMessage("hello"),)
SERVED = ServedRequest(model="m-1", request=Request(messages=HELLO, stream=True))


def read(**body: Any) -> Request:
    return SERVICE.read("/v1/chat/completions", {}, json.dumps({"model": "m", **body}).encode()).request


def message(**fields: Any) -> Any:
    return read(messages=[fields]).messages[0]


# Requests


@pytest.mark.parametrize(
    "request_",
    [
        Request(messages=(SystemMessage("s"), *HELLO)),
        Request(messages=HELLO, stream=True),
        Request(messages=HELLO, stream=True, extra={"stream_options": {"include_usage": False}}),
        Request(messages=(UserMessage("hi", "anna"),)),
        Request(
            messages=(
                UserMessage(
                    (
                        Text("look"),
                        Image(url="https://example.com/a.png", detail="high"),
                        Image(data=b"\x89PNG", media_type="image/png"),
                        Document(data=b"%PDF", media_type="application/pdf", name="a.pdf"),
                        Document(file_id="file-1"),
                        Document(url="https://example.com/a.mp4", media_type="video/mp4"),
                        Audio(data=b"RIFF", media_type="audio/wav"),
                        Text("long"),
                        CachePoint("1h"),
                        Opaque("openai_chat", {"type": "odd", "a": 1}),
                    )
                ),
            )
        ),
        Request(
            messages=(
                *HELLO,
                AssistantMessage(
                    (Thinking("hm"), Text("let me see"), ToolCall("c-1", "f", '{"a":1}'), ToolCall("c-2", "g"))
                ),
                ToolMessage((ToolResult("c-1", "one"), ToolResult("c-2", "two"))),
                AssistantMessage("done"),
                *HELLO,
            )
        ),
        Request(
            messages=(
                *HELLO,
                AssistantMessage((ToolCall("c-1", "f", "{}", signature="c2ln", origin="openai_chat"),)),
                ToolMessage((ToolResult("c-1", "one"),)),
            )
        ),
        Request(
            messages=HELLO,
            tools=(Tool("f", "about f", SCHEMA, strict=True), Tool("g", "", {"type": "object", "properties": {}})),
            tool_choice=NamedTool("f"),
            settings=Settings(parallel_tool_calls=False),
        ),
        Request(messages=HELLO, tools=(Tool("f", "about f", SCHEMA),), tool_choice="required"),
        Request(messages=HELLO, output=OutputSchema("city", SCHEMA, strict=True, description="A city.")),
        Request(messages=(UserMessage("give me json"),), output="json"),
        Request(
            messages=HELLO,
            settings=Settings(
                max_tokens=5,
                temperature=0.5,
                top_p=0.5,
                top_k=3,
                stop=("a", "b"),
                seed=7,
                frequency_penalty=0.5,
                presence_penalty=-0.5,
                logprobs=True,
                top_logprobs=2,
                reasoning_effort="low",
                user="u-1",
            ),
        ),
        Request(messages=HELLO, extra={"metadata": {"a": "b"}, "tools": [{"type": "web_search"}], "n": 2}),
    ],
    ids=lambda request: str(request)[:60],
)
@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_what_is_encoded_is_read_as_the_same_request(request_: Request, limit: str) -> None:
    codec = OpenAIChatCodec(
        Dialect(**{name: getattr(WIDE, name) for name in WIDE.__struct_fields__} | {"max_tokens_field": limit})
    )
    sent = codec.encode(request_, "m-1")
    assert SERVICE.read(sent.url, sent.headers, sent.body) == ServedRequest(model="m-1", request=request_)


def test_a_marked_beginning_of_the_answer_is_read_as_that() -> None:
    codec = OpenAIChatCodec(Dialect(prefill="prefix_flag"))
    sent = codec.encode(Request(messages=HELLO, prefix="Once upon"), "m-1")
    assert SERVICE.read(sent.url, {}, sent.body).request == Request(messages=HELLO, prefix="Once upon")


OLDER = {
    "developer": (message(role="developer", content="s"), SystemMessage("s")),
    "refusals": (message(role="assistant", content=None, refusal="no"), AssistantMessage((Text("no"),))),
    "function calls": (
        message(role="assistant", content=None, function_call={"name": "f", "arguments": "{}"}),
        AssistantMessage((ToolCall("f", "f", "{}"),)),
    ),
    "function results": (message(role="function", name="f", content="one"), ToolMessage((ToolResult("f", "one", "f"),))),
    "text parts": (message(role="tool", tool_call_id="c", content=[{"type": "text", "text": "a"}]), ToolMessage((ToolResult("c", (Text("a"),)),))),
    "arguments as an object": (
        message(role="assistant", tool_calls=[{"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}]),
        AssistantMessage((ToolCall("c", "f", '{"a":1}'),)),
    ),
    "custom calls": (
        message(role="assistant", tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "sql", "input": "x"}}]),
        AssistantMessage((ToolCall("c", "sql", '{"input":"x"}'),)),
    ),
    "spoken answers": (message(role="assistant", audio={"id": "au"}), AssistantMessage((Audio(id="au"),))),
    "nothing": (message(role="assistant", content=None), AssistantMessage("")),
}  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), OLDER.values(), ids=OLDER)
def test_older_and_other_forms_of_messages_are_read(found: Any, expected: Any) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("body", "name", "expected"),
    [
        ({"functions": [{"name": "f"}]}, "tools", (Tool("f"),)),
        ({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "any"}, "tool_choice", "required"),
        ({"function_call": {"name": "f"}}, "tool_choice", NamedTool("f")),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}}, "tool_choice", "auto"),
        ({"response_format": {"type": "text"}}, "output", None),
        ({"stop": "a"}, "settings", Settings(stop=("a",))),
        ({"max_tokens": 3, "max_completion_tokens": 4}, "settings", Settings(max_tokens=4)),
        ({"reasoning_effort": "default"}, "extra", {"reasoning_effort": "default"}),
        ({"n": 1, "seed": None}, "extra", {}),
        ({"tool_choice": {"type": "allowed_tools"}}, "extra", {"tool_choice": {"type": "allowed_tools"}}),
    ],
)
def test_older_and_other_forms_of_fields_are_read(body: dict[str, Any], name: str, expected: Any) -> None:
    assert getattr(read(messages=[{"role": "user", "content": "hi"}], **body), name) == expected


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "JSON object"),
        (b"{}", "model"),
        (b'{"model": "m"}', "messages"),
        (b'{"model": "m", "messages": []}', "messages"),
        (b'{"model": "m", "messages": ["hi"]}', "roles"),
        (b'{"model": "m", "messages": [{"role": "king", "content": "hi"}]}', "roles"),
        (b'{"model": "m", "messages": [{"role": "user", "content": [1]}]}', "cannot be read"),
        (
            b'{"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [{"function": {}}]}',
            "cannot be read",
        ),
        (b'{"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": "hot"}', "cannot be read"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "hi", "name": 5}]}', "cannot be read"),
        (b'{"model": "m", "messages": [{"role": "user", "content": {"a": 1}}]}', "cannot be read"),
        (
            b'{"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [{"function": {"name": []}}]}',
            "cannot be read",
        ),
        (b'{"model": "m", "messages": [{"role": "user", "content": "hi"}], "stop": [1]}', "cannot be read"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_request_is_a_typed_error(body: bytes, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        SERVICE.read("/v1/chat/completions", {}, body)


def test_the_model_may_stand_in_the_path_as_at_azure() -> None:
    body = b'{"messages": [{"role": "user", "content": "hi"}]}'
    assert SERVICE.read("/openai/deployments/my-gpt/chat/completions", {}, body).model == "my-gpt"


def test_the_paths_of_this_wire() -> None:
    for path in (
        "/v1/chat/completions",
        "/chat/completions",
        "/openai/deployments/x/chat/completions",
        "/v1/chat/completions/",
    ):
        assert SERVICE.matches("POST", path)
    assert not SERVICE.matches("GET", "/v1/chat/completions")
    assert not SERVICE.matches("POST", "/v1/responses")


# Responses


LOGPROB = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
NOTE = {
    "type": "url_citation",
    "url_citation": {"url": "https://example.com", "title": "t", "start_index": 0, "end_index": 1},
}
DETAILS = '[{"type":"reasoning.text","index":0,"text":"hm","signature":"s"}]'
RESPONSES = {
    "words": Response(parts=(Text("hello"),), finish_reason="stop", raw_finish_reason="stop"),
    "nothing": Response(finish_reason="stop", raw_finish_reason="stop"),
    "thinking, words and calls": Response(
        parts=(Thinking("hm"), Text("hello"), ToolCall("c-1", "f", '{"a":1}'), ToolCall("c-2", "g", "{}")),
        finish_reason="tool_calls",
        raw_finish_reason="tool_calls",
    ),
    "calls that end as stop": Response(
        parts=(ToolCall("c-1", "f", '{"a":1}', signature="c2ln", origin="openai_chat"),),
        finish_reason="tool_calls",
        raw_finish_reason="stop",
    ),
    "details of reasoning": Response(
        parts=(Thinking("hm", data=DETAILS, origin="openai_chat"), Text("hello")),
        finish_reason="stop",
        raw_finish_reason="stop",
    ),
    "a refusal": Response(finish_reason="content_filter", raw_finish_reason="stop", extra={"refusal": "I cannot."}),
    "a word of another server": Response(parts=(Text("a"),), finish_reason="context_length", raw_finish_reason="model_length"),
    "an unknown word": Response(parts=(Text("a"),), finish_reason="unknown", raw_finish_reason="moonbeam"),
    "a cut answer": Response(parts=(Text("hel"),), finish_reason="length", raw_finish_reason="length"),
    "log probabilities and notes": Response(
        parts=(Text("a", (NOTE,)),), logprobs=(LOGPROB, LOGPROB), finish_reason="stop", raw_finish_reason="stop"
    ),
    "a picture and a sound": Response(
        parts=(Text("a"), Image(data=b"\x89PNG", media_type="image/png"), Audio(data=b"RIFF", id="au", transcript="a")),
        finish_reason="stop",
        raw_finish_reason="stop",
    ),
    "what is said besides": Response(
        parts=(Text("a"),),
        finish_reason="stop",
        raw_finish_reason="stop",
        extra={
            "system_fingerprint": "fp",
            "service_tier": "default",
            "citations": ["https://example.com"],
            "content_filter_results": {"hate": {"filtered": False}},
            "native_finish_reason": "end_turn",
            "cost": 0.5,
        },
    ),
}  # fmt: skip
COUNTED = Usage(
    input_tokens=9,
    output_tokens=8,
    cache_read_tokens=3,
    cache_write_tokens=2,
    reasoning_tokens=4,
    audio_output_tokens=1,
)


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_what_is_written_is_decoded_as_the_same_response(response: Response) -> None:
    told = Response(
        **{name: getattr(response, name) for name in response.__struct_fields__}
        | {"id": "r-1", "model": "m-1", "provider": "test", "usage": COUNTED}
    )
    codec = OpenAIChatCodec(Dialect(provider="test"))
    reply = SERVICE.write(told, SERVED)
    assert fold(decode_all(codec.decoder(SERVED.request, "m-1", reply.headers), [reply.body])) == told

    writer = SERVICE.writer(SERVED)
    stream = b"".join([*map(writer.feed, unfold(told)), writer.close()])
    assert fold(decode_all(codec.decoder(SERVED.request, "m-1", writer.headers), [stream])) == told


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_the_sdk_reads_what_we_write(response: Response) -> None:
    body = json.loads(SERVICE.write(response, SERVED).body)
    if response.finish_reason not in ("unknown", "context_length"):  # words that are not OpenAI's
        ChatCompletion.model_validate(body)
    writer = SERVICE.writer(SERVED)
    stream = b"".join([*map(writer.feed, unfold(response)), writer.close()])
    *chunks, last = [line.removeprefix(b"data: ") for line in stream.split(b"\n\n") if line]
    assert last == b"[DONE]"
    for chunk in chunks:
        if response.finish_reason not in ("unknown", "context_length"):
            ChatCompletionChunk.model_validate_json(chunk)


words = st.text(max_size=12)
responses = st.builds(
    lambda thought, text, calls, reason: Response(
        parts=(
            *([Thinking(thought)] if thought else []),
            *([Text(text)] if text else []),
            *(ToolCall(f"c-{at}", name, json.dumps({"a": said})) for at, (name, said) in enumerate(calls)),
        ),
        finish_reason="tool_calls" if calls and reason == "stop" else reason,
        raw_finish_reason="tool_calls" if calls and reason == "stop" else reason,
        usage=COUNTED,
        model="m-1",
        provider="test",
        id="r-1",
    ),
    words,
    words,
    st.lists(st.tuples(st.sampled_from(["f", "g"]), words), max_size=3),
    st.sampled_from(["stop", "length", "content_filter"]),
)


@settings(max_examples=100)
@given(responses, st.booleans())
def test_any_response_comes_back(response: Response, streamed: bool) -> None:
    codec = OpenAIChatCodec(Dialect(provider="test"))
    writer = SERVICE.writer(SERVED)
    body = (
        b"".join([*map(writer.feed, unfold(response)), writer.close()])
        if streamed
        else SERVICE.write(response, SERVED).body
    )
    assert fold(decode_all(codec.decoder(SERVED.request, "m-1", {}), [body])) == response


def test_usage_is_streamed_unless_it_was_not_asked_for() -> None:
    response = Response(parts=(Text("a"),), finish_reason="stop", usage=COUNTED)
    silent = SERVED.request.replace(extra={"stream_options": {"include_usage": False}})
    for request, expected in ((SERVED.request, True), (silent, False)):
        writer = SERVICE.writer(ServedRequest(model="m", request=request))
        assert (b'"usage"' in b"".join(map(writer.feed, unfold(response)))) is expected


def test_a_failure_in_the_stream_is_an_error_event() -> None:
    writer = SERVICE.writer(SERVED)
    stream = writer.feed(ResponseStart("m-1")) + writer.feed(TextDelta("a")) + writer.error(OverloadedError("full"))
    decoder = OpenAIChatCodec(Dialect(provider="test")).decoder(SERVED.request, "m-1", {})
    with pytest.raises(OverloadedError, match="full"):
        list(decode_all(decoder, [stream]))


def test_a_restart_cannot_be_told_on_this_wire_and_ends_the_stream_with_its_error() -> None:
    writer = SERVICE.writer(SERVED)
    stream = (
        writer.feed(TextDelta("a"))
        + writer.feed(Restart(ServerError("boom")))
        + writer.feed(TextDelta("b"))
        + writer.close()
    )
    assert b'"error"' in stream
    assert b'"b"' not in stream
    assert b"[DONE]" not in stream


# Errors


FAILURES: dict[type[ModelError], tuple[int, type[openai.OpenAIError]]] = {
    RateLimitError: (429, openai.RateLimitError),
    QuotaExhaustedError: (429, openai.RateLimitError),
    RequestTooLargeError: (413, openai.APIStatusError),
    ContextOverflowError: (400, openai.BadRequestError),
    ContentFilterError: (400, openai.BadRequestError),
    OverloadedError: (503, openai.InternalServerError),
    ServerError: (500, openai.InternalServerError),
    ModelTimeoutError: (504, openai.InternalServerError),
    AuthenticationError: (401, openai.AuthenticationError),
    PermissionDeniedError: (403, openai.PermissionDeniedError),
    ModelNotFoundError: (404, openai.NotFoundError),
    InvalidRequestError: (400, openai.BadRequestError),
}


@pytest.mark.parametrize(("kind", "expected"), FAILURES.items())
def test_a_failure_keeps_its_class_over_the_wire(kind: type[ModelError], expected: Any) -> None:
    reply = SERVICE.error(kind("Something is wrong with it.", request_id="req-1"))
    assert reply.status == expected[0]
    assert json.loads(reply.body)["error"].keys() >= {"message", "type", "param", "code"}
    found = OpenAIChatCodec(Dialect(provider="test")).error(reply.status, reply.headers, reply.body, model="m")
    assert type(found) is kind
    assert found.request_id == "req-1"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("connection", 502), ("stream_interrupted", 502), ("malformed_response", 502), ("configuration", 500)],
)
def test_what_only_a_client_can_see_is_a_server_error_to_the_next(kind: str, status: int) -> None:
    reply = SERVICE.error(ERRORS[kind]("It broke."))
    found = OpenAIChatCodec(Dialect(provider="test")).error(reply.status, reply.headers, reply.body)
    assert (type(found), found.status) == (ServerError, status)


def headers_of(error: ModelError) -> Headers:
    return SERVICE.error(error).headers


def test_the_wait_is_told_in_seconds_and_in_milliseconds() -> None:
    told = headers_of(RateLimitError("Slow down.", retry_after=1.25))
    assert (told["retry-after"], told["retry-after-ms"]) == ("2", "1250")
    found = OpenAIChatCodec(Dialect(provider="test")).error(429, told, SERVICE.error(RateLimitError("Slow down.")).body)
    assert found.retry_after == pytest.approx(1.25)
    assert "retry-after" not in headers_of(RateLimitError("Slow down."))


def test_the_numbers_of_an_overflow_come_through() -> None:
    reply = SERVICE.error(ContextOverflowError("Too long.", limit=Limit(max_tokens=8192, requested_tokens=9000)))
    found = OpenAIChatCodec(Dialect(provider="test")).error(reply.status, reply.headers, reply.body)
    assert found.limit is not None
    assert (found.limit.max_tokens, found.limit.requested_tokens) == (8192, 9000)


def test_the_categories_of_a_filter_come_through() -> None:
    reply = SERVICE.error(ContentFilterError("No.", categories=("violence",), scope="prompt"))
    found = OpenAIChatCodec(Dialect(provider="test")).error(reply.status, reply.headers, reply.body)
    assert (found.scope, found.categories) == ("prompt", ("violence",))
