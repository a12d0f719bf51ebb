"""Time limits on waiting: one timer per stream, moved and not remade, which runs only while we wait for the model."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable
from typing import Any, TypeVar

from holdfast.errors import ModelTimeoutError
from holdfast.events import Event, ThinkingDelta
from holdfast.recovery.screen import useful
from holdfast.request import Timeouts
from holdfast.runtime.clock import Clock, Timer

T = TypeVar("T")

FIRST_EVENT = 60.0
"""Seconds until the first useful event of a streamed response, where the caller names no limit."""
THINKING = 120.0
"""Seconds between two pieces of thinking, at least, where the caller names no limit: thinkers pause long."""


class Watch:
    """Cancels a wait that takes too long, and tells that cancellation from any other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: Timer | None = None
        self._rings_at = math.inf
        self._until = math.inf
        self._task: asyncio.Task[object] | None = None
        self._cancelled = False
        self._cancelling = 0

    async def wait(self, awaitable: Awaitable[T], until: float) -> T:
        """What `awaitable` gives; raises `TimeoutError` at the time `until`."""
        self._arm(until)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if self._expired():
                raise TimeoutError from None
            raise
        finally:
            self._task = None

    def close(self) -> None:
        """Forget the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, until: float) -> None:
        self._until = until
        self._cancelled = False
        self._task = asyncio.current_task()
        if self._task is not None:
            self._cancelling = self._task.cancelling()
        if until < self._rings_at:
            self._set(until)

    def _set(self, when: float) -> None:
        self.close()
        self._rings_at = when
        self._timer = self._clock.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer, self._rings_at = None, math.inf
        if self._task is None:  # nobody waits: the consumer has the floor
            return
        if self._until > self._clock.now():
            self._set(self._until)
            return
        self._cancelled = True
        self._task.cancel()

    def _expired(self) -> bool:
        """Whether it was this watch that cancelled, and nobody else did."""
        if not self._cancelled or self._task is None:
            return False
        self._cancelled = False
        return self._task.uncancel() <= self._cancelling


async def watched(
    events: AsyncGenerator[Event, None],
    limits: Timeouts,
    clock: Clock,
    *,
    streamed: bool,
    deadline: float = math.inf,
) -> AsyncGenerator[Event, None]:
    """The same events; raises `ModelTimeoutError` when one of the limits, or the `deadline` of the call, is passed.

    The first-event and idle limits count the time spent waiting for the model, and only that.
    """
    started = clock.now()
    ends = started + limits.total
    hard, hard_phase = (deadline, "deadline") if deadline <= ends else (ends, "total")
    thinking = limits.idle_thinking if limits.idle_thinking is not None else max(THINKING, 2 * limits.idle)
    first = limits.first_event if limits.first_event is not None else FIRST_EVENT if streamed else math.inf
    idle = limits.idle if streamed else math.inf  # all of an unstreamed response comes at once
    phase, left, count = "first_event", first, 0
    watch = Watch(clock)
    try:
        while True:
            before = clock.now()
            try:
                event = await watch.wait(anext(events), min(before + left, hard))
            except TimeoutError:
                late = hard_phase if clock.now() >= hard else phase
                raise _too_late(late, clock.now() - started, count) from None
            except StopAsyncIteration:
                return
            if useful(event):
                count += 1
                phase, left = ("idle_thinking", thinking) if isinstance(event, ThinkingDelta) else ("idle", idle)
            else:
                left -= clock.now() - before
            yield event
    finally:
        watch.close()
        await events.aclose()


def _too_late(phase: str, elapsed: float, count: int) -> ModelTimeoutError:
    came = f"after {count} useful events" if count else "and nothing had come"
    return ModelTimeoutError(f"The limit {phase!r} was passed {elapsed:.3g} s into the attempt, {came}.", phase=phase)


async def ticking(
    events: AsyncGenerator[Event, None], clock: Clock, seconds: float
) -> AsyncGenerator[Event | None, None]:
    """The same events, and a None among them `seconds` after the first useful one (if the stream lasts as long)."""
    waiting: asyncio.Future[Event | None] | None = None
    timer: Timer | None = None
    alarm = asyncio.Event()
    ringing = asyncio.ensure_future(alarm.wait())
    try:
        async for event in events:
            yield event
            if useful(event):
                break
        timer = clock.call_at(clock.now() + seconds, alarm.set)
        waiting = asyncio.ensure_future(anext(events, None))
        while not alarm.is_set():
            await asyncio.wait({waiting, ringing}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                if (next_event := waiting.result()) is None:
                    return
                yield next_event
                waiting = asyncio.ensure_future(anext(events, None))
        yield None
        if (next_event := await waiting) is not None:
            yield next_event
            async for event in events:
                yield event
    finally:
        if timer is not None:
            timer.cancel()
        tasks: list[asyncio.Future[Any]] = [ringing] if waiting is None else [ringing, waiting]
        pending = [task for task in tasks if not task.done()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await events.aclose()
