# random histories are no secrets
from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.histories import broken_laws, history, png
from holdfast.context.count import Counter
from holdfast.context.overflow import repair
from holdfast.context.windows import Windows
from holdfast.errors import ContextOverflowError, Limit, RateLimitError, RequestTooLargeError
from holdfast.messages import (
    AssistantMessage,
    Image,
    SystemMessage,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.request import Request, Settings

MODEL = "openai/gpt-4o"


def long_request(steps: int = 40, **fields) -> Request:
    messages = [SystemMessage("s"), UserMessage("TASK")]
    for number in range(steps):
        messages.append(AssistantMessage([ToolCall(f"c{number}", "read", "{}")]))
        messages.append(ToolMessage([ToolResult(f"c{number}", f"step {number} " + "word " * 200)]))
    return Request(messages=tuple(messages), **fields)


class Bench:
    """A counter, windows and the repair over them."""

    def __init__(self, **windows):
        self.counter = Counter()
        self.windows = Windows(windows)
        self.repair = partial(repair, counter=self.counter, windows=self.windows)

    def tokens(self, request: Request) -> int:
        return Counter().count(request, MODEL).tokens


def overflow(**limit) -> ContextOverflowError:
    return ContextOverflowError("too long", limit=Limit(**limit) if limit else None)


@pytest.mark.parametrize(
    ("asked", "limit", "lowered"),
    [
        (8000, {"max_tokens": 8192, "input_tokens": 1000, "output_tokens": 8000}, 8192 - 1000 - 82),
        (8000, {"max_tokens": 8192, "requested_tokens": 9000, "output_tokens": 8000}, 8192 - 1000 - 82),
        (8192, {"max_tokens": 8192, "input_tokens": 64}, 8192 - 64 - 82),
        (400, {"max_tokens": 8192, "input_tokens": 8000}, 8192 - 8000 - 82),
        (4000, {"max_tokens": 8192, "input_tokens": 8000}, None),
        (100, {"max_tokens": 8192, "input_tokens": 9000}, None),
    ],
)
def test_the_answers_share_is_lowered_first(asked, limit, lowered):
    request = long_request(settings=Settings(max_tokens=asked))
    repaired = Bench().repair(request, overflow(**limit), MODEL)
    if lowered is None:
        assert len(repaired.messages) < len(request.messages) or repaired.messages != request.messages
    else:
        assert repaired == request.replace(settings=Settings(max_tokens=lowered))


def test_the_stated_window_is_learnt_and_the_history_fitted_to_it():
    bench, request = Bench(), long_request()
    repaired = bench.repair(request, overflow(max_tokens=4000, requested_tokens=9000), MODEL)
    assert bench.windows.window(MODEL) == 4000
    assert bench.tokens(repaired) < 3000
    assert repaired.messages[:2] == request.messages[:2]
    assert repaired.messages[-1] == request.messages[-1]


def test_a_stated_size_corrects_the_estimate():
    bench, request = Bench(), long_request()
    truth = 3 * bench.tokens(request)
    repaired = bench.repair(request, overflow(max_tokens=truth - 10, input_tokens=truth), MODEL)
    assert bench.counter.estimator(MODEL).ratio == pytest.approx(3, abs=0.01)
    assert bench.tokens(repaired) * 3 < 0.9 * truth


def test_an_error_without_numbers_shrinks_all_the_same():
    bench, request = Bench(), long_request()
    first = bench.repair(request, overflow(), MODEL)
    second = bench.repair(first, overflow(), MODEL)
    assert bench.tokens(first) <= 0.6 * bench.tokens(request)
    assert bench.tokens(second) <= 0.6 * bench.tokens(first)


def test_a_guessed_window_is_no_larger_than_what_was_refused():
    bench, request = Bench(), long_request()
    bench.repair(request, overflow(), "x/y")
    assert bench.windows.window("x/y") < 128_000


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    numbers=st.lists(st.one_of(st.none(), st.integers(1, 20_000)), min_size=4, max_size=4),
    kind=st.sampled_from([ContextOverflowError, RequestTooLargeError]),
    asked=st.one_of(st.none(), st.integers(1, 20_000)),
)
def test_repairing_ends_because_each_request_is_strictly_smaller(seed, numbers, kind, asked):
    bench = Bench()
    request = Request(messages=tuple(history(Random(seed), 15)), settings=Settings(max_tokens=asked))
    error = kind("no", limit=Limit(*numbers))
    for _ in range(200):
        repaired = bench.repair(request, error, MODEL)
        if repaired is None:
            return
        size = (bench.tokens(request), request.settings.max_tokens or 0)
        after = (bench.tokens(repaired), repaired.settings.max_tokens or 0)
        assert after < size or (after[0] == size[0] and after[1] < (asked or 10**9))
        assert not broken_laws(list(request.messages), repaired.messages)
        request = repaired
    raise AssertionError("it goes on for ever")


def picture_request() -> Request:
    picture = Image(data=png(2000, 2000))
    old = UserMessage([Text("TASK"), picture])
    result = ToolMessage([ToolResult("a", (Text("seen"), picture))])
    call = AssistantMessage([ToolCall("a", "look", "{}")])
    return Request(messages=(old, call, result, UserMessage([Text("and this?"), picture])))


def test_too_many_bytes_take_the_old_pictures_first_and_then_all():
    bench, request = Bench(), picture_request()
    first = bench.repair(request, RequestTooLargeError("413"), MODEL)
    assert [isinstance(part, Image) for part in first.messages[-1].parts] == [False, True]
    assert "picture was here" in first.messages[0].text
    assert "picture was here" in first.messages[2].text
    second = bench.repair(first, RequestTooLargeError("413"), MODEL)
    assert "picture was here" in second.messages[-1].text


def test_a_minutes_limit_below_the_request_is_a_budget():
    bench, request = Bench(), long_request()
    error = RequestTooLargeError("TPM", limit=Limit(max_tokens=3000, requested_tokens=9000))
    assert bench.tokens(bench.repair(request, error, MODEL)) <= 2700
    assert bench.windows.window(MODEL) == 128_000


def test_what_cannot_shrink_is_given_up():
    assert Bench().repair(Request(messages=(SystemMessage("rule"),)), overflow(max_tokens=2), MODEL) is None
    assert Bench().repair(Request(messages=()), overflow(), MODEL) is None


def test_other_failures_are_not_repaired():
    assert Bench().repair(long_request(), RateLimitError("wait"), MODEL) is None
