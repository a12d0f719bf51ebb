"""The queue before a rate limit: first come, first served, with a timer for its head alone."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from holdfast.errors import RateLimitError
from holdfast.recovery.pacing import Pacer, Spent, Window
from holdfast.runtime.clock import Clock, Timer
from holdfast.usage import Usage

LOCAL: Final = "local_rate_limit"
"""The `code` of errors that this layer raises itself; no server has seen the call, and their `rule` is `"local"`."""

_EARLY: Final = 1e-6  # timers may come this much too early


class _Waiter:
    """A call in the queue: its tokens, and until when it may wait."""

    __slots__ = ("cost", "started", "until")

    def __init__(self, cost: float, until: float) -> None:
        self.cost = cost
        self.until = until
        self.started: asyncio.Future[Spent | None] = asyncio.get_running_loop().create_future()


class RateQueue:
    """The queue before one limit: calls wait here until they may start."""

    def __init__(
        self,
        name: str,
        *,
        requests: Window | None,
        tokens: Window | None,
        pacer: Pacer | None,
        max_wait: float,
        clock: Clock,
    ) -> None:
        self._name = name
        self.counts_tokens = tokens is not None
        self._requests = requests
        self._tokens = tokens
        self._pacer = pacer
        self._max_wait = max_wait
        self._clock = clock
        self._waiting: deque[_Waiter] = deque()
        self._waiting_cost = 0.0
        self._timer: Timer | None = None
        self._armed_for = 0.0

    async def enter(self, cost: float, patience: float) -> Spent | None:
        """Wait for the permission to start a call of `cost` tokens.

        Raises:
            RateLimitError: it would take longer than `max_wait` or `patience` seconds.
        """
        longest = min(self._max_wait, patience)
        now = self._clock.now()
        ready = self._ready_at(cost, now, len(self._waiting), self._waiting_cost)
        if not self._waiting and ready <= now + _EARLY:
            return self._start(cost, now)
        if ready - now > longest:
            raise self._too_slow(ready - now)
        waiter = _Waiter(cost, now + longest)
        self._waiting.append(waiter)
        self._waiting_cost += cost
        self._go_on()
        try:
            return await waiter.started
        except asyncio.CancelledError:
            self._give_back(waiter)
            raise

    def accept(self) -> None:
        """The server let a call through."""
        if self._pacer is not None:
            self._pacer.accept(self._clock.now())
            self._go_on()

    def reject(self, error: RateLimitError) -> None:
        """The server turned a call away."""
        if self._pacer is not None and error.code != LOCAL:
            self._pacer.reject(self._clock.now(), error.retry_after)
            self._turn_away()
            self._go_on()

    def correct(self, spent: Spent, usage: Usage | None) -> None:
        """A call's tokens are known."""
        if self._tokens is not None and usage is not None:
            self._tokens.correct(spent, usage.total_tokens)
            self._go_on()

    def _ready_at(self, cost: float, now: float, ahead: int, cost_ahead: float) -> float:
        ready = now if self._pacer is None else self._pacer.ready_at(now, ahead)
        if self._requests is not None:
            ready = max(ready, self._requests.ready_at(1, now, ahead))
        if self._tokens is not None:
            ready = max(ready, self._tokens.ready_at(cost, now, cost_ahead))
        return ready

    def _start(self, cost: float, now: float) -> Spent | None:
        if self._pacer is not None:
            self._pacer.start(now)
        if self._requests is not None:
            self._requests.spend(1, now)
        return self._tokens.spend(cost, now) if self._tokens is not None else None

    def _give_back(self, waiter: _Waiter) -> None:
        """The call was cancelled: in the queue, or between its permission and its start."""
        started = waiter.started
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            self._waiting_cost -= waiter.cost
        elif started.cancelled():
            return
        elif started.exception() is None:
            spent = started.result()
            if self._pacer is not None:
                self._pacer.withdraw()
            if self._tokens is not None and spent is not None:
                self._tokens.correct(spent, 0.0)
        self._go_on()

    def _turn_away(self) -> None:
        """The gate has closed: whoever cannot wait until even the first may start is told at once."""
        now = self._clock.now()
        ready = self._ready_at(0.0, now, 0, 0.0)
        for waiter in [waiter for waiter in self._waiting if waiter.until < ready]:
            self._waiting.remove(waiter)
            self._waiting_cost -= waiter.cost
            if not waiter.started.done():
                waiter.started.set_exception(self._too_slow(ready - now))

    def _go_on(self) -> None:
        """Start whoever may start, turn away a head whose time will not do, and set the timer for the next."""
        now = self._clock.now()
        while self._waiting:
            head = self._waiting[0]
            ready = self._ready_at(head.cost, now, 0, 0.0)
            if now + _EARLY < ready <= head.until:
                self._arm(ready)
                return
            if not head.started.done():
                self._decide(head, ready, now)
            self._waiting.popleft()
            self._waiting_cost -= head.cost
        self._disarm()

    def _decide(self, head: _Waiter, ready: float, now: float) -> None:
        if ready <= now + _EARLY:
            head.started.set_result(self._start(head.cost, now))
        else:
            head.started.set_exception(self._too_slow(ready - now))

    def _arm(self, when: float) -> None:
        if self._timer is not None and self._armed_for == when:
            return
        self._disarm()
        self._timer = self._clock.call_at(when, self._wake)
        self._armed_for = when

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        self._timer = None
        self._go_on()

    def _too_slow(self, seconds: float) -> RateLimitError:
        message = (
            f"The queue before the rate limit of {self._name!r} takes {seconds:.1f} s, longer than the call may wait"
        )
        return RateLimitError(message, retry_after=seconds, code=LOCAL, rule="local")
