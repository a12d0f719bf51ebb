from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import (
    ContentFilterError,
    InvalidResponseError,
    ModelError,
    OverloadedError,
    RateLimitError,
    StreamInterruptedError,
)
from holdfast.events import Event, Finish, UsageUpdate
from holdfast.messages import Audio, Document, Image, Opaque, Text, Thinking, ToolCall, UserMessage
from holdfast.providers.codec import Checkpoint, Dialect, ResumableCodec, ResumableDecoder, decode_all
from holdfast.providers.gemini.codec import GeminiCodec
from holdfast.providers.gemini.finish import REASONS
from holdfast.providers.gemini.wire import ORIGIN
from holdfast.recovery.verdict import verdict
from holdfast.request import Request
from holdfast.response import Response, fold
from holdfast.testing.check import check_events

CODEC = GeminiCodec(Dialect(provider="gemini"))
ASKED = Request(messages=(UserMessage("hi"),), stream=True)


def chunk(*parts: dict[str, Any], finish: str | None = None, candidate: Any = None, **fields: Any) -> dict[str, Any]:
    said = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **(candidate or {})}
    if finish:
        said["finishReason"] = finish
    return {"candidates": [said], "modelVersion": "gemini-3-pro", "responseId": "r1", **fields}


def sse(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in chunks)


def decoded(*chunks: dict[str, Any]) -> list[Event]:
    return list(decode_all(CODEC.decoder(ASKED, "gemini-3-pro", {}), [sse(*chunks)]))


def answered(*chunks: dict[str, Any]) -> Response:
    return check_events(decoded(*chunks))


def test_text_runs_on_over_chunks_and_parts_of_one_chunk_stay_apart() -> None:
    response = answered(
        chunk({"text": "Hel"}), chunk({"text": "lo"}, {"text": " you"}), chunk({"text": "."}, finish="STOP")
    )
    assert response.parts == (Text("Hello"), Text(" you."))


def test_a_part_with_a_signature_is_a_part_of_its_own() -> None:
    response = answered(
        chunk({"text": "hm", "thought": True}),
        chunk({"text": "!", "thought": True}, {"text": "Hello"}),
        chunk({"text": "", "thoughtSignature": "sig1"}),
        chunk({"text": "bye", "thoughtSignature": "sig2"}, finish="STOP"),
    )
    assert response.parts == (
        Thinking("hm!", origin=ORIGIN),
        Text("Hello"),
        Text("", signature="sig1", origin=ORIGIN),
        Text("bye", signature="sig2", origin=ORIGIN),
    )


def test_parallel_calls_have_ids_also_where_google_gives_none() -> None:
    call = {"name": "search", "args": {"a": 1}}
    response = answered(
        chunk(
            {"functionCall": call, "thoughtSignature": "sig"},
            {"functionCall": call},
            {"functionCall": {"name": "now", "id": "given"}},
            finish="STOP",
        )
    )
    assert response.parts == (
        ToolCall("call_r1_0", "search", '{"a": 1}', None, "sig", ORIGIN),
        ToolCall("call_r1_1", "search", '{"a": 1}', None, None, ORIGIN),
        ToolCall("given", "now", "{}", None, None, ORIGIN),
    )
    assert response.finish_reason == "tool_calls"


def test_arguments_that_stream_value_by_value_are_joined() -> None:
    def piece(path: str, more: bool = True, **value: Any) -> dict[str, Any]:
        return chunk({"functionCall": {"partialArgs": [{"jsonPath": path, **value}], "willContinue": more}})

    response = answered(
        chunk({"functionCall": {"name": "book", "willContinue": True}}),
        piece("$.trip.stops[0]", stringValue="Ki"),
        piece("$.trip.stops[0]", stringValue="el"),
        piece("$.trip.stops[1]", stringValue="Bergen"),
        piece("$.people", numberValue=2),
        piece("$.pets", boolValue=False),
        chunk({"functionCall": {}}),
        chunk(finish="STOP"),
    )
    (call,) = response.tool_calls
    assert call.input == {"trip": {"stops": ["Kiel", "Bergen"]}, "people": 2, "pets": False}


def test_files_that_the_model_makes_are_parts_and_keep_their_signature() -> None:
    def blob(kind: str) -> dict[str, Any]:
        return {"inlineData": {"mimeType": kind, "data": base64.b64encode(b"\xff\xfe\xfd").decode()}}

    response = answered(
        chunk({**blob("image/png"), "thoughtSignature": "sig"}, blob("audio/wav"), blob("video/mp4"), finish="STOP")
    )
    assert response.parts == (
        Opaque(ORIGIN, {"thoughtSignature": "sig"}),
        Image(data=b"\xff\xfe\xfd", media_type="image/png"),
        Audio(data=b"\xff\xfe\xfd", media_type="audio/wav"),
        Document(data=b"\xff\xfe\xfd", media_type="video/mp4"),
    )


def test_what_only_google_understands_is_kept_in_order() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1+1"}, "thoughtSignature": "sig"}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}
    unknown = {"dream": {"of": "kelp"}}
    draft = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thought": True}
    response = answered(chunk({"text": "so"}, code, result, unknown, draft, finish="STOP"))
    assert response.parts == (Text("so"), *(Opaque(ORIGIN, part) for part in (code, result, unknown, draft)))


def test_usage_is_told_as_it_changes_and_counts_thoughts_and_tools() -> None:
    counts = {"promptTokenCount": 10, "candidatesTokenCount": 1, "thoughtsTokenCount": 5}
    last = {
        **counts, "candidatesTokenCount": 3, "toolUsePromptTokenCount": 7, "cachedContentTokenCount": 4,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}, {"modality": "TEXT", "tokenCount": 8}],
        "trafficType": "ON_DEMAND",
    }  # fmt: skip
    events = decoded(
        chunk({"text": "a"}, usageMetadata=counts),
        chunk({"text": "b"}, usageMetadata=counts),
        chunk({"text": "c"}, finish="STOP", usageMetadata=last),
    )
    assert sum(isinstance(event, UsageUpdate) for event in events) == 2
    usage = fold(events).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (17, 8, 4)
    assert (usage.reasoning_tokens, usage.audio_input_tokens) == (5, 2)
    assert fold(events).extra == {"traffic_type": "ON_DEMAND"}


def test_log_probabilities_have_the_shape_of_other_providers() -> None:
    result = {
        "chosenCandidates": [{"token": "Hi", "tokenId": 7, "logProbability": -0.1}],
        "topCandidates": [{"candidates": [{"token": "Yo", "tokenId": 8, "logProbability": -2.5}]}],
    }
    (entry,) = answered(chunk({"text": "Hi"}, finish="STOP", candidate={"logprobsResult": result})).logprobs
    assert (entry["token"], entry["logprob"]) == ("Hi", -0.1)
    assert entry["top_logprobs"] == [{"token": "Yo", "logprob": -2.5, "token_id": 8}]


def test_the_table_of_finish_reasons_has_no_gap() -> None:
    assert {reason.value for reason in types.FinishReason} <= REASONS.keys()


@pytest.mark.parametrize("raw", [*REASONS, "NEW_WORD"])
def test_every_finish_reason_has_a_word(raw: str) -> None:
    response = answered(chunk({"text": "Hel"}, finish=raw))
    assert (response.finish_reason, response.raw_finish_reason) == (REASONS.get(raw, "unknown"), raw)


def test_a_finish_reason_on_every_chunk_ends_nothing_early() -> None:
    assert answered(chunk({"text": "Hel"}, finish="STOP"), chunk({"text": "lo"}, finish="STOP")).text == "Hello"


def test_a_filtered_answer_names_its_categories_and_is_an_error_when_nothing_came() -> None:
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}, {"category": "X"}]
    filtered = {"finishReason": "SAFETY", "safetyRatings": ratings, "content": {}}
    response = answered({"candidates": [filtered]})
    error = verdict(response)
    assert isinstance(error, ContentFilterError)
    assert (error.scope, error.categories) == ("response", ("harassment",))
    assert verdict(answered(chunk({"text": "Hel"}), {"candidates": [filtered]})) is None


@pytest.mark.parametrize("streamed", [True, False])
def test_a_blocked_prompt_is_a_content_filter_of_the_prompt(*, streamed: bool) -> None:
    body = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "no"}, "modelVersion": "m"}
    response = answered(body) if streamed else whole(body)
    assert (response.finish_reason, response.raw_finish_reason) == ("content_filter", "PROHIBITED_CONTENT")
    error = verdict(response)
    assert isinstance(error, ContentFilterError)
    assert error.scope == "prompt"


def test_a_malformed_call_is_an_error_that_says_so() -> None:
    response = answered(
        chunk(finish="MALFORMED_FUNCTION_CALL", candidate={"finishMessage": "Malformed function call: f("})
    )
    error = verdict(response)
    assert error is not None
    assert error.code == "MALFORMED_FUNCTION_CALL"
    assert response.extra["finish_message"] == "Malformed function call: f("


def whole(body: Any) -> Response:
    return fold(decode_all(CODEC.decoder(ASKED, "gemini-3-pro", {}), [json.dumps(body).encode()]))


def test_a_stream_without_a_finish_reason_is_cut() -> None:
    with pytest.raises(StreamInterruptedError):
        decoded(chunk({"text": "Hello"}), chunk({"text": " you"}))


def test_a_stream_that_ends_inside_an_event_is_cut() -> None:
    body = sse(chunk({"text": "Hello"}, finish="STOP"))
    for at in range(body.rindex(b"}")):
        with pytest.raises(StreamInterruptedError):
            list(decode_all(CODEC.decoder(ASKED, "m", {}), [body[:at]]))


def test_a_stream_may_come_as_a_json_array() -> None:
    chunks = [chunk({"text": "Hel"}), chunk({"text": "lo"}, {"dream": 1}, finish="STOP")]
    assert whole(chunks).parts == answered(*chunks).parts
    with pytest.raises(StreamInterruptedError):
        whole(chunks[:1])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", StreamInterruptedError),
        (b"<html>502</html>", InvalidResponseError),
        (b"{}", InvalidResponseError),
        (b'{"candidates": [', InvalidResponseError),
        (b'{"usageMetadata": {"promptTokenCount": 1}}', InvalidResponseError),
        (b'{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}', OverloadedError),
        (b'[{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}]', RateLimitError),
        (
            sse(chunk({"text": "Hel"}), {"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}),
            OverloadedError,
        ),
        (b"data: {broken}\n\n", InvalidResponseError),
    ],
)
def test_a_body_that_is_no_answer_is_a_typed_error(body: bytes, error: type[ModelError]) -> None:
    with pytest.raises(error):
        list(decode_all(CODEC.decoder(ASKED, "m", {}), [body]))


@pytest.mark.parametrize("size", [1, 30, 5000])
def test_an_error_that_stands_bare_in_the_stream_is_still_an_error(size: int) -> None:
    bare = json.dumps({"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}, indent=2).encode()
    body = sse(chunk({"text": "Hel"})) + bare + b"\n"
    with pytest.raises(OverloadedError):
        list(decode_all(CODEC.decoder(ASKED, "m", {}), [body[at : at + size] for at in range(0, len(body), size)]))


def test_a_whole_answer_without_a_finish_reason_is_whole_and_says_unknown() -> None:
    assert whole(chunk({"text": "Hi"})).finish_reason == "unknown"


def test_an_answer_that_continues_is_taken_up_with_its_token() -> None:
    decoder = CODEC.decoder(ASKED, "gemini-3-pro", {})
    assert isinstance(CODEC, ResumableCodec)
    assert isinstance(decoder, ResumableDecoder)
    assert decoder.checkpoint is None
    counts = {"promptTokenCount": 1, "candidatesTokenCount": 2}
    seen = list(decoder.feed(sse(chunk({"text": "Hel"}, candidate={"continuationToken": "tok"}, usageMetadata=counts))))
    with pytest.raises(StreamInterruptedError):
        list(decoder.close())
    assert decoder.checkpoint == Checkpoint("tok")
    again = CODEC.resume(decoder.checkpoint, ASKED, "gemini-3-pro")
    assert json.loads(again.body)["continuationToken"] == "tok"

    decoder.reconnect()
    seen += decode_all(decoder, [sse(chunk({"text": "lo"}, finish="STOP", usageMetadata=counts))])
    response = check_events(seen)
    assert (response.text, response.usage.output_tokens) == ("Hello", 4)


pieces = st.one_of(
    st.builds(lambda text: {"text": text}, st.text(max_size=8)),
    st.builds(lambda text: {"text": text, "thought": True}, st.text(max_size=8)),
    st.builds(lambda text: {"text": text, "thoughtSignature": "c2ln"}, st.text(max_size=3)),
    st.builds(lambda name: {"functionCall": {"name": name, "args": {"a": name}}}, st.sampled_from(["f", "g"])),
    st.just({"executableCode": {"code": "1"}}),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(pieces, max_size=3), max_size=4), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_any_chunking_gives_the_same_events(plan: list[list[Any]], sizes: list[int]) -> None:
    body = sse(*(chunk(*parts) for parts in plan), chunk(finish="STOP"))
    cut, at = [], 0
    while at < len(body):
        size = sizes[len(cut) % len(sizes)]
        cut.append(body[at : at + size])
        at += size
    whole_events = list(decode_all(CODEC.decoder(ASKED, "m", {}), [body]))
    assert list(decode_all(CODEC.decoder(ASKED, "m", {}), cut)) == whole_events
    assert check_events(whole_events).text == "".join(
        part["text"] for parts in plan for part in parts if "text" in part and not part.get("thought")
    )
    assert isinstance(whole_events[-1], Finish)


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


EVERYTHING = chunk(
    {"text": "Hi", "thoughtSignature": "sig"},
    {"functionCall": {"name": "f", "args": {"a": 1}, "partialArgs": [{"jsonPath": "$.a[0].b", "stringValue": "x"}]}},
    {"inlineData": {"mimeType": "image/png", "data": "eA=="}},
    {"executableCode": {"code": "1"}},
    finish="STOP",
    candidate={
        "safetyRatings": [{"category": "A", "blocked": True}],
        "logprobsResult": {"chosenCandidates": [{"token": "Hi"}], "topCandidates": [{"candidates": [{"token": "Hi"}]}]},
    },
    usageMetadata={"promptTokenCount": 1, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}]},
    promptFeedback={"safetyRatings": [{"blocked": True}]},
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=7), junk)
def test_a_misshapen_chunk_is_a_typed_error_or_no_matter(path: list[int], waste: Any) -> None:
    one = spoiled(EVERYTHING, path, waste)
    for body in (sse(one), json.dumps(one).encode(), json.dumps([one]).encode()):
        with contextlib.suppress(ModelError):
            check_events(list(decode_all(CODEC.decoder(ASKED, "m", {}), [body])))
