# random histories are no secrets
from random import Random

import pytest

from context.histories import broken_laws, history
from context.talks import MODEL, REQUEST, conversation, filled, step
from holdfast.context.compact import HEADING, QUOTES, Compaction, compact, prepare, summarise
from holdfast.context.conversation import Span
from holdfast.context.count import Counter
from holdfast.context.families import family_of
from holdfast.context.measure import text_tokens
from holdfast.context.transcript import chunks, transcript
from holdfast.context.windows import Windows
from holdfast.errors import ContextOverflowError, InvalidResponseError, Limit, ServerError
from holdfast.events import Finish, ResponseStart, TextDelta
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

HOW = Compaction(max_tokens=200, quotes=100)


class Summariser:
    """A model that answers by a script: texts, finish reasons or errors, the last for ever; keeps what it was asked."""

    name = "openai/gpt-4o-mini"

    def __init__(self, *script, window=None):
        self.script = list(script or ["They read files."])
        self.window = window
        self.requests = []

    async def stream(self, request):
        self.requests.append(request)
        line = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if self.window and Counter().count(request, self.name).tokens + request.settings.max_tokens > self.window:
            raise ContextOverflowError("too long", limit=Limit(max_tokens=self.window))
        if isinstance(line, Exception):
            raise line
        yield ResponseStart()
        text, finish = line if isinstance(line, tuple) else (line, "stop")
        yield TextDelta(text)
        yield Finish(finish)


async def test_a_summary_takes_the_place_of_the_old_and_the_task_stays():
    talk, model = filled(), Summariser()
    assert await compact(talk, REQUEST, MODEL, summariser=model, how=HOW)
    assert talk.sent[:2] == (SystemMessage("s"), UserMessage("TASK"))
    assert talk.sent[2].text.startswith(f"{HEADING}\nThey read files.")
    assert talk.used(REQUEST, MODEL) <= 0.5 * talk.budget(REQUEST, MODEL)
    assert len(talk.messages) == 30
    (asked,) = model.requests
    assert "step 0" in asked.messages[1].text
    assert "step 13" not in asked.messages[1].text
    assert asked.settings.max_tokens == 200


@pytest.mark.parametrize(
    "line",
    [
        ServerError("down"),
        "",
        "   ",
        ("half a summ", "content_filter"),
        ("", "tool_calls"),
        "word " * 5000,
    ],
)
async def test_a_failed_summary_changes_nothing(line):
    talk = filled()
    before = talk.to_json()
    with pytest.raises((ServerError, InvalidResponseError)):
        await compact(talk, REQUEST, MODEL, summariser=Summariser(line), how=HOW)
    assert talk.to_json() == before
    assert talk.failed_summaries == 1


async def test_messages_that_come_while_it_is_written_are_kept():
    talk = filled()
    summary = await prepare(talk, REQUEST, MODEL, summariser=Summariser(), how=HOW)
    talk.extend([*step(50), UserMessage("new words")])
    assert talk.apply(summary, MODEL)
    assert talk.sent[-3:] == (*step(50), UserMessage("new words"))


async def test_the_next_summary_takes_up_the_one_before():
    talk, model = filled(), Summariser("FIRST", "SECOND")
    await compact(talk, REQUEST, MODEL, summariser=model, how=HOW)
    for number in range(20, 34):
        talk.extend(step(number))
    assert await compact(talk, REQUEST, MODEL, summariser=model, how=HOW)
    assert "<summary>" in model.requests[1].messages[1].text
    assert "FIRST" in model.requests[1].messages[1].text
    assert "SECOND" in talk.sent[2].text
    assert "FIRST" not in str(talk.sent)


async def test_the_users_newest_words_are_quoted_and_bounded():
    talk = conversation([UserMessage("TASK")])
    for number in range(20):
        talk.extend([UserMessage(f"wish {number} " + "word " * 30), AssistantMessage("word " * 50)])
    await compact(talk, REQUEST, MODEL, summariser=Summariser(), how=HOW)
    summary = talk.sent[1].text
    assert QUOTES in summary
    quoted = summary.split(QUOTES)[1]
    assert "TASK" not in quoted
    assert 50 < text_tokens(quoted, family_of(MODEL)) <= 110
    assert quoted.index("wish") > 0


async def test_a_history_beyond_the_summarisers_window_is_folded_in_chunks():
    talk = Span(messages=tuple(message for number in range(60) for message in step(number)), until=120, generation=0)
    model = Summariser(window=2000)
    windows = Windows({model.name: 2000})
    summary = await summarise(talk, model, counter=Counter(), windows=windows, how=HOW)
    assert 2 < len(model.requests) <= 16
    assert "They read files." in summary.message.text
    assert all("<summary>" in request.messages[1].text for request in model.requests[1:])
    said = "".join(request.messages[1].text for request in model.requests)
    assert all(f"step {number} " in said for number in range(60))


async def test_a_window_that_lies_is_learnt_from_the_summarisers_own_overflow():
    span = Span(messages=tuple(message for number in range(60) for message in step(number)), until=120, generation=0)
    model, windows = Summariser(window=3000), Windows()
    await summarise(span, model, counter=Counter(), windows=windows, how=HOW)
    assert windows.window(model.name) == 3000
    assert len(model.requests) > 2


async def test_a_summariser_that_always_overflows_is_given_up():
    span = Span(messages=(UserMessage("word " * 500),), until=1, generation=0)
    model = Summariser(ContextOverflowError("no"))
    with pytest.raises(ContextOverflowError):
        await summarise(span, model, counter=Counter(), windows=Windows(), how=HOW)
    assert len(model.requests) == 4


async def test_a_long_summary_is_cut_to_its_bound():
    talk = filled(40)
    await compact(talk, REQUEST, MODEL, summariser=Summariser("word " * 600), how=HOW)
    assert text_tokens(talk.sent[2].text, family_of(MODEL)) < 200 + 100 + 40


@pytest.mark.parametrize("seed", range(12))
async def test_after_a_summary_the_laws_hold(seed):
    log = history(Random(seed), 40)
    talk = conversation(log, window=6000)
    if not await compact(talk, REQUEST, MODEL, summariser=Summariser(), how=HOW):
        pytest.skip("nothing to gain")
    assert not (broken := broken_laws(log, talk.sent)), broken


async def test_there_is_nothing_to_summarise_in_a_new_conversation():
    model = Summariser()
    assert not await compact(conversation([UserMessage("TASK")]), REQUEST, MODEL, summariser=model)
    assert not model.requests


def test_a_transcript_has_words_calls_and_results_and_no_bytes():
    messages = [
        UserMessage([Text("look"), Image(data=b"x" * 9999)], name="ann"),
        AssistantMessage([Thinking("secret"), Text("yes"), ToolCall("c", "read", '{"a": 1}')]),
        ToolMessage([ToolResult("c", "42", "read"), ToolResult("d", "bad", is_error=True)]),
        AssistantMessage([Thinking("only")]),
    ]
    assert transcript(messages, family_of(MODEL), 100) == [
        "user ann: look\nuser ann: [A picture was here, and was left out to save room.]",
        'assistant: yes\nassistant calls read with {"a": 1}',
        "result of read: 42\nerror of d: bad",
    ]


@pytest.mark.parametrize(
    ("count", "room", "most"), [(1, 1000, 4), (300, 500, 4), (300, 50, 3), (2000, 60, 16), (0, 100, 2)]
)
def test_chunks_are_bounded_in_size_and_number(count, room, most):
    family = family_of(MODEL)
    parts = chunks([f"message {number} " + "word " * 40 for number in range(count)], room, family, most=most)
    assert len(parts) <= most
    assert all(0 < text_tokens(part, family) <= room for part in parts)
    if count:
        assert "message 0" in parts[0]
        assert parts[-1].endswith(("word ", "word word", "word"))
