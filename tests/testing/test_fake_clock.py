from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.runtime.clock import Clock
from holdfast.testing import FakeClock


async def sleeper(clock, log, name, *naps):
    for nap in naps:
        await clock.sleep(nap)
        log.append((name, clock.now()))


async def test_an_hour_passes_at_once():
    clock = FakeClock(autojump=True)
    began = time.monotonic()
    await clock.sleep(3600)
    assert clock.now() == 3600
    assert time.monotonic() - began < 1


async def test_time_jumps_only_when_every_task_is_blocked():
    clock, log = FakeClock(autojump=True), []

    async def busy():
        for _ in range(50):
            await asyncio.sleep(0)
        log.append(("busy", clock.now()))

    await asyncio.gather(sleeper(clock, log, "sleeper", 1), busy())
    assert log == [("busy", 0), ("sleeper", 1)]


async def test_without_autojump_time_stands_still_until_it_is_advanced():
    clock, log = FakeClock(), []
    task = asyncio.create_task(sleeper(clock, log, "a", 1, 1, 1))
    await clock.settle()
    assert (clock.now(), log) == (0, [])
    await clock.advance(2.5)
    assert (clock.now(), log) == (2.5, [("a", 1), ("a", 2)])
    await clock.advance(0.5)
    await task
    assert (log[-1], clock.pending) == (("a", 3), 0)


@settings(max_examples=40, deadline=None)
@given(
    naps=st.lists(st.lists(st.floats(0, 9), max_size=5), min_size=1, max_size=5),
    steps=st.lists(st.floats(0.1, 20), max_size=4),
)
def test_everybody_wakes_in_the_order_of_time_advanced_or_jumped(naps, steps):
    async def run(clock, drive):
        log = []
        tasks = [asyncio.create_task(sleeper(clock, log, n, *each)) for n, each in enumerate(naps)]
        await drive(clock)
        await asyncio.gather(*tasks)
        return log

    async def advance(clock):
        for step in [*steps, 100]:
            await clock.advance(step)

    async def jump(clock):
        await asyncio.sleep(0)

    jumped = asyncio.run(run(FakeClock(autojump=True), jump))
    advanced = asyncio.run(run(FakeClock(), advance))
    assert jumped == advanced
    assert [when for _, when in jumped] == sorted(when for _, when in jumped)


async def test_wall_time_moves_together():
    clock = FakeClock(wall=1_000_000, autojump=True)
    await clock.sleep(5)
    assert clock.wall() == 1_000_005


async def test_a_cancelled_sleep_leaves_no_timer():
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(10))
    await clock.settle()
    assert clock.pending == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.pending == 0


async def test_a_cancelled_timer_is_not_called_even_when_it_is_due():
    clock, called = FakeClock(), []
    timers = [clock.call_at(1, lambda: (called.append("first"), timers[1].cancel()))]
    timers.append(clock.call_at(1, lambda: called.append("second")))
    await clock.advance(1)
    assert called == ["first"]


async def test_a_timer_in_the_past_is_called_soon_but_not_now():
    clock, called = FakeClock(start=5), []
    clock.call_at(1, lambda: called.append(clock.now()))
    assert called == []
    await asyncio.sleep(0)
    assert called == [5]


async def test_with_a_threshold_time_does_not_outrun_real_work():
    clock = FakeClock(autojump=True, threshold=0.05)
    work = asyncio.to_thread(time.sleep, 0.02)
    slow = asyncio.create_task(clock.sleep(1000))
    await work
    assert clock.now() == 0
    await slow
    assert clock.now() == 1000


async def test_sockets_on_this_machine_come_before_a_jump():
    clock = FakeClock(autojump=True, threshold=0.02)

    async def echo(reader, writer):
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    alarm = asyncio.create_task(clock.sleep(60))
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    assert clock.now() == 0
    writer.close()
    server.close()
    await alarm


def test_a_loop_that_does_not_show_when_it_is_idle_is_refused():
    class Other(asyncio.SelectorEventLoop):
        pass

    loop = Other()
    selector, loop._selector = loop._selector, None

    async def use():
        FakeClock().call_at(1, print)

    task = use()
    asyncio.events._set_running_loop(loop)
    try:
        with pytest.raises(RuntimeError, match="asyncio's own event loops"):
            task.send(None)
    finally:
        asyncio.events._set_running_loop(None)
        loop._selector = selector
        loop.close()


def test_it_is_a_clock():
    clock: Clock = FakeClock()
    assert clock.now() == 0
