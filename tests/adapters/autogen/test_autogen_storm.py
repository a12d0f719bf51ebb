"""AutoGen's agents in the storm: right answers, or ones that say what they are; none silently wrong, none hanging."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from itertools import chain

import pytest

pytest.importorskip("autogen_agentchat")

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import ModelClientStreamingChunkEvent
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from pydantic import BaseModel

from holdfast import DEFAULT_POLICIES, ContentFilterError, Endpoint, Timeouts, fallback
from holdfast.adapters.autogen import (
    HoldfastChatCompletionClient,
    ModelClientStreamResetEvent,
    ResilientAssistantAgent,
)
from holdfast.adapters.autogen.filtered import FILTERED
from holdfast.simulator import Simulator, expected_answer, load

PROMPTS = [f"Tell me fact number {number} about the sea." for number in range(60)]
PATIENCE = Timeouts(connect=5, first_event=1, idle=1, total=15)  # the storm's stalls take 4 s


ELSEWHERE = (fallback(on=(ContentFilterError,)), *DEFAULT_POLICIES)
"""What a filter refuses is asked of the other model as well."""


@asynccontextmanager
async def in_the_storm(policies=None):
    async with Simulator(load("storm")) as storm:
        here = Endpoint("here", base_url=storm.base_url(), api_key="key")
        models = here.model("stormy"), here.model("calm")
        client = HoldfastChatCompletionClient(*models, policies=policies, timeouts=PATIENCE, deadline=45)
        yield client
        await client.close()
        faults = Counter(request.fault for request in storm.requests)
        assert len(faults) > 10, faults  # it was a storm


def outcome(prompt, content):
    if content == expected_answer(prompt):
        return "right"
    return "refused" if content == FILTERED else "wrong"


async def asked(client, prompt, kind, stream):
    """One task; what the consumer of the stream has in the end must be what the agent has."""
    agent = kind("bot", model_client=client, model_client_stream=stream)
    words = ""
    async for item in agent.run_stream(task=prompt):
        if isinstance(item, ModelClientStreamResetEvent):
            words = ""
        elif isinstance(item, ModelClientStreamingChunkEvent):
            words += item.content
        last = item
    content = last.messages[-1].content
    if stream and kind is ResilientAssistantAgent and content != FILTERED:
        assert words == content
    return outcome(prompt, content)


async def outcomes_of(client, kind, stream):
    async with asyncio.timeout(90):
        return Counter(await asyncio.gather(*(asked(client, prompt, kind, stream) for prompt in PROMPTS)))


KINDS = pytest.mark.parametrize(
    ("kind", "stream"),
    [(AssistantAgent, False), (AssistantAgent, True), (ResilientAssistantAgent, True)],
    ids=["call", "stream", "resilient"],
)


@KINDS
async def test_agents_survive_the_storm(kind, stream):
    async with in_the_storm(ELSEWHERE) as client:
        outcomes = await outcomes_of(client, kind, stream)
    assert outcomes["wrong"] == 0
    assert outcomes["right"] >= 0.95 * len(PROMPTS), outcomes


@pytest.mark.parametrize(("kind", "stream"), [(ResilientAssistantAgent, True)], ids=["resilient"])
async def test_without_asking_elsewhere_only_what_a_filter_refuses_is_missing(kind, stream):
    async with in_the_storm() as client:
        outcomes = await outcomes_of(client, kind, stream)
    assert outcomes["right"] + outcomes["refused"] == len(PROMPTS), outcomes
    assert outcomes["right"] >= 0.9 * len(PROMPTS), outcomes


class Forecast(BaseModel):
    city: str
    degrees: int


def weather(city: str) -> str:
    """The weather."""
    return f"Sun in {city}."


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_and_structured_answers_survive_the_storm(stream):
    async def asked(client, number):
        tools = AssistantAgent("tools", client, tools=[weather], reflect_on_tool_use=True, model_client_stream=stream)
        spoken = (await tools.run(task=f"Please call weather for me, number {number}.")).messages[-1].content
        shaped = AssistantAgent("shaped", client, output_content_type=Forecast, model_client_stream=stream)
        forecast = (await shaped.run(task=f"How is the weather at place {number}?")).messages[-1].content
        return spoken.startswith("[") and spoken.endswith("]") and isinstance(forecast, Forecast)

    async with in_the_storm(ELSEWHERE) as client, asyncio.timeout(90):
        right = await asyncio.gather(*(asked(client, number) for number in range(30)))
    assert all(right)


async def test_a_team_survives_the_storm():
    async def team(client, prompt):
        agents = [
            AssistantAgent(name, model_client=client, model_client_stream=name == "bob") for name in ("ada", "bob")
        ]
        chat = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(3))
        result = await chat.run(task=prompt)
        (task, first, second) = result.messages
        return outcome(task.content, first.content), outcome(first.content, second.content)

    async with in_the_storm(ELSEWHERE) as client, asyncio.timeout(90):
        rounds = await asyncio.gather(*(team(client, prompt) for prompt in PROMPTS[:30]))
    outcomes = Counter(chain.from_iterable(rounds))
    assert outcomes["wrong"] == 0
    assert outcomes["right"] >= 0.95 * 60, outcomes


@pytest.mark.parametrize("stream", [False, True])
async def test_a_team_whose_speakers_are_selected_survives_the_storm(stream):
    async def team(client, prompt):
        agents = [AssistantAgent(name, model_client=client) for name in ("kelp", "ferry", "pilot")]
        chat = SelectorGroupChat(
            agents, client, termination_condition=MaxMessageTermination(2), model_client_streaming=stream
        )
        (task, spoken) = (await chat.run(task=prompt)).messages
        return outcome(task.content, spoken.content)

    async with in_the_storm(ELSEWHERE) as client, asyncio.timeout(90):
        outcomes = Counter(await asyncio.gather(*(team(client, prompt) for prompt in PROMPTS[:30])))
    assert outcomes["wrong"] == 0
    assert outcomes["right"] >= 0.95 * 30, outcomes
