from __future__ import annotations

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from holdfast.recovery.hedging import Share, WaitingTimes


@examples(max_examples=60, deadline=None)
@given(times=st.lists(st.floats(0, 100), min_size=1, max_size=60), share=st.floats(0.01, 1))
def test_the_percentile_is_not_exceeded_by_that_share_of_the_latest_times(times, share):
    waiting = WaitingTimes(size=20)
    for seconds in times:
        waiting.add(seconds)
    latest = times[-20:]
    limit = waiting.percentile(share)
    assert len(waiting) == len(latest)
    assert limit in latest
    assert sum(seconds <= limit for seconds in latest) >= share * len(latest) - 1e-9
    assert sum(seconds < limit for seconds in latest) < share * len(latest) + 1e-9


@examples(max_examples=40, deadline=None)
@given(share=st.floats(0, 1), calls=st.integers(1, 300))
def test_no_more_than_the_share_and_the_first_is_spent(share, calls):
    tokens, spent = Share(share), 0
    for _ in range(calls):
        tokens.earn()
        spent += tokens.spend()
    assert spent <= share * calls + 1
    assert spent >= int(share * calls) - 1


def test_a_share_of_none_allows_nothing():
    tokens = Share(0)
    tokens.earn()
    assert not tokens.spend()


def test_what_was_saved_is_bounded():
    tokens = Share(0.5, burst=3)
    for _ in range(1000):
        tokens.earn()
    assert [tokens.spend() for _ in range(4)] == [True, True, True, False]
