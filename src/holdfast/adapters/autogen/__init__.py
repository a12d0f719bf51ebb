"""AutoGen over Holdfast: a model client, an agent that says when a stream begins again, a context that fits.

    client = HoldfastChatCompletionClient("openai/gpt-5-mini", "anthropic/claude-sonnet-4-5")
    agent = ResilientAssistantAgent("assistant", model_client=client, model_client_stream=True)

Tested with autogen-core and autogen-agentchat >= 0.7.5, < 0.8. The agent's module is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.adapters.autogen.client import HoldfastChatCompletionClient
from holdfast.adapters.autogen.config import HoldfastClientConfig, ModelConfig
from holdfast.adapters.autogen.context import TokenLimitedContext
from holdfast.adapters.autogen.results import HoldfastCreateResult, TruncatedCreateResult

if TYPE_CHECKING:
    from holdfast.adapters.autogen.agent import ModelClientStreamResetEvent, ResilientAssistantAgent

__all__ = [
    "HoldfastChatCompletionClient",
    "HoldfastClientConfig",
    "HoldfastCreateResult",
    "ModelClientStreamResetEvent",
    "ModelConfig",
    "ResilientAssistantAgent",
    "TokenLimitedContext",
    "TruncatedCreateResult",
]


def __getattr__(name: str) -> Any:
    if name in ("ModelClientStreamResetEvent", "ResilientAssistantAgent"):
        from holdfast.adapters.autogen import agent  # noqa: PLC0415  # autogen-core alone is enough for the client

        return getattr(agent, name)
    raise AttributeError(f"module 'holdfast.adapters.autogen' has no attribute {name!r}")
