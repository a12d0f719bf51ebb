from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.simulator.bucket import RateLimit, RateLimiter, duration, headers_of


def test_a_refused_request_may_pass_after_the_wait_that_was_stated():
    limiter = RateLimiter(RateLimit(requests=2, seconds=10), 0.0)
    assert [limiter.ask(1, 0.0).wait for _ in range(3)] == [0, 0, 5]
    assert limiter.ask(1, 4.9).wait == pytest.approx(0.1)
    assert limiter.ask(1, 5.0).wait == 0


def test_a_request_larger_than_the_limit_never_passes_and_costs_nothing():
    limiter = RateLimiter(RateLimit(tokens=100, seconds=1), 0.0)
    assert limiter.ask(101, 0.0).wait == math.inf
    assert limiter.ask(100, 0.0).wait == 0


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 60)), max_size=40))
@settings(max_examples=50)
def test_no_more_than_the_limit_passes_in_any_stretch_of_time(arrivals):
    limiter, now, passed = RateLimiter(RateLimit(tokens=100, seconds=10), 0.0), 0.0, 0
    for pause, tokens in arrivals:
        now += pause
        if not limiter.ask(tokens, now).wait:
            passed += tokens
        assert passed <= 100 + 10 * now + 1e-6


def test_the_headers_are_those_of_the_wire():
    grant = RateLimiter(RateLimit(requests=10, tokens=1000, seconds=60), 0.0).ask(400, 0.0)
    assert headers_of(grant, "openai_chat", 0.0) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "6s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "600",
        "x-ratelimit-reset-tokens": "24s",
    }
    anthropic = headers_of(grant, "anthropic", 1_700_000_000.0)
    assert anthropic["anthropic-ratelimit-tokens-remaining"] == "600"
    assert anthropic["anthropic-ratelimit-tokens-reset"] == "2023-11-14T22:13:44Z"
    assert headers_of(grant, "gemini", 0.0) == {}


@pytest.mark.parametrize(("seconds", "text"), [(0.35, "350ms"), (1.2, "1.2s"), (59.5, "59.5s"), (360, "6m0s")])
def test_durations_are_written_as_openai_writes_them(seconds, text):
    assert duration(seconds) == text
