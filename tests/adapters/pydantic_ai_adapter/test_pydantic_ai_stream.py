"""A stream that breaks under an agent, by `on_break` mode; cancelling; what the consumer gets to see."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, ToolOutput, capture_run_messages
from pydantic_ai import exceptions as theirs
from pydantic_ai.messages import ModelRequest, PartDeltaEvent, PartStartEvent, TextPart
from pydantic_ai.models import ModelRequestParameters

from holdfast import ServerError, StreamInterruptedError, ToolCall, fallback
from holdfast.events import Finish
from holdfast.recovery.screen import HoldBack
from holdfast.testing import Pause

PARAMETERS = ModelRequestParameters()
ASKED = [ModelRequest.user_text_prompt("Hello")]
WHOLE = "One two three four five six seven eight nine ten. The end of the tale is here."
WORDS = [word + " " for word in WHOLE.split(" ")]
REST = "eight nine ten. The end of the tale is here."
CUT = StreamInterruptedError("cut")


class City(BaseModel):
    name: str
    people: int


BERLIN = '{"name": "Berlin", "people": 3}'


def dip() -> str:
    return "wet"


async def texts_of(run):
    return [text async for text in run.stream_text(delta=True, debounce_by=None)]


async def test_plain_text_goes_on_where_it_broke_and_each_word_comes_once(scripted):
    model, primary = scripted([*WORDS[:8], CUT], "six seven " + REST)
    async with Agent(model).run_stream("Tell") as run:
        texts = await texts_of(run)
        assert "".join(texts) == WHOLE
        assert run.response.parts == [TextPart(WHOLE)]
    assert len(primary.requests) == 2


async def test_with_tools_nothing_is_shown_before_the_answer_is_whole(scripted):
    model, _ = scripted(["I shall ", CUT], [ToolCall("c1", "dip")], [*WORDS[:8], CUT], [WHOLE])
    async with Agent(model, tools=[dip]).run_stream("Tell") as run:
        assert "".join(await texts_of(run)) == WHOLE
        kinds = [[part.part_kind for part in message.parts] for message in run.all_messages()]
    assert kinds == [["user-prompt"], ["tool-call"], ["tool-return"], ["text"]]


async def test_a_structured_output_is_held_until_it_is_whole(scripted):
    begun = [ToolCall("c1", "final_result", '{"name": "Bo'), CUT]
    model, _ = scripted(begun, ToolCall("c2", "final_result", BERLIN))
    async with Agent(model, output_type=ToolOutput(City)).run_stream("Where?") as run:
        outputs = [output async for output in run.stream_output(debounce_by=None)]
    assert outputs[-1] == City(name="Berlin", people=3)
    assert all(output.name.startswith("Berlin") or output.name in "Berlin" for output in outputs)


async def test_restart_leaves_only_the_winning_answer(scripted):
    model, _ = scripted(["Old ", CUT], ["New"], on_break="restart")
    async with Agent(model).run_stream("Tell") as run:
        assert "".join(await texts_of(run)) == "Old New"  # words cannot be taken back
        assert await run.get_output() == "New"
        assert run.response.parts == [TextPart("New")]
        assert run.all_messages()[-1].parts == [TextPart("New")]


async def test_a_voided_tool_call_is_never_run(scripted):
    ran = []

    def launch(target: str) -> str:
        ran.append(target)
        return "done"

    first = [ToolCall("c1", "launch", '{"target": "wrong"}'), CUT]
    second = ToolCall("c2", "launch", '{"target": "right"}')
    model, _ = scripted(first, second, "Launched.", on_break="restart")
    events = []
    async with Agent(model, tools=[launch]).run_stream_events("Go") as stream:
        events = [event async for event in stream]
    assert ran == ["right"]
    assert events[-1].result.output == "Launched."


async def test_a_restart_with_another_kind_of_part_is_hidden_too(scripted):
    model, _ = scripted([ToolCall("c1", "dip"), CUT], "Only words.", on_break="restart")
    async with model.request_stream(ASKED, None, PARAMETERS) as stream:
        starts = [event.part.part_kind async for event in stream if isinstance(event, PartStartEvent)]
        assert starts == ["tool-call", "text"]
        assert stream.get().parts == [TextPart("Only words.")]
        assert stream.get().state == "complete"


async def test_truncate_gives_what_came_and_says_so(scripted):
    model, _ = scripted(["Half", CUT], on_break="truncate")
    async with Agent(model).run_stream("Tell") as run:
        assert await run.get_output() == "Half"
        facts = run.response.metadata["holdfast"]
    assert facts["truncated"]
    assert facts["error"]["kind"] == "stream_interrupted"
    assert run.response.finish_reason is None


async def test_raise_keeps_what_came_in_the_runs_messages(scripted):
    model, _ = scripted(["Half", CUT], on_break="raise")
    with capture_run_messages() as messages, pytest.raises(theirs.ModelConnectionError) as raised:
        await Agent(model).run("Tell", event_stream_handler=_watch)
    assert (raised.value.phase, raised.value.in_stream) == ("read", True)
    assert raised.value.__cause__.partial.text == "Half"
    assert messages[-1].parts == [TextPart("Half")]
    assert messages[-1].state == "interrupted"


async def _watch(_, events):
    async for _ in events:
        pass


async def test_an_answer_that_cannot_be_joined_is_begun_anew_and_ends_right(scripted):
    model, _ = scripted([*WORDS[:9], CUT], *["Something else altogether, at some length."] * 3)
    async with Agent(model).run_stream("Tell") as run:
        output = await run.get_output()
    assert output == "Something else altogether, at some length."


async def test_failures_before_the_first_word_stay_invisible(scripted):
    model, _, _ = scripted(ServerError("a"), fallback=[WHOLE], policies=[fallback()])
    async with model.request_stream(ASKED, None, PARAMETERS) as stream:
        events = [event async for event in stream]
    assert isinstance(events[0], PartStartEvent)
    assert stream.get().parts == [TextPart(WHOLE)]
    assert len(stream.failed_attempts) == 1


async def test_hold_back_of_the_client_is_kept(scripted):
    model, _ = scripted([*WORDS[:2], CUT], [WHOLE], on_break="restart", hold_back=HoldBack(tokens=30))
    async with Agent(model).run_stream("Tell") as run:
        assert "".join(await texts_of(run)) == WHOLE


async def test_tokens_come_live(scripted, clock):
    model, _ = scripted([WORDS[0], Pause(5), *WORDS[1:]])
    async with model.request_stream(ASKED, None, PARAMETERS) as stream:
        seen = [clock.now() async for event in stream if isinstance(event, (PartStartEvent, PartDeltaEvent))]
    assert (seen[0], seen[-1]) == (0, 5)


async def test_cancelling_between_events_closes_the_call_and_ends_quietly(scripted):
    model, primary = scripted([*WORDS[:3], Pause()])
    async with model.request_stream(ASKED, None, PARAMETERS) as stream:
        seen = 0
        async for event in stream:
            seen += isinstance(event, (PartStartEvent, PartDeltaEvent))
            if seen == 2:
                await stream.cancel()
        assert stream.get().state == "interrupted"
    assert (primary.active, primary.abandoned) == (0, 1)


async def test_a_run_that_is_cancelled_keeps_what_came(scripted):
    model, primary = scripted([*WORDS[:3], Pause()])
    async with Agent(model).run_stream("Tell") as run:
        async for _ in run.stream_text(delta=True, debounce_by=None):
            await run.cancel()
        assert run.response.state == "interrupted"
    assert (primary.active, primary.abandoned) == (0, 1)


async def test_cancelling_from_another_task_wakes_the_reader(scripted, clock):
    clock.autojump = False
    model, primary = scripted(["Half", Pause()])

    async def read(stream):
        async for _ in stream:
            pass

    async with model.request_stream(ASKED, None, PARAMETERS) as stream:
        reader = asyncio.ensure_future(read(stream))
        await clock.settle()
        await stream.cancel()
        await reader
        assert stream.get().parts == [TextPart("Half")]
    assert (primary.active, reader.cancelling()) == (0, 0)


async def test_a_reader_that_is_cancelled_as_well_stays_cancelled(scripted, clock):
    clock.autojump = False
    model, primary = scripted(["Half", Pause()])

    async def read(stream):
        async for _ in stream:
            pass

    async with model.request_stream(ASKED, None, PARAMETERS) as stream:
        reader = asyncio.ensure_future(read(stream))
        await clock.settle()
        await stream.cancel()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
    assert primary.active == 0


async def test_a_consumer_that_leaves_closes_the_call_at_once(scripted):
    model, primary = scripted([*WORDS[:3], Pause()])
    async with model.request_stream(ASKED, None, PARAMETERS) as stream:
        await anext(aiter(stream))
    assert (primary.active, primary.abandoned) == (0, 1)


async def test_broken_arguments_never_reach_the_agent(scripted):
    cut = [ToolCall("c1", "dip", '{"a": '), Finish("tool_calls")]
    model, _ = scripted(cut, "Fine.")
    result = await Agent(model, tools=[dip]).run("Go")
    # A codec turns such a call down itself; a model of the caller's own may not.
    assert result.output == "Fine."
