from __future__ import annotations

import asyncio
import math
import random
from contextlib import aclosing

import pytest

from holdfast.errors import OverloadedError, RateLimitError, ServerError, StreamInterruptedError
from holdfast.runtime.layers.faults import Fault, faults
from holdfast.testing import ScriptedModel
from runtime.layers.asking import HELLO, ask, cancel_everywhere, events_of, failed


def answering():
    return ScriptedModel(["one ", "two ", "three"], then="last")


async def test_an_error_before_anything_asks_no_model():
    inner = answering()
    with pytest.raises(RateLimitError) as caught:
        await ask(faults(Fault(error=RateLimitError("injected", retry_after=3)))(inner))
    assert (caught.value.retry_after, caught.value.partial, inner.requests) == (3, None, [])


@pytest.mark.parametrize(
    ("after", "partial"), [(1, None), (2, "one "), (3, "one two "), (4, "one two three"), (9, "whole")]
)
async def test_a_cut_comes_after_exactly_that_many_events_with_what_came_before(after, partial):
    inner = answering()
    model = faults(Fault(after=after, error=StreamInterruptedError("injected")))(inner)
    if partial == "whole":
        assert (await ask(model)).text == "one two three"
        return
    seen, error = await failed(model)
    assert isinstance(error, StreamInterruptedError)
    assert len(seen) == after
    assert (error.partial and error.partial.text) == partial
    assert inner.active == 0


async def test_latency_is_waited_and_then_all_is_well(clock):
    assert (await ask(faults(Fault(delay=2), clock=clock)(answering()))).text == "one two three"
    assert clock.now() == 2


async def test_a_stall_stands_still_until_it_is_cancelled(clock):
    inner = answering()
    task = asyncio.create_task(ask(faults(Fault(after=2, delay=math.inf), clock=clock)(inner)))
    clock.call_at(100, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (inner.active, inner.abandoned) == (0, 1)


async def test_several_faults_happen_in_their_order(clock):
    cut = Fault(after=3, error=ServerError("injected"))
    slow = Fault(after=1, delay=5)
    with pytest.raises(ServerError):
        await ask(faults(cut, slow, clock=clock)(answering()))
    assert clock.now() == 5


async def outcomes(model, count):
    results = []
    for number in range(count):
        try:
            await ask(model, HELLO.replace(prefix=str(number)))
        except OverloadedError:
            results.append(number)
    return results


BUSY = OverloadedError("injected")


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (Fault(error=BUSY, calls=range(2)), [0, 1]),
        (Fault(error=BUSY, calls={1, 4}), [1, 4]),
        (Fault(error=BUSY, when=lambda call, _: call % 2 == 1), [1, 3, 5]),
        (Fault(error=BUSY, when=lambda _, request: request.prefix == "3"), [3]),
        (Fault(error=BUSY, share=0), []),
    ],
)
async def test_only_the_calls_that_fit_are_struck(fault, struck):
    assert await outcomes(faults(fault)(answering()), 6) == struck


async def test_a_share_is_kept_and_a_seed_repeats_it():
    runs = [
        await outcomes(faults(Fault(error=BUSY, share=0.2), random=random.Random(7).random)(answering()), 500)
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert 70 < len(runs[0]) < 130


async def test_each_injected_error_is_a_new_one():
    model = faults(Fault(error=BUSY))(answering())
    caught = []
    for _ in range(2):
        with pytest.raises(OverloadedError) as error:
            await ask(model)
        caught.append(error.value)
    assert caught[0] is not caught[1]
    assert BUSY not in caught


async def test_without_a_fault_the_events_are_the_models_own():
    inner = answering()
    assert await events_of(faults()(inner)) == await events_of(inner)


async def test_left_or_cancelled_it_closes_the_inner_stream(clock):
    inner = answering()
    model = faults(Fault(after=2, delay=1), clock=clock)(inner)
    async with aclosing(model.stream(HELLO)) as events:
        await anext(events)
    assert inner.active == 0
    await cancel_everywhere(lambda: ask(model), lambda: None, steps=20)
    assert (inner.active, clock.pending) == (0, 0)
