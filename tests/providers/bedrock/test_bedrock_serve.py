"""The server's side of Bedrock's wire: what it writes is read back the same, by this library and by botocore."""

from __future__ import annotations

import json
from typing import Any

import botocore.parsers
import botocore.session
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_wire import ASKED, CODEC, MODEL, SERVED, SERVICE, told
from holdfast.errors import ERRORS, InvalidRequestError, OverloadedError, RateLimitError
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
from holdfast.messages import Image, Opaque, Text, Thinking, ToolCall
from holdfast.providers.bedrock.frames import write_frame
from holdfast.providers.bedrock.wire import FINISH
from holdfast.providers.codec import decode_all
from holdfast.request import NamedTool, OutputSchema, Settings, Tool
from holdfast.response import Response, fold, unfold
from holdfast.usage import Usage

words = st.text(min_size=1, max_size=8)
texts = st.builds(Text, words)
thoughts = st.builds(Thinking, words, signature=st.none() | words, origin=st.just("bedrock"))
hidden = st.builds(Thinking, st.just(""), data=words, origin=st.just("bedrock"))
calls = st.builds(ToolCall, words, words, st.dictionaries(words, st.integers(0, 9), max_size=2).map(json.dumps))
pictures = st.builds(Image, data=st.binary(min_size=1, max_size=9), media_type=st.just("image/png"))
items = st.builds(
    lambda x: Opaque(
        "bedrock", {"toolUse": {"toolUseId": "t", "name": "n", "type": "server_tool_use", "input": {"x": x}}}
    ),
    words,
)
usages = st.builds(
    lambda plain, read, write, out: Usage(plain + read + write, out, read, write), *[st.integers(1, 99)] * 4
)


@st.composite
def responses(draw: Any) -> Response:
    raw = draw(st.sampled_from(sorted(FINISH)))
    parts = tuple(draw(st.lists(texts | thoughts | hidden | calls | items | pictures, max_size=5)))
    reason = FINISH[raw]
    if reason == "stop" and any(isinstance(part, ToolCall) for part in parts):
        reason = "tool_calls"
    if reason in ("length", "context_length") and parts and isinstance(parts[-1], ToolCall | Opaque):
        parts = (*parts, Text("end"))  # a call that ends the answer there would be a cut one
    return Response(
        parts=parts, finish_reason=reason, raw_finish_reason=raw, usage=draw(usages), model=MODEL, provider="bedrock",
        extra={"metrics": {"latencyMs": 3}},
    )  # fmt: skip


def written(events: list[Event]) -> bytes:
    writer = SERVICE.writer(SERVED)
    return b"".join(map(writer.feed, events)) + writer.close()


def read(data: bytes) -> Response:
    return fold(decode_all(CODEC.decoder(ASKED, MODEL, {}), [data]))


def comparable(response: Response) -> dict[str, Any]:
    """Arguments are the same object, however they are spaced."""
    told: dict[str, Any] = json.loads(response.to_json())
    for part in told.get("parts", ()):
        if part["type"] == "tool_call":
            part["arguments"] = json.loads(part.get("arguments") or "{}")
    return told


@given(response=responses())
@settings(max_examples=60, deadline=None)
def test_a_response_is_read_as_it_was_written_whole_and_streamed(response: Response) -> None:
    assert comparable(read(SERVICE.write(response, SERVED).body)) == comparable(response)
    assert comparable(read(written(list(unfold(response))))) == comparable(response)


@given(name=st.text(min_size=1, max_size=20), value=st.text(max_size=50), payload=st.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_botocore_reads_the_frames_that_are_written(name: str, value: str, payload: bytes) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(write_frame({name: value, ":message-type": "event"}, payload))
    frame = buffer.next()
    assert (frame.headers, frame.payload) == ({name: value, ":message-type": "event"}, payload)


def test_botocore_parses_a_whole_response() -> None:
    response = Response(
        parts=(Thinking("hm", signature="s", origin="bedrock"), Text("a"), ToolCall("t", "n", '{"a":1}')),
        finish_reason="tool_calls", usage=Usage(5, 2, 1), model=MODEL,
    )  # fmt: skip
    reply = SERVICE.write(response, SERVED)
    shape = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse").output_shape
    raw = {"status_code": reply.status, "headers": dict(reply.headers), "body": reply.body}
    theirs = botocore.parsers.create_parser("rest-json").parse(raw, shape)
    assert theirs["output"]["message"]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"text": "a"},
        {"toolUse": {"toolUseId": "t", "name": "n", "input": {"a": 1}}},
    ]
    assert theirs["stopReason"] == "tool_use"
    assert (theirs["usage"]["inputTokens"], theirs["usage"]["cacheReadInputTokens"]) == (4, 1)


def test_parallel_calls_may_come_interleaved() -> None:
    data = written([
        ResponseStart(MODEL), TextDelta("a", 0), ToolCallStart(1, "c1", "x"), ToolCallDelta(1, '{"a"'),
        ToolCallStart(2, "c2", "y"), ToolCallDelta(2, "{"), ToolCallDelta(1, ":1}"), ToolCallDelta(2, "}"),
        ThinkingDelta("hm", 3), TextDelta("b", 4), Finish("tool_calls", usage=Usage(1, 1)),
    ])  # fmt: skip
    found = read(data)
    assert [(call.id, call.arguments) for call in found.tool_calls] == [("c1", '{"a":1}'), ("c2", "{}")]
    assert (found.text, found.thinking) == ("ab", "hm")


@pytest.mark.parametrize("late", [[], [ResponseStart(MODEL)], [ResponseStart(MODEL), TextDelta("half")]])
def test_an_exception_inside_the_stream_is_read_as_its_class(late: list[Event]) -> None:
    writer = SERVICE.writer(SERVED)
    data = b"".join(map(writer.feed, late)) + writer.error(OverloadedError("busy"))
    _, what = told([data])
    assert what is not None
    assert what.startswith("OverloadedError")
    assert writer.feed(TextDelta("late")) == b""


def test_a_restart_ends_the_stream_with_its_reason_since_words_cannot_be_taken_back() -> None:
    data = written([ResponseStart(MODEL), TextDelta("half"), Restart(OverloadedError("busy")), TextDelta("again")])
    assert b"again" not in data
    assert str(told([data])[1]).startswith("OverloadedError")


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


def test_a_request_is_read_in_our_words() -> None:
    raw = {
        "system": [{"text": "s"}], "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "stopSequences": ["x"]},
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "n", "inputSchema": {"json": {"type": "object"}}}}, {"cachePoint": {"type": "default"}}],
            "toolChoice": {"tool": {"name": "n"}},
        },
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}, "x": 1},
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "o"}}}},
        "guardrailConfig": {"trace": "enabled"},
    }  # fmt: skip
    served = SERVICE.read("/model/anthropic.claude%3A0/converse-stream", {}, json.dumps(raw).encode())
    request = served.request
    assert served.model == "anthropic.claude:0"
    assert request.stream is True
    assert [message.text for message in request.messages] == ["s", "hi"]
    assert request.tools == (Tool("n", "", {"type": "object"}),)
    assert request.tool_choice == NamedTool("n")
    assert request.output == OutputSchema("o", {"type": "object"})
    assert request.settings == Settings(max_tokens=9, temperature=0.5, stop=("x",), thinking_budget=2000)
    assert request.extra == {
        "guardrailConfig": {"trace": "enabled"},
        "toolConfig": {"tools": [{"cachePoint": {"type": "default"}}]},
        "additionalModelRequestFields": {"x": 1},
    }


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/model/m/converse", b""),
        ("/model/m/converse", b"{"),
        ("/model/m/converse", b"[]"),
        ("/model/m/converse", b'{"messages": [{"role": "judge", "content": []}]}'),
        ("/model/m/converse", b'{"messages": [{"role": "user", "content": "words"}]}'),
        ("/model/m/converse", b'{"messages": [], "toolConfig": {"tools": [{"toolSpec": {"name": "x"}}]}}'),
        ("/model/m/invoke", b'{"messages": []}'),
    ],
)
def test_a_request_that_cannot_be_read_says_so(path: str, raw: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        SERVICE.read(path, {}, raw)


@pytest.mark.parametrize(
    ("method", "path", "ours"),
    [("POST", "/model/m/converse", True), ("POST", "/aws/model/us.x%3A0/converse-stream", True),
     ("GET", "/model/m/converse", False), ("POST", "/model/m/invoke", False), ("POST", "/v1/messages", False)],
)  # fmt: skip
def test_the_service_knows_its_paths(method: str, path: str, ours: bool) -> None:
    assert SERVICE.matches(method, path) is ours
