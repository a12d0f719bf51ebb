from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import OverloadedError, ServerError
from holdfast.runtime.layers.concurrency import LOCAL, concurrency
from holdfast.testing import FakeClock, Pause, ScriptedModel
from runtime.layers.asking import HELLO, ask, cancel_everywhere, events_of


async def test_no_more_calls_than_the_limit_run_at_once(clock):
    inner = ScriptedModel(["a", Pause(1), "b"], then="last", clock=clock)
    model = concurrency(3)(inner)
    responses = await asyncio.gather(*(ask(model) for _ in range(10)))
    assert [response.text for response in responses] == ["ab"] * 10
    assert inner.most_active == 3
    assert clock.now() == 4


async def test_a_limit_holds_over_all_models_it_wraps(clock):
    one, two = (ScriptedModel([Pause(1), "x"], then="last", clock=clock) for _ in range(2))
    layer = concurrency(1)
    await asyncio.gather(ask(layer(one)), ask(layer(two)))
    assert clock.now() == 2


async def test_calls_are_let_in_in_the_order_they_came(clock):
    order = []
    inner = ScriptedModel(lambda request: [order.append(request.prefix) or "x", Pause(1)], then="last", clock=clock)
    model = concurrency(1)(inner)
    await asyncio.gather(*(ask(model, HELLO.replace(prefix=str(number))) for number in range(5)))
    assert order == ["0", "1", "2", "3", "4"]


async def test_a_full_queue_fails_at_once_and_says_that_no_server_was_asked(clock):
    inner = ScriptedModel([Pause(1), "x"], then="last", clock=clock)
    model = concurrency(1, max_queue=2)(inner)
    waiting = [asyncio.create_task(ask(model)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError) as caught:
        await ask(model)
    assert caught.value.code == LOCAL
    assert clock.now() == 0
    await asyncio.gather(*waiting)
    assert len(inner.requests) == 3


async def test_a_failed_call_gives_its_place_back():
    model = concurrency(1)(ScriptedModel(ServerError("broken"), "fine"))
    with pytest.raises(ServerError):
        await ask(model)
    assert (await ask(model)).text == "fine"


async def test_leaving_a_stream_early_closes_the_inner_one_and_gives_the_place_back():
    inner = ScriptedModel(["a", Pause(), "b"], "fine")
    model = concurrency(1)(inner)
    async with aclosing(model.stream(HELLO)) as events:
        async for event in events:
            if getattr(event, "text", None):
                break
    assert (inner.active, inner.abandoned) == (0, 1)
    assert (await ask(model)).text == "fine"


async def test_a_cancelled_call_anywhere_gives_its_place_back(clock):
    inner = ScriptedModel(["a", Pause(1), "b"], then="last", clock=clock)
    model = concurrency(1)(inner)

    async def two_calls():
        await asyncio.gather(ask(model), ask(model))

    await cancel_everywhere(two_calls, lambda: None)
    assert inner.active == 0
    assert (await ask(model)).text == "ab"


async def test_a_place_given_in_the_moment_of_cancellation_is_passed_on(clock):
    inner = ScriptedModel([Pause(1), "x"], then="last", clock=clock)
    model = concurrency(1)(inner)
    first, second, third = (asyncio.create_task(ask(model)) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)  # the place goes to the second now, which has not woken yet
    second.cancel()
    assert (await third).text == "x"
    await asyncio.gather(first, second, return_exceptions=True)


@settings(max_examples=25, deadline=None)
@given(
    limit=st.integers(1, 4),
    calls=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), min_size=1, max_size=12),
)
def test_places_are_never_lost_nor_doubled(limit, calls):
    async def run():
        clock = FakeClock(autojump=True)
        inner = ScriptedModel(["a", Pause(2), "b"], then="last", clock=clock)
        model = concurrency(limit)(inner)

        async def call(start, patience, is_cancelled):
            await clock.sleep(start)
            task = asyncio.create_task(events_of(model))
            if is_cancelled:
                await clock.sleep(patience)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*(call(*plan) for plan in calls))
        assert inner.active == 0
        assert inner.most_active <= limit
        await asyncio.gather(*(ask(model) for _ in range(limit)))
        assert inner.most_active <= limit
        assert clock.pending == 0

    asyncio.run(run())
