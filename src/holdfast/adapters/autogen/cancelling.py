"""Cancellation by token: one callback a call, which asks the token nothing and may come from any thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from autogen_core import CancellationToken

T = TypeVar("T")


class Cancellation:
    """Links one call to a token.

    The token calls back inside its own lock, in the thread that cancels, and keeps the callback for ever. So it does no
    more than set a flag and wake the loop, and it holds nothing of the call.

    Raises:
        asyncio.CancelledError: the token is cancelled already.
    """

    def __init__(self, token: CancellationToken | None) -> None:
        self._cancelled = False
        self._interrupted = False
        self._waiting: asyncio.Task[object] | None = None
        self._loop = asyncio.get_running_loop()
        if token is not None:
            token.add_callback(self._cancel)
        self._check()

    async def wait(self, start: Callable[[], Awaitable[T]]) -> T:
        """What comes of the awaitable that `start` gives; it is cancelled when the token is."""
        task = self._waiting = asyncio.current_task()
        try:
            self._check()  # from here on the callback sees that somebody waits
            return await start()
        except asyncio.CancelledError:
            if self._interrupted and task is not None:
                task.uncancel()  # the call was cancelled, not the task around it
            raise
        finally:
            self._waiting = None

    def _check(self) -> None:
        if self._cancelled:
            raise asyncio.CancelledError

    def _cancel(self) -> None:
        self._cancelled = True
        if self._waiting is not None:  # after the call the loop may be closed
            self._loop.call_soon_threadsafe(self._interrupt)

    def _interrupt(self) -> None:
        if self._waiting is not None:
            self._interrupted = True
            self._waiting.cancel()
