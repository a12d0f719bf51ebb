# annotations are read at run time
import asyncio

import pytest

from holdfast import Client
from holdfast.agent import Agent, Fitted, FunctionTool
from holdfast.context import Conversation, ResultLimits, Thresholds
from holdfast.errors import ContextOverflowError, Limit
from holdfast.events import Restart, TextDelta
from holdfast.messages import Image, SystemMessage, Text, ToolCall, UserMessage
from holdfast.testing import FakeClock, Pause, ScriptedModel
from holdfast.usage import Usage

LONG = "".join(f"line {number} of the log\n" for number in range(4000))


def log() -> str:
    """The log."""
    return LONG


def reading(handle_of):
    """A script that reads on under the handle that the last result names."""

    def script(request):
        said = request.messages[-1].text
        handle = said.split('handle "')[1][:8]
        handle_of.append(handle)
        return ToolCall("r", "read_more", f'{{"handle": "{handle}", "offset": 50000}}')

    return script


def agent(*scripts, usage=None, windows=4000, clock=None, **options):
    clock = clock or FakeClock(autojump=True, threshold=0.01)
    model = ScriptedModel(*scripts, name="x/y", then="last", usage=usage, clock=clock)
    known = {"x/y": windows} if windows else {}
    return model, Agent(Client(model, clock=clock, windows=known, layers=()), **options)


async def test_a_long_result_is_cut_and_can_be_read_on():
    handles = []
    model, reader = agent(ToolCall("a", "log"), reading(handles), "Done.", tools=[log], windows=100_000)
    await reader.run("?")
    cut = model.requests[1].messages[-1].text
    page = model.requests[2].messages[-1].text
    assert len(cut) < len(LONG) / 2
    assert LONG[50_000:50_300] in page
    assert "read on at offset" in page


@pytest.mark.parametrize(
    ("limits", "offered", "said"),
    [
        (ResultLimits(default=100), True, "read it with read_more"),
        (ResultLimits(default=100, excess="truncate"), False, "line 0 of the log"),
        (ResultLimits(default=100, excess="error"), False, "Ask for less."),
        (ResultLimits(default=None), True, LONG),
    ],
)
async def test_what_becomes_of_a_long_result_is_a_choice(limits, offered, said):
    model, limited = agent(ToolCall("a", "log"), "Done.", tools=[log], limits=limits, windows=None)
    await limited.run("?")
    assert ("read_more" in [tool.name for tool in model.requests[0].tools]) is offered
    assert said in model.requests[1].messages[-1].text


async def test_the_limit_of_a_tool_goes_before_that_of_the_agent():
    model, limited = agent(ToolCall("a", "log"), "Done.", tools=[FunctionTool(log, max_tokens=50)], windows=None)
    await limited.run("?")
    assert len(model.requests[1].messages[-1].text) < 1000


async def test_the_response_says_what_was_done_to_the_conversation():
    _, small = agent("ok " * 100, windows=2000)
    contexts, fitted = [], 0
    for number in range(30):
        async with small.stream(f"{number} " + "word " * 60) as stream:
            fitted += sum([isinstance(event, Fitted) async for event in stream])
        contexts.append(stream.result.response.context)
    assert fitted > 3
    assert sum(context["after"] < context["before"] for context in contexts) == fitted
    assert contexts[-1]["generation"] == fitted
    assert len(small.conversation) == 60


async def test_what_a_refusal_teaches_is_used_for_the_next_call():
    refused = ContextOverflowError("too long", limit=Limit(max_tokens=1000, input_tokens=1200, requested_tokens=1200))
    model, taught = agent("Yes.", refused, "Yes.", usage=Usage(input_tokens=300), windows=None)
    assert taught.window == 128_000
    await taught.run("word " * 200)
    await taught.run("word " * 1000)
    assert taught.window == 1000
    await taught.run("more " * 50)
    assert taught.conversation.view.generation == 1
    assert len(str(model.requests[-1].messages)) < 5000


async def test_a_conversation_gives_way_after_the_client_has_given_up():
    def answer(request):
        size = sum(len(message.text) for message in request.messages) // 4 + (request.settings.max_tokens or 4096)
        return "Yes." if size < 2000 else ContextOverflowError("no")

    model, yielding = agent(answer, windows=None)
    result = await yielding.run("word " * 30_000)
    assert result.text == "Yes."
    assert model.requests[-1].settings.max_tokens
    assert len(model.requests) < 16


async def test_it_does_not_give_way_for_ever():
    model, hopeless = agent(lambda _: ContextOverflowError("no"), windows=None)
    with pytest.raises(ContextOverflowError):
        await hopeless.run("word " * 30_000)
    assert len(model.requests) < 16
    assert hopeless.window >= 1024


async def test_a_prompt_that_was_cut_without_a_word_is_answered_again():
    def answer(request):
        size = sum(len(message.text) for message in request.messages) // 4
        words = "in full" if size < 1500 else "in part"
        return [words, _finish(min(size, 1500))]

    _, cut = agent(answer, windows=None)
    await cut.run("word " * 500)
    async with cut.stream("word " * 6000) as stream:
        events = [event async for event in stream]
    restart = next(event for event in events if isinstance(event, Restart))
    assert isinstance(restart.reason, ContextOverflowError)
    said = [event.text for event in events if isinstance(event, TextDelta)]
    assert said == ["in part", "in full"]
    assert stream.result.text == "in full"
    assert cut.window == 1500
    assert [message.text for message in cut.conversation.messages].count("in part") == 0


def _finish(tokens):
    from holdfast.events import Finish  # noqa: PLC0415  # beside its only use

    return Finish("stop", usage=Usage(input_tokens=tokens, output_tokens=2))


async def test_a_provider_that_keeps_cutting_is_asked_twice_and_its_answer_says_so():
    answers = iter([500, 12_000, 1100])
    model, cut = agent(lambda _: ["yes", _finish(next(answers))], windows=None)
    await cut.run("word " * 500)
    result = await cut.run("word " * 60_000)
    assert len(model.requests) == 3
    assert result.response.context["cut_by_provider"]


async def test_a_tokenizer_denser_than_ours_is_no_cut_prompt():
    answers = iter([500, 4000])
    model, dense = agent(lambda _: ["yes", _finish(next(answers))], windows=None)
    await dense.run("word " * 500)
    result = await dense.run("word " * 8000)
    assert len(model.requests) == 2
    assert "cut_by_provider" not in result.response.context
    assert dense.window == 128_000


async def test_a_picture_that_costs_less_than_we_think_is_no_cut_prompt():
    answers = iter([500, 1100])
    model, seeing = agent(lambda _: ["yes", _finish(next(answers))], windows=None)
    await seeing.run("word " * 500)
    await seeing.run(UserMessage((Text("word " * 50), *[Image(url="https://x/y.png")] * 8)))
    assert len(model.requests) == 2
    assert seeing.window == 128_000


async def test_a_conversation_that_cannot_fit_is_a_typed_error_before_anything_is_sent():
    model, full = agent("Yes.", system="word " * 3000, windows=2000)
    with pytest.raises(ContextOverflowError):
        await full.run("?")
    assert model.requests == []


async def test_summaries_are_made_in_the_background_and_laid_over_the_log():
    clock = FakeClock(autojump=True)
    summariser = ScriptedModel([Pause(1), "They spoke of kelp."], name="s/s", then="last", clock=clock)
    model, wordy = agent("ok " * 50, clock=clock, windows=3000, compact_with=summariser)
    summarised = []
    for number in range(40):
        result = await wordy.run(f"{number} " + "word " * 60)
        await clock.advance(1)
        summarised.append(result.response.context["summarised"])
    await wordy.close()
    assert len(summariser.requests) > 1
    assert sum(bool(each) for each in summarised) > 1
    assert "They spoke of kelp." in str(model.requests[-1].messages)
    assert summariser.active == 0
    assert len(asyncio.all_tasks()) == 1


async def test_a_summariser_that_never_comes_back_holds_nobody_up():
    clock = FakeClock()
    summariser = ScriptedModel(Pause(), name="s/s", then="last", clock=clock)
    _, wordy = agent("ok " * 50, clock=clock, windows=3000, compact_with=summariser)
    async with wordy:
        for number in range(40):
            await wordy.run(f"{number} " + "word " * 60)
            await clock.settle()
        assert summariser.most_active == 1
        assert wordy.conversation.view.generation > 1
    assert summariser.active == 0
    assert len(asyncio.all_tasks()) == 1


async def test_a_conversation_of_ones_own_is_gone_on_with():
    own = Conversation([UserMessage("I am Ann.")], thresholds=Thresholds(act=0.5))
    model, adopted = agent("Ann.", conversation=own, windows=None, system="Be brief.")
    assert own.windows is adopted.client.windows
    await adopted.run("Who am I?")
    assert SystemMessage("Be brief.") in model.requests[0].messages
    adopted.load(adopted.save())
    assert adopted.conversation.thresholds == Thresholds(act=0.5)
    assert adopted.conversation.messages == own.messages
    assert [type(message) for message in adopted.conversation.messages].count(SystemMessage) == 1


async def test_an_empty_conversation_of_ones_own_is_kept_with_its_thresholds():
    own = Conversation(thresholds=Thresholds(act=0.5))
    _, adopted = agent("Yes.", conversation=own, windows=None)
    await adopted.run("?")
    assert adopted.conversation is own
    adopted.clear()
    assert adopted.conversation.thresholds == Thresholds(act=0.5)
    assert len(adopted.conversation) == 0


async def test_another_conversation_voids_the_summary_of_the_old_one():
    clock = FakeClock()
    summariser = ScriptedModel(Pause(), name="s/s", then="last", clock=clock)
    _, wordy = agent("ok " * 50, clock=clock, windows=3000, compact_with=summariser)
    while not summariser.active:
        await wordy.run("word " * 60)
        await clock.settle()
    wordy.clear()
    await clock.settle()
    assert summariser.active == 0


async def test_the_meter_shows_used_and_window():
    _, metered = agent("Yes.", usage=Usage(input_tokens=777), windows=5000)
    await metered.run("?")
    assert metered.window == 5000
    assert 777 < metered.used < 800


async def test_a_fallback_that_answered_is_what_the_conversation_is_fitted_for():
    from holdfast.errors import ServerError  # noqa: PLC0415  # beside its only use

    clock = FakeClock(autojump=True, threshold=0.01)
    first = ScriptedModel(ServerError("down"), name="a/a", then="last", clock=clock)
    second = ScriptedModel("Yes.", name="b/b", then="last", clock=clock)
    client = Client(first, second, clock=clock, layers=(), windows={"a/a": 8000, "b/b": 3000})
    chained = Agent(client)
    assert chained.window == 8000
    await chained.run("?")
    assert chained.window == 3000
