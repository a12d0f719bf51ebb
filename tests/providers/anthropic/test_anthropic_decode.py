"""Anthropic's answers, streamed and whole, in every way in which they can end."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anthropic_wire import ASKED, MODEL, RICH, block, end, events, sse, start, text, told, tool
from holdfast.errors import (
    ContextOverflowError,
    InvalidResponseError,
    ModelError,
    OverloadedError,
    RateLimitError,
    StreamInterruptedError,
)
from holdfast.events import Finish, PartAdded, ResponseStart, UsageUpdate
from holdfast.messages import Opaque, Text, Thinking, ToolCall
from holdfast.providers.anthropic.codec import AnthropicCodec
from holdfast.providers.codec import Dialect, decode_all
from holdfast.request import OutputSchema
from holdfast.response import Response, fold


def whole(content: list[dict[str, Any]], reason: str | None = "end_turn", **fields: Any) -> bytes:
    head = {"type": "message", "id": "msg_1", "role": "assistant", "model": MODEL, "content": content}
    usage = {"input_tokens": 10, "output_tokens": 7}
    return json.dumps({**head, "stop_reason": reason, "stop_sequence": None, "usage": usage, **fields}).encode()


def failure(*chunks: bytes) -> ModelError:
    with pytest.raises(ModelError) as caught:
        events(*chunks)
    return caught.value


def test_a_rich_stream_folds_to_its_parts_in_order() -> None:
    response = fold(events(RICH))
    assert response.parts == (
        Thinking("Let me see. \u4f60\u597d", signature="c2ln", origin="anthropic"),
        Thinking("", data="ZW5j", origin="anthropic"),
        Text("Hello w\u00f6rld \U0001f30d"),
        Opaque(
            "anthropic", {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
        ),
        Opaque(
            "anthropic",
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"url": "http://x"}]},
        ),
        Text("cited", ({"type": "char_location", "cited_text": "a"},), origin="anthropic"),
        ToolCall("toolu_6", "search", '{"q": "a"}'),
        ToolCall("toolu_7", "search", "{}"),
    )
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "tool_use")
    assert (response.id, response.model, response.provider) == ("msg_1", MODEL, "anthropic")
    assert response.request_id == "req_1"


@given(cuts=st.lists(st.integers(0, len(RICH)), max_size=30))
@settings(max_examples=30, deadline=None)
def test_any_chunking_gives_the_same_events(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(RICH)]
    assert events(*(RICH[a:b] for a, b in pairwise(edges))) == events(RICH)


ODD = (b"null", b"[]", b"{}", b"1", b'"x"', b"[" * 3000, b"\xff", b"\r\n\r\n")


@given(at=st.integers(0, len(RICH) - 1), cut=st.integers(0, 20), put=st.binary(max_size=6) | st.sampled_from(ODD))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_only_typed_errors_are_raised(at: int, cut: int, put: bytes) -> None:
    with suppress(ModelError):
        events(RICH[:at] + put + RICH[at + cut :])


def test_byte_by_byte_gives_the_same_events() -> None:
    assert events(*(RICH[at : at + 1] for at in range(len(RICH)))) == events(RICH)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ([*text(0, "a", "b")], [{"type": "text", "text": "ab"}]),
        ([*tool(0, '{"a": ', "1}")], [{"type": "tool_use", "id": "toolu_0", "name": "search", "input": {"a": 1}}]),
        (
            [*block(0, {"type": "thinking", "thinking": ""}, {"type": "signature_delta", "signature": "s"})],
            [{"type": "thinking", "thinking": "", "signature": "s"}],
        ),
        ([*block(0, {"type": "later", "x": 1})], [{"type": "later", "x": 1}]),
    ],
)
def test_a_whole_answer_folds_to_what_the_same_answer_streamed_does(stream: Any, message: Any) -> None:
    streamed, at_once = fold(events(sse(start(), *stream, *end()))), fold(events(whole(message)))
    assert at_once == streamed


def test_the_server_may_answer_whole_to_a_streaming_request_and_the_other_way_round() -> None:
    not_streaming = ASKED.replace(stream=False)
    assert fold(events(whole([{"type": "text", "text": "ok"}]))).text == "ok"
    assert fold(events(sse(start(), *text(0, "ok"), *end()), asked=not_streaming)).text == "ok"


def test_input_tokens_count_what_was_read_from_the_cache_and_written_to_it() -> None:
    updates = [event.usage for event in events(RICH) if isinstance(event, UsageUpdate)]
    assert [(u.input_tokens, u.cache_read_tokens, u.cache_write_tokens, u.output_tokens) for u in updates] == [
        (18, 5, 3, 1),
        (18, 5, 3, 7),  # message_delta names no cache tokens: those of message_start stand
    ]


def test_thinking_tokens_are_counted_as_reasoning() -> None:
    usage = {"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}
    assert fold(events(whole([{"type": "text", "text": "a"}], usage=usage))).usage.reasoning_tokens == 4


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "context_length"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause"),
        ("compaction", "pause"),
        ("a_new_word", "unknown"),
    ],
)
def test_stop_reasons_keep_their_word_next_to_ours(raw: str, reason: str) -> None:
    response = fold(events(sse(start(), *text(0, "a"), *end(raw))))
    assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


def test_an_answer_with_calls_waits_for_their_results_whatever_it_says() -> None:
    assert fold(events(sse(start(), *tool(0, "{}"), *end("end_turn")))).finish_reason == "tool_calls"


def test_a_refusal_says_what_it_objected_to() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No exploits."}
    finish = events(sse(start(), *end("refusal", stop_details=details)))[-1]
    assert isinstance(finish, Finish)
    assert finish.extra["refusal"] == "No exploits."
    assert finish.extra["categories"] == ["cyber"]
    assert finish.extra["stop_details"] == details


def test_what_the_provider_says_besides_is_kept() -> None:
    body = whole(
        [{"type": "text", "text": "a"}],
        "stop_sequence",
        stop_sequence="END",
        container={"id": "c_1"},
        usage={"input_tokens": 1, "output_tokens": 1, "service_tier": "priority"},
    )
    extra = fold(events(body)).extra
    assert extra == {"stop_sequence": "END", "container": {"id": "c_1"}, "usage": {"service_tier": "priority"}}


def test_a_paused_turn_keeps_the_items_that_are_sent_back() -> None:
    call = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    response = fold(events(whole([call], "pause_turn")))
    assert (response.finish_reason, response.parts) == ("pause", (Opaque("anthropic", call),))


@pytest.mark.parametrize(
    ("kind", "message", "error"),
    [
        ("overloaded_error", "Overloaded", OverloadedError),
        ("rate_limit_error", "slow down", RateLimitError),
        ("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", ContextOverflowError),
    ],
)
@pytest.mark.parametrize("before", [[], [start()], [start(), *text(0, "half")]])
def test_an_error_event_is_raised_as_its_class(kind: str, message: str, error: type, before: Any) -> None:
    stream = sse(*before, {"type": "error", "error": {"type": kind, "message": message}})
    seen, what = told([stream])
    assert what is not None
    assert what.startswith(error.__name__)
    assert not any(isinstance(event, Finish) for event in seen)
    assert failure(stream).request_id == "req_1"


def test_an_error_object_as_the_whole_body_is_raised_as_its_class() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    assert isinstance(failure(body), OverloadedError)


@pytest.mark.parametrize(
    ("name", "stream", "error"),
    [
        ("nothing at all", [], StreamInterruptedError),
        ("only the start", [start()], StreamInterruptedError),
        ("no message_stop", [start(), *text(0, "a"), end()[0]], StreamInterruptedError),
        ("no stop reason", [start(), *text(0, "a"), *end(None)], StreamInterruptedError),
        ("no start", end(), InvalidResponseError),
        ("a block before the start", text(0, "a"), InvalidResponseError),
        ("half arguments", [start(), *tool(0, '{"a": '), *end("tool_use")], InvalidResponseError),
        ("arguments cut by the limit", [start(), *tool(0, '{"a": '), *end("max_tokens")], InvalidResponseError),
        ("a call without end", [start(), *tool(0, '{"a": 1}', stop=False), *end("tool_use")], InvalidResponseError),
        ("arguments that are a list", [start(), *tool(0, "[1]"), *end("tool_use")], InvalidResponseError),
    ],
)
def test_a_stream_that_is_not_whole_is_an_error_and_never_finishes(name: str, stream: Any, error: type) -> None:
    seen, what = told([sse(*stream)])
    assert what is not None, name
    assert what.startswith(error.__name__), name
    assert not any(isinstance(event, Finish) for event in seen)


def test_arguments_cut_by_the_limit_say_so() -> None:
    error = failure(sse(start(), *tool(0, '{"a": '), *end("max_tokens")))
    assert "cut off (max_tokens)" in error.message
    assert error.raw == '{"a": '


def test_a_whole_answer_that_ends_inside_a_call_is_an_error() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {}}
    assert isinstance(failure(whole([call], "max_tokens")), InvalidResponseError)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"type":"message"}', b'{"content": 1}'])
def test_a_body_that_is_no_message_is_an_error(body: bytes) -> None:
    seen, what = told([body], ASKED.replace(stream=False))
    assert seen == []
    assert what is not None
    assert what.startswith("InvalidResponseError")


def test_garbage_in_an_event_is_an_error_after_what_came_before() -> None:
    seen, what = told([sse(start(), *text(0, "a")) + b"data: {oops\n\n"])
    assert len(seen) == 3
    assert what is not None
    assert what.startswith("InvalidResponseError")


def test_every_cut_of_a_stream_is_an_error_until_its_terminator() -> None:
    terminator = RICH.index(b'{"type": "message_stop"}') + len(b'{"type": "message_stop"}')
    for at in range(len(RICH)):
        seen, what = told([RICH[:at]])
        finished = any(isinstance(event, Finish) for event in seen)
        assert finished is (what is None) is (at >= terminator), at
        assert what is None or what.startswith("StreamInterruptedError"), at


def test_every_cut_of_a_whole_answer_is_an_error() -> None:
    body = whole([{"type": "text", "text": "hello"}])
    for at in range(len(body)):
        assert isinstance(failure(body[:at]), InvalidResponseError | StreamInterruptedError), at


def test_events_and_deltas_that_came_later_are_ignored_or_kept() -> None:
    kept = block(0, {"type": "compaction", "content": "a"}, {"type": "compaction_delta", "content": "b"})
    stream = sse(start(), {"type": "brand_new", "x": 1}, *kept, *text(1, "ok"), *end())
    response = fold(events(stream))
    assert response.parts == (Opaque("anthropic", {"type": "compaction", "content": "ab"}), Text("ok"))


def test_nothing_comes_after_message_stop() -> None:
    stream = sse(start(), *text(0, "a"), *end(), *text(1, "late"))
    assert isinstance(events(stream)[-1], Finish)


def test_input_that_comes_at_once_is_taken_as_the_arguments() -> None:
    response = fold(events(sse(start(), *tool(0, given={"a": [1, 2]}), *end("tool_use"))))
    assert response.tool_calls[0].input == {"a": [1, 2]}


def test_numbers_in_arguments_stay_as_they_were_written() -> None:
    body = b'{"type":"message","content":[{"type":"tool_use","id":"t","name":"n","input":{"a":1.0,"b":123456789012345678901}}],'
    response = fold(events(body + b'"stop_reason":"tool_use"}'))
    assert response.tool_calls[0].arguments == '{"a":1.0,"b":123456789012345678901}'


def test_a_call_made_by_code_goes_back_with_its_caller() -> None:
    caller = {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}
    call = fold(events(sse(start(), *tool(0, "{}", caller=caller), *end("tool_use")))).tool_calls[0]
    assert call.origin == "anthropic"
    assert json.loads(call.signature or "") == {"caller": caller}


def test_a_stream_may_lack_its_stop_reason_where_the_dialect_says_so() -> None:
    codec = AnthropicCodec(Dialect(provider="near", may_omit_finish=True))
    found = fold(decode_all(codec.decoder(ASKED, "m", {}), [sse(start(), *text(0, "a"), *end(None))]))
    assert (found.finish_reason, found.raw_finish_reason) == ("unknown", None)


@pytest.mark.parametrize(("prefix", "model", "continues"), [
    ("Once upon", MODEL, True), ("Once upon", "claude-opus-4-6", False), ("", MODEL, False),
])  # fmt: skip
def test_an_answer_continues_natively_only_after_a_prefill(prefix: str, model: str, continues: bool) -> None:
    first = events(sse(start(), *text(0, "a"), *end()), asked=ASKED.replace(prefix=prefix), model=model)[0]
    assert isinstance(first, ResponseStart)
    assert first.continues is continues


def test_the_final_answer_of_a_forced_tool_comes_out_as_text() -> None:
    shape = OutputSchema("city", {"type": "object", "properties": {"city": {"type": "string"}}})
    asked = ASKED.replace(output=shape)
    stream = sse(start(), *block(0, {"type": "tool_use", "id": "t", "name": "final_answer", "input": {}},
                                 {"type": "input_json_delta", "partial_json": '{"city":"Rome"}'}), *end("tool_use"))  # fmt: skip
    response = fold(events(stream, asked=asked, model="claude-3-5-haiku-20241022"))
    assert (response.text, response.finish_reason, response.tool_calls) == ('{"city":"Rome"}', "stop", ())


def test_words_held_for_a_forced_tool_come_before_the_error_of_a_cut() -> None:
    asked = ASKED.replace(output=OutputSchema("city", {"type": "object", "properties": {}}))
    seen, what = told([sse(start(), *text(0, "half"))], asked, "claude-3-5-haiku-20241022")
    assert what is not None
    assert what.startswith("StreamInterruptedError")
    assert fold(seen).text == "half"


def test_an_unknown_block_is_one_part_that_comes_whole() -> None:
    added = [event for event in events(RICH) if isinstance(event, PartAdded)]
    assert [event.part for event in added] == [3, 4]


def test_a_response_without_usage_has_none() -> None:
    assert fold(events(b'{"type":"message","content":[],"stop_reason":"end_turn"}')) == Response(
        finish_reason="stop", raw_finish_reason="end_turn", model=MODEL, provider="anthropic", request_id="req_1"
    )
