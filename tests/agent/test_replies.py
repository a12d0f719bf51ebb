from __future__ import annotations

import pytest

from holdfast import Client
from holdfast.agent import Agent
from holdfast.agent.turn import first_reply
from holdfast.errors import ServerError, StreamInterruptedError
from holdfast.events import Restart, TextDelta
from holdfast.messages import Text, ToolCall
from holdfast.response import Response
from holdfast.testing import FakeClock, ScriptedModel


def weather(place: str) -> str:
    return f"rain in {place}"


def passes(turn):
    return None


def greets(turn):
    return "Hello to you." if "hello" in turn.text else None


async def greets_later(turn):
    return "Later." if "hello" in turn.text else None


def calls_weather(turn):
    if turn.step == 0:
        return Response(parts=(ToolCall("c", "weather", '{"place": "Oslo"}'),), finish_reason="tool_calls")
    return None


def apologises(turn):
    return f"Sorry: {turn.error.kind}." if turn.error else None


def agent(*scripts, **options):
    clock = FakeClock(autojump=True, threshold=0.01)
    model = ScriptedModel(*scripts, clock=clock)
    return model, Agent(Client(model, clock=clock, policies=(), layers=()), tools=[weather], **options)


@pytest.mark.parametrize(
    ("replies", "text", "asked"),
    [
        ([], "The model.", 1),
        ([passes], "The model.", 1),
        ([passes, greets], "Hello to you.", 0),
        ([greets, greets_later], "Hello to you.", 0),
        ([greets_later, greets], "Later.", 0),
    ],
)
async def test_the_first_that_takes_the_turn_has_it_and_the_model_is_the_last(replies, text, asked):
    model, polite = agent("The model.", replies=replies)
    result = await polite.run("hello")
    assert (result.text, len(model.requests)) == (text, asked)
    assert polite.conversation.messages[-1].text == text


async def test_a_reply_may_call_tools_and_is_asked_again_about_their_results():
    model, forced = agent("It rains.", replies=[calls_weather])
    result = await forced.run("?")
    assert (result.text, result.steps) == ("It rains.", 2)
    assert model.requests[0].messages[-1].text == "rain in Oslo"


async def test_a_reply_may_speak_when_the_model_has_failed():
    _, sorry = agent(ServerError("down"), replies=[apologises])
    assert (await sorry.run("?")).text == "Sorry: server_error."


async def test_what_was_shown_before_the_failure_is_taken_back():
    _, sorry = agent(["Half a", StreamInterruptedError("cut")], replies=[apologises])
    async with sorry.stream("?") as stream:
        events = [event async for event in stream]
    place = next(index for index, event in enumerate(events) if isinstance(event, Restart))
    assert events[place].since == 0
    said = "".join(event.text for event in events[place:] if isinstance(event, TextDelta))
    assert said == stream.result.text == "Sorry: stream_interrupted."


async def test_when_all_pass_the_error_is_raised():
    _, silent = agent(ServerError("down"), replies=[passes])
    with pytest.raises(ServerError, match="down"):
        await silent.run("?")


async def test_an_answer_says_who_gave_it():
    _, polite = agent(replies=[greets])
    assert (await polite.run("hello")).response.model == "greets"
    assert await first_reply([], None) is None
    assert (await first_reply([lambda _: Response(parts=(Text("a"),))], None)).text == "a"
