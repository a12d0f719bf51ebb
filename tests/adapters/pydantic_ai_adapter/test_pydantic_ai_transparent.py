"""Where nothing fails, an agent cannot tell its own model from the same model inside a chain."""

from __future__ import annotations

from dataclasses import fields
from itertools import product

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from holdfast.adapters.pydantic_ai import HoldfastModel, PydanticModel
from holdfast.simulator import Simulator

STOCK = {
    "openai_chat": lambda url: OpenAIChatModel("calm", provider=OpenAIProvider(base_url=url, api_key="any")),
    "openai_responses": lambda url: OpenAIResponsesModel("calm", provider=OpenAIProvider(base_url=url, api_key="any")),
    "anthropic": lambda url: AnthropicModel("calm", provider=AnthropicProvider(base_url=url, api_key="any")),
}
OWN = {"timestamp", "run_id", "conversation_id", "metadata", "model_id"}


class Told(BaseModel):
    answer: str


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Rain in {city}."


CASES = {
    "text": ({}, "What is kelp?"),
    "tools": ({"tools": [weather]}, "Please call weather."),
    "tool output": ({"output_type": ToolOutput(Told)}, "What is kelp?"),
    "native output": ({"output_type": NativeOutput(Told)}, "What is kelp?"),
    "prompted output": ({"output_type": PromptedOutput(Told)}, "What is kelp?"),
    "settings": ({"model_settings": {"max_tokens": 50, "temperature": 0.5}}, "Short."),
}

# Pydantic AI asks Anthropic for JSON where it knows the model's name; the simulated one is unknown.
UNKNOWN = {("anthropic", "native output"), ("anthropic", "prompted output")}


async def history_of(model, options, prompt, streamed):
    agent = Agent(model, instructions="Be brief.", system_prompt="You are kelp.", **options)
    if not streamed:
        return (await agent.run(prompt)).all_messages()
    async with agent.run_stream_events(prompt) as events:
        *_, last = [event async for event in events]
        return last.result.all_messages()


def said(messages):
    """The history without what differs from run to run."""
    return [
        (
            [{f.name: getattr(part, f.name) for f in fields(part) if f.name not in OWN} for part in message.parts],
            {
                f.name: getattr(message, f.name)
                for f in fields(message)
                if isinstance(message, ModelResponse) and f.name not in OWN | {"parts", "provider_details"}
            },
        )
        for message in messages
    ]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("wire", "case"), [pair for pair in product(STOCK, CASES) if pair not in UNKNOWN])
async def test_a_chain_of_one_is_transparent(wire, case, streamed):
    options, prompt = CASES[case]
    async with Simulator() as simulator:
        histories, bodies = [], []
        for wrap in (lambda stock: stock, lambda stock: HoldfastModel(PydanticModel(stock))):
            async with wrap(STOCK[wire](simulator.base_url(wire))) as model:
                histories.append(said(await history_of(model, options, prompt, streamed)))
            bodies.append([received.body for received in simulator.requests])
    half = len(bodies[0])
    assert bodies[1][half:] == bodies[0]
    assert histories[1] == histories[0]


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_frameworks_own_feedback_is_prepared_once(streamed):
    seen = []

    def answered(messages, info):
        seen.append([part.content for message in messages for part in message.parts])
        return '{"answer": 1}' if len(seen) % 2 else '{"answer": "kelp"}'

    def whole(messages, info):
        return ModelResponse([TextPart(answered(messages, info))])

    async def flow(messages, info):
        yield answered(messages, info)

    stock = FunctionModel(whole, stream_function=flow, model_name="double")
    for model in (stock, HoldfastModel(PydanticModel(stock))):
        await history_of(model, {"output_type": NativeOutput(Told)}, "What is kelp?", streamed)
    assert len(seen) == 4
    assert seen[2:] == seen[:2]
    assert "validation" in seen[1][-1]
