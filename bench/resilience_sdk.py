"""The OpenAI SDK and LangChain in a storm: stock, and over Holdfast. `bench/resilience.py` calls `run`.

    python bench/resilience_sdk.py            against the storm that comes with the simulator

The stock SDK has one model and its own two retries. LangChain has its `with_fallbacks`, with the calm model behind the
stormy one, as Holdfast has; streams too. Nobody's defaults are changed but the time limits, which all contenders share.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI

from holdfast import DEFAULT_POLICIES, Client, ContentFilterError, Endpoint, Timeouts, fallback
from holdfast.adapters.openai_sdk import holdfast_http_client
from holdfast.simulator import Simulator, expected_answer, load
from outcome import Outcome

PATIENCE = 30.0  # seconds until a call counts as hung
AT_ONCE = 10
BROKEN, CALM = "stormy", "calm"  # the models' names, which every scenario has
Ask = Callable[[str], Awaitable[str]]
Chain = Runnable[LanguageModelInput, BaseMessage]


async def run(base_url_broken: str, base_url_calm: str, prompts: Sequence[str]) -> list[Outcome]:
    """How each contender came through, call by call and streamed.

    Args:
        base_url_broken: where the model `stormy` is, with `/v1`.
        base_url_calm: where the model `calm` is; the stock SDK has no use for it.
        prompts: one call each.
    """
    broken = Endpoint("broken", base_url=base_url_broken, api_key="any").model(BROKEN)
    calm = Endpoint("calm", base_url=base_url_calm, api_key="any").model(CALM)
    policies = (*DEFAULT_POLICIES, fallback(on=(ContentFilterError,)))
    limits = Timeouts(first_event=2, idle=2)
    async with Client(broken, calm, policies=policies, timeouts=limits, deadline=PATIENCE, on_break="resume") as client:
        http = holdfast_http_client(client)
        chains = [ChatOpenAI(model=BROKEN, base_url=base_url_broken, api_key="any", timeout=2)]
        chains.append(ChatOpenAI(model=CALM, base_url=base_url_calm, api_key="any", timeout=2))
        contenders = {
            "OpenAI SDK": sdk(AsyncOpenAI(base_url=base_url_broken, api_key="any", timeout=2)),
            "OpenAI SDK over Holdfast": sdk(AsyncOpenAI(http_client=http, api_key="any")),
            "LangChain with_fallbacks": langchain(chains[0].with_fallbacks(chains[1:])),
            "LangChain over Holdfast": langchain(
                ChatOpenAI(model=BROKEN, http_async_client=http, api_key="any", stream_chunk_timeout=None)
            ),
        }
        return [
            await measured(f"{name}{suffix}", ask, prompts)
            for name, asks in contenders.items()
            for suffix, ask in zip(("", ", streamed"), asks, strict=True)
        ]


def sdk(openai: AsyncOpenAI) -> tuple[Ask, Ask]:
    async def call(prompt: str) -> str:
        done = await openai.chat.completions.create(model=BROKEN, messages=[{"role": "user", "content": prompt}])
        return done.choices[0].message.content or ""

    async def stream(prompt: str) -> str:
        asked = [{"role": "user", "content": prompt}]
        chunks = await openai.chat.completions.create(model=BROKEN, messages=asked, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    return call, stream


def langchain(model: Chain) -> tuple[Ask, Ask]:
    async def call(prompt: str) -> str:
        return str((await model.ainvoke(prompt)).content)

    async def stream(prompt: str) -> str:
        return "".join([str(chunk.content) async for chunk in model.astream(prompt)])

    return call, stream


async def measured(name: str, ask: Ask, prompts: Sequence[str]) -> Outcome:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(prompt: str) -> str:
        async with gate:
            try:
                answer = await asyncio.wait_for(ask(prompt), PATIENCE)
            except TimeoutError:
                return "hung"
            except Exception:  # noqa: BLE001  # LangChain raises whatever came up
                return "error"
        return "right" if answer == expected_answer(prompt) else "wrong"

    counted = Counter(await asyncio.gather(*map(one, prompts)))
    return Outcome(name, counted["right"], counted["wrong"], counted["error"], counted["hung"])


async def _alone(show: Callable[[Outcome], None]) -> None:
    async with Simulator(load("storm")) as storm:
        prompts = [f"Tell me fact number {number} about the sea." for number in range(100)]
        for outcome in await run(storm.base_url(), storm.base_url(), prompts):
            show(outcome)


if __name__ == "__main__":
    logging.getLogger("holdfast").setLevel(logging.CRITICAL)
    asyncio.run(_alone(print))
