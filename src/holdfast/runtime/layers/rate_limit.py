"""A layer that starts calls no faster than a limit allows: a stated one, and the one that the server's answers show.

All calls that share a limit share one queue (first come, first served), one rate and one Retry-After gate. A call that
need not wait costs a few comparisons; only the head of the queue has a timer. The layer never repeats a call: what
was rejected is the policies' to send again, and then queues here as everybody does.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from typing import Literal

from holdfast.errors import RateLimitError
from holdfast.events import Event, Finish
from holdfast.messages import ToolCall
from holdfast.model import Layer, Model
from holdfast.recovery.pacing import Pacer, Window
from holdfast.request import Request
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.runtime.layers.rate_queue import RateQueue


def rate_limit(
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    *,
    adaptive: bool = True,
    max_wait: float = 30.0,
    when_full: Literal["fail", "send"] = "fail",
    key: str | Callable[[Model], str] | None = None,
    estimate: Callable[[Request], float] | None = None,
    pacer: Callable[[], Pacer] = Pacer,
    clock: Clock | None = None,
) -> Layer:
    """A layer that paces the calls of the models it wraps.

    Args:
        requests_per_minute: never start more calls in any 60 s.
        tokens_per_minute: never spend more tokens in any 60 s. A call counts with its estimate until its usage is
            known.
        adaptive: learn from rate-limit errors how fast the server lets calls pass (see `Pacer`).
        max_wait: seconds that a call may queue, and never longer than its timeouts (`first_event`, `total`) allow. Once
            it is clear that it would take longer, the call fails, so that the policies can decide to go elsewhere.
        when_full: with `"send"` it does not fail but is sent at once, as if there were no layer: it may be rejected.
        key: models of one key share one limit; by default a model's name. Name the account when a limit holds for
            several models or keys together.
        estimate: tokens that a request will take, before it is sent; by default its characters by four.
        pacer: makes the learner of one limit.
        clock: where time comes from.

    The layer's own error is a `RateLimitError` with `code="local_rate_limit"` and, as `retry_after`, the seconds that
    the queue takes.
    """
    limits: dict[str, RateQueue] = {}

    def layer(model: Model) -> Model:
        name = key(model) if callable(key) else key or model.name
        if name not in limits:
            limits[name] = RateQueue(
                name,
                requests=Window(requests_per_minute) if requests_per_minute else None,
                tokens=Window(tokens_per_minute) if tokens_per_minute else None,
                pacer=pacer() if adaptive else None,
                max_wait=max_wait,
                clock=clock or SystemClock(),
            )
        return _RateLimited(model, limits[name], estimate or estimate_tokens, patient=when_full == "fail")

    return layer


def estimate_tokens(request: Request) -> float:
    """About how many tokens the words of a request are; the answer is not in it."""
    characters = 0
    for message in request.messages:
        for part in message.parts:
            characters += len(part.arguments if isinstance(part, ToolCall) else getattr(part, "text", None) or "")
    return characters / 4


class _RateLimited:
    def __init__(self, inner: Model, limit: RateQueue, estimate: Callable[[Request], float], *, patient: bool) -> None:
        self.name = inner.name
        self._inner = inner
        self._limit = limit
        self._estimate = estimate
        self._patient = patient

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        limit = self._limit
        try:
            spent = await limit.enter(self._estimate(request) if limit.counts_tokens else 0.0, _patience(request))
        except RateLimitError:
            if self._patient:
                raise
            spent = None
        events = self._inner.stream(request)
        try:
            first = await anext(events, None)
            if first is None:
                return
            limit.accept()
            yield first
            async for event in events:
                if spent is not None and type(event) is Finish:
                    limit.correct(spent, event.usage)
                yield event
        except RateLimitError as error:
            limit.reject(error)
            raise
        finally:
            await events.aclose()


def _patience(request: Request) -> float:
    """How many seconds the request's own limits leave for waiting."""
    limits = request.timeouts
    if limits is None:
        return math.inf
    return limits.total if limits.first_event is None else min(limits.first_event, limits.total)
