"""What of a chat context is sent, and in which shape. The context itself is only read."""

from __future__ import annotations

import base64

import pytest

pytest.importorskip("livekit.agents")

from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.agents import llm

from holdfast.adapters.livekit.context import messages_of, newest
from holdfast.errors import InvalidRequestError
from holdfast.messages import (
    AssistantMessage,
    CachePoint,
    Image,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

PIXEL = base64.b64encode(b"\x89PNG").decode()


def message(role: str, *content, **fields) -> llm.ChatMessage:
    return llm.ChatMessage(role=role, content=list(content), **fields)


def call(call_id: str, **fields) -> llm.FunctionCall:
    return llm.FunctionCall(call_id=call_id, name="f", arguments="{}", **fields)


def output(call_id: str, text: str = "1", **fields) -> llm.FunctionCallOutput:
    return llm.FunctionCallOutput(call_id=call_id, name="f", output=text, **{"is_error": False, **fields})


ONE, TWO = ToolCall("c1", "f", "{}"), ToolCall("c2", "f", "{}")

SHAPES = {
    "plain text": ([message("user", "hi")], [UserMessage("hi")]),
    "texts are joined by line breaks": ([message("user", "a", "b")], [UserMessage("a\nb")]),
    "developer is system": ([message("developer", "x")], [SystemMessage("x")]),
    "instructions in the middle stay there": (
        [message("user", "a"), message("system", "b"), message("user", "c")],
        [UserMessage("a"), SystemMessage("b"), UserMessage("c")],
    ),
    "a picture by address": (
        [message("user", "look", llm.ImageContent(image="https://x/y.png", inference_detail="high"))],
        [UserMessage((Text("look"), Image(url="https://x/y.png", detail="high")))],
    ),
    "a picture in place": (
        [message("user", llm.ImageContent(image=f"data:image/png;base64,{PIXEL}"))],
        [UserMessage((Image(data=b"\x89PNG", media_type="image/png"),))],
    ),
    "the words of a sound": (
        [message("user", llm.AudioContent(frame=[], transcript="spoken"))],
        [UserMessage((Text("spoken"),))],
    ),
    "a cache point": (
        [message("system", "static", llm.CacheBreakpoint())],
        [SystemMessage((Text("static"), CachePoint()))],
    ),
    "nothing to say is left out": (
        [message("user"), message("system", ""), message("assistant", " "), message("user", "hi")],
        [UserMessage("hi")],
    ),
    "what is not for the model is left out": (
        [llm.AgentHandoff(new_agent_id="b"), llm.AgentConfigUpdate(instructions="x"), message("user", "hi")],
        [UserMessage("hi")],
    ),
    "a text and its calls are one message": (
        [
            message("assistant", "Let me look.", id="x"),
            call("c1", id="x/fnc_0"),
            call("c2", id="x/fnc_1"),
            output("c1"),
            output("c2"),
        ],
        [
            AssistantMessage((Text("Let me look."), ONE, TWO)),
            ToolMessage((ToolResult("c1", "1", "f"), ToolResult("c2", "1", "f"))),
        ],
    ),
    "calls of a group are one message": (
        [call("c1", group_id="g"), call("c2", group_id="g"), output("c2"), output("c1")],
        [
            AssistantMessage((ONE, TWO)),
            ToolMessage((ToolResult("c1", "1", "f"), ToolResult("c2", "1", "f"))),
        ],
    ),
    "an output follows its call, wherever it stands": (
        [call("c1", id="x"), message("user", "well?"), output("c1", is_error=True)],
        [AssistantMessage((ONE,)), ToolMessage((ToolResult("c1", "1", "f", is_error=True),)), UserMessage("well?")],
    ),
    "an output without a call, and a second one, are left out": (
        [call("c1", id="x"), output("c1", "first"), output("c1", "second"), output("c9")],
        [AssistantMessage((ONE,)), ToolMessage((ToolResult("c1", "first", "f"),))],
    ),
    "a reply that was cut off says so": (
        [message("assistant", "The kelp holds ", interrupted=True)],
        [AssistantMessage((Text("The kelp holds…"),))],
    ),
    "a reply that broke off says so": (
        [message("assistant", "The kelp…", extra={"holdfast": {"truncated": True}})],
        [AssistantMessage((Text("The kelp…"),))],
    ),
    "signed thinking goes back": (
        [
            call(
                "c1",
                extra={
                    "holdfast": {"signature": "s", "thinking": [{"type": "thinking", "text": "hm", "signature": "t"}]}
                },
            )
        ],
        [AssistantMessage((Thinking("hm", signature="t"), ToolCall("c1", "f", "{}", signature="s")))],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_items_become_messages(shape):
    items, expected = SHAPES[shape]
    assert messages_of(items) == tuple(expected)


def test_a_picture_that_no_model_takes_is_a_typed_error():
    with pytest.raises(InvalidRequestError, match="picture"):
        messages_of([message("user", llm.ImageContent(image=f"data:image/tiff;base64,{PIXEL}"))])


def test_items_left_out_are_left_out():
    poison, fine = message("user", "poison"), message("user", "fine")
    assert messages_of([poison, fine], {poison.id}) == (UserMessage("fine"),)


NEWEST = {
    "what a user said since the last reply": (["assistant a", "user b", "user c", "system d"], "bc"),
    "nothing but instructions": (["user a", "assistant b", "system c"], ""),
    "an output with its call": (["user a", "call b", "output c"], "bc"),
    "a first sentence": (["system a", "user b"], "b"),
    "an empty context": ([], ""),
}


@pytest.mark.parametrize("case", NEWEST)
def test_what_a_filter_has_not_let_pass_before_is_the_newest(case):
    story, expected = NEWEST[case]
    items = []
    for told in story:
        kind, item_id = told.split()
        match kind:
            case "call":
                items.append(call("c1", id=item_id))
            case "output":
                items.append(output("c1", id=item_id))
            case _:
                items.append(message(kind, "text", id=item_id))
    assert newest(items) == frozenset(expected)


ITEMS = st.lists(
    st.one_of(
        st.builds(message, st.sampled_from(["user", "system", "assistant"]), st.sampled_from(["", "hi"])),
        st.builds(call, st.sampled_from(["c1", "c2"]), group_id=st.sampled_from([None, "g"])),
        st.builds(output, st.sampled_from(["c1", "c2", "c3"])),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(ITEMS)
def test_every_result_follows_the_message_of_its_call_and_nothing_is_changed(items):
    before = [item.model_dump() for item in items]
    messages = messages_of(items)
    assert [item.model_dump() for item in items] == before
    for place, one in enumerate(messages):
        if isinstance(one, ToolMessage):
            asked = {part.id for part in messages[place - 1].tool_calls}
            assert {result.call_id for result in one.content} <= asked
    answered = [result.call_id for one in messages if isinstance(one, ToolMessage) for result in one.content]
    assert len(answered) == len(set(answered))
