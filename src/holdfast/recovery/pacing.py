"""How fast calls may start under a limit: stated ones as sliding windows, unknown ones learned from rejections.

Pure: times are seconds on any clock that never goes back, and come in as arguments. The runtime keeps the queue.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

FORGET: Final = 600.0
"""Seconds without a rejection after which a learned limit is forgotten."""

RECENT: Final = 10.0
"""Seconds that count as lately, when a first limit is guessed from what was accepted."""

STEP: Final = 0.25
"""Seconds that a step of a burst takes that is let out bit by bit."""


class Window:
    """At most `limit` units in any span of `seconds`; a unit is a request or a token.

    A server may count in fixed windows, in sliding ones or with a leaking bucket as large as the limit: what passes
    here passes there.
    """

    def __init__(self, limit: float, seconds: float = 60.0) -> None:
        self.limit = limit
        self.seconds = seconds
        self._spent: deque[tuple[float, float]] = deque()
        self._total = 0.0

    def ready_at(self, cost: float, now: float) -> float:
        """When `cost` units may be spent; infinity when they never fit."""
        self._expire(now)
        over = self._total + cost - self.limit
        if over <= 0:
            return now
        for when, units in self._spent:
            over -= units
            if over <= 0:
                return when + self.seconds
        return math.inf

    def spend(self, cost: float, now: float) -> None:
        """Count `cost` units as of `now`; negative ones correct what was counted too high."""
        self._spent.append((now, cost))
        self._total += cost

    def _expire(self, now: float) -> None:
        while self._spent and self._spent[0][0] + self.seconds <= now:
            self._total -= self._spent.popleft()[1]


class Pacer:
    """Finds the rate that a server accepts: additive increase, multiplicative decrease (AIMD).

    It starts without a limit. The first rejection sets a rate to what was accepted of late; each later one lowers it,
    but only once per `window` seconds: the hundred rejections of one burst are one piece of news. Accepted calls raise
    it, fast while it is far from the rate at which it was last cut, slowly near it. A Retry-After closes one gate for
    everybody.

    While there is no limit, only a sudden burst is held back: `probe` calls start at once, and in each next quarter of
    a second twice as many as ever passed in one. A burst that nobody has tried yet thus meets an unknown limit
    with a few calls, not with all.

    Args:
        window: seconds in which only one cut is made.
        cut: what a rate is multiplied with on a rejection.
        climb: by how much a rate (calls per second) grows with each accepted call, near the last cut.
        leap: the same, far from it.
        floor: the lowest rate, in calls per second.
        probe: how many calls may start at once before more than that have passed.
    """

    def __init__(
        self,
        *,
        window: float = 0.5,
        cut: float = 0.85,
        climb: float = 0.02,
        leap: float = 0.2,
        floor: float = 0.05,
        probe: float = 16,
    ) -> None:
        self.rate: float | None = None
        self._window = window
        self._cut = cut
        self._climb = climb
        self._leap = leap
        self._floor = floor
        self._ramp = _Ramp(probe)
        self._accepted: deque[float] = deque(maxlen=512)
        self._gate = -math.inf
        self._ceiling = math.inf
        self._last_cut = -math.inf
        self._credit = 0.0
        self._credit_at = -math.inf

    def ready_at(self, now: float) -> float:
        """When the next call may start."""
        ready = max(now, self._gate)
        if self.rate is None:
            return max(ready, self._ramp.ready_at(now))
        if now - self._last_cut > FORGET:
            self.rate, self._ceiling = None, math.inf
            return ready
        return max(ready, self._credit_at + (1.0 - self._credit) / self.rate)

    def start(self, now: float) -> None:
        """A call starts."""
        if self.rate is None:
            self._ramp.start(now)
        else:
            self._earn(now, self.rate)
            self._credit -= 1.0

    def accept(self, now: float) -> None:
        """A call was let through."""
        self._accepted.append(now)
        if self.rate is not None:
            self._earn(now, self.rate)
            near = 0.8 <= self.rate / self._ceiling <= 1.1
            self.rate += self._climb if near else self._leap

    def reject(self, now: float, retry_after: float | None = None) -> None:
        """A call was turned away, and asked to wait for `retry_after` seconds."""
        self._gate = max(self._gate, now + (retry_after or 0.0))
        if now - self._last_cut < self._window:
            return
        self._last_cut = now
        if self.rate is None:
            self.rate = max(self._floor, self._seen(now, retry_after or 1.0))
        else:
            self._ceiling = self.rate
            self.rate = max(self._floor, self.rate * self._cut)
        self._credit, self._credit_at = 0.0, max(now, self._gate)

    def _earn(self, now: float, rate: float) -> None:
        """Unused time gives credit for a small burst, of a quarter of a second's worth."""
        if now > self._credit_at:
            self._credit = min(max(1.0, rate / 4), self._credit + (now - self._credit_at) * rate)
            self._credit_at = now

    def _seen(self, now: float, pause: float) -> float:
        """Calls per second that the server let through lately, the pause that it asks for included."""
        lately = [when for when in self._accepted if now - when <= RECENT]
        begin = lately[0] if lately else now
        return max(1, len(lately)) / (now - begin + pause)


class _Ramp:
    """Lets a burst out in steps, each at most twice as large as the largest that has passed."""

    def __init__(self, probe: float) -> None:
        self._proven = probe / 2
        self._begin = -math.inf
        self._started = 0

    def ready_at(self, now: float) -> float:
        if now - self._begin >= STEP or self._started < 2 * self._proven:
            return now
        return self._begin + STEP

    def start(self, now: float) -> None:
        if now - self._begin >= STEP:
            self._proven = max(self._proven, self._started)
            self._begin, self._started = now, 0
        self._started += 1
