from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from holdfast.errors import ServerError
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
from holdfast.messages import Image, UserMessage
from holdfast.request import Request
from holdfast.testing import Pause, ScriptedModel, check_events, check_model
from holdfast.usage import Usage

HELLO = Request(messages=(UserMessage("Hello"),))
START, STOP = ResponseStart(), Finish("stop")
REASON = ServerError("broken")

GOOD = [
    [START, STOP],
    [START, TextDelta("a", 1), ThinkingDelta("b", 0), TextDelta("c", 1), STOP],
    [START, ToolCallStart(0, "1", "f"), ToolCallStart(1, "2", "f"), ToolCallDelta(0, "{"), ToolCallDelta(1, "{"), STOP],
    [START, PartAdded(0, Image(url="u")), UsageUpdate(Usage()), STOP],
    [START, TextDelta("a"), Restart(REASON, 1), START, ThinkingDelta("b"), STOP],
    [Restart(REASON, 0), START, STOP],
]


@pytest.mark.parametrize("events", GOOD)
def test_streams_that_obey_the_grammar_pass(events):
    check_events(events)


BAD = [
    ([], "ended without a Finish"),
    ([START, TextDelta("a")], "ended without a Finish"),
    ([TextDelta("a"), STOP], "begins with ResponseStart"),
    ([STOP], "begins with ResponseStart"),
    ([START, START, STOP], "begins once"),
    ([START, STOP, STOP], "nothing comes after Finish"),
    ([START, STOP, UsageUpdate(Usage())], "nothing comes after Finish"),
    ([START, STOP, Restart(REASON)], "nothing comes after Finish"),
    ([START, ToolCallDelta(0, "{}"), STOP], "follows the ToolCallStart"),
    ([START, TextDelta("a"), ToolCallDelta(0, "{}"), STOP], "follows the ToolCallStart"),
    ([START, ToolCallStart(0, "1", "f"), TextDelta("a", 0), STOP], "one kind"),
    ([START, TextDelta("a"), ThinkingDelta("b"), STOP], "one kind"),
    ([START, ToolCallStart(0, "1", "f"), ToolCallStart(0, "2", "f"), STOP], "begins once"),
    ([START, ToolCallStart(0, "1", "f"), ToolCallStart(1, "1", "f"), STOP], "used once"),
    ([START, ToolCallStart(0, "", "f"), STOP], "an id and a name"),
    ([START, TextDelta("a"), PartAdded(0, Image(url="u")), STOP], "begins once"),
    ([START, TextDelta("a", -1), STOP], "numbered from 0"),
    ([START, Restart(REASON, 9), START, STOP], "Restart.since"),
    ([START, Restart("why", 0), START, STOP], "ModelError"),
    ([START, Restart(REASON, 0), TextDelta("a"), STOP], "begins with ResponseStart"),
    ([START, "text", STOP], "no event"),
]


@pytest.mark.parametrize(("events", "rule"), BAD)
def test_streams_that_break_the_grammar_are_told_which_rule(events, rule):
    with pytest.raises(AssertionError, match=rule):
        check_events(events)


def test_of_a_broken_stream_no_finish_is_asked():
    assert check_events([START, TextDelta("a")], complete=False).text == "a"


async def test_a_good_model_passes_and_its_response_comes_out():
    response = await check_model(ScriptedModel(["a", "b"], then="last"), HELLO)
    assert response.text == "ab"


async def test_a_model_that_fails_with_a_typed_error_passes_and_its_error_comes_out():
    assert await check_model(ScriptedModel(["a", REASON], then="last"), HELLO) is REASON


class Misbehaving:
    name = "misbehaving"


class Leaking(Misbehaving):
    tasks = ()

    async def stream(self, request):
        self.tasks = (asyncio.create_task(asyncio.sleep(9)),)
        yield START
        yield STOP


class Untyped(Misbehaving):
    async def stream(self, request):
        yield START
        raise KeyError("choices")


class Swallowing(Misbehaving):
    async def stream(self, request):
        yield START
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
        yield STOP


class Rude(Misbehaving):
    async def stream(self, request):
        yield START


class Nameless(Misbehaving):
    name = ""

    async def stream(self, request):
        yield START


class LeakingWhenLeft(Misbehaving):
    tasks = ()

    async def stream(self, request):
        yield START
        try:
            yield TextDelta("a")
            yield STOP
        except GeneratorExit:
            self.tasks = (*self.tasks, asyncio.create_task(asyncio.sleep(9)))
            raise


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (Leaking(), "tasks were left"),
        (LeakingWhenLeft(), "closed after 2 events, these tasks were left"),
        (Untyped(), "raises a ModelError, not KeyError"),
        (Swallowing(), "lets the cancellation through"),
        (Rude(), "without a Finish"),
        (Nameless(), "name is a text"),
        (Misbehaving(), "a name and a method stream"),
    ],
)
async def test_what_a_model_does_wrong_is_found(model, rule):
    with pytest.raises(AssertionError, match=rule):
        await check_model(model, HELLO)
    for task in getattr(model, "tasks", ()):
        task.cancel()
    await asyncio.sleep(0)


async def test_the_layers_and_scripts_of_this_library_pass():
    model = ScriptedModel([Pause(0.001), "a"], then="last")
    await check_model(model, HELLO)
    assert (model.active, model.most_active) == (0, 1)
