# annotations are read at run time
import asyncio
import threading

import msgspec
import pytest

from holdfast import Client
from holdfast.agent import Agent, Done, ToolFinished, ToolStarted, tool
from holdfast.errors import (
    ConfigurationError,
    ContentFilterError,
    InvalidRequestError,
    InvalidResponseError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.events import Finish, Restart, TextDelta, UsageUpdate
from holdfast.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from holdfast.request import Settings
from holdfast.response import Response
from holdfast.testing import FakeClock, Pause, ScriptedModel
from holdfast.usage import Usage

USAGE = Usage(input_tokens=10, output_tokens=2)


def weather(place: str) -> str:
    """The weather of a place."""
    if place == "Atlantis":
        raise LookupError("no such place")
    return f"rain in {place}"


def calls(*arguments, name="weather"):
    return [ToolCall(f"c{number}", name, text) for number, text in enumerate(arguments)]


OSLO, VOSS = '{"place": "Oslo"}', '{"place": "Voss"}'


def agent(*scripts, clock=None, client=None, **options):
    clock = clock or FakeClock(autojump=True, threshold=0.01)
    model = ScriptedModel(*scripts, usage=USAGE, clock=clock)
    made = Client(model, clock=clock, layers=(), random=lambda: 0.0, **(client or {}))
    return model, Agent(made, **{"tools": [weather], **options})


async def test_the_model_calls_tools_until_it_answers():
    model, rain = agent(calls(OSLO, VOSS), calls(OSLO), "It rains.", system="Be brief.")
    result = await rain.run("How is the weather?")
    assert result.text == "It rains."
    assert result.steps == 3
    assert result.usage == Usage(input_tokens=30, output_tokens=6)
    question, asked, told, *_ = result.messages
    assert question == UserMessage("How is the weather?")
    assert [call.arguments for call in asked.tool_calls] == [OSLO, VOSS]
    assert [(each.call_id, each.text) for each in told.content] == [("c0", "rain in Oslo"), ("c1", "rain in Voss")]
    assert model.requests[-1].messages == (SystemMessage("Be brief."), *result.messages[:-1])
    assert [offered.name for offered in model.requests[0].tools] == ["weather", "read_more"]


async def test_a_second_run_goes_on_with_the_conversation():
    model, talk = agent("Hello Ann.", "Ann.", tools=[])
    await talk.run("I am Ann.")
    assert (await talk.run("Who am I?")).text == "Ann."
    assert [message.text for message in model.requests[1].messages] == ["I am Ann.", "Hello Ann.", "Who am I?"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (calls('{"place": "Atlantis"}'), "LookupError: no such place"),
        (calls('{"town": "Oslo"}'), "unknown argument 'town'"),
        (calls("{}"), "'place' is missing"),
        (calls(OSLO, name="whether"), "There is no tool called 'whether'. Tools: weather, read_more."),
    ],
)
async def test_what_goes_wrong_in_a_call_is_told_to_the_model(made, said):
    model, rain = agent(made, "Sorry.")
    assert (await rain.run("?")).text == "Sorry."
    (result,) = model.requests[1].messages[-1].content
    assert result.is_error
    assert said in result.text


async def test_calls_run_at_once_and_no_more_than_allowed():
    running, most = 0, 0

    async def wait(x: int) -> int:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        await asyncio.sleep(0)
        running -= 1
        return x

    made = calls(*(f'{{"x": {number}}}' for number in range(9)), name="wait")
    model, many = agent(made, "Done.", tools=[wait], parallel=3)
    await many.run("?")
    assert most == 3
    assert [result.text for result in model.requests[1].messages[-1].content] == [str(x) for x in range(9)]


async def test_a_tool_that_takes_too_long_is_an_error_result_and_the_others_are_not():
    clock = FakeClock(autojump=True)

    async def slow() -> str:
        await clock.sleep(100)
        return "late"

    @tool(timeout=200)
    async def patient() -> str:
        await clock.sleep(100)
        return "in time"

    both = [ToolCall("a", "slow"), ToolCall("b", "patient")]
    model, timed = agent(both, "Done.", clock=clock, tools=[slow, patient], tool_timeout=30)
    await timed.run("?")
    first, second = model.requests[1].messages[-1].content
    assert (first.is_error, second.is_error) == (True, False)
    assert "within 30 s" in first.text
    assert clock.pending == 0


async def test_a_sync_tool_that_hangs_is_left_behind():
    release = threading.Event()

    def hang() -> str:
        release.wait(10)
        return "at last"

    model, hung = agent(calls("{}", name="hang"), "Done.", tools=[hang], tool_timeout=1)
    assert (await hung.run("?")).text == "Done."
    assert model.requests[1].messages[-1].content[0].is_error
    release.set()


async def test_a_tool_that_is_cancelled_from_inside_is_an_error_result():
    async def confused() -> str:
        raise asyncio.CancelledError

    model, odd = agent(calls("{}", name="confused"), "Done.", tools=[confused])
    assert (await odd.run("?")).text == "Done."
    assert "was cancelled" in model.requests[1].messages[-1].text


async def test_the_loop_is_bounded_and_its_last_step_may_call_no_tools():
    model, greedy = agent(*[calls(OSLO)] * 3, max_turns=3)
    result = await greedy.run("?")
    assert [request.tool_choice for request in model.requests] == ["auto", "auto", "none"]
    assert result.stopped == "max_turns"
    assert "no step is left" in result.messages[-1].text
    assert isinstance(greedy.conversation.messages[-1], ToolMessage)


async def test_calls_that_were_cut_off_are_not_run():
    cut = [*calls("{}", name="wipe"), Finish("length")]
    wiped = []

    def wipe() -> None:
        wiped.append(1)

    model, careful = agent(cut, "Done.", tools=[wipe])
    await careful.run("?")
    assert not wiped
    assert "cut off" in model.requests[1].messages[-1].text


async def test_a_pause_is_gone_on_from():
    model, pausing = agent(["Searching ", Finish("pause")], "found.", tools=[])
    result = await pausing.run("?")
    assert (result.text, result.steps) == ("found.", 2)
    assert model.requests[1].messages[-1].text == "Searching "


async def test_a_stream_tells_of_the_model_and_of_the_tools():
    _, rain = agent(calls(OSLO), ["It ", "rains."])
    async with rain.stream("?") as stream:
        events = [event async for event in stream]
    kinds = [type(event).__name__ for event in events]
    assert kinds == [
        *("ResponseStart", "ToolCallStart", "ToolCallDelta", "Finish"),
        *("ToolStarted", "ToolFinished"),
        *("ResponseStart", "TextDelta", "TextDelta", "Finish", "Done"),
    ]
    assert events[-1].result is stream.result
    assert stream.result.text == "It rains."
    assert events[5].result.text == "rain in Oslo"


async def test_a_restart_counts_the_events_of_the_whole_run():
    broken = ["It sn", StreamInterruptedError("reset")]
    _, rain = agent(calls(OSLO), broken, "It rains.", client={"on_break": "restart"})
    async with rain.stream("?") as stream:
        events = [event async for event in stream]
    place = next(index for index, event in enumerate(events) if isinstance(event, Restart))
    since = events[place].since
    assert [type(event).__name__ for event in events[:since]][-1] == "ToolFinished"
    assert "".join(event.text for event in events[since:place] if isinstance(event, TextDelta)) == "It sn"
    assert stream.result.text == "It rains."
    assert stream.result.messages[-1].text == "It rains."


async def test_leaving_the_stream_cancels_the_tools_and_settles_the_log():
    started, ended = asyncio.Event(), []

    async def endless() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    model, left = agent(calls("{}", OSLO, name="endless"), "Fine.", tools=[endless])
    async with left.stream("?") as stream:
        async for event in stream:
            if isinstance(event, ToolStarted):
                await started.wait()
                break
    assert ended == [1]
    assert [result.is_error for result in left.conversation.messages[-1].content] == [True, True]
    assert (await left.run("And now?")).text == "Fine."
    assert len(asyncio.all_tasks()) == 1
    assert model.active == 0


async def test_results_that_had_come_survive_cancellation():
    async def quick() -> str:
        return "here"

    async def endless() -> None:
        await asyncio.Event().wait()

    both = [ToolCall("a", "endless"), ToolCall("b", "quick")]
    _, left = agent(both, tools=[quick, endless])
    async with left.stream("?") as stream:
        async for event in stream:
            if isinstance(event, ToolFinished):
                break
    late, there = left.conversation.messages[-1].content
    assert (late.is_error, there.text) == (True, "here")


async def test_cancelling_a_run_is_immediate_and_keeps_what_was_said():
    model, slow = agent(["Half an ans", Pause()], "Whole.", clock=FakeClock(), tools=[])
    shown = asyncio.Event()

    async def watch():
        async with slow.stream("?") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    shown.set()

    task = asyncio.create_task(watch())
    await shown.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.active == 0
    assert slow.conversation.messages[-1] == AssistantMessage("Half an ans")
    assert (await slow.run("Go on")).text == "Whole."


async def test_an_agent_has_one_run_at_once():
    _, busy = agent("One.", "Two.", tools=[])
    async with busy.stream("?") as stream:
        await anext(stream)
        with pytest.raises(InvalidRequestError, match="in the middle of a run"):
            await busy.run("!")
    assert (await busy.run("!")).text == "Two."


async def test_an_error_leaves_a_conversation_that_goes_on():
    _, broken = agent(ServerError("down"), "Here again.", tools=[], client={"max_attempts": 1, "policies": ()})
    with pytest.raises(ServerError):
        await broken.run("Hello?")
    assert (await broken.run()).text == "Here again."
    assert [message.text for message in broken.conversation.messages] == ["Hello?", "Here again."]


@pytest.mark.parametrize("first", [True, False])
async def test_a_refused_prompt_is_not_sent_again(first):
    refusal = ContentFilterError("no", scope="prompt")
    before = [] if first else ["Hello."]
    model, filtered = agent(*before, refusal, "Gladly.", tools=[])
    if not first:
        await filtered.run("Hi.")
    with pytest.raises(ContentFilterError):
        await filtered.run("Something vile.")
    assert (await filtered.run("Something nice.")).text == "Gladly."
    assert "vile" not in str(model.requests[-1].messages)
    assert "vile" in str(filtered.conversation.messages)


async def test_structured_output_is_read():
    class Place(msgspec.Struct):
        name: str

    model, reader = agent(calls(OSLO), "nonsense", '{"name": "Oslo"}')
    result = await reader.run("Where?", output=Place)
    assert result.output == Place("Oslo")
    assert model.requests[0].output.name == "Place"


async def test_an_answer_that_never_fits_is_a_typed_error():
    class Place(msgspec.Struct):
        name: str

    _, reader = agent("nonsense", "nonsense", tools=[], client={"max_attempts": 2})
    with pytest.raises(InvalidResponseError):
        await reader.run("Where?", output=Place)


async def test_failed_attempts_are_paid_for_too():
    empty = [UsageUpdate(Usage(input_tokens=5)), Finish("stop")]
    _, unlucky = agent(empty, "Yes.", tools=[])
    assert (await unlucky.run("?")).usage.input_tokens == 15


async def test_settings_of_the_agent_go_over_those_of_the_client():
    model, set_ = agent(
        "Yes.",
        tools=[],
        client={"settings": Settings(max_tokens=100, temperature=0.5)},
        settings=Settings(max_tokens=50),
    )
    await set_.run("?")
    assert (model.requests[0].settings.max_tokens, model.requests[0].settings.temperature) == (50, 0.5)


async def test_a_saved_conversation_goes_on_elsewhere():
    _, one = agent("Hello Ann.", tools=[], system="Be kind.")
    await one.run("I am Ann.")
    model, other = agent("Ann.", tools=[], system="Be kind.")
    other.load(one.save())
    await other.run("Who am I?")
    assert [message.text for message in model.requests[0].messages] == [
        *("Be kind.", "I am Ann.", "Hello Ann.", "Who am I?")
    ]
    other.clear()
    assert other.conversation.messages == (SystemMessage("Be kind."),)
    with pytest.raises(msgspec.ValidationError):
        other.load(b"[]")


async def test_a_log_that_ends_with_open_calls_is_settled_first():
    model, again = agent("Fine.")
    again.conversation.extend([UserMessage("?"), AssistantMessage(calls(OSLO))])
    await again.run("Still there?")
    assert model.requests[0].messages[2].content[0].is_error


@pytest.mark.parametrize("bound", [{"max_turns": 0}, {"parallel": 0}, {"tool_timeout": 0}, {"tools": [print]}])
def test_nonsense_is_refused_when_the_agent_is_made(bound):
    with pytest.raises((ConfigurationError, ValueError)):
        agent(**bound)


async def test_the_last_event_is_done_and_finish_gives_the_result():
    _, simple = agent("Yes.", tools=[])
    stream = simple.stream("?")
    assert stream.result is None
    assert (await stream.finish()).text == "Yes."
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert isinstance(Done(stream.result).result.response, Response)
