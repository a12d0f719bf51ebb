"""An agent against the simulator's windows: they shrink, lie in their errors, or cut the prompt without a word.

Here some dozens of turns for each, to stay quick; `bench/agent_500.py` runs five hundred.
"""
# annotations are read at run time

from random import Random

import pytest

from holdfast import Client, Endpoint
from holdfast.agent import Agent
from holdfast.context import ResultLimits
from holdfast.messages import AssistantMessage, ToolMessage
from holdfast.simulator import Simulator, load, parse

TURNS = 60


HARDER = """
[models.lying]
window = { tokens = 3000, states = 30000 }
[models.sinking]
window = { tokens = 30000, states = 0, shrinks_by = 1000, least = 1200 }
[models.silent]
window = { tokens = 2500, truncates = true, shrinks_by = 100, least = 1500 }
"""


async def talk(sim, model, turns, wire="openai_chat", **options):
    """An agent that has been asked for a log so many times, and was answered each time."""
    random = Random(7)

    def read_log(name: str) -> str:
        """Read a log."""
        lines = 20_000 if random.random() < 0.05 else int(random.lognormvariate(4, 1.5))
        return "".join(f"{number} {name} {random.getrandbits(40):x}\n" for number in range(lines))

    endpoint = Endpoint("here", base_url=sim.base_url(wire), api_key="any", codec=wire)
    async with Client(endpoint.model(model)) as client:
        agent = Agent(client, tools=[read_log], system="You read logs.", **options)
        for turn in range(turns):
            result = await agent.run(f"Turn {turn}: call read_log")
            assert (result.steps, result.stopped) == (2, "answered")
            assert result.text.startswith("[")
    return agent


@pytest.mark.parametrize(
    ("model", "most"),
    [("small", 2), ("shrinking", 8), ("boasting", 4), ("modest", 2), ("tightlipped", 4), ("forgetting", 3)],
)
async def test_every_turn_is_answered(model, most):
    async with Simulator(load("windows")) as sim:
        agent = await talk(sim, model, TURNS)
        again = len(sim.requests) - 2 * TURNS
    log = agent.conversation.messages
    assert len(log) == 1 + 4 * TURNS
    assert [type(message) for message in log[2:4]] == [AssistantMessage, ToolMessage]
    assert 0 < again <= most
    assert agent.window < 17_000


@pytest.mark.parametrize("wire", ["openai_chat", "anthropic", "gemini"])
@pytest.mark.parametrize("model", ["lying", "sinking", "silent"])
async def test_every_turn_is_answered_on_every_wire_without_any_limit_on_results(model, wire):
    async with Simulator(parse(HARDER)) as sim:
        await talk(sim, model, 35, wire, limits=ResultLimits(excess="pass"))
        assert len(sim.requests) < 2 * 35 + 12
