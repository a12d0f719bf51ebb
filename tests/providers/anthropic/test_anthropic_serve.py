"""The server's side of Anthropic's wire: what it writes is read back the same, by this library and by the SDK."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message as TheirMessage
from hypothesis import given, settings
from hypothesis import strategies as st

from anthropic_wire import ASKED, CODEC, MODEL, SERVED, SERVICE, told
from holdfast.errors import (
    ERRORS,
    ContextOverflowError,
    InvalidRequestError,
    Limit,
    ModelError,
    OverloadedError,
    RateLimitError,
)
from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
)
from holdfast.messages import Opaque, Text, Thinking, ToolCall
from holdfast.providers.anthropic.wire import FINISH
from holdfast.providers.codec import decode_all
from holdfast.request import NamedTool, OutputSchema, Settings, Tool
from holdfast.response import Response, fold, unfold
from holdfast.usage import Usage

words = st.text(min_size=1, max_size=8)
texts = st.builds(Text, words)
thoughts = st.builds(Thinking, words, signature=words, origin=st.just("anthropic"))
hidden = st.builds(Thinking, st.just(""), data=words, origin=st.just("anthropic"))
calls = st.builds(ToolCall, words, words, st.dictionaries(words, st.integers(0, 9), max_size=2).map(json.dumps))
items = st.builds(
    Opaque, st.just("anthropic"), st.builds(lambda x: {"type": "server_tool_use", "input": {"x": x}}, words)
)
usages = st.builds(
    lambda plain, read, write, out: Usage(plain + read + write, out, read, write), *[st.integers(0, 99)] * 4
)


@st.composite
def responses(draw: Any) -> Response:
    raw = draw(st.sampled_from(sorted(FINISH)))
    parts = tuple(draw(st.lists(texts | thoughts | hidden | calls | items, max_size=5)))
    reason = FINISH[raw]
    if reason == "stop" and any(isinstance(part, ToolCall) for part in parts):
        reason = "tool_calls"
    if reason in ("length", "context_length") and parts and isinstance(parts[-1], ToolCall):
        parts = (*parts, Text("end"))  # a call that ends the answer there would be a cut one
    return Response(
        parts=parts, finish_reason=reason, raw_finish_reason=raw, usage=draw(usages), id="msg_1",
        model=MODEL, provider="anthropic",
    )  # fmt: skip


def written(events: list[Event]) -> bytes:
    writer = SERVICE.writer(SERVED)
    return b"".join(map(writer.feed, events)) + writer.close()


def read(data: bytes) -> Response:
    return fold(decode_all(CODEC.decoder(ASKED, MODEL, {}), [data]))


def comparable(response: Response) -> Response:
    """Arguments are the same object, however they are spaced."""

    def spaced(part: Any) -> Any:
        return ToolCall(part.id, part.name, json.dumps(part.input)) if isinstance(part, ToolCall) else part

    return Response(**{**{f: getattr(response, f) for f in response.__struct_fields__},
                       "parts": tuple(map(spaced, response.parts))})  # fmt: skip


@given(response=responses())
@settings(max_examples=80, deadline=None)
def test_a_response_is_read_as_it_was_written_whole_and_streamed(response: Response) -> None:
    assert comparable(read(SERVICE.write(response, SERVED).body)) == comparable(response)
    assert comparable(read(written(list(unfold(response))))) == comparable(response)


def test_parallel_calls_that_come_interleaved_are_written_one_after_the_other() -> None:
    data = written([
        ResponseStart(MODEL), TextDelta("a", 0), ToolCallStart(1, "c1", "x"), ToolCallDelta(1, '{"a"'),
        ToolCallStart(2, "c2", "y"), ToolCallDelta(2, "{"), ToolCallDelta(1, ":1}"), ToolCallDelta(2, "}"),
        ThinkingDelta("hm", 3), Finish("tool_calls", usage=Usage(1, 1)),
    ])  # fmt: skip
    found = read(data)
    assert [(call.id, call.arguments) for call in found.tool_calls] == [("c1", '{"a":1}'), ("c2", "{}")]
    assert (found.text, found.thinking) == ("a", "hm")


def test_a_second_call_streams_at_once_when_the_first_is_complete() -> None:
    writer = SERVICE.writer(SERVED)
    for event in (ResponseStart(MODEL), ToolCallStart(0, "c1", "x"), ToolCallDelta(0, "{}")):
        writer.feed(event)
    assert b"c2" in writer.feed(ToolCallStart(1, "c2", "y"))


@pytest.mark.parametrize("late", [[], [ResponseStart(MODEL)], [ResponseStart(MODEL), TextDelta("half")]])
def test_an_error_inside_the_stream_is_read_as_its_class(late: list[Event]) -> None:
    writer = SERVICE.writer(SERVED)
    data = b"".join(map(writer.feed, late)) + writer.error(OverloadedError("busy"))
    _, what = told([data])
    assert what is not None
    assert what.startswith("OverloadedError")
    assert writer.feed(TextDelta("late")) == b""


def test_a_restart_ends_the_stream_with_its_reason_since_words_cannot_be_taken_back() -> None:
    data = written([ResponseStart(MODEL), TextDelta("half"), Restart(OverloadedError("busy")), TextDelta("again")])
    assert b"again" not in data
    _, what = told([data])
    assert what is not None
    assert what.startswith("OverloadedError")


def test_items_of_other_wires_are_left_out() -> None:
    other = Opaque("gemini", {"x": 1})
    assert read(written([PartAdded(0, other), TextDelta("a", 1), Finish("stop", usage=Usage())])).parts == (Text("a"),)


NO_ANSWERS = {"stream_interrupted", "malformed_response", "configuration", "connection", "cancelled"}
KINDS = sorted(set(ERRORS) - NO_ANSWERS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_read_as_the_class_that_was_written(kind: str) -> None:
    error = ERRORS[kind]("It went wrong.", request_id="req_9")
    reply = SERVICE.error(error)
    found = CODEC.error(reply.status, reply.headers, reply.body, model=MODEL, now=0.0)
    assert type(found) is type(error)
    assert found.request_id == "req_9"


def test_the_time_to_wait_is_told() -> None:
    reply = SERVICE.error(RateLimitError("slow down", retry_after=2.5))
    assert CODEC.error(reply.status, reply.headers, reply.body, now=0.0).retry_after == 2.5


def test_an_overflow_is_written_with_its_numbers() -> None:
    error = ContextOverflowError("Too long.", limit=Limit(max_tokens=200_000, requested_tokens=210_000))
    reply = SERVICE.error(error)
    found: ModelError = CODEC.error(reply.status, reply.headers, reply.body, now=0.0)
    assert found.limit is not None
    assert found.limit.max_tokens == 200_000


def test_the_sdk_reads_a_whole_response() -> None:
    response = Response(
        parts=(Thinking("hm", signature="s", origin="anthropic"), Text("a"), ToolCall("t", "n", '{"a":1}')),
        finish_reason="tool_calls", usage=Usage(5, 2, 1), model=MODEL,
    )  # fmt: skip
    theirs = TheirMessage.model_validate_json(SERVICE.write(response, SERVED).body)
    assert [block.type for block in theirs.content] == ["thinking", "text", "tool_use"]
    assert (theirs.stop_reason, theirs.usage.input_tokens, theirs.usage.cache_read_input_tokens) == ("tool_use", 4, 1)


def test_a_request_is_read_in_our_words() -> None:
    raw = {
        "model": MODEL, "max_tokens": 9, "stream": True, "temperature": 0.5, "stop_sequences": ["x"],
        "system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "n", "input_schema": {"type": "object"}}, {"type": "bash_20250124", "name": "bash"}],
        "tool_choice": {"type": "tool", "name": "n", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 2000}, "metadata": {"user_id": "u"},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}, "task_budget": 1},
        "service_tier": "auto",
    }  # fmt: skip
    served = SERVICE.read("/v1/messages", {"anthropic-beta": "b", "x-api-key": "k"}, json.dumps(raw).encode())
    request = served.request
    assert served.model == MODEL
    assert request.stream is True
    assert [message.text for message in request.messages] == ["s", "hi"]
    assert request.tools == (Tool("n", "", {"type": "object"}),)
    assert request.tool_choice == NamedTool("n")
    assert request.output == OutputSchema("output", {"type": "object"})
    assert request.settings == Settings(
        max_tokens=9, temperature=0.5, stop=("x",), parallel_tool_calls=False, thinking_budget=2000, user="u"
    )
    assert request.headers == {"anthropic-beta": "b"}  # and no key
    assert request.extra == {
        "service_tier": "auto",
        "tools": [{"type": "bash_20250124", "name": "bash"}],
        "output_config": {"task_budget": 1},
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"{}", b'{"model": "m"}', b'{"model": "m", "messages": [{"role": "judge", "content": "x"}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": [1]}]}',
        b'{"model": "m", "messages": [], "tools": [{"name": "x"}]}',
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_says_so(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        SERVICE.read("/v1/messages", {}, raw)


@pytest.mark.parametrize(
    ("method", "path", "ours"),
    [("POST", "/v1/messages", True), ("POST", "/anthropic/v1/messages", True), ("GET", "/v1/messages", False),
     ("POST", "/v1/messages/count_tokens", False), ("POST", "/v1/chat/completions", False)],
)  # fmt: skip
def test_the_service_knows_its_paths(method: str, path: str, ours: bool) -> None:
    assert SERVICE.matches(method, path) is ours
