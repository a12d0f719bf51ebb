"""AutoGen's agents in a storm: over its own OpenAI client, and over Holdfast. `bench/resilience.py` calls `run`.

    python bench/resilience_autogen.py            against the storm that comes with the simulator

AutoGen's own client is asked where `autogen-ext[openai]` is installed (it is no dependency of anything here). It has
one model and the SDK's two retries; Holdfast has a second model behind the first, and asks it after a filter's refusal
as well. An agent's answer counts as right if it is the prompt's own, word for word; a refusal that says so is an error.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from autogen_agentchat.agents import AssistantAgent

from holdfast import DEFAULT_POLICIES, ContentFilterError, Endpoint, Timeouts, fallback
from holdfast.adapters.autogen import HoldfastChatCompletionClient
from holdfast.adapters.autogen.filtered import FILTERED
from holdfast.simulator import Simulator, expected_answer, load
from outcome import Outcome

PATIENCE = 30.0  # seconds until a task counts as hung
AT_ONCE = 10
BROKEN, CALM = "stormy", "calm"  # the models' names, which every scenario has


async def run(base_url_broken: str, base_url_calm: str, prompts: Sequence[str]) -> list[Outcome]:
    """How each contender came through, call by call and streamed.

    Args:
        base_url_broken: where the model `stormy` is, with `/v1`.
        base_url_calm: where the model `calm` is; AutoGen's own client has no use for it.
        prompts: one task each.
    """
    outcomes = []
    if find_spec("autogen_ext") is None:
        print("AutoGen's own client is left out: autogen-ext[openai] is not installed.", file=sys.stderr)
    else:
        outcomes += [await _measured("AutoGen", _stock(base_url_broken), prompts, stream) for stream in (False, True)]
    client = _holdfast(base_url_broken, base_url_calm)
    outcomes += [await _measured("AutoGen over Holdfast", client, prompts, stream) for stream in (False, True)]
    await client.close()
    return outcomes


def _stock(base_url: str) -> Any:
    from autogen_ext.models.openai import OpenAIChatCompletionClient  # noqa: PLC0415  # where it is installed

    info = {
        "vision": True,
        "function_calling": True,
        "json_output": True,
        "structured_output": True,
        "family": "unknown",
    }
    return OpenAIChatCompletionClient(model=BROKEN, base_url=base_url, api_key="any", model_info=info)


def _holdfast(base_url_broken: str, base_url_calm: str) -> HoldfastChatCompletionClient:
    return HoldfastChatCompletionClient(
        Endpoint("broken", base_url=base_url_broken, api_key="any").model(BROKEN),
        Endpoint("calm", base_url=base_url_calm, api_key="any").model(CALM),
        policies=(fallback(on=(ContentFilterError,)), *DEFAULT_POLICIES),
        timeouts=Timeouts(first_event=2, idle=2, total=10),
        deadline=PATIENCE - 5,
    )


async def _measured(name: str, client: Any, prompts: Sequence[str], stream: bool) -> Outcome:
    gate = asyncio.Semaphore(AT_ONCE)
    asked = (_asked(client, prompt, stream, gate) for prompt in prompts)
    counted = Counter(await asyncio.gather(*asked))
    title = f"{name}, streamed" if stream else name
    return Outcome(title, counted["right"], counted["wrong"], counted["error"], counted["hung"])


async def _asked(client: Any, prompt: str, stream: bool, gate: asyncio.Semaphore) -> str:
    async with gate:
        agent = AssistantAgent("assistant", model_client=client, model_client_stream=stream)
        try:
            result = await asyncio.wait_for(agent.run(task=prompt), PATIENCE)
        except TimeoutError:
            return "hung"
        except Exception:  # noqa: BLE001  # the stock client raises whatever its SDK does
            return "error"
    content = result.messages[-1].to_text()
    if content == FILTERED:
        return "error"
    return "right" if content == expected_answer(prompt) else "wrong"


async def _alone(show: Callable[[Outcome], None]) -> None:
    async with Simulator(load("storm")) as storm:
        prompts = [f"Tell me fact number {number} about the sea." for number in range(100)]
        for outcome in await run(storm.base_url(), storm.base_url(), prompts):
            show(outcome)


if __name__ == "__main__":
    logging.getLogger("autogen_core").setLevel(logging.ERROR)
    logging.getLogger("holdfast").setLevel(logging.CRITICAL)
    asyncio.run(_alone(print))
