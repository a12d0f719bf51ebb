"""`holdfast simulate`: the simulator until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from holdfast.cli.console import OUT
from holdfast.simulator import Simulator, load


async def serve_scenario(source: str, *, port: int, seconds: float | None) -> None:
    """Serve until it is interrupted, or for so many seconds."""
    scenario = load(source)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # not on Windows, where Ctrl-C raises by itself
            loop.add_signal_handler(number, stop.set)
    async with Simulator(scenario, port=port) as simulator:
        OUT.print(f"Simulating {source!r} at {simulator.url}; models: {', '.join(scenario.models)}. Ctrl-C stops it.")
        OUT.print(f"  OpenAI wire: {simulator.base_url('openai_chat')}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()
        OUT.print(f"Served {len(simulator.requests)} requests.")
