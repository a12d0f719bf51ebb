"""AutoGen's messages become Holdfast's one for one, whatever they hold, and nothing given is changed."""

from __future__ import annotations

import copy

import pytest

pytest.importorskip("autogen_core")

import autogen_core
from autogen_core import FunctionCall
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import FunctionTool
from PIL import Image as Pictures

from holdfast import messages as ours
from holdfast.adapters.autogen.messages import Naming, choice_of, message_to_autogen, messages_of, tools_of
from holdfast.errors import InvalidRequestError
from holdfast.request import NamedTool, Tool


def picture():
    return autogen_core.Image(Pictures.new("RGB", (2, 2), "red"))


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (SystemMessage(content="Be kind."), ours.SystemMessage("Be kind.")),
        (UserMessage(content="Hi", source="ada"), ours.UserMessage("Hi", name="ada")),
        (UserMessage(content=["a", "b"], source="ada"), ours.UserMessage((ours.Text("a"), ours.Text("b")), name="ada")),
        (AssistantMessage(content="Yes", source="bot"), ours.AssistantMessage("Yes")),
        (
            AssistantMessage(content="Yes", thought="Hm", source="bot"),
            ours.AssistantMessage((ours.Thinking("Hm"), ours.Text("Yes"))),
        ),
        (
            AssistantMessage(content=[FunctionCall("1", '{"a":1}', "f")], thought="Let me see", source="bot"),
            ours.AssistantMessage((ours.Text("Let me see"), ours.ToolCall("1", "f", '{"a":1}'))),
        ),
        (
            AssistantMessage(content=[FunctionCall("1", None, "f")], source="bot"),
            ours.AssistantMessage((ours.ToolCall("1", "f", "{}"),)),
        ),
        (
            FunctionExecutionResultMessage(
                content=[FunctionExecutionResult(content="No", name="f", call_id="1", is_error=True)]
            ),
            ours.ToolMessage((ours.ToolResult("1", "No", "f", True),)),
        ),
    ],
    ids=["system", "user", "parts", "answer", "thought", "call", "no arguments", "result"],
)
def test_each_message_has_its_twin(theirs, expected):
    assert messages_of([theirs]) == (expected,)


def test_a_picture_goes_as_png_and_is_encoded_once():
    message = UserMessage(content=["Look:", picture()], source="ada")
    (first,), (second,) = messages_of([message]), messages_of([message])
    assert first.parts[1].media_type == "image/png"
    assert first.parts[1].data.startswith(b"\x89PNG")
    assert first.parts[1].data is second.parts[1].data


@pytest.mark.parametrize(
    ("naming", "name", "text"),
    [
        (Naming(), "ada", "Hi"),
        (Naming(names=False), None, "Hi"),
        (Naming(names=False, prefixes=True), None, "ada said:\nHi"),
    ],
)
def test_the_source_is_told_as_the_caller_wants(naming, name, text):
    (message,) = messages_of([UserMessage(content="Hi", source="ada")], naming)
    assert (message.name, message.text) == (name, text)


def test_nothing_that_was_given_is_changed():
    given = [
        AssistantMessage(content="trailing  ", thought="hm ", source="bot"),
        AssistantMessage(content=[FunctionCall("1", "[1]", "f")], source="bot"),
    ]
    before = copy.deepcopy(given)
    messages_of(given)
    assert given == before


def test_something_else_than_a_message_is_named():
    with pytest.raises(InvalidRequestError, match="Message 1 is a str"):
        messages_of([SystemMessage(content="a"), "b"])


@pytest.mark.parametrize(
    "theirs",
    [
        SystemMessage(content="Be kind."),
        UserMessage(content="Hi", source="ada"),
        AssistantMessage(content="Yes", thought="Hm", source="bot"),
        AssistantMessage(content=[FunctionCall("1", '{"a":1}', "f")], thought="Let me see", source="bot"),
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(content="No", name="f", call_id="1", is_error=True)]
        ),
    ],
)
def test_there_and_back_is_the_same(theirs):
    (message,) = messages_of([theirs])
    assert message_to_autogen(message, "bot") == theirs


def test_a_picture_comes_back_as_a_picture():
    (message,) = messages_of([UserMessage(content=["Look:", picture()], source="ada")])
    back = message_to_autogen(message, "user")
    assert back.content[0] == "Look:"
    assert back.content[1].image.getpixel((0, 0)) == (255, 0, 0)


def weather(city: str, days: int = 1) -> str:
    """The weather."""
    return f"{city} {days}"


def test_tools_and_schemas_become_tools():
    tool = FunctionTool(weather, description="The weather.")
    (one, other) = tools_of([tool, {"name": "plain"}])
    assert (one.name, one.description, set(one.parameters["properties"])) == (
        "weather",
        "The weather.",
        {"city", "days"},
    )
    assert other == Tool("plain")


@pytest.mark.parametrize("choice", ["auto", "required", "none"])
def test_a_plain_choice_stays(choice):
    assert choice_of(choice) == choice


def test_a_tool_as_the_choice_is_named():
    assert choice_of(FunctionTool(weather, description="")) == NamedTool("weather")
