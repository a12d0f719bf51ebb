"""Cancellation by token: at once, from any thread, and nothing is left behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

pytest.importorskip("autogen_core")

from autogen_core import CancellationToken

from autogen_asking import HELLO, said, streamed, until
from holdfast import Endpoint
from holdfast.adapters.autogen import HoldfastChatCompletionClient
from holdfast.errors import RateLimitError
from holdfast.simulator import Rule, SimulatedModel
from holdfast.simulator.faults import vocabulary
from holdfast.testing import Pause, ScriptedModel

FAULTS = {entry.name: entry.kind for entry in vocabulary()}


async def asked(client, token, stream):
    if stream:
        return [item async for item in client.create_stream(HELLO, cancellation_token=token)]
    return await client.create(HELLO, cancellation_token=token)


BOTH = pytest.mark.parametrize("stream", [False, True], ids=["call", "stream"])


@BOTH
async def test_a_cancelled_token_sends_nothing(stream):
    model = ScriptedModel("x")
    token = CancellationToken()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked(HoldfastChatCompletionClient(model), token, stream)
    assert model.requests == []
    assert asyncio.current_task().cancelling() == 0


@BOTH
async def test_cancelling_ends_a_call_that_waits(stream):
    model = ScriptedModel(["Hel", Pause()])
    token = CancellationToken()
    task = asyncio.create_task(asked(HoldfastChatCompletionClient(model), token, stream))
    await until(lambda: model.active)
    await asyncio.sleep(0.01)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (model.active, model.abandoned) == (0, 1)


@BOTH
async def test_cancelling_ends_a_back_off(stream):
    model = ScriptedModel(RateLimitError("slow", retry_after=60), "x")
    token = CancellationToken()
    task = asyncio.create_task(asked(HoldfastChatCompletionClient(model), token, stream))
    await until(lambda: model.requests)
    await asyncio.sleep(0.01)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)
    assert len(model.requests) == 1


async def test_another_thread_may_cancel():
    model = ScriptedModel(Pause())
    token = CancellationToken()
    task = asyncio.create_task(asked(HoldfastChatCompletionClient(model), token, stream=False))
    await until(lambda: model.active)
    thread = threading.Thread(target=token.cancel)
    thread.start()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)
    thread.join()


async def test_a_consumer_that_cancels_between_two_words_gets_no_third():
    model = ScriptedModel(["One", "two", "three"])
    token = CancellationToken()
    stream = HoldfastChatCompletionClient(model).create_stream(HELLO, cancellation_token=token)
    assert await anext(stream) == "One"
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await anext(stream)
    assert model.active == 0
    assert asyncio.current_task().cancelling() == 0


async def test_one_callback_a_call_however_many_words():
    token = CancellationToken()
    client = HoldfastChatCompletionClient(ScriptedModel(["word "] * 300, "x"))
    items, _ = await streamed(client, cancellation_token=token)
    assert len(items) == 301
    await client.create(HELLO, cancellation_token=token)
    assert len(token._callbacks) == 2
    token.cancel()  # after the calls it does nothing


async def test_a_cancelled_task_is_not_mistaken_for_a_cancelled_token():
    model = ScriptedModel(Pause())
    task = asyncio.create_task(asked(HoldfastChatCompletionClient(model), CancellationToken(), stream=False))
    await until(lambda: model.active)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert model.active == 0


@BOTH
async def test_the_connection_is_closed_at_once(simulator, stream):
    running = await simulator(silent=SimulatedModel(rules=(Rule(FAULTS["stall"](after=3, seconds=30.0)),)))
    client = HoldfastChatCompletionClient(Endpoint("here", base_url=running.base_url(), api_key="key").model("silent"))
    token = CancellationToken()
    task = asyncio.create_task(
        streamed(client, [said("Hello?")], cancellation_token=token)
        if stream
        else client.create([said("Hello?")], cancellation_token=token)
    )
    await until(lambda: running.connections_open)
    await asyncio.sleep(0.05)  # the first words are on their way
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 0.5)
    await client.close()
    await until(lambda: not running.connections_open)
