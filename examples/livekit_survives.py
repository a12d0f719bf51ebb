"""A LiveKit agent on a bad day: filtered sentences, a dead provider, answers that break in the middle, silence.

    python examples/livekit_survives.py          needs `holdfast[livekit]`; no key, no network, no microphone

The agent, the session and the error handler are what you would deploy. Only the two ends are not real: the providers
are simulated (over HTTP, on loopback), and the caller types. What is printed is what the caller would hear.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable

from livekit.agents import Agent, AgentSession, CloseEvent, ModelSettings
from livekit.agents.llm import LLM, ChatContext, LLMError

from holdfast import Client, ContentFilterError, Endpoint, ModelError
from holdfast.adapters.livekit import CallReport, HoldfastLLM, HoldfastVoice
from holdfast.simulator import Simulator, parse

BAD_DAY = """
[models.moody]
pace = 0.01
rules = [
  { fault = "content_filter", prompt = "weed" },
  { fault = "overloaded", prompt = "busy" },
  { fault = "reset_after", after = 9, prompt = "story" },
  { fault = "keep_alives", seconds = 0.2, count = 100, prompt = "slow" },
]
"""


def apologise(error: ModelError, _llm: LLM, _chat_ctx: ChatContext) -> str | None:
    """What to say when a filter takes a harmless sentence for a harmful one; None leaves the rest to the policies."""
    if isinstance(error, ContentFilterError):
        return "Sorry, I did not catch that. Could you say it in other words?"
    return None


class Receptionist(HoldfastVoice):
    """The agent, saying a word when it has to think long."""

    filler = "One moment, I am still with you. "
    filler_after = 0.4

    async def transcription_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncGenerator[str, None]:
        """Print the words as they are handed to the voice."""
        print("agent:  ", end="", flush=True)
        async for piece in super().transcription_node(text, model_settings):
            print(piece, end="", flush=True)
            yield piece
        print()


def tell(report: CallReport) -> None:
    """Print what the call came to, if it was not a plain one."""
    for attempt in report.attempts:
        if attempt.error is not None:
            print(f"        ({attempt.model}: {attempt.error.kind} after {attempt.elapsed:.2f} s)")
    if report.degraded:
        print(f"        ({report.degraded})")


async def main() -> None:
    """Make five calls of the agent, and count what became of the session."""
    async with Simulator(parse(BAD_DAY)) as simulator:
        here = Endpoint("here", base_url=simulator.base_url(), api_key="any")
        async with Client(here.model("moody"), here.model("calm")) as client:
            llm = HoldfastLLM(client, on_llm_error=apologise, first_token=1.0)
            llm.on("holdfast", tell)
            async with AgentSession(llm=llm) as session:
                errors: list[LLMError] = []
                closed: list[CloseEvent] = []
                session.on("error", lambda event: errors.append(event.error))
                session.on("close", closed.append)
                agent: Agent = Receptionist(instructions="You are the receptionist of an aquarium.")
                await session.start(agent)
                for sentence in (
                    "Where is the weed tank?",
                    "Tell me a story about the kelp.",
                    "Why are you so slow?",
                    "Are you busy today?",
                    "Thank you, good bye.",
                ):
                    print(f"caller: {sentence}")
                    await session.run(user_input=sentence)
                    print()
                kept = [item.text_content for item in agent.chat_ctx.messages() if item.role == "user"]
                recovered = sum(error.recoverable for error in errors)
                print(f"{recovered} of {len(errors)} failures recovered; session {'closed' if closed else 'open'}.")
                print(f"The model will be shown {len(kept)} of the 5 sentences; the filtered one is left out.")


if __name__ == "__main__":
    logging.getLogger("holdfast").setLevel(logging.ERROR)
    asyncio.run(main())
