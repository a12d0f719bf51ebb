from __future__ import annotations

import asyncio
import math
from contextlib import aclosing
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import OverloadedError, RateLimitError
from holdfast.messages import AssistantMessage, Image, ToolCall, UserMessage
from holdfast.recovery.pacing import Pacer
from holdfast.request import Request, Timeouts
from holdfast.runtime.layers.rate_limit import estimate_tokens, rate_limit
from holdfast.runtime.layers.rate_queue import LOCAL
from holdfast.testing import FakeClock, Pause, ScriptedModel
from holdfast.usage import Usage
from runtime.layers.asking import HELLO, ask, cancel_everywhere, events_of


def free():
    return Pacer(probe=math.inf)


class Bucket:
    """A server's token bucket, as a script."""

    def __init__(self, clock, rate, burst, retry_after=1.0):
        self.clock, self.rate, self.burst, self.retry_after = clock, rate, burst, retry_after
        self.tokens, self.last = float(burst), clock.now()
        self.accepted = self.rejected = 0

    def __call__(self, _):
        now = self.clock.now()
        self.tokens, self.last = min(self.burst, self.tokens + (now - self.last) * self.rate), now
        if self.tokens < 1:
            self.rejected += 1
            return [Pause(0.02), RateLimitError("slow down", retry_after=self.retry_after)]
        self.tokens -= 1
        self.accepted += 1
        return [Pause(0.2), "fine"]


async def test_never_more_than_the_stated_requests_start_in_a_minute(clock):
    starts = []
    inner = ScriptedModel(lambda _: starts.append(clock.now()) or "x", then="last")
    model = rate_limit(10, clock=clock, max_wait=math.inf, pacer=free)(inner)
    await asyncio.gather(*(ask(model) for _ in range(35)))
    assert [starts.count(when) for when in (0, 60, 120, 180)] == [10, 10, 10, 5]


async def test_tokens_are_counted_by_the_estimate_first_and_by_the_usage_then(clock):
    inner = ScriptedModel("x", then="last", usage=Usage(input_tokens=40, output_tokens=10))
    model = rate_limit(tokens_per_minute=100, max_wait=90, estimate=lambda _: 10, clock=clock)(inner)
    await ask(model)
    await ask(model)
    assert clock.now() == 0
    await ask(model)
    assert clock.now() == 60


async def test_a_request_larger_than_the_limit_of_tokens_passes_alone(clock):
    model = rate_limit(tokens_per_minute=100, max_wait=90, estimate=lambda _: 1000, clock=clock)(
        ScriptedModel("x", then="last")
    )
    await ask(model)
    await ask(model)
    assert clock.now() == 60


async def test_without_a_limit_nothing_waits(clock):
    model = rate_limit(clock=clock)(ScriptedModel("x", then="last"))
    for _ in range(16):
        await ask(model)
    assert (clock.now(), clock.pending) == (0, 0)


async def test_one_retry_after_holds_all_calls_back(clock):
    inner = ScriptedModel(RateLimitError("slow down", retry_after=5), *["x"] * 3)
    model = rate_limit(clock=clock)(inner)
    with pytest.raises(RateLimitError):
        await ask(model)
    await asyncio.gather(*(ask(model) for _ in range(3)))
    assert clock.now() >= 5


async def test_a_burst_against_an_unknown_limit_ends_with_every_call_answered_and_little_waste(clock):
    bucket = Bucket(clock, 10, 10)
    model = rate_limit(clock=clock)(ScriptedModel(bucket, then="last", clock=clock))

    async def persistent():
        for _ in range(9):
            try:
                return await ask(model)
            except RateLimitError as error:
                await clock.sleep(error.retry_after)
        raise AssertionError("never answered")

    answers = await asyncio.gather(*(persistent() for _ in range(120)))
    assert len(answers) == 120
    assert bucket.rejected / (bucket.rejected + bucket.accepted) < 0.1
    assert clock.now() < 14  # ideal 11 s


async def test_a_wait_that_is_too_long_is_not_begun(clock):
    inner = ScriptedModel("x", then="last")
    model = rate_limit(1, clock=clock, max_wait=30)(inner)
    await ask(model)
    with pytest.raises(RateLimitError) as caught:
        await ask(model)
    assert clock.now() == 0
    assert (caught.value.code, caught.value.retry_after) == (LOCAL, 60)
    assert len(inner.requests) == 1


async def test_a_queue_that_becomes_too_long_is_left_at_once(clock):
    inner = ScriptedModel([Pause(1), RateLimitError("later", retry_after=500)], "x", clock=clock)
    model = rate_limit(2, clock=clock, max_wait=70)(inner)
    rejected = asyncio.create_task(ask(model))
    await asyncio.sleep(0)
    await ask(model)
    waiting = asyncio.create_task(ask(model))
    with pytest.raises(RateLimitError, match="takes 500"):
        await waiting
    assert clock.now() == 1
    with pytest.raises(RateLimitError, match="later"):
        await rejected


@pytest.mark.parametrize("limits", [Timeouts(first_event=5), Timeouts(total=5), Timeouts(first_event=90, total=5)])
async def test_a_wait_that_the_calls_own_timeouts_do_not_hold_is_not_begun(clock, limits):
    model = rate_limit(1, clock=clock, max_wait=90)(ScriptedModel("x", then="last"))
    await ask(model)
    with pytest.raises(RateLimitError) as caught:
        await ask(model, HELLO.replace(timeouts=limits))
    assert (caught.value.rule, clock.now()) == ("local", 0)
    await ask(model, HELLO.replace(timeouts=Timeouts()))
    assert clock.now() == 60


async def test_when_the_gate_closes_only_those_leave_who_cannot_wait(clock):
    inner = ScriptedModel(*[[Pause(1), RateLimitError("later", retry_after=100)]] * 3, "x", clock=clock)
    model = rate_limit(3, clock=clock, max_wait=200)(inner)
    rejected = [asyncio.create_task(ask(model)) for _ in range(3)]
    await asyncio.sleep(0)
    patient, hasty = (
        asyncio.create_task(ask(model, HELLO.replace(timeouts=Timeouts(total=total)))) for total in (150, 61)
    )
    with pytest.raises(RateLimitError, match="takes 100"):
        await hasty
    assert clock.now() == 1
    assert (await patient).text == "x"
    assert clock.now() == 101
    await asyncio.gather(*rejected, return_exceptions=True)


async def test_an_error_of_the_layer_itself_slows_nobody_down(clock):
    inner = ScriptedModel(RateLimitError("queue", code=LOCAL, retry_after=50), "x")
    model = rate_limit(clock=clock)(inner)
    with pytest.raises(RateLimitError):
        await ask(model)
    await ask(model)
    assert clock.now() == 0


async def test_other_errors_slow_nobody_down(clock):
    model = rate_limit(clock=clock)(ScriptedModel(OverloadedError("busy", retry_after=50), "x"))
    with pytest.raises(OverloadedError):
        await ask(model)
    await ask(model)
    assert clock.now() == 0


async def test_models_of_one_key_share_a_limit_and_others_do_not(clock):
    layer = rate_limit(1, clock=clock, max_wait=90, key=lambda model: model.name[0])
    first, second, other = (layer(ScriptedModel("x", name=name)) for name in ("a1", "a2", "b"))
    await ask(first)
    await ask(other)
    assert clock.now() == 0
    await ask(second)
    assert clock.now() == 60


async def test_the_queue_is_first_come_first_served(clock):
    order = []
    inner = ScriptedModel(lambda request: order.append(request.prefix) or "x", then="last")
    model = rate_limit(1, clock=clock, max_wait=math.inf)(inner)
    await asyncio.gather(*(ask(model, HELLO.replace(prefix=str(number))) for number in range(6)))
    assert order == ["0", "1", "2", "3", "4", "5"]


async def test_a_small_request_does_not_overtake_a_large_one(clock):
    order = []
    inner = ScriptedModel(lambda request: order.append(request.prefix) or "x", then="last")
    layer = rate_limit(tokens_per_minute=100, estimate=lambda request: float(request.prefix), max_wait=90, clock=clock)
    model = layer(inner)
    await asyncio.gather(*(ask(model, HELLO.replace(prefix=cost)) for cost in ("90", "80", "5", "4")))
    assert order == ["90", "80", "5", "4"]


async def test_a_permission_that_was_not_used_is_given_back(clock):
    pacers = []

    def learned():
        pacers.append(Pacer())
        pacers[0].reject(0)
        return pacers[0]

    inner = ScriptedModel("x", then="last")
    model = rate_limit(clock=clock, pacer=learned)(inner)
    first, second = (asyncio.create_task(ask(model)) for _ in range(2))
    await asyncio.sleep(0)
    starts = pacers[0].ready_at(0)
    clock.call_at(starts, first.cancel)  # after the queue's own timer, before the call has woken
    await asyncio.wait((first, second))
    assert first.cancelled()
    assert clock.now() == pytest.approx(starts)
    assert len(inner.requests) == 1


async def test_however_often_the_queue_is_reckoned_anew_it_has_one_timer(clock):
    clock.autojump = False
    waits = count(2)
    slow = ScriptedModel(
        lambda _: [Pause(0.1), RateLimitError("slow", retry_after=next(waits))], then="last", clock=clock
    )
    model = rate_limit(clock=clock, max_wait=math.inf)(slow)
    calls = [asyncio.create_task(ask(model)) for _ in range(30)]
    await clock.advance(0.2)
    assert clock.pending == 1
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert clock.pending == 0


async def test_who_leaves_the_queue_makes_it_shorter(clock):
    inner = ScriptedModel("x", then="last")
    model = rate_limit(1, clock=clock, max_wait=math.inf)(inner)
    await ask(model)
    leaving = [asyncio.create_task(ask(model)) for _ in range(3)]
    await asyncio.sleep(0)
    last = asyncio.create_task(ask(model))
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await last
    assert clock.now() == 60
    await asyncio.gather(*leaving, return_exceptions=True)


async def test_cancelled_anywhere_the_queue_goes_on(clock):
    inner = ScriptedModel(["a", Pause(1), "b"], then="last", clock=clock)
    model = rate_limit(1000, clock=clock, max_wait=math.inf)(inner)

    async def calls():
        await asyncio.gather(*(ask(model) for _ in range(3)))

    await cancel_everywhere(calls, lambda: None)
    assert inner.active == 0
    assert (await ask(model)).text == "ab"
    assert clock.pending == 0


async def test_leaving_a_stream_early_closes_the_inner_one(clock):
    inner = ScriptedModel(["a", Pause(), "b"])
    async with aclosing(rate_limit(clock=clock)(inner).stream(HELLO)) as events:
        await anext(events)
    assert (inner.active, inner.abandoned) == (0, 1)


@settings(max_examples=25, deadline=None)
@given(
    limit=st.integers(1, 5),
    calls=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90), st.booleans()), min_size=1, max_size=14),
)
def test_cancelled_or_not_calls_never_break_the_limit_nor_hang(limit, calls):
    async def run():
        clock, starts = FakeClock(autojump=True), []
        inner = ScriptedModel(lambda _: starts.append(clock.now()) or ["a", Pause(2)], then="last", clock=clock)
        model = rate_limit(limit, clock=clock, max_wait=math.inf)(inner)

        async def call(start, patience, is_cancelled):
            await clock.sleep(start)
            task = asyncio.create_task(events_of(model))
            if is_cancelled:
                await clock.sleep(patience)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*(call(*plan) for plan in calls))
        assert all(sum(begin <= when < begin + 60 for when in starts) <= limit for begin in starts)
        assert clock.pending == 0

    asyncio.run(run())


def test_the_estimate_counts_words_of_all_parts_and_nothing_else():
    request = Request(
        messages=(
            UserMessage("a" * 40),
            AssistantMessage((ToolCall("1", "f", "b" * 20),)),
            UserMessage((Image(data=b"x" * 9000, media_type="image/png"),)),
        )
    )
    assert estimate_tokens(request) == 15
