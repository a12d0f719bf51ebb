"""Chat completions as servers really send them, whole and streamed, to events."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import (
    ContentFilterError,
    InvalidResponseError,
    ModelError,
    RateLimitError,
    StreamInterruptedError,
)
from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.messages import Audio, Image, Text, Thinking, ToolCall, UserMessage
from holdfast.providers.codec import Dialect, decode_all
from holdfast.providers.openai_chat.answer import Answer
from holdfast.providers.openai_chat.codec import OpenAIChatCodec
from holdfast.providers.openai_chat.decode import ChatDecoder
from holdfast.request import OutputSchema, Request, Tool
from holdfast.response import Response, fold
from holdfast.usage import Usage

PLAIN = Dialect(provider="test")
ASKED = Request(messages=(UserMessage("hi"),), stream=True)
DONE = b"data: [DONE]\n\n"


def event(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "c-1", "model": "m-1", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def call(index: int | None = None, id: Any = None, name: Any = None, arguments: Any = None) -> dict[str, Any]:  # noqa: A002  # the field's name
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {key: value for key, value in (("index", index), ("id", id), ("function", function)) if value is not None}


def stream(*chunks: dict[str, Any], done: bool = True) -> bytes:
    return b"".join(map(event, chunks)) + (DONE if done else b"")


def whole(message: dict[str, Any], finish: Any = "stop", **top: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"id": "c-1", "model": "m-1", "object": "chat.completion", "choices": [choice], **top}).encode()


def decode(
    body: bytes | Iterable[bytes], dialect: Dialect = PLAIN, request: Request = ASKED, headers: Any = None
) -> Iterator[Event]:
    chunks = [body] if isinstance(body, bytes) else body
    return decode_all(OpenAIChatCodec(dialect).decoder(request, "asked", headers or {}), chunks)


def answer(body: bytes | Iterable[bytes], dialect: Dialect = PLAIN, request: Request = ASKED) -> Response:
    return fold(decode(body, dialect, request))


def failure(body: bytes | Iterable[bytes], dialect: Dialect = PLAIN, request: Request = ASKED) -> ModelError:
    with pytest.raises(ModelError) as caught:
        list(decode(body, dialect, request))
    return caught.value


# The grammar


def test_a_stream_is_start_deltas_usage_and_one_finish() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    body = stream(
        delta(role="assistant", content=""),
        delta(content="Hel"),
        delta(content="lo"),
        delta("stop"),
        {"id": "c-1", "model": "m-1", "choices": [], "usage": usage},
    )
    told = Usage(input_tokens=3, output_tokens=2)
    assert list(decode(body, headers={"x-request-id": "req-1"})) == [
        ResponseStart("m-1", "test", "c-1", "req-1"),
        TextDelta("Hel", 1),
        TextDelta("lo", 1),
        UsageUpdate(told),
        Finish("stop", "stop", told),
    ]


def test_a_whole_response_gives_the_same_events_as_a_stream_of_one_chunk() -> None:
    assert answer(whole({"content": "Hello"})) == answer(stream(delta(content="Hello"), delta("stop")))


def test_thinking_comes_before_text_and_text_before_calls() -> None:
    body = stream(
        delta(tool_calls=[call(0, "a", "f", '{"x":')]),
        delta(content="words"),
        delta(reasoning_content="thought"),
        delta(tool_calls=[call(0, arguments="1}")]),
        delta("tool_calls"),
    )
    assert answer(body).parts == (Thinking("thought"), Text("words"), ToolCall("a", "f", '{"x":1}'))


def test_nothing_comes_after_the_finish() -> None:
    body = stream(delta(content="a"), delta("stop")) + stream(delta(content="b"), delta("length"))
    events = list(decode(body))
    assert [type(each) for each in events].count(Finish) == 1
    assert isinstance(events[-1], Finish)
    assert fold(events).text == "a"


def test_the_end_of_the_body_does_as_well_as_the_end_mark_once_a_reason_has_come() -> None:
    assert answer(stream(delta(content="a"), delta("stop"), done=False)).finish_reason == "stop"


def test_the_finish_is_given_at_the_end_mark_without_waiting_for_the_connection_to_close() -> None:
    decoder = OpenAIChatCodec(PLAIN).decoder(ASKED, "asked", {})
    assert isinstance(list(decoder.feed(stream(delta(content="a"), delta("stop"))))[-1], Finish)
    assert list(decoder.close()) == []


# Tool calls


CALLS = {
    "by index": (
        [[call(0, "a", "f", "")], [call(0, arguments='{"x"')], [call(0, arguments=":1}")]],
        [("a", "f", '{"x":1}')],
    ),
    "parallel, mixed": (
        [[call(0, "a", "f", ""), call(1, "b", "g", "")], [call(1, arguments='{"y":2}')], [call(0, arguments='{"x":1}')]],
        [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')],
    ),
    "in the order of their indexes": (
        [[call(1, "b", "g", '{"y":2}')], [call(0, "a", "f", '{"x":1}')]],
        [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')],
    ),
    "id and name repeated": (
        [[call(0, "a", "f", '{"x"')], [call(0, "a", "f", ":1")], [call(0, "a", "f", "}")]],
        [("a", "f", '{"x":1}')],
    ),
    "no index, by id": (
        [[call(None, "a", "f", '{"x":1')], [call(None, "b", "g", '{"y":')], [call(None, "a", arguments="}")],
         [call(None, "b", arguments="2}")]],
        [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')],
    ),
    "no index, no id in the pieces": (
        [[call(None, "a", "f", "")], [call(None, arguments='{"x":1')], [call(None, arguments="}")],
         [call(None, "b", "g", "")], [call(None, arguments="{}")]],
        [("a", "f", '{"x":1}'), ("b", "g", "{}")],
    ),
    "whole objects per chunk, all with index 0": (
        [[call(0, "a", "f", '{"x":1}')], [call(0, "b", "f", '{"x":2}')]],
        [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')],
    ),
    "the whole call again": (
        [[call(0, "a", "f", '{"x":1}')], [call(0, "a", "f", '{"x":1}')]],
        [("a", "f", '{"x":1}')],
    ),
    "an empty object before the real one": (
        [[call(0, "a", "f", "{}")], [call(0, arguments='{"x":1}')]],
        [("a", "f", '{"x":1}')],
    ),
    "an object instead of its text": ([[call(0, "a", "f", {"x": 1})]], [("a", "f", '{"x":1}')]),
    "no arguments at all": ([[call(0, "a", "f")], [call(1, "b", "g", "")]], [("a", "f", "{}"), ("b", "g", "{}")]),
    "arguments in a code fence": (
        [[call(0, "a", "f", "```json\n")], [call(0, arguments='{"x":1}\n```')]],
        [("a", "f", '{"x":1}')],
    ),
    "white space around them": ([[call(0, "a", "f", ' {"x":1}\n')]], [("a", "f", ' {"x":1}\n')]),
    "the name in pieces": (
        [[call(0, "a", "get_", "")], [call(0, name="weather")], [call(0, arguments="{}")]],
        [("a", "get_weather", "{}")],
    ),
    "the name after the arguments": ([[call(0, "a", None, '{"x":')], [call(0, name="f", arguments="1}")]], [("a", "f", '{"x":1}')]),
    "the same id twice": (
        [[call(0, "a", "f", "{}"), call(1, "a", "g", "{}")]],
        [("a", "f", "{}"), (None, "g", "{}")],
    ),
    "null entries": ([[None, call(0, "a", "f", "{}")]], [("a", "f", "{}")]),
    "numbers as ids": ([[call(0, 7, "f", "{}")]], [("7", "f", "{}")]),
    "an index that is none": ([[call(-1, "a", "f", "{}")], [call(10**9, "b", "g", "{}")]], [("a", "f", "{}"), ("b", "g", "{}")]),
    "a hole in the indexes": ([[call(3, "a", "f", "{}")]], [("a", "f", "{}")]),
}  # fmt: skip


@pytest.mark.parametrize(("deltas", "expected"), CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_calls_are_joined_from_their_pieces(deltas: Any, expected: Any, finish: str) -> None:
    response = answer(stream(*(delta(tool_calls=calls) for calls in deltas), delta(finish)))
    assert response.finish_reason == "tool_calls"
    assert [(part.name, part.arguments) for part in response.tool_calls] == [each[1:] for each in expected]
    assert [part.id for part in response.tool_calls] == [
        each[0] or part.id for part, each in zip(response.tool_calls, expected, strict=True)
    ]
    assert len({part.id for part in response.tool_calls}) == len(expected)


def test_calls_without_ids_get_unique_ones_and_the_same_ones_again() -> None:
    body = whole({"content": None, "tool_calls": [call(None, "", "f", "{}"), call(None, None, "g", "{}")]})
    first, second = answer(body).tool_calls, answer(body).tool_calls
    assert first == second
    assert len({part.id for part in first}) == 2
    assert all(part.id.startswith("call_") for part in first)


def test_calls_without_ids_get_other_ones_in_the_next_turn() -> None:
    body = whole({"content": None, "tool_calls": [call(None, "", "f", "{}")]}, id="")
    later = ASKED.replace(messages=[*ASKED.messages, *ASKED.messages])
    assert answer(body).tool_calls[0].id != answer(body, request=later).tool_calls[0].id


def test_text_and_calls_in_one_delta_are_both_kept() -> None:
    response = answer(stream(delta("tool_calls", content="Let me see.", tool_calls=[call(0, "a", "f", "{}")])))
    assert response.parts == (Text("Let me see."), ToolCall("a", "f", "{}"))


def test_the_older_function_call_is_a_call() -> None:
    body = stream(
        delta(function_call={"name": "f", "arguments": ""}),
        delta(function_call={"arguments": '{"x":1}'}),
        delta("function_call"),
    )
    (made,) = answer(body).tool_calls
    assert (made.name, made.arguments) == ("f", '{"x":1}')
    assert answer(body).finish_reason == "tool_calls"


def test_an_empty_function_call_is_none() -> None:
    response = answer(whole({"content": "hi", "function_call": {"name": "", "arguments": ""}, "tool_calls": []}))
    assert response.tool_calls == ()
    assert response.finish_reason == "stop"


def test_the_input_of_a_custom_tool_is_wrapped() -> None:
    body = whole({"tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}]})
    assert answer(body).tool_calls == (ToolCall("a", "sql", '{"input":"select 1"}'),)


def test_google_signatures_of_calls_are_kept_with_their_origin() -> None:
    signed = call(0, "a", "f", "{}") | {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    (made,) = answer(stream(delta(tool_calls=[signed]), delta("tool_calls"))).tool_calls
    assert (made.signature, made.origin) == ("c2ln", "openai_chat")


def test_a_streamed_call_is_shown_while_it_comes() -> None:
    events = list(
        decode(
            stream(
                delta(tool_calls=[call(0, "a", "f", '{"x"')]),
                delta(tool_calls=[call(0, arguments=":1}")]),
                delta("stop"),
            )
        )
    )
    assert events[1:4] == [ToolCallStart(2, "a", "f"), ToolCallDelta(2, '{"x"'), ToolCallDelta(2, ":1}")]


@pytest.mark.parametrize(
    ("pieces", "finish", "kind", "said"),
    [
        (['{"x":'], "length", InvalidResponseError, "token limit"),
        (['{"x":'], "content_filter", ContentFilterError, "content filter"),
        (['{"x":'], "tool_calls", InvalidResponseError, "not complete JSON"),
        (["[1]"], "tool_calls", InvalidResponseError, "not one JSON object"),
        (['{"x":1}', '{"x":2}'], "tool_calls", InvalidResponseError, "not one JSON object"),
        (['{"x":', "1}{", "}"], "tool_calls", InvalidResponseError, "not one JSON object"),
        (["sure, here it is"], "tool_calls", InvalidResponseError, "not complete JSON"),
    ],
)
def test_arguments_that_do_not_parse_are_a_typed_error(pieces: Any, finish: str, kind: Any, said: str) -> None:
    head, *rest = pieces
    deltas = [
        delta(tool_calls=[call(0, "a", "f", head)]),
        *(delta(tool_calls=[call(0, arguments=piece)]) for piece in rest),
    ]
    error = failure(stream(*deltas, delta(finish)))
    assert type(error) is kind
    assert said in error.message
    assert error.raw == "".join(pieces)


def test_a_call_without_a_name_is_a_typed_error() -> None:
    assert isinstance(
        failure(stream(delta(tool_calls=[call(0, "a", None, "{}")]), delta("tool_calls"))), InvalidResponseError
    )


def test_tools_get_their_own_names_back() -> None:
    request = ASKED.replace(tools=(Tool("files.read"), Tool("files_read")))
    body = stream(
        delta(tool_calls=[call(0, "a", "files_read_2", "{}"), call(1, "b", "files_read", "{}")]), delta("stop")
    )
    assert [part.name for part in answer(body, request=request).tool_calls] == ["files.read", "files_read"]


# Thinking


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_has_fields_of_its_own(field: str) -> None:
    response = answer(stream(delta(**{field: "a"}), delta(**{field: "b"}), delta(content="c"), delta("stop")))
    assert (response.thinking, response.text) == ("ab", "c")


def test_the_same_thinking_in_two_fields_is_told_once() -> None:
    details = [{"type": "reasoning.text", "index": 0, "text": "a"}]
    both = {"reasoning": "a", "reasoning_content": "a", "reasoning_details": details}
    assert answer(stream(delta(**both), delta(content="c"), delta("stop"))).thinking == "a"
    assert answer(whole({**both, "content": "c"})).thinking == "a"


def test_reasoning_details_are_joined_and_kept_to_go_back() -> None:
    body = stream(
        delta(reasoning_details=[{"type": "reasoning.text", "index": 0, "text": "a", "id": None}]),
        delta(reasoning_details=[{"type": "reasoning.text", "index": 0, "text": "b", "signature": "s"}]),
        delta(reasoning_details=[{"type": "reasoning.encrypted", "index": 1, "data": "e"}]),
        delta(content="c"),
        delta("stop"),
    )
    (thinking, _) = answer(body).parts
    assert isinstance(thinking, Thinking)
    assert (thinking.text, thinking.origin) == ("ab", "openai_chat")
    assert json.loads(thinking.data or "") == [
        {"type": "reasoning.text", "index": 0, "text": "ab", "id": None, "signature": "s"},
        {"type": "reasoning.encrypted", "index": 1, "data": "e"},
    ]


def test_thinking_comes_out_of_tags_where_the_dialect_says_so() -> None:
    body = stream(delta(content="<thi"), delta(content="nk>a</think"), delta(content=">b"), delta("stop"))
    response = answer(body, Dialect(provider="test", think_tags=True))
    assert (response.thinking, response.text) == ("a", "b")
    assert answer(body).text == "<think>a</think>b"


def test_content_lists_hold_thinking_text_and_references() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "a"}]},
        {"type": "text", "text": "b"},
        {"type": "reference", "reference_ids": [1]},
        "c",
    ]
    response = answer(whole({"content": content}))
    assert (response.thinking, response.text) == ("a", "bc")
    assert response.parts[1] == Text("bc", ({"type": "reference", "reference_ids": [1]},))


# What else an answer holds


def test_a_refusal_is_a_content_filter_whatever_the_reason_says() -> None:
    for body in (
        whole({"content": None, "refusal": "I cannot."}),
        stream(delta(refusal="I can"), delta(refusal="not."), delta("stop")),
    ):
        response = answer(body)
        assert (response.finish_reason, response.raw_finish_reason) == ("content_filter", "stop")
        assert response.extra["refusal"] == "I cannot."
        assert response.parts == ()


def test_log_probabilities_keep_their_tokens() -> None:
    token = {
        "token": "a",
        "logprob": -0.5,
        "bytes": [97],
        "top_logprobs": [{"token": "b", "logprob": -1.0, "bytes": [98]}],
    }
    chunk = delta(content="a")
    chunk["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    assert answer(stream(chunk, chunk, delta("stop"))).logprobs == (token, token)


def test_log_probabilities_may_hold_what_is_no_json() -> None:
    body = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-Infinity}]}}]}\n\n'
    (told,) = answer(body + stream(delta("stop"))).logprobs
    assert told["logprob"] == float("-inf")


def test_the_older_form_of_log_probabilities_is_read() -> None:
    chunk = delta(content="ab")
    chunk["choices"][0]["logprobs"] = {"tokens": ["a", "b"], "token_logprobs": [-0.5, -0.25]}
    assert [told["token"] for told in answer(stream(chunk, delta("stop"))).logprobs] == ["a", "b"]


def test_annotations_stand_by_the_text() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://example.com", "start_index": 0, "end_index": 1}}
    expected = (Text("a", (note,)),)
    assert answer(whole({"content": "a", "annotations": [note]})).parts == expected
    assert answer(stream(delta(content="a"), delta(annotations=[note]), delta("stop"))).parts == expected


def test_pictures_and_sounds_come_after_the_words() -> None:
    sound = base64.b64encode(b"RIFF").decode()
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
    request = ASKED.replace(extra={"audio": {"voice": "alloy", "format": "wav"}})
    message = {
        "content": "a",
        "images": [picture],
        "audio": {"id": "au-1", "data": sound, "transcript": "b", "expires_at": 1},
    }
    expected = (
        Text("a"),
        Image(data=b"\x89PNG", media_type="image/png"),
        Audio(data=b"RIFF", media_type="audio/wav", id="au-1", transcript="b"),
    )
    assert answer(whole(message), request=request).parts == expected
    pieces = [{"id": "au-1"}, {"transcript": "b"}, {"data": sound}, {"expires_at": 1}]
    body = stream(delta(content="a"), delta(images=[picture]), *(delta(audio=piece) for piece in pieces), delta("stop"))
    assert answer(body, request=request).parts == expected


def test_a_picture_by_its_url_is_kept_so() -> None:
    events = list(decode(whole({"content": "", "images": [{"image_url": {"url": "https://example.com/a.png"}}]})))
    assert [each.content for each in events if isinstance(each, PartAdded)] == [Image(url="https://example.com/a.png")]


def test_what_azure_says_of_its_filters_is_kept_and_read() -> None:
    safe, filtered = {"filtered": False, "severity": "safe"}, {"filtered": True, "severity": "high"}
    prompt = [{"prompt_index": 0, "content_filter_results": {"hate": safe}}]
    late = {
        "choices": [
            {
                "index": 0,
                "content_filter_offsets": {"start_offset": 0, "end_offset": 4},
                "content_filter_results": {"violence": filtered},
                "delta": None,
            }
        ]
    }
    response = answer(
        stream(
            {"id": "", "model": "", "choices": [], "prompt_filter_results": prompt},
            delta(content="gore"),
            late,
            delta("content_filter"),
        )
    )
    assert response.model == "m-1"
    assert (response.text, response.finish_reason) == ("gore", "content_filter")
    assert response.extra["prompt_filter_results"] == prompt
    assert response.extra["content_filter_results"] == {"violence": filtered}
    assert response.extra["content_filter_offsets"] == {"start_offset": 0, "end_offset": 4}
    assert response.extra["categories"] == ("violence",)


def test_a_prompt_that_azure_filtered_is_a_filtered_answer() -> None:
    prompt = [{"content_filter_results": {"hate": {"filtered": True, "severity": "high"}}}]
    response = answer(json.dumps({"choices": [], "prompt_filter_results": prompt}).encode())
    assert (response.finish_reason, response.extra["categories"]) == ("content_filter", ("hate",))


def test_what_the_provider_says_besides_is_kept() -> None:
    top = {
        "system_fingerprint": "fp",
        "service_tier": "default",
        "citations": ["https://example.com"],
        "provider": "Up",
    }
    assert answer(whole({"content": "a"}, **top)).extra == top
    assert answer(stream({**delta(content="a"), **top}, delta("stop"))).extra == top


# Usage


USAGES = {
    "OpenAI": (
        {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
         "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 2}},
        Usage(input_tokens=9, output_tokens=5, cache_read_tokens=4, reasoning_tokens=3, audio_input_tokens=1, audio_output_tokens=2),
    ),
    "DeepSeek": ({"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}, Usage(input_tokens=9, output_tokens=5, cache_read_tokens=4)),
    "Moonshot": ({"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4}, Usage(input_tokens=9, output_tokens=5, cache_read_tokens=4)),
    "xAI, reasoning beside": (
        {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 17, "completion_tokens_details": {"reasoning_tokens": 3}},
        Usage(input_tokens=9, output_tokens=8, reasoning_tokens=3),
    ),
    "a gateway before Anthropic": (
        {"prompt_tokens": 9, "completion_tokens": 5, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 2},
        Usage(input_tokens=9, output_tokens=5, cache_write_tokens=3, cache_read_tokens=2),
    ),
    "nulls": ({"prompt_tokens": 9, "completion_tokens": None, "prompt_tokens_details": None}, Usage(input_tokens=9)),
    "Responses' words": ({"input_tokens": 9, "output_tokens": 5}, Usage(input_tokens=9, output_tokens=5)),
}  # fmt: skip


@pytest.mark.parametrize(("stated", "expected"), USAGES.values(), ids=USAGES)
def test_tokens_have_one_shape(stated: dict[str, Any], expected: Usage) -> None:
    assert answer(whole({"content": "a"}, usage=stated)).usage == expected


COUNTED = {"prompt_tokens": 3, "completion_tokens": 2}


@pytest.mark.parametrize(
    "chunks",
    [
        [delta(content="a"), {**delta("stop"), "usage": COUNTED}],
        [{**delta(content="a"), "usage": {"prompt_tokens": 3, "completion_tokens": 1}}, {**delta("stop"), "usage": COUNTED}],
        [delta(content="a"), delta("stop"), {"choices": [], "usage": COUNTED}],
        [delta(content="a"), delta("stop"), {"choices": None, "usage": COUNTED}],
        [delta(content="a"), delta("stop"), {"usage": COUNTED}],
        [{"choices": [], "usage": COUNTED}, delta(content="a"), {**delta("stop"), "usage": None}],
        [delta(content="a"), {**delta("stop"), "usage": COUNTED}, {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}],
        [delta(content="a"), {**delta("stop"), "usage": COUNTED}, {"choices": [], "usage": {}}],
        [delta(content="a"), {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": COUNTED}]}],
        [delta(content="a"), {**delta("stop"), "x_groq": {"id": "r", "usage": COUNTED}}],
        [delta(content="a"), {**delta("stop"), "usage": [], "x_groq": None}, {"choices": [], "usage": COUNTED}],
    ],
)  # fmt: skip
def test_usage_may_stand_on_any_chunk(chunks: Any) -> None:
    response = answer(stream(*chunks))
    assert response.usage == Usage(input_tokens=3, output_tokens=2)
    assert (response.text, response.finish_reason) == ("a", "stop")


def test_no_usage_is_told_where_none_was_stated() -> None:
    assert list(decode(stream(delta(content="a"), delta("stop"))))[-1] == Finish("stop", "stop")


def test_the_cost_that_openrouter_states_is_kept() -> None:
    assert answer(whole({"content": "a"}, usage={**COUNTED, "cost": 0.5})).extra["cost"] == 0.5


# Finish reasons


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("stop", "stop"), ("eos", "stop"), ("eos_token", "stop"), ("stop_sequence", "stop"), ("STOP", "stop"), ("end_turn", "stop"),
        ("COMPLETE", "stop"), ("length", "length"), ("max_tokens", "length"), ("MAX_TOKENS", "length"), ("model_length", "context_length"),
        ("model_context_window_exceeded", "context_length"), ("tool_calls", "tool_calls"), ("function_call", "tool_calls"),
        ("tool_use", "tool_calls"), ("content_filter", "content_filter"), ("content-filter", "content_filter"),
        ("content_filter: RECITATION", "content_filter"), ("sensitive", "content_filter"), ("refusal", "content_filter"),
        ("SAFETY", "content_filter"), ("error", "error"), ("network_error", "error"), ("insufficient_system_resource", "error"),
        ("abort", "error"), ("pause_turn", "pause"), ("moonbeam", "unknown"),
    ],
)  # fmt: skip
def test_finish_reasons_have_one_vocabulary_and_keep_their_word(word: str, expected: str) -> None:
    for body in (whole({"content": "a"}, word), stream(delta(content="a"), delta(word))):
        response = answer(body)
        assert (response.finish_reason, response.raw_finish_reason) == (expected, word)


def test_a_later_reason_wins() -> None:
    assert answer(stream(delta("stop", content="a"), delta("length"))).finish_reason == "length"


@pytest.mark.parametrize("word", ["length", "content_filter", "error"])
def test_complete_calls_do_not_hide_that_an_answer_was_cut(word: str) -> None:
    response = answer(stream(delta(tool_calls=[call(0, "a", "f", "{}")]), delta(word)))
    assert (response.finish_reason, len(response.tool_calls)) == (word, 1)


def test_a_whole_response_may_lack_its_reason() -> None:
    for missing in (None, "", "null"):
        response = answer(whole({"content": "a"}, missing))
        assert (response.finish_reason, response.raw_finish_reason) == ("unknown", None)


# Odd but understood


ODD = {
    "null chunks": [b"data: null\n\n"],
    "empty data": [b"data:\n\n", b"data: \n\n"],
    "comments": [b": OPENROUTER PROCESSING\n\n", b":\n"],
    "pings": [b'event: ping\ndata: {"type": "ping"}\n\n', b"event: keepalive\ndata: .\n\n"],
    "no choices": [event({"choices": []}), event({"choices": None}), event({})],
    "a null choice": [event({"choices": [None]})],
    "no delta": [event({"choices": [{"index": 0, "delta": None}]}), event({"choices": [{"index": 0}]})],
    "null content": [event(delta(content=None, tool_calls=None, refusal=None, reasoning=None, function_call=None))],
    "empty fields": [event(delta(content="", tool_calls=[], refusal="", reasoning_content="", annotations=[]))],
    "unknown fields": [event({**delta(odd={"a": [1]}), "obfuscation": "x" * 9, "p": None})],
    "other answers": [event({"choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "length"}]})],
    "no error": [event({**delta(content=""), "error": None}), event({**delta(content=""), "error": {}})],
    "odd values in side fields": [
        event({**delta(content=""), "id": 5, "created": "now", "usage": "none", "service_tier": 3})
    ],
    "a retry field": [b"retry: 3000\n\n"],
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_what_says_nothing_changes_nothing(odd: list[bytes], line_end: bytes) -> None:
    plain = [event(delta(role="assistant")), event(delta(content="a")), event(delta(content="b")), event(delta("stop"))]
    mixed = [part for each in plain for part in (each, *odd)]
    response = answer(b"".join([*mixed, DONE]).replace(b"\n", line_end))
    assert (response.text, response.finish_reason, response.tool_calls) == ("ab", "stop", ())


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + stream(delta(content="a"), delta("stop")),
        b"\n\n" + stream(delta(content="a"), delta("stop")),
        stream(delta(content="a"), delta("stop"), done=False) + b"data: [DONE]",
        stream(delta(content="a"), delta("stop"), done=False) + b"data: [DONE]\n",
        stream(delta(content="a"), delta("stop"), done=False)[:-1],
        stream(delta(content="a"), delta("stop"), done=False)[:-2],
        stream(delta(content="a"), delta("stop")).replace(b"\n\n", b"\n"),
        stream(delta(content="a"), delta("stop")).replace(b"data: ", b"data:"),
        b"".join(b"event: message\nid: 1\n" + event(each) for each in (delta(content="a"), delta("stop"))) + DONE,
        b"data: "
        + json.dumps(delta(content="a"), indent=1).replace("\n", "\ndata: ").encode()
        + b"\n\n"
        + stream(delta("stop")),
        whole({"content": "a"}),
        b"\n  \n" + whole({"content": "a"}) + b"\n",
        b"\xef\xbb\xbf" + whole({"content": "a"}),
        json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}).encode(),
        json.dumps({"choices": [{"text": "a", "finish_reason": "stop"}]}).encode(),
        stream({"choices": [{"index": 0, "text": "a", "finish_reason": None}]}, delta("stop")),
    ],
)
@pytest.mark.parametrize("kind", ["text/event-stream", "application/json", "text/plain", ""])
def test_the_form_of_a_body_is_seen_and_not_believed(body: bytes, kind: str) -> None:
    for request in (ASKED, ASKED.replace(stream=False)):
        events = list(decode(body, request=request, headers={"content-type": kind}))
        response = fold(events)
        assert (response.text, response.finish_reason) == ("a", "stop")


def test_broken_characters_are_replaced() -> None:
    body = b'data: {"choices":[{"index":0,"delta":{"content":"a\xff"},"finish_reason":"stop"}]}\n\n'
    assert answer(body).text == "a\ufffd"


def test_an_endpoint_may_leave_out_its_finish_reason_where_the_dialect_says_so() -> None:
    dialect = Dialect(provider="test", may_omit_finish=True)
    response = answer(stream(delta(content="a")), dialect)
    assert (response.text, response.finish_reason, response.raw_finish_reason) == ("a", "unknown", None)
    called = answer(stream(delta(tool_calls=[call(0, "a", "f", "{}")])), dialect)
    assert called.finish_reason == "tool_calls"
    assert isinstance(failure(stream(delta(content="a"), done=False), dialect), StreamInterruptedError)


def test_an_empty_completion_is_left_to_the_verdict() -> None:
    assert list(decode(stream(delta("stop")))) == [ResponseStart("m-1", "test", "c-1"), Finish("stop", "stop")]


def test_an_answer_that_carries_on_natively_says_so() -> None:
    dialect = Dialect(provider="test", prefill="assistant")
    prefixed = ASKED.replace(prefix="Once upon")
    for speaks, request, expected in ((dialect, prefixed, True), (dialect, ASKED, False), (PLAIN, prefixed, False)):
        (start, *_) = decode(stream(delta(content=" a time"), delta("stop")), speaks, request)
        assert isinstance(start, ResponseStart)
        assert start.continues is expected


def test_an_answer_that_had_to_come_as_a_call_is_text_again() -> None:
    dialect = Dialect(provider="test", json_schema=False, json_mode=False)
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    request = ASKED.replace(output=OutputSchema("shape", schema))
    body = stream(
        delta(tool_calls=[call(0, "x", "final_answer", '{"a":')]),
        delta(tool_calls=[call(0, arguments="1}")]),
        delta("tool_calls"),
    )
    response = answer(body, dialect, request)
    assert (response.text, response.tool_calls, response.finish_reason) == ('{"a":1}', (), "stop")


# Failures that arrive as success


BROKEN: dict[str, tuple[bytes, type[ModelError]]] = {
    "nothing at all": (b"", InvalidResponseError),
    "white space": (b" \n\n", InvalidResponseError),
    "HTML": (b"<!DOCTYPE html><html><title>502</title></html>", InvalidResponseError),
    "long HTML": (b"<html>" + b"x" * 100_000, InvalidResponseError),
    "text": (b"upstream connect error", InvalidResponseError),
    "the beginning of a field name": (b"dat", InvalidResponseError),
    "JSON null": (b"null", InvalidResponseError),
    "a JSON list": (b"[]", InvalidResponseError),
    "a JSON text": (b'"hello"', InvalidResponseError),
    "an empty object": (b"{}", InvalidResponseError),
    "cut JSON": (whole({"content": "Hello"})[:-9], InvalidResponseError),
    "null choices": (b'{"id": "x", "choices": null}', InvalidResponseError),
    "no choices": (b'{"id": "x", "choices": []}', InvalidResponseError),
    "choices of another shape": (b'{"id": "x", "choices": {"a": 1}}', InvalidResponseError),
    "nested without end": (b'{"choices":' + b"[" * 100_000, InvalidResponseError),
    "an end mark alone": (DONE, InvalidResponseError),
    "comments alone": (b": ping\n\n: ping\n\n", StreamInterruptedError),
    "chunks without choices": (stream({"choices": []}, {"choices": None}), InvalidResponseError),
    "a stream cut between events": (stream(delta(content="a"), done=False), StreamInterruptedError),
    "a stream cut in an event": (stream(delta(content="a"), delta("stop"), done=False)[:-12], StreamInterruptedError),
    "a stream cut in its first event": (b'data: {"id":"c-1","cho', StreamInterruptedError),
    "a stream cut in a field name": (event(delta(content="a")) + b"dat", StreamInterruptedError),
    "an end mark without a reason": (stream(delta(content="a")), StreamInterruptedError),
    "a cut call": (stream(delta(tool_calls=[call(0, "a", "f", '{"x":')]), done=False), StreamInterruptedError),
    "garbage in the stream": (event(delta(content="a")) + b"data: }{ nonsense\n\n" + stream(delta("stop")), InvalidResponseError),
    "half a surrogate pair": (b'data: {"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}\n\n' + stream(delta("stop")), InvalidResponseError),
    "an error object": (b'{"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}', RateLimitError),
    "an error object beside null choices": (
        b'{"id":null,"choices":null,"error":{"message":"Rate limit exceeded","code":429}}',
        RateLimitError,
    ),
    "an error as the first event": (event({"error": {"message": "Rate limit exceeded", "code": 429}}), RateLimitError),
    "an error in the middle": (
        stream(delta(content="a"), {"error": {"message": "Rate limit exceeded", "code": 429}}),
        RateLimitError,
    ),
    "an event of the type error": (
        event(delta(content="a")) + b'event: error\ndata: {"message": "Rate limit exceeded", "code": 429}\n\n',
        RateLimitError,
    ),
    "an error beside a choice": (
        stream(delta(content="a"), {**delta("error", content=""), "error": {"code": 429, "message": "Rate limit exceeded"}}),
        RateLimitError,
    ),
    "an error in a choice": (
        stream({"choices": [{"index": 0, "delta": {}, "error": {"code": 429, "message": "Rate limit exceeded"}}]}),
        RateLimitError,
    ),
    "a bare error object in the stream": (
        event(delta(content="a")) + b'{"error": {"message": "Rate limit exceeded", "code": 429}}\n\n',
        RateLimitError,
    ),
    "a bare error object before the end mark": (
        event(delta(content="a")) + b'{"error": {"message": "Rate limit exceeded", "code": 429}}\n\n' + DONE,
        RateLimitError,
    ),
    "an error after the reason": (
        stream(delta("stop", content="a"), {"error": {"message": "Rate limit exceeded", "code": 429}}),
        RateLimitError,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "kind"), BROKEN.values(), ids=BROKEN)
def test_failures_that_arrive_as_success_are_typed_errors(body: bytes, kind: type[ModelError]) -> None:
    for chunks in ([body], [body[at : at + 1] for at in range(min(len(body), 6000))]):
        error = failure(chunks)
        assert type(error) is kind
        assert (error.provider, error.model) == ("test", "asked")
        assert error.status in (200, 429)  # the status of the response, or the one that the error states


@pytest.mark.parametrize(
    "payload",
    [
        {"error": "something went wrong"},
        {"detail": "Internal failure"},
        {"object": "error", "message": "boom", "code": 500},
        {"type": "error", "message": "boom"},
        {"message": "Internal server error"},
        {"base_resp": {"status_code": 1013, "status_msg": "internal error"}, "choices": None},
        {"type": "chat:completion", "data": {"error": {"detail": "blocked"}}},
        {"success": False, "msg": "boom"},
        [{"error": {"code": 500, "message": "boom", "status": "INTERNAL"}}],
    ],
)
def test_errors_are_known_in_all_their_shapes(payload: Any) -> None:
    for body in (json.dumps(payload).encode(), event(payload), event(delta(content="a")) + event(payload)):
        error = failure(body)
        assert "no choice" not in error.message
        assert not isinstance(error, StreamInterruptedError)


def test_what_came_before_a_failure_is_told_before_it_is_raised() -> None:
    body = stream(delta(content="a"), delta(content="b"), {"error": {"message": "boom"}})
    for chunks in ([body], [body[at : at + 1] for at in range(len(body))]):
        events, error = outcome(chunks, PLAIN)
        assert [each.text for each in events if isinstance(each, TextDelta)] == ["a", "b"]
        assert error is not None


def test_what_was_held_back_is_given_out_when_the_answer_breaks_off() -> None:
    dialect = Dialect(provider="test", think_tags=True)
    events, error = outcome([stream(delta(content="a <thi"), done=False)], dialect)
    assert error is StreamInterruptedError
    assert fold(events).text == "a <thi"


def test_errors_in_a_response_know_its_request_id() -> None:
    with pytest.raises(StreamInterruptedError) as caught:
        list(decode(stream(delta(content="a"), done=False), headers={"x-request-id": "req-1"}))
    assert caught.value.request_id == "req-1"


def test_nothing_follows_a_failure() -> None:
    decoder = OpenAIChatCodec(PLAIN).decoder(ASKED, "asked", {})
    with pytest.raises(ModelError):
        list(decoder.feed(event({"error": {"message": "boom"}})))
    assert list(decoder.feed(stream(delta(content="a"), delta("stop")))) == []
    assert list(decoder.close()) == []


def test_bodies_and_events_are_bounded() -> None:
    def read(body: bytes, **limits: int) -> list[Event]:
        return list(decode_all(ChatDecoder(Answer(ResponseStart()), **limits), [body]))

    with pytest.raises(InvalidResponseError, match="larger than 1000 bytes"):
        read(whole({"content": "a" * 1000}), body_limit=1000)
    with pytest.raises(InvalidResponseError, match="larger than 1000 bytes"):
        read(stream(delta(content="a" * 1000)), event_limit=1000)
    assert len(read(whole({"content": "a"}), body_limit=1000)) == 3


def test_what_a_body_of_text_says_is_kept_without_its_keys() -> None:
    error = failure(b"<html>Bearer sk-abcdefghijklmnopqrstuvwxyz</html>")
    assert error.raw is not None
    assert "sk-abc" not in error.raw
    assert "[key removed]" in error.raw


# Laws


def _chunks(draw: Any) -> list[dict[str, Any]]:
    text = st.sampled_from(["", "a", "two words", "\n", "ünï 🌍", "<think>", "</think>", "`"])
    pieces = st.one_of(
        text.map(lambda said: delta(content=said)),
        text.map(lambda said: delta(reasoning_content=said)),
        text.map(lambda said: delta(refusal=said)),
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["a", "b", None]),
            st.sampled_from(["f", None]),
            st.sampled_from(['{"x":', "1}", "{}", "", None]),
        ).map(lambda each: delta(tool_calls=[call(*each)])),
        st.sampled_from(
            [delta("stop"), delta("length"), {"choices": [], "usage": COUNTED}, {"error": {"message": "boom"}}, {}]
        ),
    )
    return draw(st.lists(pieces, max_size=8))


@st.composite
def bodies(draw: Any) -> bytes:
    body = stream(*_chunks(draw), done=draw(st.booleans()))
    body = body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body
    return body.replace(b"\n", draw(st.sampled_from([b"\n", b"\r\n"])))


def outcome(chunks: list[bytes], dialect: Dialect) -> tuple[list[Event], type[ModelError] | None]:
    events: list[Event] = []
    decoder = OpenAIChatCodec(dialect).decoder(ASKED, "asked", {})
    try:
        for chunk in chunks:
            for each in decoder.feed(chunk):
                events.append(each)  # noqa: PERF402  # what came before a failure counts
        events.extend(decoder.close())
    except ModelError as error:
        return events, type(error)
    return events, None


oddities = st.recursive(
    st.sampled_from([None, "", "x", 0, -1, 1.5, True, 10**30]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "tool_calls",
                    "function",
                    "index",
                    "id",
                    "name",
                    "arguments",
                    "usage",
                    "error",
                    "logprobs",
                    "finish_reason",
                    "reasoning_details",
                    "text",
                    "type",
                    "images",
                    "audio",
                    "annotations",
                    "function_call",
                    "refusal",
                    "prompt_filter_results",
                    "content_filter_results",
                    "x_groq",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400)
@given(oddities, oddities, oddities, st.booleans())
def test_whatever_json_comes_the_outcome_is_an_answer_or_a_typed_error(
    top: Any, beside: Any, inner: Any, streamed: bool
) -> None:
    choice = {**beside, "delta": inner, "message": inner} if isinstance(beside, dict) else beside
    payload = {**top, "choices": [choice]} if isinstance(top, dict) else top
    body = stream(delta(content="a"), payload, delta("stop")) if streamed else json.dumps(payload).encode()
    events, error = outcome([body], Dialect(provider="test", think_tags=True))
    assert isinstance(events[-1], Finish) if error is None else issubclass(error, ModelError)


@settings(max_examples=250)
@given(bodies(), st.lists(st.integers(0, 2000), max_size=8), st.booleans())
def test_chunking_never_matters_and_every_body_ends_well(body: bytes, cuts: list[int], think_tags: bool) -> None:
    dialect = Dialect(provider="test", think_tags=think_tags)
    events, error = outcome([body], dialect)
    places = [0, *sorted({cut % (len(body) + 1) for cut in cuts}), len(body)]
    assert outcome([body[begin:end] for begin, end in pairwise(places)], dialect) == (events, error)
    assert outcome([body[at : at + 1] for at in range(len(body))], dialect) == (events, error)

    finishes = [at for at, each in enumerate(events) if isinstance(each, Finish)]
    starts = [at for at, each in enumerate(events) if isinstance(each, ResponseStart)]
    assert finishes == ([len(events) - 1] if error is None else [])
    assert [at for at, each in enumerate(events) if not isinstance(each, UsageUpdate)][:1] == starts
    if error is None:
        assert all(part.input is not None for part in fold(events).tool_calls)
    opened = set()
    for each in events:
        if isinstance(each, ToolCallStart):
            assert each.part not in opened
            opened.add(each.part)
        if isinstance(each, ToolCallDelta):
            assert each.part in opened
        if isinstance(each, ThinkingDelta | TextDelta):
            assert each.part in (0, 1)
