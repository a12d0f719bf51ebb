"""Agents over real HTTP, with everything going wrong: what they end up with is right, or an error says what happened."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai import exceptions as theirs
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from holdfast import Client, ContentFilterError, Endpoint, Timeouts, fallback
from holdfast.adapters.pydantic_ai import HoldfastModel, PydanticModel
from holdfast.recovery.policies import DEFAULT_POLICIES, ELSEWHERE
from holdfast.simulator import Simulator, expected_answer, parse

# Another provider may be asked about what one refuses; by default it is not.
POLICIES = (*DEFAULT_POLICIES, fallback(on=(*ELSEWHERE, ContentFilterError)))
QUICK = Timeouts(connect=5, first_event=1.5, idle=1.5, total=8)
PROMPTS = [f"What is kelp, part {number}?" for number in range(40)]


class Place(BaseModel):
    name: str
    people: int


class Told(BaseModel):
    answer: str


@pytest.fixture
async def simulator():
    async with Simulator() as running:
        yield running


@asynccontextmanager
async def native(simulator, **options):
    here = Endpoint("here", base_url=simulator.base_url(), api_key="key")
    bounds = {"timeouts": QUICK, "deadline": 25, "policies": POLICIES, **options}
    async with Client(here.model("stormy"), here.model("calm"), **bounds) as client:
        yield HoldfastModel(client)


@asynccontextmanager
async def around_stock(simulator, **options):
    """The same chain of Pydantic AI's own models."""
    provider = OpenAIProvider(base_url=simulator.base_url(), api_key="key")
    inners = [PydanticModel(OpenAIChatModel(name, provider=provider)) for name in ("stormy", "calm")]
    bounds = {"timeouts": QUICK, "deadline": 25, "policies": POLICIES, **options}
    async with HoldfastModel(Client(*inners, **bounds)) as model:
        yield model


async def ran(agent, prompt):
    return (await agent.run(prompt)).output


async def streamed(agent, prompt):
    async with agent.run_stream(prompt) as run:
        texts = [text async for text in run.stream_text(delta=True, debounce_by=None)]
        assert "".join(texts) == await run.get_output()
        return await run.get_output()


async def watched(agent, prompt):
    async with agent.run_stream_events(prompt) as events:
        *_, last = [event async for event in events]
        return last.result.output


@pytest.mark.parametrize("ask", [ran, streamed, watched])
@pytest.mark.parametrize("chain", [native, around_stock])
async def test_every_prompt_of_a_storm_ends_in_its_own_answer(simulator, chain, ask):
    async with chain(simulator) as model:
        agent = Agent(model, instructions="Be brief.")
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(ask(agent, prompt) for prompt in PROMPTS))
    assert answers == [expected_answer(prompt) for prompt in PROMPTS]


@pytest.mark.parametrize("on_break", ["hold", "restart", "resume", "truncate", "raise"])
async def test_no_mode_gives_a_wrong_answer_as_a_right_one(simulator, on_break):
    async with native(simulator) as inner:
        model = HoldfastModel(inner.client, on_break=on_break)
        right = sum(await asyncio.gather(*(_is_right(model, prompt) for prompt in PROMPTS)))
    assert right >= (39 if on_break in ("hold", "restart", "resume") else 20)


async def _is_right(model, prompt):
    """Whether the answer is the whole one; another must say itself that it is not."""
    async with model.request_stream([ModelRequest.user_text_prompt(prompt)], None, ModelRequestParameters()) as stream:
        try:
            async for _ in stream:
                pass
        except theirs.ModelAPIError as error:
            return error.__cause__ is None
        response = stream.get()
    whole = response.text == expected_answer(prompt)
    assert whole or response.metadata["holdfast"].get("truncated") or response.finish_reason == "content_filter"
    return whole


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("chain", [native, around_stock])
async def test_tools_are_called_with_whole_arguments(simulator, chain, stream):
    async def ask(model, prompt):
        seen = []

        def weather(city: str, days: int) -> str:
            """The weather of a city."""
            seen.append(f"Rain in {city} for {days} days.")
            return seen[-1]

        output = await (streamed if stream else ran)(Agent(model, tools=[weather]), prompt)
        assert len(seen) == 1
        assert output == expected_answer(f"{prompt}\n{seen[0]}")

    async with chain(simulator) as model:
        await asyncio.gather(*(ask(model, f"Please call weather, number {number}.") for number in range(15)))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "output", [ToolOutput(Place), NativeOutput(Place), PromptedOutput(Told)], ids=["tool", "native", "prompted"]
)
@pytest.mark.parametrize("chain", [native, around_stock])
async def test_structured_output_is_whole_in_every_mode(simulator, chain, output, stream):
    async def ask(agent, prompt):
        if not stream:
            result = (await agent.run(prompt)).output
        else:
            async with agent.run_stream(prompt) as run:
                result = await run.get_output()
        assert isinstance(result, (Place, Told))
        assert not isinstance(result, Told) or result.answer == expected_answer(prompt)

    async with chain(simulator) as model:
        agent = Agent(model, output_type=output, retries=0)
        await asyncio.gather(*(ask(agent, f"A place, number {number}.") for number in range(15)))


LAST = """
[models.picky]
rules = [{ fault = "content_filter" }]
[models.down]
rules = [{ fault = "overloaded" }]
[models.slow]
rules = [{ fault = "latency", seconds = 30 }]
[models.cut]
rules = [{ fault = "early_end", after = 5 }]
"""


@pytest.fixture
async def hopeless():
    async with Simulator(parse(LAST)) as running:
        yield running


@pytest.mark.parametrize(
    ("model", "kind", "stream"),
    [
        ("picky", theirs.ContentFilterError, False),
        ("picky", theirs.ContentFilterError, True),
        ("down", theirs.ModelOverloadedError, False),
        ("down", theirs.ModelOverloadedError, True),
        ("slow", theirs.ModelRequestTimeout, False),
        ("slow", theirs.ModelRequestTimeout, True),
        ("cut", theirs.ModelConnectionError, True),
    ],
)
async def test_what_cannot_be_saved_is_their_error_in_time(hopeless, model, kind, stream):
    here = Endpoint("here", base_url=hopeless.base_url(), api_key="key")
    async with Client(here.model(model), max_attempts=2, random=lambda: 0.0) as client:
        agent = Agent(HoldfastModel(client), model_settings={"request_timeout": 1.0})
        async with asyncio.timeout(5):
            with pytest.raises(kind):
                await (streamed if stream else ran)(agent, "What is kelp?")


async def test_stock_models_let_a_cut_stream_pass_and_these_do_not(hopeless):
    provider = OpenAIProvider(base_url=hopeless.base_url(), api_key="key")
    async with OpenAIChatModel("cut", provider=provider) as stock:
        assert await streamed(Agent(stock), "What is kelp?") != expected_answer("What is kelp?")
        inner = PydanticModel(stock)
        with pytest.raises(theirs.ModelConnectionError):
            await streamed(Agent(HoldfastModel(Client(inner, max_attempts=1), on_break="raise")), "What is kelp?")
