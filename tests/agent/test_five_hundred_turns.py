"""An agent against the simulator's windows: they shrink, lie in their errors, or cut the prompt without a word.

Here some dozens of turns for each, to stay quick; `bench/agent_500.py` runs five hundred.
"""
# annotations are read at run time

from random import Random

import pytest

from holdfast import Client, Endpoint
from holdfast.agent import Agent
from holdfast.messages import AssistantMessage, ToolMessage
from holdfast.simulator import Simulator, load

TURNS = 60


@pytest.mark.parametrize(
    ("model", "most"),
    [("small", 2), ("shrinking", 8), ("boasting", 4), ("modest", 2), ("tightlipped", 4), ("forgetting", 3)],
)
async def test_every_turn_is_answered(model, most):
    random = Random(7)

    def read_log(name: str) -> str:
        """Read a log."""
        lines = 20_000 if random.random() < 0.05 else int(random.lognormvariate(4, 1.5))
        return "".join(f"{number} {name} {random.getrandbits(40):x}\n" for number in range(lines))

    async with Simulator(load("windows")) as sim:
        endpoint = Endpoint("here", base_url=sim.base_url(), api_key="any")
        async with Client(endpoint.model(model)) as client:
            agent = Agent(client, tools=[read_log], system="You read logs.")
            for turn in range(TURNS):
                result = await agent.run(f"Turn {turn}: call read_log")
                assert (result.steps, result.stopped) == (2, "answered")
                assert result.text.startswith("[")
            again = len(sim.requests) - 2 * TURNS
    log = agent.conversation.messages
    assert len(log) == 1 + 4 * TURNS
    assert [type(message) for message in log[2:4]] == [AssistantMessage, ToolMessage]
    assert 0 < again <= most
    assert agent.window < 17_000
