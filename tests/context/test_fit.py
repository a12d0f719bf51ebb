# random histories are no secrets
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.histories import broken_laws, history, recount
from holdfast.context.families import family_of
from holdfast.context.fit import fit
from holdfast.context.ledger import Ledger
from holdfast.context.level import water_level
from holdfast.context.measure import message_tokens, part_tokens, text_tokens
from holdfast.context.strategies import STRATEGIES, drop_groups, lighten, shorten, terminate
from holdfast.context.truncate import SMALLEST
from holdfast.context.view import WHOLE, render, view_tokens
from holdfast.errors import ContextOverflowError
from holdfast.messages import (
    AssistantMessage,
    Image,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)

OPENAI = family_of("openai/gpt-4o")


def smallest(ledger: Ledger) -> int:
    """Tokens of the least that may ever be sent: instructions, task, newest user message and newest group, all short."""
    kept = {*ledger.systems, *range(ledger.last_groups(1), len(ledger))}
    kept |= {index for index in (ledger.task, ledger.last_user) if index is not None}
    return sum(
        ledger.tokens[index] if isinstance(message := ledger.messages[index], SystemMessage) else least(message)
        for index in kept
    )


def least(message) -> int:
    total = message_tokens(message, OPENAI)
    for part in message.parts:
        for inner in part.content if isinstance(part, ToolResult) and not isinstance(part.content, str) else (part,):
            tokens = part_tokens(inner, OPENAI)
            total -= 0 if isinstance(inner, Thinking | ToolCall) else max(0, tokens - SMALLEST - 1 - OPENAI.per_result)
    return total


def check(seed: int, steps: int, share: float) -> str:
    random = Random(seed)
    log = history(random, steps)
    ledger = Ledger(log, family=OPENAI)
    limit = int(ledger.total * share)
    try:
        view = fit(ledger, WHOLE, limit, strategies=STRATEGIES)
    except ContextOverflowError as error:
        assert limit < smallest(ledger), error  # noqa: PT017  # which histories raise is what is checked
        return "overflow"
    sent = render(ledger, view)
    assert recount(sent, OPENAI) == view_tokens(ledger, view) <= limit
    assert not (broken := broken_laws(log, sent)), broken
    return "fits" if view == WHOLE else "cut"


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 40), share=st.floats(0.01, 1.1))
def test_whatever_is_cut_the_laws_hold(seed, steps, share):
    check(seed, steps, share)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 40), cuts=st.lists(st.integers(0, 2**16), max_size=5))
def test_prefix_sums_are_the_sums(seed, steps, cuts):
    ledger = Ledger(history(Random(seed), steps), family=OPENAI)
    weights = [
        0 if index in ledger.systems or index == ledger.task else tokens for index, tokens in enumerate(ledger.tokens)
    ]
    for cut in (0, len(ledger), *(cut % (len(ledger) + 1) for cut in cuts)):
        assert ledger.full[cut] == sum(weights[:cut])
    assert ledger.total == sum(ledger.tokens) == sum(message_tokens(message, OPENAI) for message in ledger.messages)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 30))
def test_no_place_to_cut_parts_a_call_from_its_result(seed, steps):
    log = history(Random(seed), steps)
    ledger = Ledger(log, family=OPENAI)
    for start in ledger.starts:
        open_calls = {
            call.id for message in log[:start] if isinstance(message, AssistantMessage) for call in message.tool_calls
        }
        first_results = []
        for message in log[start:]:
            if isinstance(message, AssistantMessage):
                open_calls -= {call.id for call in message.tool_calls}
            if isinstance(message, ToolMessage):
                first_results += [result.call_id for result in message.content if result.call_id in open_calls]
        assert not first_results


def agent(steps: int, words: int = 200) -> list:
    log = [SystemMessage("Be brief."), UserMessage("TASK count the files")]
    for step in range(steps):
        log.append(AssistantMessage([ToolCall(f"c{step}", "read", "{}")]))
        log.append(ToolMessage([ToolResult(f"c{step}", f"step {step} " + "word " * words)]))
    return log


def test_what_fits_is_left_alone():
    ledger = Ledger(agent(5), family=OPENAI)
    assert fit(ledger, WHOLE, ledger.total, strategies=STRATEGIES) is WHOLE
    assert render(ledger, WHOLE) == tuple(ledger.messages)


def test_old_results_are_cleared_before_anything_is_dropped():
    ledger = Ledger(agent(20), family=OPENAI)
    view = fit(ledger, WHOLE, ledger.total - 1, strategies=STRATEGIES)
    sent = render(ledger, view)
    assert len(sent) == len(ledger)
    assert "cleared" in sent[3].text
    assert sent[-6:] == tuple(ledger.messages[-6:])


def test_a_cut_is_deep_so_that_the_next_one_is_far():
    log = agent(100)
    ledger = Ledger(log, family=OPENAI)
    limit = ledger.total // 2
    view = fit(ledger, WHOLE, limit, strategies=[drop_groups(), *STRATEGIES])
    assert limit * 0.4 < view_tokens(ledger, view) <= limit * 0.5
    ledger.append(UserMessage("more"))
    assert fit(ledger, view, limit, strategies=STRATEGIES) is view


def test_what_was_sent_stays_the_same_until_the_next_cut():
    ledger = Ledger(agent(60), family=OPENAI)
    view = fit(ledger, WHOLE, ledger.total // 2, strategies=STRATEGIES)
    before = render(ledger, view)
    for message in (UserMessage("and now"), AssistantMessage("yes"), SystemMessage("be kind"), UserMessage("more")):
        ledger.append(message)
        assert render(ledger, view)[: len(before)] == before
        before = render(ledger, view)


def test_one_long_turn_drops_its_oldest_steps_and_keeps_the_task():
    ledger = Ledger(agent(400), family=OPENAI)
    sent = render(ledger, fit(ledger, WHOLE, 3000, strategies=STRATEGIES))
    assert sent[:2] == tuple(ledger.messages[:2])
    assert sent[-1] == ledger.messages[-1]
    assert recount(sent, OPENAI) <= 3000


def test_a_giant_newest_result_is_shortened_inside():
    log = agent(3, words=20_000)
    ledger = Ledger(log, family=OPENAI)
    sent = render(ledger, fit(ledger, WHOLE, 2000, strategies=STRATEGIES))
    assert "left out" in sent[-1].text
    assert sent[-1].text.startswith("step 2")
    assert recount(sent, OPENAI) <= 2000


def test_a_giant_task_is_shortened_and_never_lost():
    ledger = Ledger([UserMessage("TASK " + "word " * 5000)], family=OPENAI)
    (sent,) = render(ledger, fit(ledger, WHOLE, 200, strategies=STRATEGIES))
    assert sent.text.startswith("TASK")
    assert message_tokens(sent, OPENAI) <= 200


def test_a_picture_that_cannot_fit_becomes_a_line_of_text():
    ledger = Ledger([UserMessage([Text("TASK look"), Image(url="https://example.com/a.png")])], family=OPENAI)
    (sent,) = render(ledger, fit(ledger, WHOLE, 100, strategies=STRATEGIES))
    assert "picture was here" in sent.text


def test_instructions_that_do_not_fit_end_in_the_numbers():
    ledger = Ledger([SystemMessage("rule " * 500), UserMessage("TASK")], family=OPENAI)
    with pytest.raises(ContextOverflowError, match="instructions 50"):
        fit(ledger, WHOLE, 100, strategies=STRATEGIES)


def test_terminate_alone_refuses_at_once():
    ledger = Ledger(agent(3), family=OPENAI)
    with pytest.raises(ContextOverflowError) as caught:
        fit(ledger, WHOLE, 100, strategies=[terminate()])
    assert caught.value.limit.max_tokens == 100
    assert caught.value.limit.requested_tokens == ledger.total


def test_a_conversation_may_end_at_a_threshold_instead_of_being_cut():
    ledger = Ledger(agent(3), family=OPENAI)
    limit, end = 2 * ledger.total, [terminate(at="act")]
    assert fit(ledger, WHOLE, limit, act=ledger.total, strategies=end) is WHOLE
    with pytest.raises(ContextOverflowError):
        fit(ledger, WHOLE, limit, act=ledger.total - 1, strategies=end)


def test_thinking_goes_whole_or_stays_whole():
    seal = Thinking("hm " * 50, signature="s", origin="anthropic")
    kept = Thinking("", id="rs_1", data="x" * 400, origin="openai_responses")
    log = [UserMessage("TASK")]
    for turn in range(6):
        log += [AssistantMessage([seal, Text("a")]), UserMessage(f"go on {turn}"), AssistantMessage([kept, Text("b")])]
    claude = family_of("anthropic/claude-opus-4-7")
    ledger = Ledger(log, family=claude)
    sent = render(ledger, fit(ledger, WHOLE, ledger.total - 1, goal=0, strategies=[lighten()]))
    thoughts = [part for message in sent for part in message.parts if isinstance(part, Thinking)]
    assert thoughts.count(kept) == 6
    assert thoughts.count(seal) < 6


@pytest.mark.parametrize(
    ("sizes", "excess", "level"),
    [
        ([100, 50, 10], 30, 70),
        ([100, 100], 100, 50),
        ([100, 50, 10], 145, 5),
        ([10], 11, 0),
        ([], 5, 0),
        ([9, 9, 9], 0, 9),
    ],
)
def test_the_water_level_takes_the_excess_from_the_highest(sizes, excess, level):
    assert water_level(sizes, excess) == level
    assert not level or sum(max(0, size - level) for size in sizes) >= excess


def test_shortening_leaves_instructions_and_numbered_words_alone():
    numbered = Text("word " * 300, id="msg_1", origin="openai_responses")
    log = [SystemMessage("rule " * 300), UserMessage("TASK"), AssistantMessage([numbered]), UserMessage("word " * 300)]
    ledger = Ledger(log, family=OPENAI)
    sent = render(ledger, fit(ledger, WHOLE, ledger.total - 50, strategies=[shorten("all", floor=30)]))
    assert sent[0] is log[0]
    assert sent[2].content == (numbered,)
    assert text_tokens(sent[3].text, OPENAI) < 300
