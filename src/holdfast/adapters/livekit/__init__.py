"""LiveKit Agents over Holdfast: the voice goes on.

    session = AgentSession(llm=HoldfastLLM("openai/gpt-5-mini", "anthropic/claude-haiku-4-5"), ...)

`HoldfastLLM` is the language model of a session. Tested with livekit-agents 1.8, for `livekit-agents>=1.8,<2`.
"""

from __future__ import annotations

from holdfast.adapters.livekit.errors import to_api_error
from holdfast.adapters.livekit.handler import ErrorHandler
from holdfast.adapters.livekit.llm import HoldfastLLM
from holdfast.adapters.livekit.report import CallReport, Failover

__all__ = ["CallReport", "ErrorHandler", "Failover", "HoldfastLLM", "to_api_error"]
