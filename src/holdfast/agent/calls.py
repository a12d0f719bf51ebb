"""Running the calls of one answer: at once, at most so many, each within its time. Every call gets a result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from holdfast.agent.events import ToolFinished, ToolStarted
from holdfast.agent.tools import FunctionTool, failed
from holdfast.messages import ToolCall, ToolResult
from holdfast.runtime.clock import Clock
from holdfast.runtime.watch import Watch


async def run_calls(
    calls: Sequence[ToolCall], tools: Mapping[str, FunctionTool], *, seconds: float, parallel: int, clock: Clock
) -> AsyncGenerator[ToolStarted | ToolFinished, None]:
    """The calls as they start and finish. Closing it, or being cancelled, cancels those that still run.

    Args:
        calls: what the model asked for.
        tools: by name.
        seconds: how long a tool may take that names no limit of its own.
        parallel: how many may run at once.
        clock: where time comes from.
    """
    events: asyncio.Queue[ToolStarted | ToolFinished] = asyncio.Queue()
    gate = asyncio.Semaphore(parallel)

    async def run(call: ToolCall) -> None:
        async with gate:
            events.put_nowait(ToolStarted(call))
            began = clock.now()
            result = await _result(call, tools, seconds, clock)
            events.put_nowait(ToolFinished(call, result, clock.now() - began))

    tasks = [asyncio.create_task(run(call)) for call in calls]
    try:
        for _ in range(2 * len(calls)):
            yield await events.get()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _result(call: ToolCall, tools: Mapping[str, FunctionTool], seconds: float, clock: Clock) -> ToolResult:
    tool = tools.get(call.name)
    if tool is None:
        return failed(call, f"There is no tool called {call.name!r}. Tools: {', '.join(tools) or 'none'}.")
    seconds = seconds if tool.timeout is None else tool.timeout
    watch = Watch(clock)
    try:
        return await watch.wait(tool.result(call), clock.now() + seconds)
    except TimeoutError:
        return failed(call, f"The tool {call.name!r} gave no result within {seconds:g} s.")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return failed(call, f"The tool {call.name!r} was cancelled.")  # by something inside it
    finally:
        watch.close()
