"""An agent with tools, against the simulator: no key, no network. Run it: `python examples/agent.py`.

The simulated model calls whatever tool the prompt names ("call NAME"), and its primary fails nine times in ten; what
you see is what the agent does about it. Put the name of a real model in the client and it is a real agent.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from holdfast import Client, Restart, TextDelta
from holdfast.agent import Agent, ToolFinished, ToolStarted, Turn, tool


def list_files(folder: str = ".") -> list[str]:
    """List the files of a folder.

    Args:
        folder: its path.
    """
    return sorted(path.name for path in Path(folder).iterdir()) if Path(folder).is_dir() else []


@tool(timeout=5, max_tokens=500)
async def read_log(lines: int = 2000) -> str:
    """Read the newest lines of a log.

    Args:
        lines: how many.
    """
    await asyncio.sleep(0.01)
    return "\n".join(f"{number}: nothing to see here" for number in range(max(lines, 2000)))


def opening_hours(turn: Turn) -> str | None:
    """Take the turn where no model is needed."""
    return "We are open from 9 to 5." if "open" in turn.text else None


def apologise(turn: Turn) -> str | None:
    """Say something to the user when no model answers (a refused prompt, for one)."""
    return f"I cannot answer that: {turn.error.kind}." if turn.error else None


REPLIES = (opening_hours, apologise)


async def main() -> None:
    """Ask three things."""
    async with (
        Client("sim/stormy", "sim/calm", on_break="restart", deadline=30) as client,
        Agent(client, tools=[list_files, read_log], replies=REPLIES, system="You look after a harbour.") as agent,
    ):
        for question in (
            "When are you open?",
            "Do call list_files now",
            "Now call read_log please",
        ):
            print(f"\n> {question}")
            async with agent.stream(question) as stream:
                async for event in stream:
                    match event:
                        case TextDelta(text=text):
                            print(text, end="")
                        case Restart(reason=reason):
                            print(f"\n  ~ void, {reason.kind}: once more")
                        case ToolStarted(call=call):
                            print(f"  * {call.name}({call.arguments})")
                        case ToolFinished(result=result):
                            print(f"  = {len(result.text)} characters")
            if (done := stream.result) is not None:
                spent = done.usage.total_tokens
                print(f"\n  {done.steps} answers, {spent} tokens; {agent.used} of {agent.window} in the window")


if __name__ == "__main__":
    asyncio.run(main())
