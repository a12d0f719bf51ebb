"""A Pydantic AI agent whose first model fails nine times in ten. Run it: `python examples/pydantic_ai_survives.py`.

Nothing leaves this machine: `sim/stormy` and `sim/calm` are simulated in this process. Put names such as
`"openai/gpt-5-mini"` in their place, and the same program asks real models.
"""

from __future__ import annotations

import asyncio
import logging

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse

from holdfast import Client, Timeouts
from holdfast.adapters.pydantic_ai import HoldfastModel

QUESTIONS = ["What is kelp?", "How deep does it grow?", "Please call depth of it.", "What holds it to the rock?"]


class Place(BaseModel):
    """A place by the sea."""

    name: str
    people: int


def depth(plant: str) -> str:
    """How deep a plant grows."""
    return f"{plant} grows down to 30 metres."


async def main() -> None:
    """Ask some questions, streamed, and then for a structured output; show what was said and what it took."""
    async with Client("sim/stormy", "sim/calm", deadline=20, timeouts=Timeouts(first_event=1, idle=1)) as client:
        model = HoldfastModel(client)
        agent = Agent(model, tools=[depth], instructions="Answer in plain words.")
        for question in QUESTIONS:
            print(f"\n> {question}")
            async with agent.run_stream(question) as run:
                async for words in run.stream_text(delta=True):
                    print(words, end="", flush=True)
                print()
                tell(run.all_messages())
        print("\n> A place, please.")
        result = await Agent(model, output_type=Place).run("A place, please.")
        print(result.output)
        tell(result.all_messages())


def tell(messages: list[object]) -> None:
    """Print what went wrong on the way."""
    for message in messages:
        if isinstance(message, ModelResponse):
            for attempt in message.failed_attempts or ():
                print(f"  ({attempt.model_name}: {(attempt.error or '')[:80]})")


logging.getLogger("holdfast").setLevel(logging.ERROR)
asyncio.run(main())
