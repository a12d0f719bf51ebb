from __future__ import annotations

import pytest

from holdfast import Client
from holdfast.adapters.pydantic_ai import HoldfastModel
from holdfast.testing import FakeClock, ScriptedModel


@pytest.fixture
def clock():
    return FakeClock(autojump=True)


@pytest.fixture
def scripted(clock):
    """A way to a HoldfastModel over models that play scripts, and to these models."""

    def make(*scripts, fallback=(), on_break=None, settings=None, profile=None, **options):
        models = [ScriptedModel(*scripts, name="openai/gpt-5-mini", clock=clock)]
        if fallback:
            models.append(ScriptedModel(*fallback, name="anthropic/claude-sonnet-4-5", clock=clock))
        client = Client(*models, clock=clock, random=lambda: 0.0, **options)
        return HoldfastModel(client, on_break=on_break, settings=settings, profile=profile), *models

    return make
