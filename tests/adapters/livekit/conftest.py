"""A LiveKit session without audio: what a caller would hear, and what the session was told."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

pytest.importorskip("livekit.agents")

from livekit.agents import Agent, AgentSession


class Line:
    """One phone line: a running session, and everything that it emitted."""

    def __init__(self, session: AgentSession, llm) -> None:
        self.session, self.llm = session, llm
        self.errors, self.metrics, self.reports, self.closed = [], [], [], []
        session.on("error", lambda event: self.errors.append(event.error))
        session.on("close", self.closed.append)
        llm.on("metrics_collected", self.metrics.append)
        llm.on("holdfast", self.reports.append)

    async def say(self, text: str) -> str:
        """What the agent answers; raises what the turn raised."""
        result = await self.session.run(user_input=text)
        replies = [event.item for event in result.events if event.type == "message"]
        return "".join(item.raw_text_content or "" for item in replies if item.role == "assistant")


@pytest.fixture
def call_up():
    """Open a line to an agent."""

    @asynccontextmanager
    async def open_line(llm, agent: Agent | None = None, **options):
        async with AgentSession(llm=llm, **options) as session:
            line = Line(session, llm)
            await session.start(agent or Agent(instructions="Be kind."))
            yield line
        await llm.aclose()

    return open_line
