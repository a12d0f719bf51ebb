"""Pydantic AI's agent in a storm: over its own models, and over Holdfast. `bench/resilience.py` calls `run`.

    python bench/resilience_pydantic_ai.py        against the storm that comes with the simulator

Pydantic AI's own is `OpenAIChatModel` (with the two retries of OpenAI's SDK), alone and with the calm model behind it
in a `FallbackModel`; both are given the same `timeout` per attempt that Holdfast has, and the fallback also falls back
on refused content. Holdfast has the same two models twice: over its own client, and around Pydantic AI's models. Right
is an agent's output that is the prompt's own answer, word for word.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from pydantic_ai import Agent
from pydantic_ai.exceptions import ContentFilterError as Refused
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from holdfast import DEFAULT_POLICIES, Client, ContentFilterError, Endpoint, Timeouts, fallback
from holdfast.adapters.pydantic_ai import HoldfastModel, PydanticModel
from holdfast.simulator import Simulator, expected_answer, load
from outcome import Outcome

PATIENCE = 30.0  # seconds until a task counts as hung
ATTEMPT = 2.0  # seconds without a sign of life, for every contender
AT_ONCE = 10
BROKEN, CALM = "stormy", "calm"  # the models' names, which every scenario has
BOUNDS = {
    "policies": (fallback(on=(ContentFilterError,)), *DEFAULT_POLICIES),
    "timeouts": Timeouts(first_event=ATTEMPT, idle=ATTEMPT, total=10),
    "deadline": PATIENCE - 5,
}


async def run(base_url_broken: str, base_url_calm: str, prompts: Sequence[str]) -> list[Outcome]:
    """How each contender came through, call by call and streamed.

    Args:
        base_url_broken: where the model `stormy` is, with `/v1`.
        base_url_calm: where the model `calm` is; Pydantic AI's model alone has no use for it.
        prompts: one run of an agent each.
    """
    outcomes = []
    async with (
        _stock(base_url_broken, base_url_calm) as (stormy, calm),
        _client(base_url_broken, base_url_calm) as client,
        Client(PydanticModel(stormy), PydanticModel(calm), **BOUNDS) as around,
    ):
        contenders: dict[str, Model] = {
            "Pydantic AI": stormy,
            "Pydantic AI, FallbackModel": FallbackModel(stormy, calm, fallback_on=(ModelAPIError, Refused)),
            "Pydantic AI over Holdfast": HoldfastModel(client),
            "Pydantic AI's models in Holdfast": HoldfastModel(around),
        }
        for name, model in contenders.items():
            outcomes += [await _measured(name, model, prompts, stream) for stream in (False, True)]
    return outcomes


@asynccontextmanager
async def _stock(base_url_broken: str, base_url_calm: str) -> AsyncIterator[tuple[Model, Model]]:
    settings = ModelSettings(timeout=ATTEMPT)
    stormy, calm = (
        OpenAIChatModel(name, provider=OpenAIProvider(base_url=base_url, api_key="any"), settings=settings)
        for name, base_url in ((BROKEN, base_url_broken), (CALM, base_url_calm))
    )
    async with stormy, calm:
        yield stormy, calm


def _client(base_url_broken: str, base_url_calm: str) -> Client:
    broken = Endpoint("broken", base_url=base_url_broken, api_key="any").model(BROKEN)
    calm = Endpoint("calm", base_url=base_url_calm, api_key="any").model(CALM)
    return Client(broken, calm, **BOUNDS)


async def _measured(name: str, model: Model, prompts: Sequence[str], stream: bool) -> Outcome:
    gate = asyncio.Semaphore(AT_ONCE)
    agent = Agent(model)
    counted = Counter(await asyncio.gather(*(_asked(agent, prompt, stream, gate) for prompt in prompts)))
    title = f"{name}, streamed" if stream else name
    return Outcome(title, counted["right"], counted["wrong"], counted["error"], counted["hung"])


async def _asked(agent: Agent, prompt: str, stream: bool, gate: asyncio.Semaphore) -> str:
    async with gate:
        try:
            output = await asyncio.wait_for(_output(agent, prompt, stream), PATIENCE)
        except TimeoutError:
            return "hung"
        except Exception:  # noqa: BLE001  # the stock models raise whatever their SDK does
            return "error"
    return "right" if output == expected_answer(prompt) else "wrong"


async def _output(agent: Agent, prompt: str, stream: bool) -> str:
    if not stream:
        return (await agent.run(prompt)).output
    async with agent.run_stream(prompt) as running:
        words = "".join([text async for text in running.stream_text(delta=True, debounce_by=None)])
        output = await running.get_output()
    return output if output == words else f"shown: {words}"


async def _alone(show: Callable[[Outcome], None]) -> None:
    async with Simulator(load("storm")) as storm:
        prompts = [f"Tell me fact number {number} about the sea." for number in range(100)]
        for outcome in await run(storm.base_url(), storm.base_url(), prompts):
            show(outcome)


if __name__ == "__main__":
    logging.getLogger("holdfast").setLevel(logging.CRITICAL)
    asyncio.run(_alone(print))
