"""Structured output where the wire has none: what is asked for, and how the answer is read back."""

from __future__ import annotations

import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import ServerError
from holdfast.events import Finish, ResponseStart, Restart, TextDelta, ThinkingDelta, ToolCallDelta, ToolCallStart
from holdfast.messages import SystemMessage, UserMessage
from holdfast.providers.output import FinalAnswer, answer_tool, downgrade
from holdfast.request import NamedTool, OutputSchema, Request, Tool
from holdfast.response import fold

SCHEMA = OutputSchema("city", {"type": "object", "properties": {"name": {"type": "string"}}}, description="A city.")
LIST = OutputSchema("cities", {"type": "array", "items": {"type": "string"}})
ASK = (SystemMessage("Be brief."), UserMessage("Which city?"))
ANSWER = '{"name": "Paris"}'


def request(**changes):
    return Request(messages=ASK, **changes)


def means(*names):
    return {name: name in names for name in ("schema", "json_mode", "forced_tool")}


@pytest.mark.parametrize(
    ("output", "tools", "can", "gives", "tool", "instructed"),
    [
        (None, (), (), None, None, False),
        (SCHEMA, (), ("schema", "json_mode", "forced_tool"), SCHEMA, None, False),
        (SCHEMA, (), ("json_mode", "forced_tool"), None, NamedTool("final_answer"), False),
        (SCHEMA, (Tool("f"),), ("forced_tool",), None, "required", False),
        (SCHEMA, (), ("json_mode",), "json", "auto", True),
        (SCHEMA, (), (), None, "auto", True),
        (LIST, (), ("json_mode", "forced_tool"), None, "auto", True),
        ("json", (), ("schema", "json_mode"), "json", "auto", True),
        ("json", (), (), None, "auto", True),
    ],
)
def test_the_best_means_of_the_endpoint_is_taken(output, tools, can, gives, tool, instructed):
    asked = downgrade(request(output=output, tools=tools), **means(*can))
    assert asked.output == gives
    assert asked.tool_choice == (tool or "auto")
    assert (len(asked.messages) > len(ASK)) is instructed
    if instructed:
        assert asked.messages[0] == ASK[0]
        assert isinstance(asked.messages[1], SystemMessage)
        assert "JSON" in asked.messages[1].text


def test_an_instruction_holds_the_whole_schema():
    asked = downgrade(request(output=SCHEMA), **means("json_mode"))
    assert msgspec.json.encode(SCHEMA.schema).decode() in asked.messages[1].text


def test_a_request_that_asks_for_json_in_words_needs_no_instruction():
    asked = Request(messages=(UserMessage("Give me JSON."),), output="json")
    assert downgrade(asked, **means("json_mode")).messages == asked.messages


def test_the_tool_carries_the_schema_and_what_it_is_about():
    asked = downgrade(request(output=SCHEMA), **means("forced_tool"))
    assert asked.tools[-1].parameters == SCHEMA.schema
    assert asked.tools[-1].description.endswith("A city.")


def test_a_tool_of_the_callers_keeps_its_name():
    own = request(output=SCHEMA, tools=(Tool("final_answer"),))
    assert answer_tool(own, **means("forced_tool")) == "final_answer_"
    assert downgrade(own, **means("forced_tool")).tools[0] == Tool("final_answer")


def test_a_tool_that_the_caller_forces_goes_first():
    own = request(output=SCHEMA, tools=(Tool("f"),), tool_choice=NamedTool("f"))
    assert answer_tool(own, **means("forced_tool")) is None
    assert downgrade(own, **means("forced_tool")).tool_choice == NamedTool("f")


def test_tools_that_may_not_be_called_leave_only_the_answer():
    own = request(output=SCHEMA, tools=(Tool("f"),), tool_choice="none")
    assert downgrade(own, **means("forced_tool")).tool_choice == NamedTool("final_answer")


def read(events):
    answer = FinalAnswer("final_answer")
    return [out for event in events for out in answer.feed(event)] + list(answer.close())


def called(*arguments, name="final_answer", part=0):
    return [ToolCallStart(part, f"c{part}", name), *(ToolCallDelta(part, text) for text in arguments)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(ANSWER)), max_size=5))
def test_the_tools_call_comes_out_as_text_however_it_was_cut(cuts):
    edges = [0, *sorted(cuts), len(ANSWER)]
    events = [ResponseStart("m"), *called(*(ANSWER[a:b] for a, b in pairwise(edges))), Finish("tool_calls", "tool_use")]
    response = fold(read(events))
    assert response.text == ANSWER
    assert response.tool_calls == ()
    assert response.finish_reason == "stop"
    assert response.raw_finish_reason == "tool_use"


def test_words_beside_the_call_are_thinking():
    out = read([TextDelta("Let me ", 0), TextDelta("see.", 0), *called(ANSWER, part=1), Finish("tool_calls")])
    response = fold(out)
    assert (response.thinking, response.text) == ("Let me see.", ANSWER)


def test_words_without_a_call_are_the_answer():
    response = fold(read([TextDelta('{"name": ', 0), TextDelta('"Rome"}', 0), Finish("stop")]))
    assert json.loads(response.text) == {"name": "Rome"}


def test_a_second_answer_is_left_out():
    response = fold(read([*called(ANSWER, part=0), *called('{"name": "Rome"}', part=1), Finish("tool_calls")]))
    assert response.text == ANSWER


def test_other_calls_stay_calls():
    response = fold(read([*called("{}", name="f", part=0), *called(ANSWER, part=1), Finish("tool_calls")]))
    assert [call.name for call in response.tool_calls] == ["f"]
    assert response.finish_reason == "tool_calls"
    assert response.text == ANSWER


@pytest.mark.parametrize("reason", ["length", "content_filter", "stop"])
def test_a_reason_that_says_more_is_kept(reason):
    assert fold(read([*called(ANSWER), Finish(reason)])).finish_reason == reason


def test_a_restart_forgets_what_came_before():
    events = [*called('{"na'), Restart(ServerError("broke")), TextDelta("plain", 0), Finish("stop")]
    assert fold(read(events)).text == "plain"


def test_held_words_come_out_when_the_stream_breaks():
    answer = FinalAnswer("final_answer")
    assert list(answer.feed(TextDelta("so far", 0))) == []
    assert list(answer.close()) == [TextDelta("so far", 0)]
    assert list(answer.close()) == []


def test_thinking_passes_at_once():
    answer = FinalAnswer("final_answer")
    assert list(answer.feed(ThinkingDelta("hm", 0))) == [ThinkingDelta("hm", 0)]
