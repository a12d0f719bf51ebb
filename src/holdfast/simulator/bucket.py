"""A real rate limit: a token bucket for requests and one for tokens, and the headers that tell of them.

Time is given, not read. Header names are each provider's own (OpenAI docs, "Rate limits in headers"; Anthropic docs,
"Rate limits: response headers"); Gemini and Bedrock send none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

from msgspec import Meta, Struct


class RateLimit(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """So many requests, and so many tokens, in every `seconds`."""

    requests: Annotated[int, Meta(ge=1)] | None = None
    tokens: Annotated[int, Meta(ge=1)] | None = None
    seconds: Annotated[float, Meta(gt=0)] = 60.0


class Grant(Struct, frozen=True):
    """What a limit says to one request: how long to wait (0: it may pass), and what is left of each limit."""

    wait: float
    limit: RateLimit
    requests_left: int = 0
    tokens_left: int = 0
    requests_reset: float = 0.0
    tokens_reset: float = 0.0

    @property
    def never(self) -> bool:
        """Whether the request is larger than the limit, so that no wait can help."""
        return self.wait == float("inf")


class Bucket:
    """Fills at `capacity / seconds` a second, up to `capacity`."""

    def __init__(self, capacity: float, seconds: float, now: float) -> None:
        self._capacity, self._rate = capacity, capacity / seconds
        self._level, self._at = float(capacity), now

    def wait_for(self, amount: float, now: float) -> float:
        """Seconds until `amount` is there; infinite when it never will be."""
        if amount > self._capacity:
            return float("inf")
        self._fill(now)
        return max(amount - self._level, 0.0) / self._rate

    def take(self, amount: float) -> None:
        """Take `amount` out."""
        self._level -= amount

    def left(self, now: float) -> int:
        """What is in it."""
        self._fill(now)
        return int(self._level)

    def reset(self, now: float) -> float:
        """Seconds until it is full again."""
        self._fill(now)
        return (self._capacity - self._level) / self._rate

    def _fill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now


class RateLimiter:
    """Holds a `RateLimit` against the requests of one model."""

    def __init__(self, limit: RateLimit, now: float) -> None:
        self.limit = limit
        self._requests = Bucket(limit.requests, limit.seconds, now) if limit.requests else None
        self._tokens = Bucket(limit.tokens, limit.seconds, now) if limit.tokens else None

    def ask(self, tokens: int, now: float) -> Grant:
        """Let a request of `tokens` pass, or say how long it has to wait. A refused one costs nothing."""
        wants = ((self._requests, 1), (self._tokens, tokens))
        held = [(bucket, amount) for bucket, amount in wants if bucket is not None]
        wait = max((bucket.wait_for(amount, now) for bucket, amount in held), default=0.0)
        if not wait:
            for bucket, amount in held:
                bucket.take(amount)
        requests, used = self._requests, self._tokens
        return Grant(
            wait,
            self.limit,
            requests.left(now) if requests else 0,
            used.left(now) if used else 0,
            requests.reset(now) if requests else 0.0,
            used.reset(now) if used else 0.0,
        )


def headers_of(grant: Grant, wire: str, now: float) -> Mapping[str, str]:
    """The headers with which the wire called `wire` tells of a limit; `now` in seconds since 1970."""
    rows = (
        ("requests", grant.limit.requests, grant.requests_left, grant.requests_reset),
        ("tokens", grant.limit.tokens, grant.tokens_left, grant.tokens_reset),
    )
    if wire not in _HEADERS:
        return {}
    name, moment = _HEADERS[wire]
    stated: dict[str, str] = {}
    for what, limit, left, reset in rows:
        if limit is not None:
            stated[name(what, "limit")] = str(limit)
            stated[name(what, "remaining")] = str(left)
            stated[name(what, "reset")] = moment(reset, now)
    return stated


def duration(seconds: float) -> str:
    """Seconds as OpenAI writes them in headers: `"350ms"`, `"1.2s"`, `"6m0s"`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{rest:.0f}s" if minutes else f"{round(rest, 3):g}s"


def _openai_name(what: str, fact: str) -> str:
    return f"x-ratelimit-{fact}-{what}"


def _anthropic_name(what: str, fact: str) -> str:
    return f"anthropic-ratelimit-{what}-{fact}"


def _openai_moment(reset: float, _: float) -> str:
    return duration(reset)


def _anthropic_moment(reset: float, now: float) -> str:
    return datetime.fromtimestamp(now + reset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_HEADERS: Final[Mapping[str, tuple[Callable[[str, str], str], Callable[[float, float], str]]]] = {
    "openai_chat": (_openai_name, _openai_moment),
    "openai_responses": (_openai_name, _openai_moment),
    "anthropic": (_anthropic_name, _anthropic_moment),
}
