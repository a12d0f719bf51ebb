"""Clients over scripts and over the simulator, and AutoGen's own values in short."""

from __future__ import annotations

import pytest

pytest.importorskip("autogen_core", reason="the extra `autogen` is not installed")
pytest.importorskip("autogen_agentchat", reason="the extra `autogen` is not installed")

from holdfast import Client
from holdfast.adapters.autogen import HoldfastChatCompletionClient
from holdfast.simulator import Scenario, Simulator
from holdfast.testing import FakeClock, ScriptedModel


@pytest.fixture
def scripted():
    """A model client over one scripted model, whose waits take no time; `client.model` is the script."""

    def make(*scripts, on_break="restart", usage=None, policies=None, **options):
        clock = FakeClock(autojump=True)
        model = ScriptedModel(*scripts, clock=clock, usage=usage)
        settings = {} if policies is None else {"policies": policies}
        inner = Client(model, clock=clock, on_break=on_break, random=lambda: 0.0, **settings)
        client = HoldfastChatCompletionClient(inner, **options)
        client.model = model
        return client

    return make


@pytest.fixture
async def simulator():
    """A way to a running simulator with these models, which asks for the key if there is one."""
    running = []

    async def start(*, api_key=None, **models):
        simulator = Simulator(Scenario(models=models, api_key=api_key))
        await simulator.start()
        running.append(simulator)
        return simulator

    yield start
    for each in running:
        await each.close()
