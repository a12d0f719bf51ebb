"""LiveKit Agents over Holdfast: the voice goes on.

    session = AgentSession(llm=HoldfastLLM("openai/gpt-5-mini", "anthropic/claude-haiku-4-5"), ...)

`HoldfastLLM` is the language model of a session, `HoldfastVoice` an agent for what an LLM alone cannot do. Tested with
livekit-agents 1.8.9, for `livekit-agents>=1.8,<2`.
"""

from __future__ import annotations

from holdfast.adapters.livekit.errors import to_api_error
from holdfast.adapters.livekit.handler import ErrorHandler
from holdfast.adapters.livekit.llm import HoldfastLLM
from holdfast.adapters.livekit.report import CallReport, Failover
from holdfast.adapters.livekit.voice import HoldfastVoice

__all__ = ["CallReport", "ErrorHandler", "Failover", "HoldfastLLM", "HoldfastVoice", "to_api_error"]
