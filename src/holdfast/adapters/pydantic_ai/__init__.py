"""Holdfast under a Pydantic AI agent, and Pydantic AI's models under Holdfast.

    agent = Agent(HoldfastModel("openai/gpt-5-mini", "anthropic/claude-sonnet-4-5"))
    agent = Agent(HoldfastModel(PydanticModel("openai:gpt-5-mini"), PydanticModel(my_model)))

`HoldfastModel` is a Pydantic AI model whose requests a Holdfast `Client` answers; `PydanticModel` is a Holdfast model
that asks any Pydantic AI model. Together they put Holdfast's recovery around models that stay Pydantic AI's own.
"""

from __future__ import annotations

from holdfast.adapters.pydantic_ai.inner import PydanticModel
from holdfast.adapters.pydantic_ai.model import HoldfastModel
from holdfast.adapters.pydantic_ai.stream import HoldfastStream

__all__ = ["HoldfastModel", "HoldfastStream", "PydanticModel"]
