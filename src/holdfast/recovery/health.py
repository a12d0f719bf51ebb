"""The health of models: a failing one rests, is probed by one call, and comes back. Time is an argument.

healthy --(threshold failures in a row, or one that says for how long)--> resting --(time)--> probing
probing --(success)--> healthy         probing --(failure)--> resting, twice as long
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from holdfast.errors import (
    AuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
)

_AT_ONCE = (QuotaExhaustedError, AuthenticationError, PermissionDeniedError, ModelNotFoundError)
_IN_A_ROW = (OverloadedError, ServerError, ModelTimeoutError, ModelConnectionError)


class _State:
    __slots__ = ("asked", "failures", "probing", "rest", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.rest = 0.0
        self.until = -math.inf  # the end of its rest
        self.asked = -math.inf  # the end of the wait that its server asked for
        self.probing = False


class Health:
    """What is known of the models of one client, or of several.

    Args:
        threshold: failures in a row after which a model rests.
        rest: seconds of the first rest; each further one is twice as long, up to `longest`.
        longest: the longest rest, in seconds; a server's own wait is cut to it too.
    """

    def __init__(self, *, threshold: int = 5, rest: float = 5.0, longest: float = 300.0) -> None:
        self._threshold = threshold
        self._rest = rest
        self._longest = longest
        self._states: dict[str, _State] = {}

    def resting(self, names: Iterable[str], now: float) -> dict[str, float]:
        """Seconds until they may be asked, for those of `names` that rest now."""
        if not self._states:
            return {}
        waits = {name: self.wait(name, now) for name in names if name in self._states}
        return {name: wait for name, wait in waits.items() if wait > 0}

    def wait(self, name: str, now: float) -> float:
        """Seconds until this model may be asked; 0 when it may be now. While a probe runs, others wait for it."""
        state = self._states.get(name)
        if state is None:
            return 0.0
        return self._rest if state.probing else max(0.0, state.until - now, state.asked - now)

    def asked(self, names: Iterable[str], now: float) -> dict[str, float]:
        """Seconds that servers asked to wait, for those of `names` whose wait is not over."""
        if not self._states:
            return {}
        waits = {name: self._states[name].asked - now for name in names if name in self._states}
        return {name: wait for name, wait in waits.items() if wait > 0}

    def begin(self, name: str) -> None:
        """A call to this model starts; after a rest it is the probe."""
        state = self._states.get(name)
        if state is not None and state.rest:
            state.probing = True

    def abandon(self, name: str) -> None:
        """A call ended without a verdict on the model (cancelled, or the request itself was wrong)."""
        if name in self._states:
            self._states[name].probing = False

    def succeed(self, name: str) -> None:
        """A call to this model succeeded."""
        if name in self._states:
            del self._states[name]

    def fail(self, name: str, error: ModelError, now: float) -> None:
        """A call to this model failed. One that never left (a layer's own limit) says nothing of it."""
        if error.rule == "local":
            self.abandon(name)
            return
        rest_now = isinstance(error, _AT_ONCE) or (isinstance(error, RateLimitError) and error.retry_after is not None)
        if not rest_now and not isinstance(error, _IN_A_ROW):
            self.abandon(name)
            return
        state = self._states.setdefault(name, _State())
        state.failures += 1
        if rest_now or state.probing or state.failures >= self._threshold:
            self._send_to_rest(state, error.retry_after, now)
        state.probing = False

    def _send_to_rest(self, state: _State, retry_after: float | None, now: float) -> None:
        if retry_after is not None:
            # The server's own word is no sign of illness: the next call after it is a plain one.
            state.asked = max(state.asked, now + min(retry_after, self._longest))
            return
        state.rest = min(self._longest, 2 * state.rest if state.rest else self._rest)
        state.until = now + state.rest
