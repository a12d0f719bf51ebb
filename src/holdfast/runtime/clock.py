"""Time as a port, so that a test can own it. Nothing else in the package reads a clock, sleeps or sets a timer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A callback that waits for its time."""

    def cancel(self) -> None:
        """Forget the callback."""
        ...


class Clock(Protocol):
    """Where time comes from. Seconds throughout."""

    def now(self) -> float:
        """A time that never goes back."""
        ...

    def wall(self) -> float:
        """Seconds since 1970."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Come back after `seconds`."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Have `callback` called when `now()` has reached `when`."""
        ...


class SystemClock:
    """The machine's clock and the running event loop's timers."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        """Come back after `seconds`."""
        await asyncio.sleep(seconds)

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Have `callback` called when `now()` has reached `when`."""
        return asyncio.get_running_loop().call_later(when - self.now(), callback)
