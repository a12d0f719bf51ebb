# random histories are no secrets
from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.histories import broken_laws, history, recount
from context.talks import MODEL, REQUEST, conversation, filled, step
from holdfast.context.conversation import MAX_FAILED_SUMMARIES, Conversation
from holdfast.context.families import family_of
from holdfast.context.thresholds import Thresholds
from holdfast.context.view import Summary
from holdfast.context.windows import Windows
from holdfast.errors import ContextOverflowError
from holdfast.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, ToolResult, UserMessage
from holdfast.request import Settings, Tool
from holdfast.usage import Usage


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 30), window=st.integers(1500, 6000))
def test_a_conversation_that_grows_always_fits_and_keeps_the_laws(seed, steps, window):
    log = history(Random(seed), steps)
    talk = conversation(window=window)
    for message in log:
        talk.append(message)
        try:
            sent = talk.fit(REQUEST, MODEL).messages
        except ContextOverflowError:
            return
        assert recount(sent, family_of(MODEL)) <= talk.budget(REQUEST, MODEL)
    assert talk.messages == tuple(log)
    late = any(each.message is None for each in talk.view.replaced)
    assert not (broken := broken_laws(log, sent)) or (late and broken == ["the newest message is gone"])


def test_the_log_is_never_changed_and_the_view_is_rewritten_rarely():
    talk = conversation([SystemMessage("s"), UserMessage("TASK")])
    sent = [talk.fit(REQUEST, MODEL).messages]
    for number in range(300):
        talk.extend(step(number))
        sent.append(talk.fit(REQUEST, MODEL).messages)
    cuts = sum(after[: len(before)] != before for before, after in pairwise(sent))
    assert len(talk.messages) == 602
    assert cuts < 40
    assert cuts == talk.view.generation


def test_a_result_that_comes_after_its_call_was_dropped_is_not_sent():
    talk = conversation(
        [UserMessage("TASK"), AssistantMessage([ToolCall("late", "slow", "{}"), ToolCall("b", "f", "{}")])]
    )
    talk.append(ToolMessage([ToolResult("b", "here")]))
    for number in range(60):
        talk.append(UserMessage(f"USER{number} " + "word " * 60))
        talk.fit(REQUEST, MODEL)
    assert talk.view.start > 2
    talk.append(AssistantMessage([ToolCall("new", "f", "{}")]))
    talk.append(ToolMessage([ToolResult("late", "at last"), ToolResult("new", "fresh")]))
    assert talk.fit(REQUEST, MODEL).messages[-1] == ToolMessage([ToolResult("new", "fresh")])
    talk.append(ToolMessage([ToolResult("late", "again")]))
    assert "again" not in str(talk.fit(REQUEST, MODEL).messages)


def test_json_keeps_the_log_the_view_and_the_anchors():
    talk = conversation(history(Random(5), 60), window=3000)
    sent = talk.fit(REQUEST, MODEL).messages
    talk.observe(REQUEST, Usage(input_tokens=1234), MODEL)
    again = Conversation.from_json(talk.to_json(), windows=Windows({MODEL: 3000}))
    assert again.view.generation == 1
    assert again.messages == talk.messages
    assert again.sent == sent
    assert again.used(REQUEST, MODEL) == talk.used(REQUEST, MODEL) == 1234
    with pytest.raises(msgspec.ValidationError):
        Conversation.from_json(b'{"messages": 1}')


def test_usage_is_where_the_next_estimate_starts():
    talk = conversation([UserMessage("TASK")], window=10_000)
    talk.observe(REQUEST, Usage(input_tokens=5000), MODEL)
    assert talk.used(REQUEST, MODEL) == 5000
    talk.append(AssistantMessage("Hello, world!"))
    assert talk.used(REQUEST, MODEL) == 5000 + 4 + 4
    assert talk.remaining(REQUEST, MODEL) == talk.budget(REQUEST, MODEL) - 5008


def test_what_came_while_the_answer_was_written_is_not_part_of_what_was_sent():
    talk = conversation([UserMessage("TASK")], window=10_000)
    talk.append(UserMessage("Hello, world!"))
    talk.observe(REQUEST, Usage(input_tokens=5000), MODEL, sent=1)
    assert talk.used(REQUEST, MODEL) == 5000 + 4 + 4


def test_hidden_tokens_that_usage_shows_make_it_cut_earlier():
    plain, laden = (conversation([UserMessage("TASK " + "word " * 100), *step(0), *step(1)]) for _ in range(2))
    laden.observe(REQUEST, Usage(input_tokens=1500), MODEL)
    for talk in (plain, laden):
        talk.extend([*step(2), *step(3), *step(4)])
        talk.fit(REQUEST, MODEL)
    assert plain.view.generation == 0
    assert laden.view.generation == 1


def test_an_anchor_holds_over_a_rewrite():
    talk = conversation([UserMessage("TASK"), *(message for number in range(18) for message in step(number))])
    talk.observe(REQUEST, Usage(input_tokens=talk.used(REQUEST, MODEL) + 300), MODEL)
    sent = talk.fit(REQUEST, MODEL).messages
    assert talk.view.generation == 1
    assert talk.used(REQUEST, MODEL) == recount(sent, family_of(MODEL)) + 3 + 300


def test_tools_and_the_answer_take_their_share():
    talk = conversation([UserMessage("TASK")])
    tool = Tool("read", "Read a file. " * 50, {"type": "object", "properties": {"path": {"type": "string"}}})
    assert talk.used(REQUEST.replace(tools=(tool,)), MODEL) > talk.used(REQUEST, MODEL) + 100
    assert talk.budget(REQUEST.replace(settings=Settings(max_tokens=1000)), MODEL) == talk.budget(REQUEST, MODEL) - 900


def test_a_window_that_was_used_is_no_smaller():
    talk = Conversation([UserMessage("TASK")])
    talk.observe(REQUEST, Usage(input_tokens=500_000), "x/y")
    assert talk.windows.window("x/y") == 500_000


@pytest.mark.parametrize(
    ("share", "options", "action"),
    [
        (0.5, {}, "none"),
        (0.75, {}, "prepare"),
        (0.75, {"summaries": False}, "none"),
        (0.75, {"busy": True}, "none"),
        (0.75, {"ready": True}, "none"),
        (0.9, {}, "fit"),
        (0.9, {"ready": True}, "apply"),
        (0.9, {"busy": True}, "fit"),
        (2.0, {"summaries": False}, "fit"),
    ],
)
def test_prepare_early_act_late(share, options, action):
    assert Thresholds().decide(int(share * 10_000), 10_000, **options) == action


def test_thresholds_may_be_numbers_of_tokens():
    assert Thresholds(prepare=100, act=200).decide(150, 10**6) == "prepare"
    assert Thresholds(prepare=100, act=200).decide(200, 10**6) == "fit"
    assert Thresholds(act=10**9).decide(1000, 1000) == "fit"


def summary_of(talk: Conversation, words: str = "They read files.") -> Summary:
    span = talk.span(REQUEST, MODEL, room=100)
    return Summary(UserMessage(words), span.until, span.generation)


def test_a_summary_takes_the_place_of_what_it_stands_for():
    talk = filled()
    summary = summary_of(talk)
    assert talk.apply(summary, MODEL)
    assert talk.sent[:3] == (SystemMessage("s"), UserMessage("TASK"), summary.message)
    assert talk.sent[3:] == talk.messages[summary.until :]
    assert talk.used(REQUEST, MODEL) <= 0.5 * talk.budget(REQUEST, MODEL)
    assert not broken_laws(list(talk.messages), talk.sent)


def test_messages_that_came_meanwhile_are_kept_verbatim():
    talk = filled()
    summary = summary_of(talk)
    talk.extend(step(99))
    assert talk.apply(summary, MODEL)
    assert talk.sent[-2:] == tuple(step(99))


def test_a_summary_of_another_view_is_void():
    talk = filled(20)
    summary = summary_of(talk)
    assert talk.decide(REQUEST, MODEL, ready=summary) == "apply"
    talk.fit(REQUEST, MODEL)
    before = talk.sent
    assert talk.decide(REQUEST, MODEL, ready=summary) != "apply"
    assert not talk.apply(summary, MODEL)
    assert talk.sent == before


def test_a_summary_that_makes_nothing_smaller_is_refused():
    talk = filled()
    before = talk.view
    assert not talk.apply(summary_of(talk, "word " * 5000), MODEL)
    assert talk.view is before


def test_the_next_summary_carries_the_one_before():
    talk = filled()
    first = summary_of(talk)
    talk.apply(first, MODEL)
    for number in range(20, 34):
        talk.extend(step(number))
    span = talk.span(REQUEST, MODEL, room=100)
    assert span.summary == first
    assert span.messages[0] == talk.messages[first.until]
    assert span.generation == 1


def test_nothing_is_summarised_of_what_is_new():
    assert conversation([UserMessage("TASK")]).span(REQUEST, MODEL) is None
    assert conversation().span(REQUEST, MODEL) is None


def test_after_three_failed_summaries_none_is_asked_for():
    talk = filled(16)
    assert talk.decide(REQUEST, MODEL) == "prepare"
    talk.failed_summaries = MAX_FAILED_SUMMARIES
    assert talk.decide(REQUEST, MODEL) == "none"


def test_the_report_says_what_was_done():
    talk = filled(40)
    before = talk.view
    assert talk.report(before, MODEL)["dropped"] == 0
    talk.fit(REQUEST, MODEL)
    report = talk.report(before, MODEL)
    assert report["before"] > report["after"] > 0
    assert report["generation"] == 1
    assert report["dropped"] + report["lean"] > 30
