"""Half-finished answers carried on: the anchor, the instruction, the prefill."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.messages import AssistantMessage, SystemMessage, Text, ToolCall, UserMessage
from holdfast.providers.codec import Dialect
from holdfast.providers.continuation import anchor, carry_on, prefills
from holdfast.recovery.join import Joiner
from holdfast.request import NamedTool, OutputSchema, Request, Settings

ASK = (SystemMessage("Be brief."), UserMessage("Tell me of the sea."))
SHOWN = "The sea is wide and deep. Long ago the first ships left the harbour of "


def request(**changes):
    return Request(**{"messages": ASK, "prefix": SHOWN, **changes})


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("The quick brown fox jumps over the lazy dog", "brown fox jumps over the lazy dog"),
        ("Two words", "Two words"),
        ("  Two words \n", "Two words"),
        ("", ""),
        (" \n", ""),
        ("海" * 10 + "".join(map(chr, range(0x4E00, 0x4E30))), "".join(map(chr, range(0x4E18, 0x4E30)))),
        ("one two. one two. one two. one two.", "one two. one two. one two. one two."),
        ("a b c d e f g h i j k l m n o p", "a b c d e f g h i j k l m n o p"),
    ],
)
def test_the_anchor_is_the_end_cut_at_a_words_border(prefix, end):
    assert anchor(prefix) == end


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400) | st.lists(st.sampled_from(["the", "sea", "is", "a", "海", "。deep", "!"])).map(" ".join))
def test_the_anchor_is_always_an_end_of_the_text_and_short(prefix):
    end = anchor(prefix)
    assert prefix.rstrip().endswith(end)
    assert len(end) <= 240
    assert bool(end) <= bool(prefix.strip())


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["the", "sea", "is", "harbour", "of", "ships", "船が港を出た", "1.", "-", "**bold**"]),
        min_size=8,
    ),
    st.sampled_from([" of stone. Then the storm came.", "。そして嵐が来た。", "\n\n## More\n\ntext"]),
)
def test_an_answer_that_begins_with_the_anchor_joins_what_was_shown(words, rest):
    prefix = " ".join([*words, "and then at last came the end of all waiting"])
    joiner = Joiner(prefix)
    new = joiner.feed(anchor(prefix) + rest)
    assert prefix + new + joiner.close() == prefix + rest


def test_an_instruction_holds_the_anchor_and_follows_what_was_shown():
    asked = carry_on(request(), native=False)
    assert asked.prefix == ""
    assert asked.messages[:2] == ASK
    assert asked.messages[2] == AssistantMessage(SHOWN.rstrip())
    assert isinstance(asked.messages[3], UserMessage)
    assert f"\n{anchor(SHOWN)}\n" in asked.messages[3].text
    assert len(asked.messages[3].text) < 700


def test_a_prefill_ends_without_white_space():
    asked = carry_on(request(), native=True)
    assert asked.messages == (*ASK, AssistantMessage(SHOWN.rstrip()))
    assert asked.prefix == ""


@pytest.mark.parametrize("native", [True, False])
def test_without_anything_shown_nothing_changes(native):
    plain = request(prefix="")
    assert carry_on(plain, native=native) is plain
    assert carry_on(request(prefix=" \n"), native=native).messages == ASK


@pytest.mark.parametrize("native", [True, False])
def test_what_was_shown_follows_the_callers_own_prefill(native):
    own = request(messages=(*ASK, AssistantMessage("Once")), prefix=" upon a time")
    asked = carry_on(own, native=native)
    assert asked.messages[2] == AssistantMessage((Text("Once"), Text(" upon a time")))


def test_braces_in_the_answer_do_no_harm():
    asked = carry_on(request(prefix='def f(): return {"a": {0}, "{anchor}": 1'), native=False)
    assert '{"a": {0}, "{anchor}": 1' in asked.messages[-1].text


def test_the_callers_messages_stay_as_they_are():
    given_messages = (*ASK, AssistantMessage((Text("a"), ToolCall("c", "f"))))
    asked = carry_on(request(messages=given_messages), native=False)
    assert asked.messages[:3] == given_messages
    assert asked.messages[3] == AssistantMessage(SHOWN.rstrip())


@pytest.mark.parametrize(
    ("changes", "takes"),
    [
        ({}, True),
        ({"settings": Settings(reasoning_effort="none")}, True),
        ({"settings": Settings(reasoning_effort="high")}, False),
        ({"settings": Settings(thinking_budget=1024)}, False),
        ({"output": "json"}, False),
        ({"output": OutputSchema("o", {"type": "object"})}, False),
        ({"tool_choice": "required"}, False),
        ({"tool_choice": NamedTool("f")}, False),
    ],
)
def test_what_excludes_a_prefill_is_seen_in_the_request(changes, takes):
    assert prefills(Dialect(prefill="assistant"), "m", request(**changes)) is takes
    assert prefills(Dialect(), "m", request(**changes)) is False
