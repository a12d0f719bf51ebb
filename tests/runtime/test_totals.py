"""What a client has used: every attempt counts, and costs."""

from __future__ import annotations

import threading

import pytest

from holdfast import Client, ServerError, Usage, sync
from holdfast.events import UsageUpdate
from holdfast.runtime.layers.hedge import hedge
from holdfast.runtime.prices import Price, cost_of
from holdfast.runtime.totals import Totals
from holdfast.testing import FakeClock, Pause, ScriptedModel


def test_totals_are_kept_by_model_and_in_all():
    totals = Totals()
    for model, tokens in (("a/x", 10), ("a/x", 5), ("b/y", 1)):
        totals.add(model, Usage(input_tokens=tokens, output_tokens=1))
    assert totals.by_model == {"a/x": Usage(15, 2), "b/y": Usage(1, 1)}
    assert totals.requests_by_model == {"a/x": 2, "b/y": 1}
    assert (totals.total, totals.requests) == (Usage(16, 3), 3)


def test_a_reset_begins_again_at_nothing():
    totals = Totals()
    totals.add("a/x", Usage(10, 1))
    totals.reset()
    assert (totals.total, totals.requests, totals.cost, totals.unpriced) == (Usage(), 0, 0, ())


def test_own_prices_count_cached_tokens_apart():
    price = Price(input=2, output=10, cache_read=0.5, cache_write=4)
    usage = Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=400, cache_write_tokens=200)
    assert price.of(usage) == pytest.approx((400 * 2 + 400 * 0.5 + 200 * 4 + 100 * 10) / 1e6)
    assert Price(input=2, output=10).of(usage) == pytest.approx((1000 * 2 + 100 * 10) / 1e6)


@pytest.mark.parametrize("name", ["mine/llama", "llama"])
def test_own_prices_are_found_by_the_whole_name_or_the_part_after_the_endpoint(name):
    assert cost_of(Usage(1_000_000, 0), "mine/llama", {name: Price(input=3, output=4)}) == pytest.approx(3)


def test_own_prices_win_over_published_ones():
    pytest.importorskip("genai_prices")
    usage = Usage(1_000_000, 0)
    published = cost_of(usage, "openai/gpt-4o", {})
    assert published is not None
    assert published > 0
    assert cost_of(usage, "openai/gpt-4o", {"openai/gpt-4o": Price(input=0, output=0)}) == 0


def test_long_requests_do_not_make_short_ones_dearer():
    pytest.importorskip("genai_prices")
    totals, alone = Totals(), 0.0
    for tokens in (150_000, 150_100, 900, 250_000):
        usage = Usage(tokens, 10)
        totals.add("gemini/gemini-2.5-pro", usage)
        alone += cost_of(usage, "gemini/gemini-2.5-pro", {}) or 0.0
    assert totals.cost == pytest.approx(alone)


def test_a_model_without_a_price_is_named():
    totals = Totals({"mine/llama": Price(input=1, output=1)})
    totals.add("mine/llama", Usage(500_000, 500_000))
    totals.add("mine/other", Usage(1, 1))
    totals.add("mine/silent", Usage())
    assert (totals.cost, totals.cost_by_model) == (pytest.approx(1), {"mine/llama": pytest.approx(1)})
    assert totals.unpriced == ("mine/other",)


def test_many_threads_lose_nothing():
    totals = Totals()

    def work() -> None:
        for _ in range(500):
            totals.add("a/x", Usage(1, 1))
            assert totals.total

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (totals.requests, totals.total) == (4000, Usage(4000, 4000))


ONE, TWO = Usage(10, 2), Usage(7, 1)


async def test_a_client_books_failed_attempts_with_what_they_used():
    first = ScriptedModel([UsageUpdate(ONE), "half", ServerError("broken")], ServerError("broken"), name="one/m")
    second = ScriptedModel("whole", name="two/m", usage=TWO)
    client = Client(first, second, random=lambda: 0.0, prices={"m": Price(input=1e6, output=0)})
    await client.create("Hi")
    assert client.totals.by_model == {"one/m": ONE, "two/m": TWO}
    assert client.totals.requests_by_model == {"one/m": 2, "two/m": 1}
    assert (client.usage, client.cost) == (ONE + TWO, pytest.approx(17))


async def test_what_the_loser_of_a_hedge_used_is_booked_under_its_own_name():
    clock = FakeClock(autojump=True)
    first = ScriptedModel([UsageUpdate(ONE), Pause()], name="one/m", clock=clock)
    second = ScriptedModel("quick", name="two/m", usage=TWO, clock=clock)
    client = Client(first, layers=[hedge(second, 1.0, max_share=1.0, clock=clock)], clock=clock)
    await client.create("Hi")
    assert client.totals.by_model == {"one/m": ONE, "two/m": TWO}
    assert client.totals.requests == 2


def test_a_synchronous_client_tells_the_same():
    with sync.Client(ScriptedModel("Hello", usage=ONE), prices={"scripted": Price(input=1, output=1)}) as client:
        client.create("Hi")
        assert (client.usage, client.totals.requests) == (ONE, 1)
        assert client.cost == client.totals.cost
