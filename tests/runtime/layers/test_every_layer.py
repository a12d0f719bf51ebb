"""What holds for every layer: it is a model, it changes nothing unasked, and it lets go at once."""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing

import pytest

from holdfast.errors import RateLimitError, ServerError, StreamInterruptedError
from holdfast.events import TextDelta
from holdfast.messages import Text, Thinking, ToolCall
from holdfast.model import Model
from holdfast.recovery.pacing import Pacer
from holdfast.runtime.layers.cache import cache
from holdfast.runtime.layers.concurrency import concurrency
from holdfast.runtime.layers.faults import Fault, faults
from holdfast.runtime.layers.hedge import hedge
from holdfast.runtime.layers.rate_limit import rate_limit
from holdfast.runtime.layers.trace import trace
from holdfast.testing import Pause, ScriptedModel, check_model
from holdfast.usage import Usage
from runtime.layers.asking import HELLO, ask, cancel_everywhere, events_of, failed


def everything(clock):
    layers = [LAYERS[name](clock) for name in ("trace", "cache", "concurrency", "rate_limit", "hedge", "faults")]

    def layer(model):
        for each in reversed(layers):
            model = each(model)
        return model

    return layer


def test_the_names_of_the_package_are_the_layers_and_not_their_modules():
    from holdfast.runtime import layers  # noqa: PLC0415  # as above

    assert all(callable(getattr(layers, name)) for name in layers.__all__)
    assert layers.hedge is hedge
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        layers.nothing  # noqa: B018  # it is the access that fails


LAYERS = {
    "cache": lambda _: cache(),
    "concurrency": lambda _: concurrency(1),
    "faults": lambda clock: faults(Fault(after=1, delay=1), clock=clock),
    "hedge": lambda clock: hedge(after=1.5, max_share=1, clock=clock),
    "rate_limit": lambda clock: rate_limit(1000, clock=clock, max_wait=math.inf, pacer=lambda: Pacer(probe=math.inf)),
    "trace": lambda clock: trace(capture_content=True, clock=clock),
    "all at once": everything,
}


@pytest.fixture(params=LAYERS)
def layer(request, clock):
    return LAYERS[request.param](clock)


SCRIPT = [Thinking("hm"), Text("a"), Text("b"), ToolCall("1", "f", '{"a":1}'), Pause(0.1)]


async def test_it_is_a_model_called_like_the_inner_one(layer, clock):
    inner = ScriptedModel(SCRIPT, name="openai/gpt", then="last", clock=clock)
    model = layer(inner)
    assert isinstance(model, Model)
    assert model.name == "openai/gpt"
    await check_model(model, HELLO)
    assert inner.active == 0


async def test_events_come_through_as_they_are(layer, clock):
    inner = ScriptedModel(SCRIPT, usage=Usage(input_tokens=3), then="last", clock=clock)
    assert await events_of(layer(inner)) == await events_of(inner)


async def test_the_request_comes_through_as_it_is(layer):
    inner = ScriptedModel("x")
    request = HELLO.replace(stream=True, extra={"a": 1})
    await ask(layer(inner), request)
    assert inner.requests == [request]


@pytest.mark.parametrize("error", [ServerError("broken"), RateLimitError("slow", retry_after=1)])
async def test_an_error_comes_through_as_it_is(layer, error):
    inner = ScriptedModel(error)
    seen, raised = await failed(layer(inner))
    assert (seen, raised, inner.active) == ([], error, 0)


async def test_an_answer_that_breaks_shows_what_came_and_raises_the_same_error(layer):
    error = StreamInterruptedError("reset")
    seen, raised = await failed(layer(ScriptedModel(["a", error])))
    assert [event.text for event in seen if isinstance(event, TextDelta)] == ["a"]
    assert raised is error
    assert raised.partial.text == "a"


@pytest.mark.parametrize("count", range(5))
async def test_left_after_any_event_the_inner_stream_is_closed_before_aclose_returns(layer, clock, count):
    inner = ScriptedModel(["a", "b", "c", Pause()], then="last", clock=clock)
    async with aclosing(layer(inner).stream(HELLO)) as events:
        for _ in range(count):
            await anext(events)
    assert (inner.active, clock.pending) == (0, 0)


async def test_cancelled_at_every_await_nothing_is_left_and_the_next_call_works(layer, clock):
    inner = ScriptedModel([Pause(2), "a", Pause(1), "b"], then="last", clock=clock)
    model = layer(inner)
    request = HELLO
    number = 0

    async def calls():
        nonlocal number
        number += 1
        request = HELLO.replace(extra={"call": number})  # the cache must not answer
        await asyncio.gather(ask(model, request), ask(model, request.replace(extra={"call": -number})))

    def check():
        assert inner.active == 0
        assert clock.pending == 0

    await cancel_everywhere(calls, check, steps=80)
    assert (await ask(model, request)).text == "ab"


async def test_the_consumers_slowness_holds_the_model_back(layer, clock):
    made = 0

    class Endless:
        name = "endless"

        async def stream(self, request):  # the port names it
            nonlocal made
            async for event in ScriptedModel(["a"] * 5000).stream(HELLO):
                made += 1
                yield event

    async with aclosing(layer(Endless()).stream(HELLO)) as events:
        for _ in range(3):
            await anext(events)
        await clock.sleep(10)
        assert made < 50
