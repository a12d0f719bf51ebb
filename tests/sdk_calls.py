"""What the tests of the SDK adapters share: a client over a storm, and a count of how its answers came out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from holdfast import DEFAULT_POLICIES, Client, ContentFilterError, Endpoint, Timeouts, fallback
from holdfast.providers.catalog import CodecName
from holdfast.recovery.health import Health
from holdfast.simulator import Simulator, expected_answer, load, parse

PROMPTS = [f"What is kelp number {number}?" for number in range(40)]
QUICK = Timeouts(connect=2, first_event=0.25, idle=0.25, total=5)


@asynccontextmanager
async def over_a_storm(**options: Any) -> AsyncIterator[Client]:
    """A client whose first model fails nine times in ten, and whose second never does."""
    async with Simulator(load("storm")) as simulator:
        here = Endpoint("here", base_url=simulator.base_url(), api_key="key")
        policies = (*DEFAULT_POLICIES, fallback(on=(ContentFilterError,)))
        health = Health(rest=0, longest=0)  # the storm is asked every time
        options = {"policies": policies, "health": health, "timeouts": QUICK, "random": lambda: 0.0} | options
        async with Client(here.model("stormy"), here.model("calm"), **options) as client:
            yield client


@asynccontextmanager
async def over(
    scenario: str, *, wire: CodecName = "openai_chat", **options: Any
) -> AsyncIterator[tuple[Client, Simulator]]:
    """A client with the model `m` of this scenario, and the simulator."""
    async with Simulator(parse(scenario)) as simulator:
        model = Endpoint("here", base_url=simulator.base_url(wire), api_key="key", codec=wire).model("m")
        async with Client(model, random=lambda: 0.0, **options) as client:
            yield client, simulator


async def count(ask: Callable[[str], Awaitable[str]], failure: type[Exception]) -> Counter[str]:
    """How many of the prompts were answered right, wrong, with an error of the SDK."""

    async def one(prompt: str) -> str:
        try:
            return "right" if await ask(prompt) == expected_answer(prompt) else "wrong"
        except failure:
            return "error"

    return Counter(await asyncio.gather(*map(one, PROMPTS)))


def weathered(counted: Counter[str]) -> bool:
    """Nineteen of twenty right, and none of them wrong without a word."""
    return counted["wrong"] == 0 and counted["right"] >= 0.95 * len(PROMPTS)


async def arrived(simulator: Simulator) -> None:
    """Come back when a request has come."""
    while not simulator.requests:  # noqa: ASYNC110  # the simulator tells nobody
        await asyncio.sleep(0.005)


async def closed(simulator: Simulator) -> bool:
    """Whether every connection is closed within two seconds."""
    for _ in range(200):
        if not simulator.connections_open:
            return True
        await asyncio.sleep(0.01)
    return False
