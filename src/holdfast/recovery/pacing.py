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
"""Seconds that count as lately, when a limit is guessed from what was let through."""

STEP: Final = 0.25
"""Seconds that a step of a burst takes that is let out bit by bit."""


class Spent:
    """Units that were spent at a time; what they really were may come out later."""

    __slots__ = ("units", "when")

    def __init__(self, when: float, units: float) -> None:
        self.when = when
        self.units = units


class Window:
    """At most `limit` units in any span of `seconds`; a unit is a request or a token.

    A server may count in fixed windows, in sliding ones or with a leaking bucket as large as the limit: what passes
    here passes there. A cost above the limit counts as the limit, so that it passes alone and the server decides.
    """

    def __init__(self, limit: float, seconds: float = 60.0) -> None:
        self.limit = limit
        self.seconds = seconds
        self._spent: deque[Spent] = deque()
        self._total = 0.0

    def ready_at(self, cost: float, now: float, ahead: float = 0.0) -> float:
        """When `cost` units may be spent, after `ahead` units that others wait to spend."""
        self._expire(now)
        rounds, rest = divmod(ahead + min(cost, self.limit), self.limit)
        if not rest:
            rounds, rest = rounds - 1, self.limit
        over = self._total + rest - self.limit
        ready = now
        for spent in self._spent:
            if over <= 0:
                break
            over -= spent.units
            ready = spent.when + self.seconds
        return ready + rounds * self.seconds

    def spend(self, cost: float, now: float) -> Spent:
        """Count `cost` units as of `now`."""
        spent = Spent(now, min(cost, self.limit))
        self._spent.append(spent)
        self._total += spent.units
        return spent

    def correct(self, spent: Spent, units: float) -> None:
        """Say what was really spent."""
        if self._spent and spent.when >= self._spent[0].when:
            self._total += units - spent.units
            spent.units = units

    def _expire(self, now: float) -> None:
        while self._spent and self._spent[0].when + self.seconds <= now:
            self._total -= self._spent.popleft().units


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
        leap: float = 0.1,
        floor: float = 0.1,
        probe: float = 16,
    ) -> None:
        self.rate: float | None = None
        self._window = window
        self._cut = cut
        self._climb = climb
        self._leap = leap
        self._floor = floor
        self._ramp = _Ramp(probe)
        self._started: deque[float] = deque(maxlen=1024)
        self._rejected: deque[float] = deque(maxlen=1024)
        self._gate = -math.inf
        self._ceiling = math.inf
        self._guessing = False
        self._last_cut = -math.inf
        self._credit = 0.0
        self._credit_at = -math.inf

    def ready_at(self, now: float, ahead: int = 0) -> float:
        """When a call may start that has `ahead` others before it."""
        ready = max(now, self._gate)
        if self.rate is None:
            return max(ready, self._ramp.ready_at(now))
        if now - self._last_cut > FORGET:
            self.rate, self._ceiling = None, math.inf
            return ready
        return max(ready, self._credit_at + (1.0 + ahead - self._credit) / self.rate)

    def start(self, now: float) -> None:
        """A call starts."""
        self._started.append(now)
        if self.rate is None:
            self._ramp.start(now)
        else:
            self._earn(now, self.rate)
            self._credit -= 1.0

    def withdraw(self) -> None:
        """A call that was to start did not."""
        if self.rate is not None:
            self._credit += 1.0

    def accept(self, now: float) -> None:
        """A call was let through."""
        if self.rate is not None:
            self._earn(now, self.rate)
            near = 0.8 <= self.rate / self._ceiling <= 1.1
            self.rate += self._climb if near else self._leap

    def reject(self, now: float, retry_after: float | None = None) -> None:
        """A call was turned away, and asked to wait for `retry_after` seconds."""
        pause = retry_after or 0.0
        self._gate = max(self._gate, now + pause)
        self._rejected.append(now)
        if now - self._last_cut >= self._window:
            self._guessing = self.rate is None
            self._ceiling = self.rate or math.inf
            self._last_cut = now
            self._set(now, self._cut * self._ceiling)
        if self._guessing:
            self._set(now, self._seen(now, pause or 1.0))

    def _set(self, now: float, rate: float) -> None:
        self.rate = max(self._floor, rate)
        # Whoever closes the gate lets one call pass when it opens.
        self._credit, self._credit_at = float(self._gate > now), max(now, self._gate)

    def _earn(self, now: float, rate: float) -> None:
        """Unused time gives credit for a small burst, of a quarter of a second's worth."""
        if now > self._credit_at:
            self._credit = min(max(1.0, rate / 4), self._credit + (now - self._credit_at) * rate)
            self._credit_at = now

    def _seen(self, now: float, pause: float) -> float:
        """Calls per second that the server seems to let through: those of late, and the pause that it asks for.

        Rejections come before answers, so whatever has not been turned away counts as let through; each further
        rejection of the same burst corrects the guess.
        """
        started = [when for when in self._started if now - when <= RECENT]
        rejected = sum(now - when <= RECENT for when in self._rejected)
        return max(1, len(started) - rejected) / (now - min(started, default=now) + pause)


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
