"""A retry budget: retries spend, successes earn, and an outage does not become a storm."""

from __future__ import annotations


class RetryBudget:
    """A bucket of tokens that the calls of one client, or of several, share.

    The numbers are those of the AWS SDKs' standard mode: a retry costs 5 and gets it back when it succeeds, a call that
    succeeds at once earns 1. An empty bucket allows no retry to the same model; fallbacks are not touched by it.
    """

    def __init__(self, capacity: int = 500, cost: int = 5) -> None:
        self._capacity = capacity
        self._cost = cost
        self._tokens = capacity

    @property
    def tokens(self) -> int:
        """What is left."""
        return self._tokens

    @property
    def allows(self) -> bool:
        """Whether there is enough for another retry."""
        return self._tokens >= self._cost

    def spend(self) -> None:
        """A retry is made."""
        self._tokens = max(0, self._tokens - self._cost)

    def earn(self, *, retried: bool) -> None:
        """A call succeeded, after retries or at once."""
        self._tokens = min(self._capacity, self._tokens + (self._cost if retried else 1))
