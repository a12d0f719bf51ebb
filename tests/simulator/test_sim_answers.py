from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.messages import (
    AssistantMessage,
    Image,
    SystemMessage,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.providers.continuation import anchor, carry_on
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool
from holdfast.response import fold
from holdfast.simulator.answers import Manner, answer, events_of, expected_answer, prompt_tokens

WEATHER = Tool(
    "weather",
    "The weather of a place",
    {
        "type": "object",
        "properties": {"place": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["place"],
    },
)
CLOCK = Tool("clock", "", {"type": "object", "properties": {}})


def ask(*messages, **fields) -> Request:
    said = tuple(UserMessage(one) if isinstance(one, str) else one for one in messages)
    return Request(messages=said, **fields)


def test_the_same_prompt_gives_the_same_answer_whatever_came_before():
    alone = answer(ask("What is kelp?"))
    later = answer(ask(SystemMessage("Be brief."), "Hello", AssistantMessage("Hi."), "What is kelp?"))
    assert alone.text == later.text == expected_answer("What is kelp?")


@given(st.text(), st.text())
@settings(max_examples=60)
def test_an_answer_tells_whether_it_is_whole(one, other):
    text = expected_answer(one)
    assert 12 <= len(text.split()) <= 60
    mark = text[1:7]
    assert text.startswith(f"[{mark}] 1. ")
    assert text.endswith(f" [end {mark}]")
    sentences = text.split(". ")
    assert len(set(sentences)) == len(sentences)
    assert (expected_answer(other) == text) == (other == one)


@given(st.text(max_size=40), st.booleans())
@settings(max_examples=60)
def test_the_events_of_an_answer_fold_to_it(prompt, think):
    response = answer(ask(prompt), origin="anthropic", manner=Manner(think=think))
    events = tuple(events_of(response))
    assert fold(events) == response
    assert len(events) > 12


def test_the_events_of_a_tool_call_fold_to_it():
    response = answer(ask("Please call weather", tools=(WEATHER,)))
    assert fold(events_of(response)) == response


@pytest.mark.parametrize(
    ("prompt", "choice", "called"),
    [
        ("Please call weather now", "auto", ["weather"]),
        ("Call `weather`, then call clock", "auto", ["weather", "clock"]),
        ("Call weather, and call weather again", "auto", ["weather"]),
        ("Call nobody", "auto", []),
        ("Hello", "auto", []),
        ("Hello", "required", ["weather"]),
        ("Call clock", "required", ["clock"]),
        ("Call weather", NamedTool("clock"), ["clock"]),
        ("Call weather", "none", []),
    ],
)
def test_tools_are_called_when_the_prompt_or_the_choice_says_so(prompt, choice, called):
    response = answer(ask(prompt, tools=(WEATHER, CLOCK), tool_choice=choice))
    assert [call.name for call in response.tool_calls] == called
    assert response.finish_reason == ("tool_calls" if called else "stop")
    assert len({call.id for call in response.tool_calls}) == len(called)


def test_arguments_fit_the_schema_of_the_tool():
    (call,) = answer(ask("call weather", tools=(WEATHER,))).tool_calls
    assert isinstance(call.input["place"], str)
    assert 1 <= call.input["days"] <= 9


def test_the_result_of_a_tool_is_answered_in_words_that_depend_on_it():
    def after(result: str) -> str:
        call = AssistantMessage((ToolCall("call_1", "weather"),))
        return answer(ask("call weather", call, ToolMessage((ToolResult("call_1", result),)), tools=(WEATHER,))).text

    assert after("rain") != after("sun")
    assert after("rain") == expected_answer("call weather\nrain")


def test_an_output_schema_is_answered_with_an_instance():
    class Place(msgspec.Struct):
        name: str
        depth: int

    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "depth": {"type": "integer"}},
        "required": ["name", "depth"],
    }
    text = answer(ask("Where?", output=OutputSchema("place", schema))).text
    assert isinstance(msgspec.json.decode(text, type=Place), Place)
    assert msgspec.json.decode(answer(ask("Where?", output="json")).text)["answer"] == expected_answer("Where?")


@pytest.mark.parametrize(
    ("asked", "manner", "thinks"),
    [
        (Settings(), Manner(), False),
        (Settings(reasoning_effort="low"), Manner(), True),
        (Settings(reasoning_effort="none"), Manner(), False),
        (Settings(thinking_budget=1024), Manner(), True),
        (Settings(), Manner(think=True), True),
    ],
)
def test_it_thinks_when_it_is_asked_to(asked, manner, thinks):
    response = answer(ask("Why?", settings=asked), origin="anthropic", manner=manner)
    assert bool(response.thinking) is thinks
    assert (response.usage.reasoning_tokens > 0) is thinks
    assert response.text == expected_answer("Why?")


@given(cut=st.integers(min_value=1, max_value=200))
@settings(max_examples=40)
def test_a_half_finished_answer_is_continued_to_the_whole(cut):
    whole = expected_answer("Tell me")
    asked = ask("Tell me", prefix=whole[:cut].rstrip())
    said = asked.prefix
    assert said + answer(carry_on(asked, native=True)).text == whole
    assert said.removesuffix(anchor(said)) + answer(carry_on(asked, native=False)).text == whole


@pytest.mark.parametrize(
    ("style", "begins", "ends"),
    [
        ("native", " ", True),
        ("verbatim_repeat", "", True),
        ("from_start", "[", True),
        ("changed_punctuation", "(", False),
        ("changed_whitespace", "[", True),
        ("different_wording", "Well: [", True),
        ("other_language", "Der", False),
        ("apologises", "I am sorry", True),
    ],
)
def test_each_style_spoils_the_continuation_in_its_own_way(style, begins, ends):
    whole = expected_answer("Tell me")
    request = carry_on(ask("Tell me", prefix=whole[:60].rstrip()), native=False)
    text = answer(request, manner=Manner(continuation=style)).text
    assert text.startswith(begins)
    assert text.endswith(whole[-12:]) is ends
    assert (text == whole[60:].rstrip()) is (style == "native")


def test_an_empty_continuation_says_nothing():
    request = carry_on(ask("Tell me", prefix="[abc"), native=True)
    assert answer(request, manner=Manner(continuation="empty")).text == ""


def test_tokens_grow_with_the_prompt_and_a_picture_has_its_price():
    short, long = ask("Hi").messages, ask("Hi " * 400).messages
    assert prompt_tokens(long) - prompt_tokens(short) == pytest.approx(300, abs=3)
    picture = (UserMessage((Image(data=b"x" * 100_000, media_type="image/png"),)),)
    assert prompt_tokens(picture) < 300
    assert answer(Request(messages=long)).usage.input_tokens == prompt_tokens(long)
