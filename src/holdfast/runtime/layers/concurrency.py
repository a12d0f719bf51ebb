"""A layer that keeps the number of calls under way bounded, and the queue before them too."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final

from holdfast.errors import OverloadedError
from holdfast.events import Event
from holdfast.model import Layer, Model
from holdfast.request import Request

LOCAL: Final = "local_queue_full"
"""The `code` of errors that this layer raises itself; no server has seen the call, and their `rule` is `"local"`."""


def concurrency(limit: int, *, max_queue: int | None = None) -> Layer:
    """A layer that lets at most `limit` calls run at once, over all the models that it wraps.

    Further calls wait, first come, first served; a call holds its place until its stream ends or is closed. When
    `max_queue` calls wait already, the next fails at once with an `OverloadedError` (`code="local_queue_full"`).
    """
    slots = _Slots(limit, max_queue)

    def layer(model: Model) -> Model:
        return _Bounded(model, slots)

    return layer


class _Bounded:
    def __init__(self, inner: Model, slots: _Slots) -> None:
        self.name = inner.name
        self._inner = inner
        self._slots = slots

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        await self._slots.take()
        try:
            events = self._inner.stream(request)
            try:
                async for event in events:
                    yield event
            finally:
                await events.aclose()
        finally:
            self._slots.give()


class _Slots:
    """Places for calls. One that is given back goes straight to the first in the queue."""

    def __init__(self, limit: int, max_queue: int | None) -> None:
        self._limit = limit
        self._free = limit
        self._max_queue = max_queue
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        if self._free:
            self._free -= 1
            return
        if self._max_queue is not None and len(self._waiting) >= self._max_queue:
            message = f"{self._limit} calls are under way and {len(self._waiting)} wait; no more may wait"
            raise OverloadedError(message, code=LOCAL, rule="local")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give()  # the place was given in the moment of the cancellation
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def give(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
