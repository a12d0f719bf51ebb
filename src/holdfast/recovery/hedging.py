"""When a second model may be asked: after how long, and for which share of the calls. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import ceil


class WaitingTimes:
    """The last `size` times, in seconds, that a model took until it showed something useful."""

    def __init__(self, size: int = 200) -> None:
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []
        self._size = size

    def __len__(self) -> int:
        return len(self._latest)

    def add(self, seconds: float) -> None:
        """Take one more; the oldest is forgotten."""
        if len(self._latest) >= self._size:
            del self._sorted[bisect_left(self._sorted, self._latest.popleft())]
        self._latest.append(seconds)
        insort(self._sorted, seconds)

    def percentile(self, share: float) -> float:
        """The time that `share` of them (0 to 1) did not exceed."""
        return self._sorted[max(0, ceil(share * len(self._sorted)) - 1)]


class Share:
    """Lets at most `share` of the calls do something: every call earns that much of a token, and a deed costs one.

    One token is there from the start, and `burst` are saved at most, so that a bad minute is helped in full but an
    outage is not doubled.
    """

    def __init__(self, share: float, burst: float = 10.0) -> None:
        self._share = share
        self._burst = burst
        self._tokens = 1.0 if share > 0 else 0.0

    def earn(self) -> None:
        """A call is made."""
        self._tokens = min(self._burst, self._tokens + self._share)

    def spend(self) -> bool:
        """Whether the deed may be done; if so, it is counted."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
