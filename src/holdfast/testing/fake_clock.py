"""A clock that a test owns. Its time moves when the test says so, or jumps whenever everything waits for it.

Whether everything waits is known exactly: an asyncio loop then asks its selector to block. The clock stands before
that question, and answers it by waking whoever is next.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any
from weakref import WeakSet


class FakeClock:
    """A `Clock` without real time.

    Args:
        start: what `now()` says at first, in seconds.
        wall: what `wall()` says at first, in seconds since 1970.
        autojump: jump to the next timer whenever every task of the loop is blocked. Without it, only `advance` moves
            time.
        threshold: for how many real seconds the loop must have been idle before it counts as blocked. 0 is right
            where nothing real is waited for; give some milliseconds (0.01) when sockets, threads or other processes
            take part, so that time does not outrun them.

    Works with asyncio's own event loops; others (uvloop) do not show when they are idle.

    Example:
        ```python
        clock = FakeClock(autojump=True)
        await clock.sleep(3600)      # returns at once
        assert clock.now() == 3600
        ```
    """

    def __init__(
        self, start: float = 0.0, *, wall: float = 1_750_000_000.0, autojump: bool = False, threshold: float = 0.0
    ) -> None:
        self.autojump = autojump
        self.threshold = threshold
        self._now = start
        self._epoch = wall - start
        self._order = count()
        self._timers: list[tuple[float, int, _Timer]] = []
        self._settling: list[asyncio.Future[None]] = []
        self._watched: WeakSet[asyncio.AbstractEventLoop] = WeakSet()

    def __repr__(self) -> str:
        return f"FakeClock(now={self._now:g}, timers={self.pending})"

    def now(self) -> float:
        """Seconds; they move only by `advance` or a jump."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970; they move together with `now()`."""
        return self._epoch + self._now

    @property
    def pending(self) -> int:
        """How many timers wait. A test that ends with none has leaked none."""
        return sum(not timer.cancelled for _, _, timer in self._timers)

    async def sleep(self, seconds: float) -> None:
        """Come back when `seconds` of this clock have passed."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_at(self._now + seconds, lambda: _wake(woken))
        try:
            await woken
        finally:
            timer.cancel()

    def call_at(self, when: float, callback: Callable[[], object]) -> _Timer:
        """Have `callback` called in the running loop when `now()` has reached `when`."""
        loop = asyncio.get_running_loop()
        self._watch(loop)
        timer = _Timer(loop, callback)
        if when <= self._now:
            timer.fire()
        else:
            heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    async def settle(self) -> None:
        """Come back when every other task of the loop is blocked."""
        loop = asyncio.get_running_loop()
        self._watch(loop)
        settled: asyncio.Future[None] = loop.create_future()
        self._settling.append(settled)
        await settled

    async def advance(self, seconds: float) -> None:
        """Move time on by `seconds`, timer by timer; whoever wakes may do all it can before time goes on."""
        target = self._now + seconds
        await self.settle()
        while (when := self._next()) <= target:
            self._jump(when)
            await self.settle()
        self._now = max(self._now, target)

    def _next(self) -> float:
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else math.inf

    def _jump(self, when: float) -> None:
        self._now = max(self._now, when)
        while self._next() <= self._now:
            heapq.heappop(self._timers)[2].fire()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop in self._watched:
            return
        selector: Any = getattr(loop, "_selector", None)
        if selector is None:
            raise RuntimeError(f"FakeClock works with asyncio's own event loops, not with {type(loop).__name__}.")
        select: Callable[[float | None], Sequence[Any]] = selector.select

        def select_or_jump(timeout: float | None = None) -> Sequence[Any]:
            blocks = timeout is None or timeout > self.threshold
            if not blocks or not self._is_awaited():
                return select(timeout)
            events = select(self.threshold)
            if not events:
                self._go_on()
            return events

        selector.select = select_or_jump
        self._watched.add(loop)

    def _is_awaited(self) -> bool:
        return bool(self._settling) or (self.autojump and self._next() < math.inf)

    def _go_on(self) -> None:
        """Everything is blocked: whoever waits for that comes first, then time."""
        settling, self._settling = self._settling, []
        for settled in settling:
            _wake(settled)
        if not settling:
            self._jump(self._next())


class _Timer:
    """A callback that waits for its time in the loop that asked for it."""

    __slots__ = ("_callback", "_loop", "cancelled")

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        self._loop = loop
        self._callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Forget the callback."""
        self.cancelled = True

    def fire(self) -> None:
        self._loop.call_soon(self._run)

    def _run(self) -> None:
        if not self.cancelled:
            self._callback()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
