"""Bedrock's answers, streamed and whole, in every way in which they can end."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_wire import (
    ASKED,
    MODEL,
    NOVA,
    RICH,
    block,
    end,
    events,
    exception,
    frame,
    metadata,
    start,
    stop,
    text,
    told,
    tool,
)
from holdfast.errors import (
    ConfigurationError,
    ContextOverflowError,
    InvalidRequestError,
    InvalidResponseError,
    ModelError,
    OverloadedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.events import Finish, ResponseStart
from holdfast.messages import Image, Opaque, Text, Thinking, ToolCall
from holdfast.providers.bedrock.codec import BedrockCodec
from holdfast.providers.bedrock.frames import FrameReader, write_frame
from holdfast.providers.codec import Dialect, decode_all
from holdfast.request import OutputSchema
from holdfast.response import fold

WHOLE = ASKED.replace(stream=False)
USAGE = {"inputTokens": 10, "outputTokens": 7, "totalTokens": 17}


def whole(content: list[dict[str, Any]], reason: str | None = "end_turn", **fields: Any) -> bytes:
    output = {"message": {"role": "assistant", "content": content}}
    return json.dumps(
        {"output": output, "stopReason": reason, "usage": USAGE, "metrics": {"latencyMs": 5}, **fields}
    ).encode()


def failure(*chunks: bytes) -> ModelError:
    with pytest.raises(ModelError) as caught:
        events(*chunks)
    return caught.value


def test_a_rich_stream_folds_to_its_parts_in_order() -> None:
    response = fold(events(RICH))
    server_call = {"toolUseId": "tooluse_3", "name": "search", "type": "server_tool_use", "input": {"x": 1}}
    result = {"toolUseId": "tooluse_3", "type": "nova_result", "status": "success", "content": [{"json": {"out": "7"}}]}
    assert response.parts == (
        Thinking("Let me see.", signature="c2ln", origin="bedrock"),
        Thinking("", data="ZW5j", origin="bedrock"),
        Text("Hello w\u00f6rld \U0001f30d"),
        Opaque("bedrock", {"toolUse": server_call}),
        Opaque("bedrock", {"toolResult": result}),
        Text("cited", ({"title": "t"},), origin="bedrock"),
        Image(data=b"\x89PNG", media_type="image/png"),
        ToolCall("tooluse_7", "search", '{"q": "a"}'),
        ToolCall("tooluse_8", "search", "{}"),
    )
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "tool_use")
    assert (response.model, response.provider, response.request_id) == (MODEL, "bedrock", "req_1")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (10, 7)


@given(cuts=st.lists(st.integers(0, len(RICH)), max_size=30))
@settings(max_examples=30, deadline=None)
def test_any_chunking_gives_the_same_events(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(RICH)]
    assert events(*(RICH[a:b] for a, b in pairwise(edges))) == events(RICH)


ODD = (b"null", b"[]", b"{}", b"1", b'"x"', b"[" * 3000, b"\xff", b"\r\n\r\n")


@given(number=st.integers(0, 40), at=st.integers(0, 200), cut=st.integers(0, 20),
       put=st.binary(max_size=6) | st.sampled_from(ODD))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_whatever_comes_only_typed_errors_are_raised(number: int, at: int, cut: int, put: bytes) -> None:
    stream = b""
    for position, (headers, payload) in enumerate(FrameReader().feed(RICH)):
        broken = payload[:at] + put + payload[at + cut :] if position == number else payload
        stream += write_frame(headers, broken)
    with suppress(ModelError):
        events(stream)


def test_byte_by_byte_gives_the_same_events() -> None:
    assert events(*(RICH[at : at + 1] for at in range(len(RICH)))) == events(RICH)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (text(0, "a", "b"), [{"text": "ab"}]),
        (tool(0, '{"a":', "1}"), [{"toolUse": {"toolUseId": "tooluse_0", "name": "search", "input": {"a": 1}}}]),
        (
            block(0, {"reasoningContent": {"text": "t"}}, {"reasoningContent": {"signature": "s"}}),
            [{"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}}],
        ),
        (
            block(0, {"reasoningContent": {"redactedContent": "ZW5j"}}),
            [{"reasoningContent": {"redactedContent": "ZW5j"}}],
        ),
        (
            block(0, {"text": "c"}, {"citation": {"title": "t"}}),
            [{"citationsContent": {"content": [{"text": "c"}], "citations": [{"title": "t"}]}}],
        ),
        (
            block(0, {"image": {"source": {"bytes": "iVBORw=="}}}, begin={"image": {"format": "png"}}),
            [{"image": {"format": "png", "source": {"bytes": "iVBORw=="}}}],
        ),
    ],
)
def test_a_whole_answer_folds_to_what_the_same_answer_streamed_does(stream: bytes, message: Any) -> None:
    streamed, at_once = fold(events(start() + stream + end())), fold(events(whole(message), asked=WHOLE))
    assert [getattr(part, "input", part) for part in at_once.parts] == [
        getattr(part, "input", part) for part in streamed.parts
    ]
    assert (at_once.finish_reason, at_once.usage, at_once.extra) == (
        streamed.finish_reason,
        streamed.usage,
        streamed.extra,
    )


def test_the_server_may_answer_whole_to_a_streaming_request_and_the_other_way_round() -> None:
    assert fold(events(whole([{"text": "ok"}]))).text == "ok"
    assert fold(events(start() + text(0, "ok") + end(), asked=WHOLE)).text == "ok"


def test_input_tokens_count_what_was_read_from_the_cache_and_written_to_it() -> None:
    usage = {"inputTokens": 2, "outputTokens": 5, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 10}
    found = fold(events(start() + text(0, "a") + stop() + metadata(usage=usage))).usage
    assert (found.input_tokens, found.cache_read_tokens, found.cache_write_tokens, found.output_tokens) == (
        112,
        100,
        10,
        5,
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "context_length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_model_output", "error"),
        ("malformed_tool_use", "error"),
        ("a_new_word", "unknown"),
    ],
)
def test_stop_reasons_keep_their_word_next_to_ours(raw: str, reason: str) -> None:
    for response in (fold(events(start() + text(0, "a") + end(raw))), fold(events(whole([{"text": "a"}], raw)))):
        assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


def test_an_answer_with_calls_waits_for_their_results_whatever_it_says() -> None:
    assert fold(events(start() + tool(0, "{}") + end("end_turn"))).finish_reason == "tool_calls"


TRACE = {
    "guardrail": {
        "inputAssessment": {
            "gr1": {
                "topicPolicy": {"topics": [{"name": "Finance", "type": "DENY", "action": "BLOCKED"}]},
                "contentPolicy": {"filters": [{"type": "HATE", "confidence": "LOW", "action": "NONE"}]},
            }
        },
        "outputAssessments": {"gr1": [{"wordPolicy": {"customWords": [{"match": "darn", "action": "BLOCKED"}]}}]},
    }
}


def test_a_guardrail_says_what_it_blocked_and_that_its_words_are_no_answer() -> None:
    stream = start() + text(0, "Sorry, I cannot.") + stop("guardrail_intervened") + metadata(trace=TRACE)
    for body in (stream, whole([{"text": "Sorry, I cannot."}], "guardrail_intervened", trace=TRACE)):
        extra = fold(events(body)).extra
        assert extra["blocked"] is True
        assert extra["block_reason"] == "guardrail_intervened"
        assert extra["categories"] == ["Finance", "darn"]
        assert extra["trace"] == TRACE


def test_a_guardrail_that_only_masked_has_blocked_nothing() -> None:
    masked = {
        "guardrail": {"outputAssessments": {"gr1": [{"piiEntities": [{"type": "NAME", "action": "ANONYMIZED"}]}]}}
    }
    extra = fold(events(whole([{"text": "Hi {NAME}"}], "guardrail_intervened", trace=masked))).extra
    assert "blocked" not in extra
    assert "categories" not in extra


def test_a_guardrail_without_a_trace_is_known_by_a_model_that_was_never_asked() -> None:
    body = whole([{"text": "No."}], "guardrail_intervened", usage={"inputTokens": 0, "outputTokens": 0})
    assert fold(events(body)).extra["block_reason"] == "guardrail_intervened"


@pytest.mark.parametrize(
    ("kind", "message", "error"),
    [
        ("throttlingException", "Too many tokens, please wait before trying again.", RateLimitError),
        ("serviceUnavailableException", "Bedrock is unable to process your request.", OverloadedError),
        ("internalServerException", "The system encountered an unexpected error.", ServerError),
        ("modelStreamErrorException", "The system encountered an error.", ServerError),
        ("validationException", "Input is too long for requested model.", ContextOverflowError),
        ("validationException", "Malformed input request", InvalidRequestError),
    ],
)
@pytest.mark.parametrize("before", [b"", start(), start() + text(0, "half")])
def test_an_exception_inside_the_stream_is_raised_as_its_class(
    kind: str, message: str, error: type, before: bytes
) -> None:
    raised = failure(before + exception(kind, message))
    assert type(raised) is error
    assert (raised.provider, raised.request_id) == ("bedrock", "req_1")
    seen, _ = told([before + exception(kind, message)])
    assert not any(isinstance(event, Finish) for event in seen)


def test_an_error_told_in_the_headers_of_a_frame_is_raised() -> None:
    headers = {":message-type": "error", ":error-code": "InternalServerException", ":error-message": "It broke."}
    assert isinstance(failure(start() + write_frame(headers, b"")), ServerError)


def test_an_exception_whose_payload_is_no_json_is_still_raised() -> None:
    headers = {":message-type": "exception", ":exception-type": "throttlingException"}
    assert isinstance(failure(start() + write_frame(headers, b"slow down")), RateLimitError)


def test_an_error_of_the_gateway_in_a_200_is_raised_as_its_class() -> None:
    body = {"Output": {"__type": "com.amazon.coral.service#InternalServerException"}, "Version": "1.0"}
    assert isinstance(failure(json.dumps(body).encode()), ServerError)


@pytest.mark.parametrize(
    ("name", "stream", "error"),
    [
        ("nothing at all", b"", StreamInterruptedError),
        ("only the start", start(), StreamInterruptedError),
        ("no messageStop", start() + text(0, "a"), StreamInterruptedError),
        ("metadata alone", start() + text(0, "a") + metadata(), StreamInterruptedError),
        ("no stop reason", start() + text(0, "a") + end(None), StreamInterruptedError),
        ("half arguments", start() + tool(0, '{"a": ') + end("tool_use"), InvalidResponseError),
        ("arguments cut by the limit", start() + tool(0, '{"a": ') + end("max_tokens"), InvalidResponseError),
        ("a call without end", start() + tool(0, '{"a": 1}', stop=False) + end("tool_use"), InvalidResponseError),
        ("arguments that are a list", start() + tool(0, "[1]") + end("tool_use"), InvalidResponseError),
        ("input before the name", start() + block(0, {"toolUse": {"input": "{}"}}), InvalidResponseError),
        (
            "a payload that is no JSON",
            start() + write_frame({":event-type": "metadata"}, b"{oops"),
            InvalidResponseError,
        ),
        ("a checksum that does not match", start()[:-1] + b"?", InvalidResponseError),
        ("no frames", b"\x00\x00\x00\x01garbage, and more of it", InvalidResponseError),
    ],
)
def test_a_stream_that_is_not_whole_is_an_error_and_never_finishes(name: str, stream: bytes, error: type) -> None:
    seen, what = told([stream])
    assert what is not None, name
    assert what.startswith(error.__name__), name
    assert not any(isinstance(event, Finish) for event in seen)


def test_a_whole_answer_that_ends_inside_a_call_is_an_error() -> None:
    call = {"toolUse": {"toolUseId": "t", "name": "search", "input": {}}}
    assert "cut off (max_tokens)" in failure(whole([call], "max_tokens")).message


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b"{}", b'{"output": {"message": 1}}'])
def test_a_body_that_is_no_answer_is_an_error(body: bytes) -> None:
    seen, what = told([body], WHOLE)
    assert seen == []
    assert what is not None
    assert what.startswith("InvalidResponseError")


def test_every_cut_of_a_stream_is_an_error_until_its_terminator() -> None:
    terminator = len(RICH) - len(metadata())
    for at in range(len(RICH)):
        seen, what = told([RICH[:at]])
        finished = any(isinstance(event, Finish) for event in seen)
        assert finished is (what is None) is (at >= terminator), at
        assert what is None or what.startswith("StreamInterruptedError"), at


def test_an_answer_is_whole_without_metadata_and_then_has_no_usage() -> None:
    finish = events(start() + text(0, "a") + stop())[-1]
    assert isinstance(finish, Finish)
    assert finish.usage is None


def test_events_that_came_later_are_ignored() -> None:
    stream = start() + frame("brandNew", {"x": 1}) + text(0, "ok") + end() + text(1, "late")
    assert fold(events(stream)).text == "ok"


def test_a_stream_may_lack_its_stop_reason_where_the_dialect_says_so() -> None:
    codec = BedrockCodec(Dialect(provider="near", may_omit_finish=True))
    found = fold(decode_all(codec.decoder(ASKED, "m", {}), [start() + text(0, "a") + end(None)]))
    assert (found.finish_reason, found.provider) == ("unknown", "near")


def test_what_the_provider_says_besides_is_kept() -> None:
    stream = (
        start()
        + text(0, "a")
        + stop(additionalModelResponseFields={"stop": "x"})
        + metadata(serviceTier={"type": "flex"})
    )
    extra = fold(events(stream)).extra
    assert extra == {
        "metrics": {"latencyMs": 5},
        "serviceTier": {"type": "flex"},
        "additionalModelResponseFields": {"stop": "x"},
    }


def test_without_botocore_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.eventstream", None)
    with pytest.raises(ConfigurationError, match=r"holdfast\[aws\]"):
        events(RICH)
    assert fold(events(whole([{"text": "ok"}]), asked=WHOLE)).text == "ok"


@pytest.mark.parametrize(("prefix", "model", "continues"), [
    ("Once upon", MODEL, True), ("Once upon", "us.anthropic.claude-opus-4-6-v1", False), ("", MODEL, False),
])  # fmt: skip
def test_an_answer_continues_natively_only_after_a_prefill(prefix: str, model: str, continues: bool) -> None:
    first = events(start() + text(0, "a") + end(), asked=ASKED.replace(prefix=prefix), model=model)[0]
    assert isinstance(first, ResponseStart)
    assert first.continues is continues


def test_the_final_answer_of_a_forced_tool_comes_out_as_text() -> None:
    asked = ASKED.replace(output=OutputSchema("city", {"type": "object", "properties": {"city": {"type": "string"}}}))
    call = block(
        0, {"toolUse": {"input": '{"city":"Rome"}'}}, begin={"toolUse": {"toolUseId": "t", "name": "final_answer"}}
    )
    response = fold(events(start() + call + end("tool_use"), asked=asked, model=NOVA))
    assert (response.text, response.finish_reason, response.tool_calls) == ('{"city":"Rome"}', "stop", ())
