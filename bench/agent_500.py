"""Five hundred turns of an agent with large tool results, against windows that shrink, lie, or cut without a word.

    python bench/agent_500.py [TURNS]

Each turn asks for a tool whose result has 7 to 20 000 lines (up to 0.5 MB), so a conversation is some 2 000 messages.
The simulator serves the scenario `windows` over HTTP on loopback. Columns: turns that were answered; requests beyond
two a turn (refused ones, and answers asked for again because the prompt had been cut); times the conversation was made
smaller; the window as the agent believes it to be at the end; CPU ms for each turn, the simulator's work included.
"""

from __future__ import annotations

import asyncio
import sys
import time
from random import Random

from holdfast import Client, Endpoint
from holdfast.agent import Agent
from holdfast.simulator import Simulator, load

MODELS = ("small", "shrinking", "boasting", "modest", "tightlipped", "forgetting")


async def run(model: str, turns: int) -> None:
    random = Random(7)  # noqa: S311  # the same log in every run

    def read_log(name: str) -> str:
        """Read a log."""
        lines = 20_000 if random.random() < 0.05 else int(random.lognormvariate(4, 1.5))
        return "".join(f"{number} {name} {random.getrandbits(40):x}\n" for number in range(lines))

    async with Simulator(load("windows")) as sim:
        endpoint = Endpoint("here", base_url=sim.base_url(), api_key="any")
        async with Client(endpoint.model(model)) as client:
            agent = Agent(client, tools=[read_log], system="You read logs.")
            answered, began = 0, time.process_time()
            for turn in range(turns):
                result = await agent.run(f"Turn {turn}: call read_log")
                answered += result.stopped == "answered" and result.text.startswith("[")
            spent = (time.process_time() - began) / turns * 1000
            again, cuts = len(sim.requests) - 2 * turns, agent.conversation.view.generation
            print(f"| {model} | {answered} / {turns} | {again} | {cuts} | {agent.window} | {spent:.1f} |")


async def main() -> None:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print("| window | answered | requests beyond two a turn | cuts | window in the end | CPU ms a turn |")
    print("|---|---|---|---|---|---|")
    for model in MODELS:
        await run(model, turns)


asyncio.run(main())
