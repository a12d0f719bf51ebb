from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import (
    ContentFilterError,
    InvalidResponseError,
    ModelError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.events import Event, Finish, TextDelta, ToolCallDelta, ToolCallStart
from holdfast.messages import Image, Opaque, Text, Thinking, ToolCall, UserMessage
from holdfast.providers.codec import Checkpoint, Dialect, ResumableCodec, ResumableDecoder, decode_all
from holdfast.providers.openai_responses.codec import OpenAIResponsesCodec
from holdfast.providers.openai_responses.wire import ORIGIN
from holdfast.recovery.verdict import verdict
from holdfast.request import Request
from holdfast.response import Response, fold
from holdfast.testing.check import check_events

CODEC = OpenAIResponsesCodec(Dialect(provider="openai"))
ASKED = Request(messages=(UserMessage("hi"),), stream=True)
HEAD = {"id": "resp_1", "object": "response", "model": "gpt-5", "created_at": 1, "output": []}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant"}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "search", "arguments": ""}


def sse(*events: dict[str, Any], first: int = 0) -> bytes:
    numbered = ({"sequence_number": number, **event} for number, event in enumerate(events, first))
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in numbered)


def created(**fields: Any) -> dict[str, Any]:
    return {"type": "response.created", "response": {**HEAD, "status": "in_progress", **fields}}


def ended(status: str = "completed", output: Any = (), **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": {**HEAD, "status": status, "output": list(output), **fields}}


def added(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def said(delta: str, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "output_index": index, "content_index": 0, "delta": delta, **fields}


def whole(text: str, **fields: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {**MESSAGE, "status": "completed", "content": content, **fields}


def decoded(*events: dict[str, Any]) -> list[Event]:
    return list(decode_all(CODEC.decoder(ASKED, "gpt-5", {}), [sse(*events)]))


def answered(*events: dict[str, Any]) -> Response:
    return check_events(decoded(*events))


def test_deltas_that_are_told_again_by_done_events_count_once() -> None:
    text_done = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hello"}
    response = answered(
        created(),
        added(MESSAGE),
        said("Hel"),
        said("lo"),
        text_done,
        done(whole("Hello")),
        ended(output=[whole("Hello")]),
    )
    assert response.parts == (Text("Hello", (), "msg_1", None, ORIGIN),)


@pytest.mark.parametrize(
    "told",
    [
        [{"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hello"}],
        [said("Hel"), {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hello"}],
        [said("Hel"), done(whole("Hello"))],
        [said("Hel")],
        [],
    ],
)
def test_what_deltas_left_out_comes_with_what_repeats_them(told: list[dict[str, Any]]) -> None:
    response = answered(created(), added(MESSAGE), *told, ended(output=[whole("Hello")]))
    assert response.text == "Hello"


def test_a_final_response_with_other_ids_and_order_tells_nothing_twice() -> None:
    reasoning = {"type": "reasoning", "id": "rs_9", "summary": [{"type": "summary_text", "text": "hm"}]}
    response = answered(
        created(),
        added(MESSAGE),
        said("Hello"),
        done(whole("Hello")),
        ended(output=[reasoning, whole("Hello", id="msg_9")]),
    )
    assert (response.text, response.thinking) == ("Hello", "hm")


def test_parallel_calls_keep_their_arguments_apart() -> None:
    second = {**CALL, "id": "fc_2", "call_id": "call_2"}

    def more(index: int, delta: str) -> dict[str, Any]:
        return {"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta}

    response = answered(
        created(),
        added(CALL),
        added(second, 1),
        more(0, '{"a"'),
        more(1, '{"b"'),
        more(0, ":1}"),
        more(1, ":2}"),
        ended(),
    )
    assert [(call.id, call.arguments) for call in response.tool_calls] == [("call_1", '{"a":1}'), ("call_2", '{"b":2}')]
    assert response.finish_reason == "tool_calls"


def test_a_call_whose_item_comes_only_when_done_is_not_lost() -> None:
    events = decoded(created(), done({**CALL, "arguments": '{"a":1}', "namespace": "web"}), ended())
    assert [event for event in events if isinstance(event, ToolCallStart | ToolCallDelta)] == [
        ToolCallStart(0, "call_1", "search", "fc_1", '{"namespace":"web"}', ORIGIN),
        ToolCallDelta(0, '{"a":1}'),
    ]


def test_items_of_a_server_that_numbers_none_are_kept_apart() -> None:
    call = {**CALL, "arguments": '{"a":1}'}
    events = [
        added(MESSAGE),
        said("Hi"),
        done(whole("Hi")),
        added(CALL),
        done(call),
        done(call),
        done({**call, "id": "fc_2"}),
    ]
    for event in events:
        event.pop("output_index")
    response = answered(created(), *events, ended(output=[whole("Hi"), call, {**call, "id": "fc_2"}]))
    assert [type(part) for part in response.parts] == [Text, ToolCall, ToolCall]


def test_calls_with_one_id_get_two() -> None:
    response = answered(created(), done({**CALL, "arguments": "{}"}), done({**CALL, "arguments": "{}"}, 1), ended())
    assert [call.id for call in response.tool_calls] == ["call_1", "call_1_2"]


def test_a_custom_tools_input_is_its_one_argument() -> None:
    item = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_1", "name": "sh", "input": 'ls "a"'}
    (call,) = answered(created(), added({**item, "input": ""}), done(item), ended()).tool_calls
    assert call.input == {"input": 'ls "a"'}


def test_summaries_raw_reasoning_and_encrypted_reasoning_are_parts_of_one_item() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    summary = {"output_index": 0, "type": "response.reasoning_summary_text.delta"}
    raw = {"output_index": 0, "type": "response.reasoning_text.delta"}
    finished = {
        **item,
        "encrypted_content": "secret",
        "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}],
        "content": [{"type": "reasoning_text", "text": "raw"}],
    }
    response = answered(
        created(),
        added(item),
        {**summary, "summary_index": 0, "delta": "one"},
        {**summary, "summary_index": 1, "delta": "two"},
        {**raw, "content_index": 0, "delta": "raw"},
        done(finished),
        ended(output=[finished]),
    )
    assert response.parts == (
        Thinking("one", "rs_1", None, "secret", ORIGIN),
        Thinking("two", "rs_1", None, None, ORIGIN),
        Thinking("raw", "rs_1", "reasoning_text", None, ORIGIN),
    )


def test_reasoning_without_words_still_carries_its_encrypted_form() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "secret"}
    response = answered(created(), added({**item, "encrypted_content": "begin"}), done(item), ended(output=[item]))
    assert response.parts == (Thinking("", "rs_1", None, "secret", ORIGIN),)


def test_a_built_in_tools_item_stands_where_it_began() -> None:
    search = {"id": "ws_1", "type": "web_search_call", "status": "in_progress"}
    finished = {**search, "status": "completed", "action": {"type": "search", "query": "kelp"}}
    response = answered(created(), added(search), added(MESSAGE, 1), said("Kelp", 1), done(finished), ended())
    assert response.parts == (Opaque(ORIGIN, finished), Text("Kelp", (), "msg_1", None, ORIGIN))


def test_a_generated_picture_is_a_picture() -> None:
    item = {"id": "ig_1", "type": "image_generation_call", "result": base64.b64encode(b"PNG").decode()}
    call, picture = answered(created(), added({**item, "result": None}), done(item), ended()).parts
    assert call == Opaque(ORIGIN, {**item, "result": None})
    assert picture == Image(data=b"PNG", media_type="image/png")


def test_annotations_and_log_probabilities_come_once() -> None:
    note = {"type": "url_citation", "url": "https://example.com"}
    token = {"token": "Hi", "logprob": -0.1, "top_logprobs": []}
    finished = whole("Hi", content=[{"type": "output_text", "text": "Hi", "annotations": [note], "logprobs": [token]}])
    told = {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation": note}
    response = answered(
        created(), added(MESSAGE), said("Hi", logprobs=[token]), told, done(finished), ended(output=[finished])
    )
    assert response.parts == (Text("Hi", (note,), "msg_1", None, ORIGIN),)
    assert response.logprobs == (token,)


def test_a_refusal_is_a_content_filter_with_its_words() -> None:
    item = {**MESSAGE, "content": [{"type": "refusal", "refusal": "I will not."}]}
    delta = {"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": "I will"}
    response = answered(created(), added(MESSAGE), delta, done(item), ended(output=[item]))
    assert (response.finish_reason, response.extra["refusal"], response.parts) == ("content_filter", "I will not.", ())
    error = verdict(response)
    assert isinstance(error, ContentFilterError)
    assert error.message == "I will not."


def test_what_azures_filters_objected_to_is_named() -> None:
    results = {"hate": {"filtered": True, "severity": "high"}, "sexual": {"filtered": False}}
    ending = ended(
        "incomplete",
        incomplete_details={"reason": "content_filter"},
        content_filters=[{"content_filter_results": results}],
    )
    error = verdict(answered(created(), ending))
    assert isinstance(error, ContentFilterError)
    assert error.categories == ("hate",)


@pytest.mark.parametrize(
    ("details", "reason", "raw"),
    [
        ({"reason": "max_output_tokens"}, "length", "max_output_tokens"),
        ({"reason": "max_messages"}, "length", "max_messages"),
        ({"reason": "content_filter"}, "content_filter", "content_filter"),
        ({"reason": "steered"}, "pause", "steered"),
        ({"reason": "new_word"}, "unknown", "new_word"),
        (None, "unknown", "incomplete"),
    ],
)
def test_an_incomplete_response_says_why(details: Any, reason: str, raw: str) -> None:
    response = answered(created(), added(MESSAGE), said("Hel"), ended("incomplete", incomplete_details=details))
    assert (response.finish_reason, response.raw_finish_reason, response.text) == (reason, raw, "Hel")


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (ended("failed", error={"code": "rate_limit_exceeded", "message": "Slow down"}), RateLimitError),
        (ended("failed", error={"code": "server_error", "message": "Oops"}), ServerError),
        (ended("failed"), ModelError),
        (ended("cancelled"), ModelError),
        ({"type": "error", "code": "server_error", "message": "Oops", "param": None}, ServerError),
        ({"type": "error", "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "x"}}, RateLimitError),
    ],
)
def test_a_failure_inside_the_stream_is_a_typed_error_after_what_came_before(
    event: Any, error: type[ModelError]
) -> None:
    decoder = CODEC.decoder(ASKED, "gpt-5", {})
    seen: list[Event] = []
    with pytest.raises(error) as raised:
        seen.extend(decode_all(decoder, [sse(created(), added(MESSAGE), said("Hel"), event, said("lo"))]))
    assert fold(seen).text == "Hel"
    assert (raised.value.provider, raised.value.model) == ("openai", "gpt-5")


@pytest.mark.parametrize(
    "odd",
    [
        b'event: error\ndata: {"error": {"code": "rate_limit_exceeded", "message": "x"}}\n\n',
        b'{"error": {"code": "rate_limit_exceeded", "message": "x"}}\n',
    ],
)
def test_an_error_that_is_no_proper_event_is_still_an_error(odd: bytes) -> None:
    with pytest.raises(RateLimitError):
        list(decode_all(CODEC.decoder(ASKED, "gpt-5", {}), [sse(created()) + odd]))


def test_unknown_events_pieces_and_items_break_nothing() -> None:
    response = answered(
        created(),
        {"type": "response.dreaming", "deep": True},
        added({"type": "dream", "id": "d_1"}),
        done({"type": "dream", "id": "d_1", "of": "kelp"}),
        added(MESSAGE, 1),
        said("Hi", 1),
        ended(new_field={"a": 1}),
    )
    assert response.parts == (
        Opaque(ORIGIN, {"type": "dream", "id": "d_1", "of": "kelp"}),
        Text("Hi", (), "msg_1", None, ORIGIN),
    )


def test_a_known_event_of_the_wrong_shape_is_an_invalid_response() -> None:
    with pytest.raises(InvalidResponseError):
        decoded(created(), said("x", output_index="first"))


def test_a_stream_without_a_terminal_event_is_cut() -> None:
    with pytest.raises(StreamInterruptedError):
        decoded(created(), added(MESSAGE), said("Hello"), done(whole("Hello")))


def test_nothing_comes_after_the_end() -> None:
    events = decoded(created(), added(MESSAGE), said("Hi"), ended(output=[whole("Hi")]), said("again"))
    assert isinstance(events[-1], Finish)
    assert sum(isinstance(event, TextDelta) for event in events) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", StreamInterruptedError),
        (b"<html>502</html>", InvalidResponseError),
        (b'{"id": "resp_1", "output": [', InvalidResponseError),
        (b'{"id": "resp_1", "status": "completed"}', InvalidResponseError),
        (b'{"error": {"code": "rate_limit_exceeded", "message": "x"}}', RateLimitError),
        (
            b'{"id": "r", "status": "failed", "error": {"code": "server_error", "message": "x"}, "output": []}',
            ServerError,
        ),
        (b'{"id": "r", "status": "in_progress", "output": []}', StreamInterruptedError),
    ],
)
def test_a_whole_body_that_is_no_answer_is_a_typed_error(body: bytes, error: type[ModelError]) -> None:
    with pytest.raises(error):
        list(decode_all(CODEC.decoder(ASKED, "gpt-5", {}), [body]))


def test_a_server_that_answers_json_to_a_streaming_request_is_understood() -> None:
    body = json.dumps({**HEAD, "status": "completed", "output": [whole("Hi")]}).encode()
    assert fold(decode_all(CODEC.decoder(ASKED, "gpt-5", {}), [body])).text == "Hi"


def test_usage_counts_cached_and_reasoning_tokens_inside_input_and_output() -> None:
    usage = {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 17,
    }  # fmt: skip
    counted = answered(created(), ended(output=[whole("Hi")], usage=usage)).usage
    assert (counted.input_tokens, counted.output_tokens, counted.total_tokens) == (10, 7, 17)
    assert (counted.cache_read_tokens, counted.cache_write_tokens, counted.reasoning_tokens) == (4, 2, 5)


def test_a_background_answer_is_taken_up_after_its_last_event() -> None:
    assert isinstance(CODEC, ResumableCodec)
    decoder = CODEC.decoder(ASKED, "gpt-5", {})
    assert isinstance(decoder, ResumableDecoder)
    begun = sse(created(background=True), added(MESSAGE), said("Hel"))
    seen = list(decoder.feed(begun + b'data: {"type": "response.outp'))
    assert decoder.checkpoint == Checkpoint("resp_1", 2)
    again = CODEC.resume(decoder.checkpoint, ASKED, "gpt-5")
    assert (again.method, again.url) == ("GET", "/responses/resp_1?stream=true&starting_after=2")

    decoder.reconnect()
    rest = sse(said("Hel"), first=2) + sse(said("lo"), ended(output=[whole("Hello")]), first=3)
    seen += decode_all(decoder, [rest])
    assert check_events(seen).text == "Hello"
    assert decoder.checkpoint is None


def test_an_answer_that_is_not_kept_cannot_be_taken_up() -> None:
    decoder = CODEC.decoder(ASKED, "gpt-5", {})
    list(decoder.feed(sse(created(), added(MESSAGE), said("Hel"))))
    assert decoder.checkpoint is None


texts = st.text(max_size=12)
pieces = st.lists(st.tuples(st.sampled_from(["text", "call", "thought"]), texts, texts), max_size=4)


def stream_of(plan: list[tuple[str, str, str]]) -> bytes:
    events = [created()]
    for index, (kind, one, two) in enumerate(plan):
        if kind == "text":
            item = {**MESSAGE, "id": f"msg_{index}"}
            events += [
                added(item, index),
                said(one, index),
                said(two, index),
                done({**whole(one + two), **item}, index),
            ]
        elif kind == "call":
            item = {**CALL, "id": f"fc_{index}", "call_id": f"call_{index}"}
            arguments = json.dumps({one: two})
            events += [added(item, index), done({**item, "arguments": arguments}, index)]
        else:
            item = {"type": "reasoning", "id": f"rs_{index}", "summary": []}
            events += [added(item, index), done({**item, "summary": [{"type": "summary_text", "text": one}]}, index)]
    return sse(*events, ended())


@settings(max_examples=60, deadline=None)
@given(pieces, st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_any_chunking_gives_the_same_events(plan: list[tuple[str, str, str]], sizes: list[int]) -> None:
    body = stream_of(plan)
    chunks, at = [], 0
    while at < len(body):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(body[at : at + size])
        at += size
    whole_events = list(decode_all(CODEC.decoder(ASKED, "m", {}), [body]))
    assert list(decode_all(CODEC.decoder(ASKED, "m", {}), chunks)) == whole_events
    check_events(whole_events)
    assert [part.name for part in fold(whole_events).parts if isinstance(part, ToolCall)] == [
        "search" for kind, *_ in plan if kind == "call"
    ]


junk = st.sampled_from([None, "x", 7, -1.5, True, [], {}, [None], {"a": 1}, "\u0000", [[]]])


def spoiled(value: Any, path: list[int], waste: Any) -> Any:
    """The value with what is found on the path replaced by waste."""
    if not path or not isinstance(value, dict | list) or not value:
        return waste
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    at = keys[path[0] % len(keys)]
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[at] = spoiled(value[at], path[1:], waste)
    return copy


EVERYTHING = [
    created(),
    added(MESSAGE),
    said("Hi", logprobs=[{"token": "Hi"}]),
    done(whole("Hi")),
    done({"type": "reasoning", "id": "rs", "summary": [{"text": "a"}], "content": [{"text": "b"}]}, 1),
    done({**CALL, "arguments": "{}", "namespace": "n"}, 2),
    done({"type": "image_generation_call", "id": "ig", "result": "eA=="}, 3),
    ended(output=[whole("Hi")], usage={"input_tokens": 1, "output_tokens_details": {}}, content_filters=[{}]),
]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 7), st.lists(st.integers(0, 9), max_size=5), junk)
def test_a_misshapen_event_is_a_typed_error_or_no_matter(at: int, path: list[int], waste: Any) -> None:
    event = spoiled(EVERYTHING[at], path, waste)
    stream = b"".join(
        b"data: " + json.dumps(event if at == n else one).encode() + b"\n\n" for n, one in enumerate(EVERYTHING)
    )
    for body in (stream, json.dumps(spoiled(EVERYTHING[-1]["response"], path, waste)).encode()):
        with contextlib.suppress(ModelError):
            check_events(list(decode_all(CODEC.decoder(ASKED, "m", {}), [body])))
