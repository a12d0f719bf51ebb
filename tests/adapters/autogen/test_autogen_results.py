"""Responses become results that AutoGen's agents cannot hang on or take for something else."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("autogen_core")

from autogen_core import FunctionCall
from autogen_core.models import CreateResult

from holdfast.adapters.autogen.results import (
    TruncatedCreateResult,
    callable_answer,
    result_of,
    wordy,
    wordy_answer,
)
from holdfast.errors import InvalidResponseError, StreamInterruptedError
from holdfast.messages import Text, Thinking, ToolCall
from holdfast.response import Response
from holdfast.usage import Usage

CALL = ToolCall("1", "f", '{"a": 1}')


@pytest.mark.parametrize(
    ("reason", "parts", "expected"),
    [
        ("stop", (Text("a"),), "stop"),
        ("length", (Text("a"),), "length"),
        ("context_length", (Text("a"),), "length"),
        ("tool_calls", (CALL,), "function_calls"),
        ("stop", (CALL,), "function_calls"),
        ("unknown", (CALL,), "function_calls"),
        ("length", (CALL,), "length"),
        ("content_filter", (CALL,), "content_filter"),
        ("tool_calls", (Text("a"),), "stop"),
        ("content_filter", (Text("a"),), "content_filter"),
        ("pause", (Text("a"),), "unknown"),
        ("error", (Text("a"),), "unknown"),
        ("unknown", (Text("a"),), "unknown"),
        (None, (Text("a"),), "unknown"),
    ],
)
def test_the_finish_reason_is_one_of_autogens(reason, parts, expected):
    assert result_of(Response(parts=parts, finish_reason=reason)).finish_reason == expected


def test_words_beside_calls_become_the_thought():
    result = result_of(Response(parts=(Text("Let me see."), CALL), finish_reason="tool_calls"))
    assert result.content == [FunctionCall("1", '{"a": 1}', "f")]
    assert (result.thought, result.said) == ("Let me see.", "Let me see.")


def test_thinking_and_words_beside_calls_are_not_mixed():
    result = result_of(Response(parts=(Thinking("Hm."), Text("Let me see."), CALL), finish_reason="tool_calls"))
    assert (result.thought, result.said) == ("Hm.", "Let me see.")


def test_an_empty_answer_is_a_text_and_no_tool_turn():
    assert result_of(Response(finish_reason="stop")).content == ""


@pytest.mark.parametrize("arguments", ["[1]", "null", '"s"', "1", '{"a":', ""])
def test_arguments_that_are_no_object_are_a_typed_error(arguments):
    response = Response(parts=(ToolCall("1", "f", arguments),), finish_reason="tool_calls")
    assert isinstance(callable_answer(response), InvalidResponseError)
    with pytest.raises(InvalidResponseError):
        result_of(response)


def test_ids_are_never_empty():
    result = result_of(Response(parts=(ToolCall("", "f"), ToolCall("", "g")), finish_reason="tool_calls"))
    assert [call.id for call in result.content] == ["call_0", "call_1"]


def test_a_call_without_a_name_is_a_typed_error():
    assert isinstance(callable_answer(Response(parts=(ToolCall("1", ""),))), InvalidResponseError)


def test_where_no_tool_may_be_called_only_words_come():
    assert wordy_answer(Response(parts=(CALL,))) is not None
    response = Response(parts=(Text("a"), CALL), finish_reason="tool_calls")
    assert wordy_answer(response) is None
    assert result_of(wordy(response)).content == "a"


def test_a_truncated_answer_says_so_and_has_no_half_calls():
    error = StreamInterruptedError("cut", request_id="r").info
    result = result_of(Response(parts=(Text("Hel"), ToolCall("1", "f", '{"a')), truncated=True, error=error))
    assert isinstance(result, TruncatedCreateResult)
    assert (result.truncated, result.content, result.error["kind"]) == (True, "Hel", "stream_interrupted")


def test_logprobs_keep_the_tokens_of_the_alternatives():
    entry = {
        "token": "a",
        "logprob": -0.5,
        "bytes": [97],
        "top_logprobs": [{"token": "b", "logprob": -1.0, "bytes": None}],
    }
    (token,) = result_of(Response(parts=(Text("a"),), logprobs=(entry, "odd"))).logprobs
    assert (token.token, token.logprob, token.bytes) == ("a", -0.5, [97])
    assert bytes(token.top_logprobs[0].bytes).decode() == "b"


def test_a_result_survives_json_as_autogens_own():
    response = Response(parts=(Text("a"),), finish_reason="stop", usage=Usage(input_tokens=3, output_tokens=2))
    result = result_of(response)
    plain = CreateResult.model_validate_json(result.model_dump_json())
    assert (plain.content, plain.usage.prompt_tokens, plain.usage.completion_tokens) == ("a", 3, 2)
    assert type(result).model_validate(json.loads(result.model_dump_json())) == result
