"""Back-off, budget and health: what keeps an outage from becoming a storm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import (
    AuthenticationError,
    InvalidRequestError,
    ModelTimeoutError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
)
from holdfast.recovery.backoff import Backoff
from holdfast.recovery.budget import RetryBudget
from holdfast.recovery.health import Health


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_never_negative_and_never_over_the_cap(n, jitter):
    assert 0 <= Backoff(base=0.5, cap=8).delay(n, jitter) <= 8


@pytest.mark.parametrize(("n", "expected"), [(0, 0.5), (1, 1.0), (3, 4.0), (4, 8.0), (9, 8.0)])
def test_the_ceiling_of_the_delay_doubles_up_to_the_cap(n, expected):
    assert Backoff(base=0.5, cap=8).delay(n, 1.0) == expected


def test_the_budget_allows_a_fixed_number_of_retries_and_earns_by_successes():
    budget = RetryBudget(capacity=10, cost=5)
    budget.spend()
    budget.spend()
    assert not budget.allows
    for _ in range(5):
        budget.earn(retried=False)
    assert budget.allows
    for _ in range(100):
        budget.earn(retried=True)
    assert budget.tokens == 10


def test_a_model_rests_after_failures_in_a_row_and_comes_back_by_one_probe():
    health = Health(threshold=3, rest=5)
    for _ in range(2):
        health.fail("m", ServerError("x"), now=0)
    assert health.wait("m", 0) == 0
    health.fail("m", ServerError("x"), now=0)
    assert health.resting(["m", "other"], now=1) == {"m": 4}
    assert health.wait("m", 5) == 0
    health.begin("m")  # the probe
    assert health.wait("m", 5) > 0  # others wait for it
    health.succeed("m")
    assert health.wait("m", 5) == 0


def test_a_failed_probe_doubles_the_rest_up_to_the_longest():
    health = Health(threshold=1, rest=5, longest=15)
    now = 0.0
    rests = []
    for _ in range(4):
        health.begin("m")
        health.fail("m", ServerError("x"), now=now)
        rests.append(health.wait("m", now))
        now += rests[-1]
    assert rests == [5, 10, 15, 15]


@pytest.mark.parametrize("kind", [QuotaExhaustedError, AuthenticationError])
def test_a_dead_endpoint_rests_at_once(kind):
    health = Health(threshold=5, rest=5)
    health.fail("m", kind("x"), now=0)
    assert health.wait("m", 0) == 5


def test_one_retry_after_gates_all_callers():
    health = Health()
    health.fail("m", RateLimitError("slow", retry_after=7), now=0)
    assert health.asked(["m"], now=2) == {"m": 5}
    assert health.asked(["m"], now=7) == {}


def test_a_wrong_request_says_nothing_of_the_models_health():
    health = Health(threshold=1)
    health.fail("m", InvalidRequestError("x"), now=0)
    assert health.wait("m", 0) == 0


def test_an_abandoned_probe_lets_the_next_call_probe():
    health = Health(threshold=1, rest=5)
    health.fail("m", ModelTimeoutError("x"), now=0)
    health.begin("m")
    health.abandon("m")
    assert health.wait("m", 6) == 0
