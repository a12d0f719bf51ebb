"""LiveKit's agent in a storm: over its own OpenAI plugin, and over Holdfast. `bench/resilience.py` calls `run`.

    python bench/resilience_livekit.py            against the storm that comes with the simulator

LiveKit's own plugin is asked where `livekit-plugins-openai` is installed (it is no dependency of anything here): alone,
and with the calm model behind it in LiveKit's `FallbackAdapter`. Holdfast has the same two models, and asks the second
after a filter's refusal as well, as the FallbackAdapter does. Each prompt is one turn of a text-only AgentSession with
the defaults of each side. Right is what the caller would hear if it is the prompt's own answer, word for word; silence
that is given as a reply is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from livekit.agents import Agent, AgentSession, llm

from holdfast import DEFAULT_POLICIES, Client, ContentFilterError, Endpoint, fallback
from holdfast.adapters.livekit import HoldfastLLM
from holdfast.simulator import Simulator, expected_answer, load
from outcome import Outcome

PATIENCE = 30.0  # seconds until a turn counts as hung
AT_ONCE = 10
BROKEN, CALM = "stormy", "calm"  # the models' names, which every scenario has


async def run(base_url_broken: str, base_url_calm: str, prompts: Sequence[str]) -> list[Outcome]:
    """How each contender came through.

    Args:
        base_url_broken: where the model `stormy` is, with `/v1`.
        base_url_calm: where the model `calm` is; the plugin alone has no use for it.
        prompts: one turn each.
    """
    outcomes = []
    if find_spec("livekit.plugins") is None or find_spec("livekit.plugins.openai") is None:
        print("LiveKit's own plugin is left out: livekit-plugins-openai is not installed.", file=sys.stderr)
    else:
        outcomes.append(await _measured("LiveKit", _stock(base_url_broken, BROKEN), prompts))
        both = llm.FallbackAdapter([_stock(base_url_broken, BROKEN), _stock(base_url_calm, CALM)])
        outcomes.append(await _measured("LiveKit, FallbackAdapter", both, prompts))
    async with _client(base_url_broken, base_url_calm) as client:
        outcomes.append(await _measured("LiveKit over Holdfast", HoldfastLLM(client), prompts))
    return outcomes


def _stock(base_url: str, model: str) -> llm.LLM:
    from livekit.plugins import openai  # noqa: PLC0415  # where it is installed

    return openai.LLM(model=model, base_url=base_url, api_key="any")


def _client(base_url_broken: str, base_url_calm: str) -> Client:
    return Client(
        Endpoint("broken", base_url=base_url_broken, api_key="any").model(BROKEN),
        Endpoint("calm", base_url=base_url_calm, api_key="any").model(CALM),
        policies=(fallback(on=(ContentFilterError,)), *DEFAULT_POLICIES),
    )


async def _measured(name: str, model: llm.LLM, prompts: Sequence[str]) -> Outcome:
    gate = asyncio.Semaphore(AT_ONCE)
    counted = Counter(await asyncio.gather(*(_turn(model, prompt, gate) for prompt in prompts)))
    await model.aclose()
    return Outcome(name, counted["right"], counted["wrong"], counted["error"], counted["hung"])


async def _turn(model: llm.LLM, prompt: str, gate: asyncio.Semaphore) -> str:
    async with gate, AgentSession(llm=model) as session:
        await session.start(Agent(instructions="Answer in plain words."))
        try:
            result = await asyncio.wait_for(_answered(session, prompt), PATIENCE)
        except TimeoutError:
            return "hung"
        except Exception:  # noqa: BLE001  # the stock plugin raises whatever its SDK does
            return "error"
    return "right" if result == expected_answer(prompt) else "wrong"


async def _answered(session: AgentSession, prompt: str) -> str:
    result = await session.run(user_input=prompt)
    replies = [event.item for event in result.events if event.type == "message"]
    return "".join(reply.text_content or "" for reply in replies if reply.role == "assistant")


async def _alone(show: Callable[[Outcome], None]) -> None:
    async with Simulator(load("storm")) as storm:
        prompts = [f"Tell me fact number {number} about the sea." for number in range(100)]
        for outcome in await run(storm.base_url(), storm.base_url(), prompts):
            show(outcome)


if __name__ == "__main__":
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    logging.getLogger("holdfast").setLevel(logging.CRITICAL)
    asyncio.run(_alone(print))
