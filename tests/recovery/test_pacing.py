from __future__ import annotations

import heapq
import math
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.recovery.pacing import FORGET, Pacer, Window


class TestWindow:
    @settings(max_examples=60, deadline=None)
    @given(
        limit=st.integers(1, 20),
        steps=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 12)), min_size=1, max_size=40),
    )
    def test_no_span_ever_holds_more_than_the_limit(self, limit, steps):
        window, now, spent = Window(limit, 60), 0.0, []
        for pause, cost in steps:
            now = max(now + pause, window.ready_at(cost, now + pause))
            window.spend(cost, now)
            spent.append((now, min(cost, limit)))
        for begin, _ in spent:
            assert sum(cost for when, cost in spent if begin <= when < begin + 60) <= limit

    def test_a_full_window_opens_when_its_oldest_units_are_old_enough(self):
        window = Window(10, 60)
        window.spend(6, 0)
        window.spend(4, 20)
        assert window.ready_at(6, 30) == 60
        assert window.ready_at(7, 30) == 80

    @pytest.mark.parametrize(("ahead", "ready"), [(0, 0), (9, 0), (10, 60), (19, 60), (20, 120), (35, 180)])
    def test_those_who_wait_before_are_counted_in_whole_windows(self, ahead, ready):
        assert Window(10, 60).ready_at(1, 0, ahead) == ready

    def test_a_cost_above_the_limit_passes_alone(self):
        window = Window(10, 60)
        window.spend(1, 5)
        assert window.ready_at(1000, 6) == 65

    def test_a_correction_frees_what_was_counted_too_high(self):
        window = Window(10, 60)
        spent = window.spend(10, 0)
        window.correct(spent, 3)
        assert window.ready_at(7, 1) == 1
        assert window.ready_at(8, 1) == 60

    def test_a_correction_after_the_window_has_passed_changes_nothing(self):
        window = Window(10, 60)
        spent = window.spend(4, 0)
        assert window.ready_at(10, 61) == 61
        window.correct(spent, 400)
        assert window.ready_at(10, 61) == 61


class TestPacer:
    def test_there_is_no_limit_before_the_first_rejection(self):
        pacer = Pacer(probe=math.inf)
        for _ in range(1000):
            assert pacer.ready_at(5.0) == 5.0
            pacer.start(5.0)

    def test_an_untried_burst_is_let_out_in_doubling_steps(self):
        pacer, now, starts = Pacer(probe=4), 0.0, []
        for _ in range(4 + 8 + 16):
            now = pacer.ready_at(now)
            pacer.start(now)
            starts.append(now)
        assert [starts.count(step) for step in (0.0, 0.25, 0.5)] == [4, 8, 16]

    def test_a_burst_as_large_as_one_that_passed_is_not_held_back(self):
        pacer, now = Pacer(probe=4), 0.0
        for _ in range(28):
            now = pacer.ready_at(now)
            pacer.start(now)
        for _ in range(16):
            assert pacer.ready_at(100.0) == 100.0
            pacer.start(100.0)

    def test_retry_after_closes_one_gate_for_all(self):
        pacer = Pacer()
        pacer.start(0)
        pacer.reject(0.1, retry_after=7)
        assert pacer.ready_at(0.2) >= 7.1

    def test_the_gate_never_opens_earlier_than_the_latest_retry_after(self):
        pacer = Pacer()
        pacer.reject(0.0, retry_after=9)
        pacer.reject(1.0, retry_after=1)
        assert pacer.ready_at(1.0) >= 9

    def test_the_rejections_of_one_burst_are_one_cut(self):
        pacer = Pacer()
        pacer.reject(0)
        pacer.rate = 10.0
        for turn in range(100):
            pacer.reject(1 + turn / 1000)
        assert pacer.rate == pytest.approx(8.5)

    def test_a_rejection_in_a_later_window_cuts_again(self):
        pacer = Pacer()
        pacer.reject(0)
        pacer.rate = 10.0
        pacer.reject(1.0)
        pacer.reject(1.6)
        assert pacer.rate == pytest.approx(10 * 0.85**2)

    def test_the_first_rate_is_what_was_let_through_with_the_pause_in_it(self):
        pacer = Pacer()
        for _ in range(40):
            pacer.start(0.0)
        for _ in range(30):
            pacer.reject(0.1, retry_after=1.0)
        assert pacer.rate == pytest.approx(10 / 1.1)

    def test_accepted_calls_raise_the_rate_slowly_near_the_last_cut_and_faster_far_from_it(self):
        pacer = Pacer()
        pacer.reject(0)
        pacer.rate = 10.0
        pacer.reject(1)
        near = pacer.rate
        pacer.accept(2)
        assert pacer.rate - near == pytest.approx(0.02)
        pacer.rate = far = 2.0
        pacer.accept(3)
        assert pacer.rate - far == pytest.approx(0.1)

    def test_a_learned_limit_is_forgotten_after_long_peace(self):
        pacer = Pacer()
        pacer.reject(0)
        assert pacer.rate is not None
        assert pacer.ready_at(FORGET + 1) == FORGET + 1
        assert pacer.rate is None

    def test_a_call_that_was_withdrawn_costs_nothing(self):
        pacer = Pacer()
        pacer.reject(0)
        ready = pacer.ready_at(0)
        pacer.start(ready)
        later = pacer.ready_at(ready)
        pacer.withdraw()
        assert pacer.ready_at(ready) < later

    @settings(max_examples=60, deadline=None)
    @given(moves=st.lists(st.tuples(st.sampled_from("sar"), st.floats(0, 5), st.floats(0, 3)), max_size=60))
    def test_a_call_may_always_start_some_time_and_then_may_start(self, moves):
        pacer, now = Pacer(), 0.0
        for move, pause, retry_after in moves:
            now += pause
            if move == "s":
                ready = pacer.ready_at(now)
                assert now <= ready < math.inf
                now = ready
                pacer.start(now)
            elif move == "a":
                pacer.accept(now)
            else:
                pacer.reject(now, retry_after)


def simulate(rate, burst, calls, *, latency=0.2, retry_after=1.0):
    """Calls against a token bucket; a rejected call comes back after its Retry-After. Gives waste and seconds."""
    pacer, order = Pacer(), count()
    now, tokens, last, attempts, rejected = 0.0, float(burst), 0.0, 0, 0
    queue, events, answered = calls, [], 0
    while answered < calls:
        while queue and pacer.ready_at(now) <= now + 1e-9:
            queue -= 1
            attempts += 1
            pacer.start(now)
            tokens, last = min(burst, tokens + (now - last) * rate), now
            passes = tokens >= 1
            tokens -= passes
            heapq.heappush(events, (now + (latency if passes else 0.02), next(order), "yes" if passes else "no"))
        due = [events[0][0]] if events else []
        now = min([*due, *([pacer.ready_at(now)] if queue else [])])
        while events and events[0][0] <= now + 1e-9:
            _, _, outcome = heapq.heappop(events)
            match outcome:
                case "yes":
                    answered += 1
                    pacer.accept(now)
                case "no":
                    rejected += 1
                    pacer.reject(now, retry_after)
                    heapq.heappush(events, (now + retry_after, next(order), "again"))
                case _:
                    queue += 1
    return rejected / attempts, now


@pytest.mark.parametrize(
    ("rate", "burst", "calls", "waste", "seconds"),
    [
        (10, 10, 120, 0.10, 13.5),  # ideal 11 s
        (3, 3, 60, 0.25, 23.0),  # ideal 19 s
        (60, 60, 600, 0.10, 11.0),  # ideal 9 s
        (10, 10, 1000, 0.03, 106.0),  # ideal 99 s
        (100, 100, 5000, 0.03, 54.0),  # ideal 49 s
    ],
)
def test_an_unknown_limit_is_found_and_kept_with_little_waste(rate, burst, calls, waste, seconds):
    wasted, took = simulate(rate, burst, calls)
    assert wasted <= waste
    assert took <= seconds
