"""Layers around the models of an engine: whose cancellation is whose, and what is booked."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import ModelTimeoutError, RateLimitError
from holdfast.request import Timeouts
from holdfast.runtime.layers.cache import cache
from holdfast.runtime.layers.hedge import hedge
from holdfast.runtime.layers.rate_limit import rate_limit
from holdfast.runtime.options import Options
from holdfast.runtime.recover import Recover
from holdfast.testing import Pause, ScriptedModel
from holdfast.usage import Usage
from runtime.layers.asking import HELLO, ask, failed


def engine(clock, *models, **options):
    booked = []
    limits = Timeouts(first_event=options.pop("first_event", 3), idle=3)
    recover = Recover(
        models,
        options=Options(timeouts=limits, deadline=60, **options),
        clock=clock,
        random=lambda: 0.5,
        book=lambda name, usage: booked.append((name, usage)),
    )
    return recover, booked


@pytest.mark.parametrize("second", [0.5, 1.9])
async def test_a_hedge_wins_under_the_engines_own_time_limit(clock, second):
    one = ScriptedModel(Pause(), name="one", then="last", clock=clock)
    two = ScriptedModel([Pause(second), "two"], name="two", then="last", clock=clock)
    recover, _ = engine(clock, hedge(two, 1, max_share=1, clock=clock)(one))
    response = await ask(recover, HELLO.replace(stream=True))
    assert response.text == "two"
    assert [(attempt.model, attempt.error and attempt.error.kind) for attempt in response.attempts][-2:] == [
        ("one", "cancelled"),
        ("two", None),
    ]
    assert asyncio.current_task().cancelling() == 0
    assert (one.active, two.active, clock.pending) == (0, 0, 0)


async def test_when_neither_shows_anything_it_is_the_engines_timeout(clock):
    one, two = (ScriptedModel(Pause(), name=name, then="last", clock=clock) for name in ("one", "two"))
    recover, _ = engine(clock, hedge(two, 1, max_share=1, clock=clock)(one), max_attempts=1)
    _, error = await failed(recover, HELLO.replace(stream=True))
    assert isinstance(error, ModelTimeoutError)
    assert (clock.now(), one.active, two.active, clock.pending) == (3, 0, 0, 0)
    assert asyncio.current_task().cancelling() == 0


async def test_a_hedge_that_wins_in_the_moment_of_the_timeout_confuses_nobody(clock):
    one = ScriptedModel(Pause(), name="one", then="last", clock=clock)
    two = ScriptedModel([Pause(2.0), "two"], name="two", then="last", clock=clock)
    recover, _ = engine(clock, hedge(two, 1, max_share=1, clock=clock)(one), max_attempts=1)
    _, error = await failed(recover, HELLO.replace(stream=True))
    assert isinstance(error, ModelTimeoutError)
    assert asyncio.current_task().cancelling() == 0
    assert (one.active, two.active, clock.pending) == (0, 0, 0)


async def test_a_queue_that_is_too_long_sends_the_call_to_the_next_model(clock):
    one = ScriptedModel("one", name="one", then="last", clock=clock)
    two = ScriptedModel("two", name="two", then="last", clock=clock)
    recover, _ = engine(clock, rate_limit(1, clock=clock)(one), two, first_event=None)
    assert [(await ask(recover)).text for _ in range(3)] == ["one", "two", "two"]
    assert clock.now() == 0


async def test_a_burst_of_calls_is_answered_whole(clock):
    tokens, last = 10.0, 0.0

    def bucket(_):
        nonlocal tokens, last
        tokens, last = min(10.0, tokens + (clock.now() - last) * 10), clock.now()
        if tokens < 1:
            return [Pause(0.02), RateLimitError("slow down", retry_after=1)]
        tokens -= 1
        return [Pause(0.2), "fine"]

    recover, _ = engine(
        clock, rate_limit(clock=clock)(ScriptedModel(bucket, then="last", clock=clock)), first_event=None
    )
    answers = await asyncio.gather(*(ask(recover) for _ in range(120)))
    assert {answer.text for answer in answers} == {"fine"}
    assert clock.now() < 14  # ideal 11 s


async def test_a_cached_answer_costs_nothing(clock):
    usage = Usage(input_tokens=5, output_tokens=1)
    recover, booked = engine(clock, cache()(ScriptedModel("one", usage=usage)))
    first, second = await ask(recover), await ask(recover)
    assert (first.usage, second.usage, second.cached) == (usage, usage, True)
    assert booked == [("scripted", usage)]
