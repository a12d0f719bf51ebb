"""Blocking functions in threads of their own.

The threads are daemons and belong to no pool: one that never comes back holds up neither the event loop's end nor the
process's. Whoever stops waiting leaves it behind; Python has no way to stop it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """What `function` gives or raises; it sees the context variables of the caller."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()
    context = copy_context()

    def settle(value: T | None, error: BaseException | None) -> None:
        if not outcome.done():
            outcome.set_result((value, error))

    def work() -> None:
        value: T | None = None
        failure: BaseException | None = None
        try:
            value = context.run(function)
        except BaseException as error:  # noqa: BLE001  # it is raised again where the caller waits
            failure = error
        with suppress(RuntimeError):  # the loop has been closed meanwhile: nobody waits
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=work, name="holdfast-tool", daemon=True).start()
    value, error = await outcome
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # it is a T where there is no error
