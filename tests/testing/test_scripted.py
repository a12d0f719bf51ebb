from __future__ import annotations

import asyncio
import math
from contextlib import aclosing

import pytest

from holdfast.errors import ModelError, RateLimitError, ServerError, StreamInterruptedError
from holdfast.events import (
    Finish,
    PartAdded,
    ResponseStart,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.messages import Image, Text, Thinking, ToolCall, UserMessage
from holdfast.request import Request
from holdfast.response import Response, fold
from holdfast.testing import FakeClock, Pause, ScriptedModel, ScriptExhaustedError, check_events
from holdfast.usage import Usage

HELLO = Request(messages=(UserMessage("Hello"),))
START = ResponseStart(model="scripted")


async def play(model, request=HELLO):
    async with aclosing(model.stream(request)) as events:
        return [event async for event in events]


@pytest.mark.parametrize(
    ("script", "events"),
    [
        ("Hi", [START, TextDelta("Hi"), Finish("stop")]),
        ([], [START, Finish("stop")]),
        (["a", "b"], [START, TextDelta("a"), TextDelta("b"), Finish("stop")]),
        (["a", Finish("length")], [START, TextDelta("a"), Finish("length")]),
        ([ResponseStart("m"), "a"], [ResponseStart("m"), TextDelta("a"), Finish("stop")]),
        (
            [Thinking("hm"), "a", ToolCall("1", "f", "{}"), "b"],
            [
                START,
                ThinkingDelta("hm", 0),
                TextDelta("a", 1),
                ToolCallStart(2, "1", "f"),
                ToolCallDelta(2, "{}"),
                TextDelta("b", 3),
                Finish("tool_calls"),
            ],
        ),
        (
            [ToolCall("1", "f", "{}"), ToolCall("2", "f", "{}")],
            [
                START,
                ToolCallStart(0, "1", "f"),
                ToolCallDelta(0, "{}"),
                ToolCallStart(1, "2", "f"),
                ToolCallDelta(1, "{}"),
                Finish("tool_calls"),
            ],
        ),
        ([Image(url="u")], [START, PartAdded(0, Image(url="u")), Finish("stop")]),
        (
            ["a", UsageUpdate(Usage(input_tokens=1)), "b"],
            [START, TextDelta("a"), UsageUpdate(Usage(input_tokens=1)), TextDelta("b"), Finish("stop")],
        ),
    ],
)
async def test_a_script_becomes_a_whole_answer(script, events):
    assert await play(ScriptedModel(script)) == events
    check_events(events)


async def test_a_restart_in_a_script_keeps_the_grammar():
    reason = ServerError("broken")
    script = [ToolCall("1", "f"), Restart(reason, 0), ResponseStart(), "again"]
    response = check_events(await play(ScriptedModel(script)))
    assert (response.text, response.finish_reason) == ("again", "stop")


async def test_a_response_is_played_as_its_events():
    response = Response(parts=(Text("a"), ToolCall("1", "f")), finish_reason="tool_calls", model="m")
    assert fold(await play(ScriptedModel(response))) == response


async def test_an_error_is_raised_in_its_place_and_gets_what_was_shown():
    model = ScriptedModel(["a", StreamInterruptedError("reset")])
    with pytest.raises(StreamInterruptedError) as caught:
        await play(model)
    assert caught.value.partial.text == "a"


async def test_an_error_before_anything_comes_without_a_start_and_without_a_partial():
    events = ScriptedModel([Pause(0), RateLimitError("no")]).stream(HELLO)
    with pytest.raises(RateLimitError) as caught:
        await anext(events)
    assert caught.value.partial is None


async def test_unframed_it_plays_exactly_what_is_written():
    assert await play(ScriptedModel(["a"], framed=False)) == [TextDelta("a")]


async def test_pauses_take_the_clocks_time():
    clock = FakeClock(autojump=True)
    await play(ScriptedModel([Pause(3), "a", Pause(4)], clock=clock))
    assert clock.now() == 7


@pytest.mark.parametrize(("then", "texts"), [("last", ["a", "b", "b", "b"]), ("cycle", ["a", "b", "a", "b"])])
async def test_played_out_scripts_go_on_as_wished(then, texts):
    model = ScriptedModel("a", "b", then=then)
    assert [fold(await play(model)).text for _ in range(4)] == texts


async def test_played_out_scripts_fail_with_an_error_that_no_recovery_takes():
    model = ScriptedModel("a", name="primary")
    await play(model)
    with pytest.raises(ScriptExhaustedError, match="'primary' has 1 scripts and was asked 2 times"):
        await play(model)
    assert not issubclass(ScriptExhaustedError, ModelError)


async def test_a_function_sees_the_request_and_may_be_async():
    async def later(request):
        await asyncio.sleep(0)
        return [request.messages[0].text, "!"]

    model = ScriptedModel(lambda request: request.messages[0].text.upper(), later)
    assert [fold(await play(model)).text for _ in range(2)] == ["HELLO", "Hello!"]


async def test_it_records_what_was_asked_and_what_became_of_it():
    model = ScriptedModel("a", ["b", Pause(math.inf)], ServerError("x"), clock=FakeClock())
    await play(model)
    stream = model.stream(HELLO.replace(prefix="p"))
    await anext(stream)
    assert (model.active, model.most_active) == (1, 1)
    await stream.aclose()
    with pytest.raises(ServerError):
        await play(model)
    assert [request.prefix for request in model.requests] == ["", "p", ""]
    assert (model.active, model.abandoned) == (0, 1)


async def test_a_cancelled_pause_counts_as_abandoned():
    clock = FakeClock()
    model = ScriptedModel(Pause(), clock=clock)
    task = asyncio.create_task(play(model))
    await clock.settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (model.active, model.abandoned, clock.pending) == (0, 1, 0)


async def test_added_finishes_carry_the_usage():
    usage = Usage(input_tokens=5)
    assert fold(await play(ScriptedModel("a", usage=usage))).usage == usage
