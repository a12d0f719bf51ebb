"""One model for all wires: what breaks, what is kept, and what becomes of the connection."""

from __future__ import annotations

import asyncio

import pytest

from holdfast import (
    Client,
    Endpoint,
    ModelConnectionError,
    ModelError,
    ServerError,
    StreamInterruptedError,
    UserMessage,
)
from holdfast.request import Request
from holdfast.runtime.transport import AiohttpTransport
from wire import chunked, serving, whole

CHAT = b'{"id":"1","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"content":"Hello"}}]}'
DELTA = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
FINISH = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM = {"content_type": "text/event-stream"}
REQUEST = Request(messages=(UserMessage("Hi"),), stream=True)


def model_at(url: str):
    return Endpoint("here", base_url=url).model("m")


async def read(model) -> list:
    events = []
    async for event in model.stream(REQUEST):
        events.append(event)  # noqa: PERF401  # what came before an error counts
    return events


async def closed(wire) -> bool:
    """Whether every connection is closed, or will be in a moment."""
    async with asyncio.timeout(2):
        while wire.open:  # noqa: ASYNC110  # the server's side is no code of ours
            await asyncio.sleep(0.001)
    return True


@pytest.mark.parametrize(
    ("pieces", "error"),
    [((), ModelConnectionError), ((b": hello\n\n",), ModelConnectionError), ((DELTA,), StreamInterruptedError)],
)
async def test_a_break_is_one_of_the_connection_until_something_has_come(pieces, error):
    async with serving([chunked(*pieces, end=False, **STREAM), 0.02, "reset"]) as wire:
        model = model_at(wire.url)
        with pytest.raises(error) as caught:
            await read(model)
        await model.close()
    assert (caught.value.phase, caught.value.provider, caught.value.model) == ("read", "here", "m")


async def test_a_break_after_the_last_word_costs_nothing():
    async with serving([chunked(DELTA, FINISH, DONE, end=False, **STREAM), 0.02, "reset"]) as wire:
        model = model_at(wire.url)
        assert (await read(model))[-1].finish_reason == "stop"
        await model.close()


async def test_a_connection_is_used_again_after_a_whole_answer():
    async with serving([chunked(DELTA, FINISH, DONE, **STREAM)]) as wire:
        model = model_at(wire.url)
        await read(model)
        await read(model)
        assert (len(wire.requests), wire.open) == (2, 1)
        await model.close()


async def test_a_consumer_that_leaves_early_closes_the_connection():
    more = b"%x\r\n%s\r\n" % (len(DELTA), DELTA)
    async with serving([chunked(DELTA, end=False, **STREAM), *[0.002, more] * 900]) as wire:
        model = model_at(wire.url)
        events = model.stream(REQUEST)
        await anext(events)
        await events.aclose()
        assert await closed(wire)
        await model.close()


async def test_the_body_of_an_error_is_read_to_a_bound_and_no_further():
    body = b'{"error":{"message":"broken"}}' + b" " * 3_000_000
    async with serving([whole(body, 500)]) as wire:
        model = model_at(wire.url)
        with pytest.raises(ServerError, match="broken") as caught:
            await read(model)
        assert caught.value.raw is not None
        assert len(caught.value.raw) < 10_000
        await model.close()


async def test_an_error_whose_body_breaks_off_is_still_that_error():
    async with serving([whole(b'{"error":{"message":"bro' + b" " * 100, 503)[:-50], "close"]) as wire:
        model = model_at(wire.url)
        with pytest.raises(ModelError) as caught:
            await read(model)
        assert caught.value.status == 503
        await model.close()


async def test_a_lent_transport_is_given_back_and_not_closed():
    async with serving([whole(CHAT)]) as wire:
        transport, model = AiohttpTransport(), model_at(wire.url)
        async with Client(model, transport=transport) as client:
            await client.create("Hi")
        async with Client(model, transport=transport) as client:
            await client.create("Hi")
        assert wire.open == 1
        await transport.close()
        assert await closed(wire)


async def test_a_model_closes_what_it_opened_itself():
    async with serving([whole(CHAT)]) as wire:
        model = model_at(wire.url)
        await read(model)
        await model.close()
        assert await closed(wire)
