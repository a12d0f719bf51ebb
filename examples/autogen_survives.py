"""An AutoGen agent whose first model fails nine times in ten. Run it: `python examples/autogen_survives.py`.

Nothing leaves this machine: `sim/stormy` and `sim/calm` are simulated in this process. Put names such as
`"openai/gpt-5-mini"` in their place, and the same program asks real models.
"""

from __future__ import annotations

import asyncio

from autogen_agentchat.messages import ModelClientStreamingChunkEvent

from holdfast import Timeouts
from holdfast.adapters.autogen import (
    HoldfastChatCompletionClient,
    ModelClientStreamResetEvent,
    ResilientAssistantAgent,
)

QUESTIONS = [
    "What is kelp?",
    "How deep does it grow?",
    "Who lives in it?",
    "What holds it to the rock?",
    "And in a storm?",
]


async def main() -> None:
    """Ask some questions, and show what was said, what was taken back, and how often each was asked."""
    patience = Timeouts(first_event=1, idle=1)
    client = HoldfastChatCompletionClient("sim/stormy", "sim/calm", deadline=20, timeouts=patience)
    agent = ResilientAssistantAgent("assistant", model_client=client, model_client_stream=True)
    for question in QUESTIONS:
        print(f"\n> {question}")
        async for item in agent.run_stream(task=question):
            match item:
                case ModelClientStreamingChunkEvent():
                    print(item.content, end="", flush=True)
                case ModelClientStreamResetEvent():
                    print(f"\n  ... {item.to_text()}")
        print()
    usage = client.actual_usage()
    print(f"\n{usage.prompt_tokens} tokens read and {usage.completion_tokens} written, failed attempts included.")
    await client.close()


asyncio.run(main())
