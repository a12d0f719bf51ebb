from __future__ import annotations

import asyncio

import pytest

from holdfast.context import Conversation, Windows
from holdfast.errors import ServerError
from holdfast.messages import AssistantMessage, UserMessage
from holdfast.request import Request
from holdfast.runtime.compaction import Compacting
from holdfast.testing import FakeClock, Pause, ScriptedModel

REQUEST = Request(messages=())
MODEL = "x/y"


def talk(turns=20):
    made = Conversation(windows=Windows({MODEL: 4000}))
    for number in range(turns):
        made.extend([UserMessage(f"{number} " + "word " * 100), AssistantMessage("ok " * 50)])
    return made


def compacting(*scripts, **options):
    clock = FakeClock()
    summariser = ScriptedModel(*scripts, name="s/s", clock=clock)
    return summariser, clock, Compacting(summariser, clock=clock, **options)


async def test_start_comes_back_at_once_and_the_summary_is_ready_later():
    _, clock, work = compacting([Pause(5), "They spoke."])
    long = talk()
    work.start(long, REQUEST, MODEL)
    assert work.busy
    assert work.ready(long, MODEL) is None
    await clock.advance(5)
    await clock.settle()
    ready = work.ready(long, MODEL)
    assert not work.busy
    assert "They spoke." in ready.message.text
    assert long.apply(ready, MODEL)
    assert clock.pending == 0


async def test_one_summary_at_a_time():
    summariser, clock, work = compacting([Pause(5), "One."], [Pause(5), "Two."])
    long = talk()
    for _ in range(3):
        work.start(long, REQUEST, MODEL)
        await clock.settle()
    assert len(summariser.requests) == 1
    await clock.advance(5)
    await clock.settle()
    work.start(long, REQUEST, MODEL)  # one is ready: none is asked for
    assert not work.busy
    await work.close()


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("change", ["view", "model", "conversation"])
async def test_what_was_made_for_another_view_or_model_is_given_up(change, done):
    summariser, clock, work = compacting([Pause(5), "Void."])
    long = talk()
    work.start(long, REQUEST, MODEL)
    await clock.advance(5 if done else 1)
    await clock.settle()
    if change == "view":
        long.fit(REQUEST, MODEL)
        assert long.view.generation == 1
    now = talk() if change == "conversation" else long
    assert work.ready(now, "x/z" if change == "model" else MODEL) is None
    await clock.settle()
    assert not work.busy
    assert summariser.active == 0
    assert work.ready(long, MODEL) is None
    assert clock.pending == 0


async def test_messages_that_come_meanwhile_do_not_void_it():
    _, clock, work = compacting([Pause(5), "They spoke."])
    long = talk()
    work.start(long, REQUEST, MODEL)
    await clock.settle()
    long.append(UserMessage("And another thing."))
    await clock.advance(5)
    await clock.settle()
    assert long.apply(work.ready(long, MODEL), MODEL)
    assert long.sent[-1].text == "And another thing."


@pytest.mark.parametrize("failure", [ServerError("down"), RuntimeError("a bug"), Pause(1000), "", TimeoutError()])
async def test_a_summary_that_fails_costs_nothing_but_is_counted(failure):
    summariser, clock, work = compacting(failure, deadline=60)
    long = talk()
    before = long.view
    work.start(long, REQUEST, MODEL)
    await clock.advance(60)
    await clock.settle()
    assert not work.busy
    assert work.ready(long, MODEL) is None
    assert (long.failed_summaries, long.view) == (1, before)
    assert summariser.active == 0
    assert clock.pending == 0


async def test_closing_cancels_and_leaves_nothing():
    summariser, clock, work = compacting([Pause(), "Never."])
    work.start(talk(), REQUEST, MODEL)
    await clock.settle()
    assert summariser.active == 1
    await work.close()
    assert (summariser.active, work.busy, clock.pending) == (0, False, 0)
    assert len(asyncio.all_tasks()) == 1
    await work.close()
