# annotations are read at run time; random results make a log that no test writer thought of
from random import Random

import pytest

from context.histories import broken_laws
from holdfast import Client
from holdfast.agent import Agent
from holdfast.messages import ToolCall
from holdfast.testing import ScriptedModel

STEPS = 150


@pytest.mark.parametrize("window", [4000, 16_000])
async def test_every_request_of_a_long_run_keeps_the_laws_of_fitting(window):
    random, sizes = Random(window), []

    def read_log(name: str) -> str:
        """Read a log."""
        lines = 20_000 if random.random() < 0.05 else int(random.lognormvariate(4, 1.5))
        return "".join(f"{number} {name} {random.getrandbits(40):x}\n" for number in range(lines))

    def answer(request):
        log = list(agent.conversation.messages)
        assert not broken_laws(log, request.messages)
        sizes.append(agent.conversation.used(request, "x/y"))
        if len(sizes) > STEPS:
            return "Done."
        return [ToolCall(f"c{len(sizes)}-{place}", "read_log", '{"name": "x"}') for place in range(1 + len(sizes) % 3)]

    model = ScriptedModel(answer, name="x/y", then="last")
    agent = Agent(
        Client(model, layers=(), windows={"x/y": window}), tools=[read_log], system="Read.", max_turns=STEPS + 2
    )
    result = await agent.run("TASK: find the fault")
    assert (result.text, result.steps) == ("Done.", STEPS + 1)
    assert max(sizes) <= window * 0.75
    assert all(request.messages[1].text == "TASK: find the fault" for request in model.requests)
