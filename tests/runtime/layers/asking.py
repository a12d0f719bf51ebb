"""What the tests of the layers do again and again."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from holdfast.errors import ModelError
from holdfast.messages import UserMessage
from holdfast.request import Request
from holdfast.response import fold

HELLO = Request(messages=(UserMessage("Hello"),))


async def events_of(model, request=HELLO):
    async with aclosing(model.stream(request)) as events:
        return [event async for event in events]


async def ask(model, request=HELLO):
    return fold(await events_of(model, request))


async def failed(model, request=HELLO):
    """The events that came, and the error that came then."""
    seen = []
    async with aclosing(model.stream(request)) as events:
        try:
            async for event in events:
                seen.append(event)  # noqa: PERF401  # what came before the error counts
        except ModelError as error:
            return seen, error
    raise AssertionError("the call did not fail")


async def cancel_everywhere(make, check, *, steps=40):
    """Run `make()` again and again, cancelled after one more turn of the loop each time, and `check()` after each."""
    for turns in range(steps):
        task = asyncio.ensure_future(make())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        check()
