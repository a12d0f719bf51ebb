"""Calls that are cancelled at random moments, over real HTTP, and what they leave behind: nothing.

    python bench/cancellations.py            10,000 of them, a minute
    python bench/cancellations.py 500

Calls and streams in every `on_break` mode, at models that answer slowly, fail, stall, make one wait, or hedge, are
cancelled (or left) after a random time. Then no task, no timer and no connection may be left, and the client must
still answer.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from holdfast import Client, Endpoint, ModelError, Timeouts
from holdfast.recovery.health import Health
from holdfast.recovery.screen import OnBreak
from holdfast.runtime.layers import concurrency, hedge, rate_limit
from holdfast.simulator import SimulatorThread, expected_answer, parse

SCENARIO = """
[models.slow]
latency = 0.001
pace = 0.0002
[models.stalls]
rules = [{ fault = "stall", after = 5, seconds = 30 }]
[models.late]
rules = [{ fault = "latency", seconds = 30 }]
[models.full]
rules = [{ fault = "rate_limit", retry_after = 5, wait = "seconds" }]
[models.breaks]
pace = 0.0002
rules = [{ fault = "reset_after", after = 12 }]
"""
MODELS = ("slow", "stalls", "late", "full", "breaks")
MODES: tuple[OnBreak, ...] = ("raise", "restart", "resume", "hold", "truncate")
AT_ONCE = 50
LONGEST = 0.25  # seconds until a call is cancelled; half of them are within an eighth of it


@dataclass(frozen=True)
class Left:
    """What was left behind, and how many of the calls were cancelled under way (others had ended before)."""

    tasks: int
    timers: int
    connections: int
    cancelled: int

    @property
    def nothing(self) -> bool:
        return not (self.tasks or self.timers or self.connections)


async def run(count: int, seed: int = 0) -> Left:
    """Cancel so many calls; raises `AssertionError` when the client does not answer any more."""
    random = Random(seed)  # noqa: S311  # repeatable, not secret
    running = SimulatorThread(parse(SCENARIO))
    running.start()
    try:
        clients = [_client(running.base_url(), first) for first in range(len(MODELS))]
        cancelled = 0
        for start in range(0, count, AT_ONCE):
            batch = range(min(AT_ONCE, count - start))
            cancelled += sum(await asyncio.gather(*(_one(random.choice(clients), random) for _ in batch)))
        for client in clients:
            assert (await client.create("Who?")).text == expected_answer("Who?")
            await client.close()
        for _ in range(100):  # the other end sees a closed connection a moment later
            await asyncio.sleep(0.01)
            if not running.connections_open:
                break
        return Left(_tasks(), _timers(), running.connections_open, cancelled)
    finally:
        running.close()


def _client(base_url: str, first: int) -> Client:
    """A client whose chain begins with this one of the models, and has all of them."""
    here = Endpoint("here", base_url=base_url, api_key="any")
    models = [here.model(name) for name in (*MODELS[first:], *MODELS[:first], "calm")]
    layers = (rate_limit(when_full="send"), concurrency(1000), hedge(models[1], after=0.003, max_share=1.0))
    limits = Timeouts(first_event=0.02, idle=0.02)
    return Client(*models, layers=layers, timeouts=limits, health=Health(rest=0, longest=0))


async def _one(client: Client, random: Random) -> bool:
    """Whether the call was still under way when it was cancelled."""
    mode, streamed, leaves = random.choice(MODES), random.random() < 0.7, random.randrange(1, 30)
    task = asyncio.create_task(_stream(client, mode, leaves) if streamed else _call(client))
    await asyncio.sleep(random.random() ** 3 * LONGEST)
    task.cancel()
    with suppress(asyncio.CancelledError, ModelError):
        await task
    return task.cancelled()


async def _call(client: Client) -> None:
    await client.create("What is kelp?")


async def _stream(client: Client, mode: OnBreak, leaves: int) -> None:
    """Read a stream, and leave it after some events if nobody cancels it before."""
    async with client.stream("What is kelp?", on_break=mode) as stream:
        async for _ in stream:
            leaves -= 1
            if leaves == 0:
                return


def _tasks() -> int:
    return sum(task is not asyncio.current_task() for task in asyncio.all_tasks())


def _timers() -> int:
    scheduled = getattr(asyncio.get_running_loop(), "_scheduled", ())  # the loop has no public list
    return sum(not timer.cancelled() for timer in scheduled)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    how_many = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    began = time.monotonic()
    left = asyncio.run(run(how_many))
    print(f"{how_many} calls, {left.cancelled} cancelled under way, in {time.monotonic() - began:.0f} s: {left}")
    sys.exit(not left.nothing)
