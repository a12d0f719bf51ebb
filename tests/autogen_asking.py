"""What the tests of the adapter say and do again and again."""

from __future__ import annotations

import asyncio

from autogen_core.models import CreateResult, UserMessage

HELLO = [UserMessage(content="Say it.", source="user")]


def said(text, source="user"):
    return UserMessage(content=text, source=source)


async def streamed(client, messages=HELLO, **options):
    """All items of a stream, and the error that ended it, if one did."""
    items = []
    try:
        async for item in client.create_stream(messages, **options):
            items.append(item)  # noqa: PERF401  # what came before an error counts
    except Exception as error:  # noqa: BLE001  # it is looked at
        return items, error
    return items, None


def follows_the_contract(items):
    """Strings and results, a result last."""
    return all(isinstance(item, str | CreateResult) for item in items) and isinstance(items[-1], CreateResult)


async def until(condition, seconds=5.0):
    """Come back when `condition()` holds; other tasks go on meanwhile."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # sockets and scripts have no event to wait for
            await asyncio.sleep(0.002)
