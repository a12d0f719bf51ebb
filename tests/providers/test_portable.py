"""Laws of histories that move between wires, and one table for each kind of change."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from holdfast.messages import (
    AssistantMessage,
    Audio,
    Document,
    Image,
    Opaque,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.providers.portable import ALL_KINDS, HistoryRules, adapt, problems
from strategies import histories

LOOSE = HistoryRules(origin="openai_chat")
STRICT = HistoryRules(
    origin="anthropic",
    system="one",
    alternating=True,
    user_first=True,
    trailing_space=False,
    empty=False,
    empty_result=False,
    user=frozenset({"image", "image_url", "document"}),
    results=frozenset({"image"}),
    names=False,
    tool_id=r"[a-zA-Z0-9_-]{1,64}",
    thinking="signed",
)
NINE = HistoryRules(
    origin="openai_chat",
    system="first",
    user_after_tool=False,
    assistant_last=False,
    user_first=True,
    empty=False,
    user=frozenset({"image_url"}),
    tool_id=r"[a-zA-Z0-9]{9}",
    ordered_results=True,
    orphans="drop",
    thinking="any",
)
BARE = HistoryRules(
    origin="openai_chat", system="none", alternating=True, user_first=True, empty=False, user=frozenset(), tools=False
)
ITEMS = HistoryRules(
    origin="openai_responses",
    assistant=ALL_KINDS,
    results=ALL_KINDS,
    tool_id=r".{1,64}",
    pending_calls=True,
    thinking="own",
)
CALLED = (AssistantMessage((ToolCall("c1", "f"), ToolCall("c2", "f"))),)
NO_USER = {"user_after_tool": False}
ALL_RULES = (LOOSE, STRICT, NINE, BARE, ITEMS)

any_rules = st.sampled_from(ALL_RULES) | st.builds(
    HistoryRules,
    origin=st.sampled_from(["openai_chat", "anthropic", "gemini"]),
    system=st.sampled_from(["anywhere", "first", "one", "none"]),
    alternating=st.booleans(),
    user_first=st.booleans(),
    user_after_tool=st.booleans(),
    assistant_last=st.booleans(),
    trailing_space=st.booleans(),
    empty=st.booleans(),
    empty_result=st.booleans(),
    user=st.frozensets(st.sampled_from(sorted(ALL_KINDS))),
    assistant=st.frozensets(st.sampled_from(sorted(ALL_KINDS))),
    results=st.frozensets(st.sampled_from(sorted(ALL_KINDS))),
    names=st.booleans(),
    tools=st.booleans(),
    tool_id=st.sampled_from([None, r"[a-zA-Z0-9]{9}", r"[a-zA-Z0-9_-]{1,64}"]),
    ordered_results=st.booleans(),
    pending_calls=st.booleans(),
    orphans=st.sampled_from(["text", "drop"]),
    thinking=st.sampled_from(["signed", "own", "any", "drop"]),
)


@settings(max_examples=200, deadline=None)
@given(histories(), any_rules)
def test_any_history_becomes_one_that_the_rules_allow(history, rules):
    before = msgspec.json.encode(history)
    adapted = adapt(history, rules)
    assert problems(adapted.messages, rules) == ()
    assert bool(adapted.messages) == bool(history)
    assert msgspec.json.encode(history) == before


@settings(max_examples=120, deadline=None)
@given(histories(), any_rules)
def test_adapting_twice_changes_nothing_more(history, rules):
    once = adapt(history, rules)
    twice = adapt(once.messages, rules)
    assert twice.messages is once.messages
    assert twice.notes == ()


@settings(max_examples=200, deadline=None)
@given(histories(max_size=1), st.sampled_from(ALL_RULES) | any_rules)
def test_a_history_that_changed_says_so_in_its_notes(history, rules):
    roles = [type(message) for message in history]
    assume((ToolMessage, ToolMessage) not in pairwise(roles))  # several in a row are one turn on every wire
    adapted = adapt(history, rules)
    assert bool(adapted.notes) == bool(problems(history, rules))
    assert len(set(adapted.notes)) == len(adapted.notes)


@pytest.mark.parametrize("arguments", ["", " ", "null", "[1]", '{"a": '])
def test_a_call_without_an_object_for_arguments_is_a_problem_and_is_mended(arguments: str) -> None:
    call = ToolCall("c1", "f", arguments)
    history = (AssistantMessage((call,)), ToolMessage((ToolResult("c1", "x"),)))
    assert problems(history, LOOSE)
    assert adapt(history, LOOSE).notes


@settings(max_examples=80, deadline=None)
@given(histories(), st.sampled_from(ALL_RULES), st.sampled_from(ALL_RULES))
def test_a_history_may_pass_through_one_wire_on_its_way_to_another(history, first, second):
    there = adapt(adapt(history, first).messages, second)
    assert problems(there.messages, second) == ()


@settings(max_examples=60, deadline=None)
@given(histories())
def test_the_words_of_users_are_never_lost(history):
    for rules in (LOOSE, STRICT, BARE):
        said = "\n".join(message.text for message in adapt(history, rules).messages)
        for message in history:
            if isinstance(message, UserMessage):
                assert all(part.text.strip() in said for part in message.parts if isinstance(part, Text))


@pytest.mark.parametrize("rules", [LOOSE, STRICT])
def test_a_history_that_fits_comes_back_as_the_same_object(rules):
    history = (
        SystemMessage("Be kind."),
        UserMessage("hi"),
        AssistantMessage((Text("let me see"), ToolCall("call_1", "f"), ToolCall("call_2", "g"))),
        ToolMessage((ToolResult("call_2", "two"), ToolResult("call_1", "one"))),
        AssistantMessage("done"),
    )
    assert adapt(history, rules).messages is history


def test_ids_are_rewritten_the_same_way_each_time_and_with_their_results():
    call = AssistantMessage((ToolCall("call_AbC123xyz_long", "f"),))
    history = (UserMessage("a"), call, ToolMessage((ToolResult("call_AbC123xyz_long", "r"),)), UserMessage("b"))
    short = adapt(history[:3], NINE).messages
    longer = adapt(history, NINE).messages
    assert longer[: len(short)] == short
    assert short[1].tool_calls[0].id == short[2].content[0].call_id != "call_AbC123xyz_long"


def test_an_id_that_recurs_is_answered_by_the_result_nearest_to_it():
    history = (
        UserMessage("a"),
        AssistantMessage((ToolCall("c1", "f"),)),
        ToolMessage((ToolResult("c1", "first"),)),
        AssistantMessage((ToolCall("c1", "f"),)),
        ToolMessage((ToolResult("c1", "second"),)),
    )
    out = adapt(history, LOOSE).messages
    assert [message.content[0].content for message in out if isinstance(message, ToolMessage)] == ["first", "second"]
    assert out[1].tool_calls[0].id == "c1" != out[3].tool_calls[0].id == out[4].content[0].call_id


def test_two_calls_with_one_id_in_one_message_are_answered_in_order():
    history = (
        UserMessage("a"),
        AssistantMessage((ToolCall("", "f"), ToolCall("", "g"))),
        ToolMessage((ToolResult("", "of f"), ToolResult("", "of g"))),
    )
    out = adapt(history, LOOSE).messages
    assert [result.content for result in out[2].content] == ["of f", "of g"]
    assert [result.call_id for result in out[2].content] == [call.id for call in out[1].tool_calls]


def test_a_result_that_comes_late_moves_to_its_call():
    history = (
        UserMessage("a"),
        AssistantMessage((ToolCall("c1", "f"),)),
        UserMessage("wait"),
        ToolMessage((ToolResult("c1", "r"),)),
    )
    assert [type(message) for message in adapt(history, LOOSE).messages] == [
        UserMessage,
        AssistantMessage,
        ToolMessage,
        UserMessage,
    ]


def test_a_call_that_nobody_answered_gets_an_error_for_an_answer():
    out = adapt((UserMessage("a"), AssistantMessage((ToolCall("c1", "f"),)), UserMessage("b")), LOOSE)
    assert out.messages[2].content[0].is_error
    assert out.notes == ("A tool call without a result was answered with an error.",)


def test_a_pending_call_stays_open_only_where_the_rules_say_so():
    history = (UserMessage("a"), AssistantMessage((ToolCall("c1", "f"),)))
    assert adapt(history, ITEMS).messages is history
    assert isinstance(adapt(history, LOOSE).messages[-1], ToolMessage)


@pytest.mark.parametrize(
    ("rules", "texts"), [(LOOSE, ["a", "[Result of tool 'f']\n42"]), (NINE, ["a"])], ids=["text", "drop"]
)
def test_a_result_without_its_call_goes_by_the_rule(rules, texts):
    out = adapt((UserMessage("a"), ToolMessage((ToolResult("gone", "42", "f"),))), rules)
    assert [message.text for message in out.messages] == texts
    assert out.notes


def test_a_signature_goes_to_its_issuer_only():
    signed = AssistantMessage(
        (
            Thinking("hm", signature="s", origin="anthropic"),
            Text("so", signature="t", origin="gemini"),
            ToolCall("c1", "f", signature="u", origin="gemini"),
        )
    )
    history = (UserMessage("a"), signed, ToolMessage((ToolResult("c1", "r"),)))
    here = adapt(history, STRICT).messages[1]
    assert here.content[0] == signed.content[0]
    assert here.content[1] == Text("so")
    assert here.content[2] == ToolCall("c1", "f")
    elsewhere = adapt(history, HistoryRules(origin="gemini", thinking="signed")).messages[1]
    assert elsewhere.content == signed.content[1:]


@pytest.mark.parametrize(
    ("rule", "thought", "kept"),
    [
        ("signed", Thinking("x", signature="s", origin="anthropic"), True),
        ("signed", Thinking("", data="blob", origin="anthropic"), True),
        ("signed", Thinking("x", origin="anthropic"), False),
        ("signed", Thinking("x", signature="s", origin="gemini"), False),
        ("signed", Thinking("x", signature="s"), False),
        ("own", Thinking("x", origin="anthropic"), True),
        ("own", Thinking("x", origin="gemini"), False),
        ("any", Thinking("x", origin="gemini"), True),
        ("any", Thinking("", data="blob", origin="gemini"), False),
        ("drop", Thinking("x", signature="s", origin="anthropic"), False),
    ],
)
def test_thinking_goes_back_by_the_rule(rule, thought, kept):
    rules = HistoryRules(origin="anthropic", thinking=rule)
    out = adapt((UserMessage("a"), AssistantMessage((thought, Text("b")))), rules).messages[1]
    assert isinstance(out.content[0], Thinking) is kept


def test_thinking_that_nothing_follows_is_left_out():
    thought = Thinking("x", signature="s", origin="anthropic")
    out = adapt((UserMessage("a"), AssistantMessage((thought,)), AssistantMessage((Text("b"), thought))), STRICT)
    assert out.messages == (UserMessage("a"), AssistantMessage((Text("b"),)))


def test_an_opaque_item_stays_on_its_own_wire():
    item = Opaque("openai_responses", {"type": "compaction"})
    history = (UserMessage("a"), AssistantMessage((item, Text("b"))))
    assert adapt(history, ITEMS).messages is history
    assert adapt(history, STRICT).messages[1].content == (Text("b"),)


@pytest.mark.parametrize(
    ("system", "roles"),
    [
        ("anywhere", ["system", "system", "user", "system", "assistant"]),
        ("first", ["system", "system", "user", "user", "assistant"]),
        ("one", ["system", "user", "user", "assistant"]),
        ("none", ["user", "user", "user", "user", "assistant"]),
    ],
)
def test_instructions_stand_where_the_wire_wants_them(system, roles):
    history = (
        SystemMessage("a"),
        SystemMessage("b"),
        UserMessage("c"),
        SystemMessage("d"),
        AssistantMessage("e"),
    )
    out = adapt(history, HistoryRules(origin="x", system=system)).messages
    assert [type(message).__struct_config__.tag for message in out] == roles
    assert all(word in "".join(message.text for message in out) for word in "abcde")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Image(url="https://example.com/a.png"), "[image https://example.com/a.png: not shown"),
        (Image(data=b"x"), "[image: not shown"),
        (Document(data=b"x", name="a.pdf"), "[document 'a.pdf': not shown"),
        (Document(text="all of it", name="a.txt"), "a.txt:\nall of it"),
        (Audio(data=b"x", transcript="spoken words"), "spoken words"),
    ],
)
def test_a_part_that_the_wire_cannot_hold_leaves_a_trace(part, said):
    out = adapt((UserMessage((part,)),), BARE)
    assert said in out.messages[0].text
    assert out.notes


def test_an_image_in_a_tool_result_moves_to_the_user_where_only_users_may_show_images():
    image = Image(data=b"x")
    history = (
        UserMessage("a"),
        AssistantMessage((ToolCall("c1", "f"), ToolCall("c2", "f"))),
        ToolMessage((ToolResult("c1", (Text("here"), image)),)),
        ToolMessage((ToolResult("c2", "r"),)),
    )
    out = adapt(history, LOOSE)
    assert image in out.messages[3].content
    assert [result.text for result in out.messages[2].content] == ["here[image: see the next message of the user]", "r"]
    assert adapt(history, STRICT).messages[2].content[0].content[1] is image


def test_arguments_that_cannot_be_repaired_are_kept_as_words_in_an_object():
    history = (UserMessage("a"), AssistantMessage((ToolCall("c1", "f", '{"a": '),)), ToolMessage((ToolResult("c1"),)))
    assert adapt(history, LOOSE).messages[1].tool_calls[0].input == {"invalid_arguments": '{"a": '}


def test_without_tools_calls_and_results_are_told():
    history = (
        UserMessage("a"),
        AssistantMessage((Text("so"), ToolCall("c1", "f", '{"x":1}'))),
        ToolMessage((ToolResult("c1", "42", "f"),)),
    )
    out = adapt(history, BARE).messages
    assert [message.text for message in out] == [
        "a",
        "so[Called tool 'f' with {\"x\":1}]",
        "[Result of tool 'f']\n42",
    ]


@pytest.mark.parametrize(
    ("history", "rule"),
    [
        ((AssistantMessage("a"),), {"user_first": True}),
        ((SystemMessage("a"),), {"user_first": True}),
        ((UserMessage("a"), AssistantMessage("b")), {"assistant_last": False}),
        ((UserMessage("a"), UserMessage("b")), {"alternating": True}),
        ((UserMessage("a"), AssistantMessage("b ")), {"trailing_space": False}),
        ((UserMessage("a"), AssistantMessage("")), {"empty": False}),
        ((UserMessage("a", name="n"),), {"names": False}),
        ((UserMessage("a"), SystemMessage("b")), {"system": "first"}),
        ((SystemMessage("a"), SystemMessage("b")), {"system": "one"}),
        ((SystemMessage("a"),), {"system": "none"}),
        ((UserMessage((Image(data=b""),)),), {"user": frozenset()}),
        ((UserMessage("a"), AssistantMessage((Image(data=b""),))), {}),
        ((UserMessage("a"), AssistantMessage((Thinking("t"), Text("b")))), {}),
        ((UserMessage("a"), AssistantMessage((ToolCall("c", "f"),))), {}),
        ((UserMessage("a"), AssistantMessage((ToolCall("c", "f"),)), ToolMessage((ToolResult("d"),))), {}),
        ((UserMessage("a"), ToolMessage((ToolResult("d"),))), {}),
        ((UserMessage((Text(""), Text("a"))),), {"empty": False}),
        ((UserMessage("a"), AssistantMessage((Text("b"), Thinking("t", origin="x")))), {"thinking": "own"}),
        ((UserMessage("a"), *CALLED, ToolMessage((ToolResult("c2"), ToolResult("c1")))), {"ordered_results": True}),
        ((UserMessage("a"), *CALLED, ToolMessage((ToolResult("c2"), ToolResult("c1"))), UserMessage("b")), NO_USER),
        ((UserMessage("a"), *CALLED, ToolMessage((ToolResult("c2"), ToolResult("c1", "r")))), {"empty_result": False}),
        ((UserMessage("a"), *CALLED, ToolMessage((ToolResult("c2"), ToolResult("c1")))), {"tools": False}),
        ((UserMessage("a"), *CALLED, ToolMessage((ToolResult("c2"), ToolResult("c1")))), {"tool_id": "[a-zA-Z0-9]{9}"}),
    ],
)
def test_what_the_rules_forbid_is_found_changed_and_told(history, rule):
    rules = HistoryRules(origin="x", **rule)
    assert problems(history, rules)
    adapted = adapt(history, rules)
    assert adapted.notes
    assert problems(adapted.messages, rules) == ()
