"""How long to wait before the same model is asked again."""

from __future__ import annotations

from msgspec import Struct


class Backoff(Struct, frozen=True, kw_only=True):
    """Exponential back-off with full jitter, in seconds.

    The n-th wait (from 0) is drawn evenly from 0 to `base * 2**n`, at most `cap`: of the schemes that AWS compared
    ("Exponential Backoff And Jitter") the one with the fewest calls.
    """

    base: float = 0.5
    cap: float = 8.0

    def delay(self, n: int, jitter: float, retry_after: float | None = None) -> float:
        """The wait in seconds; the server's own `retry_after` wins. `jitter` is a random number in [0, 1)."""
        if retry_after is not None:
            return retry_after
        return jitter * min(self.cap, self.base * 2.0 ** min(n, 30))
