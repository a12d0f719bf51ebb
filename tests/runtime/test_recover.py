"""The engine: it ends, it never shows anything twice, and nothing that was received is lost."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import Client
from holdfast.errors import (
    AuthenticationError,
    ContentFilterError,
    InvalidResponseError,
    ModelError,
    ModelTimeoutError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.events import (
    Finish,
    ResponseStart,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.messages import Thinking, ToolCall, UserMessage
from holdfast.recovery.attempt import Attempt, Policy
from holdfast.recovery.policies import DEFAULT_POLICIES, answer, on_content_filter, retry
from holdfast.recovery.screen import HoldBack
from holdfast.request import Request, Timeouts
from holdfast.response import fold
from holdfast.runtime.options import Options
from holdfast.runtime.recover import Recover
from holdfast.testing import FakeClock, Pause, ScriptedModel, check_events
from holdfast.usage import Usage

REQUEST = Request(messages=(UserMessage("Say it."),), stream=True)
ANSWER = "The quick brown fox jumps over the lazy dog and then it sleeps under an old tree until noon."
WORDS = [word + " " for word in ANSWER.split(" ")]
MODES = ["raise", "restart", "resume", "hold", "truncate"]


def cut() -> StreamInterruptedError:
    return StreamInterruptedError("cut")


def engine(*models: ScriptedModel, policies=DEFAULT_POLICIES, clock=None, **options) -> Recover:
    clock = clock or FakeClock(autojump=True)
    for model in models:
        model._clock = clock
    return Recover(models, policies=policies, options=Options(**options), clock=clock, random=lambda: 0.5)


async def consume(model: Recover) -> tuple[list, ModelError | None]:
    events = []
    try:
        async for event in model.stream(REQUEST):
            events.append(event)  # noqa: PERF401  # what came before an error counts
    except ModelError as error:
        return events, error
    return events, None


def said(events) -> str:
    """What a plain consumer ends up with: all text since the last restart."""
    return fold(events).text


class TestModes:
    """One break in the middle, then a whole answer from the start."""

    def model(self, **options) -> Recover:
        return engine(ScriptedModel([*WORDS[:9], cut()], [ANSWER], name="m"), **options)

    async def test_raise_gives_the_error_with_what_had_come(self):
        events, error = await consume(self.model(on_break="raise"))
        assert isinstance(error, StreamInterruptedError)
        assert error.partial.text == "".join(WORDS[:9]) == said(events)
        assert [failure.error for failure in error.history] == [error]

    async def test_restart_says_that_what_was_seen_is_void(self):
        events, error = await consume(self.model(on_break="restart"))
        assert error is None
        restart = next(event for event in events if isinstance(event, Restart))
        assert isinstance(events[restart.since], ResponseStart)
        assert restart.reason.partial.text == "".join(WORDS[:9])
        assert said(events) == ANSWER

    async def test_resume_goes_on_and_repeats_nothing(self):
        events, error = await consume(self.model(on_break="resume"))
        assert error is None
        assert not any(isinstance(event, Restart) for event in events)
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == ANSWER

    async def test_hold_shows_nothing_of_the_broken_answer(self):
        events, error = await consume(self.model(on_break="hold"))
        assert error is None
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == ANSWER

    async def test_truncate_ends_with_what_there_was_and_says_so(self):
        events, error = await consume(self.model(on_break="truncate"))
        assert error is None
        finish = events[-1]
        assert (finish.truncated, finish.error.kind) == (True, "stream_interrupted")
        assert said(events) == "".join(WORDS[:9])

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_break_before_anything_was_shown_is_invisible(self, mode):
        model = engine(ScriptedModel([ResponseStart(), cut()], [ANSWER], name="m"), on_break=mode)
        events, error = await consume(model)
        assert error is None
        check_events(events)
        assert said(events) == ANSWER
        assert sum(isinstance(event, ResponseStart) for event in events) == 1


async def test_the_resumed_attempt_carries_what_was_shown():
    model = ScriptedModel([*WORDS[:9], cut()], [ANSWER], name="m")
    await consume(engine(model, on_break="resume"))
    assert [request.prefix for request in model.requests] == ["", "".join(WORDS[:9])]


async def test_a_resume_survives_a_second_break():
    model = ScriptedModel([*WORDS[:5], cut()], [*WORDS[:11], cut()], [ANSWER], name="m")
    events, error = await consume(engine(model, on_break="resume"))
    assert error is None
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == ANSWER
    assert len(events[-1].attempts) == 3


async def test_an_answer_that_cannot_be_joined_restarts_where_the_consumer_can_bear_it():
    other = "Something else entirely is what this model has to say about it."
    model = ScriptedModel([*WORDS[:9], cut()], [other], [other], name="m")
    events, error = await consume(engine(model, on_break="resume"))
    assert error is None
    check_events(events)
    assert said(events) == other
    # What could not be joined may be the bare rest of an answer: it is asked for anew, and not shown as a whole one.
    assert [bool(request.prefix) for request in model.requests] == [False, True, False]


async def test_an_answer_that_cannot_be_joined_ends_truncated_where_the_consumer_cannot():
    other = "Something else entirely is what this model has to say about it."
    model = engine(ScriptedModel([*WORDS[:9], cut()], *[[other]] * 5, name="m"), on_break="resume", restarts=False)
    events, error = await consume(model)
    assert error is None
    assert said(events) == "".join(WORDS[:9])
    assert events[-1].truncated


async def test_resume_shows_thinking_and_tool_calls_whole_or_not_at_all():
    half = [
        Thinking("hm", signature="s"),
        "Looking. ",
        ToolCallStart(part=5, id="1", name="find"),
        ToolCallDelta(part=5, arguments='{"q": "a'),
        cut(),
    ]
    whole = [Thinking("again"), "Looking. ", ToolCall("2", "find", '{"q": "all"}')]
    events, error = await consume(engine(ScriptedModel(half, whole, name="m"), on_break="resume"))
    assert error is None
    response = fold(events)
    assert response.tool_calls == (ToolCall("2", "find", '{"q": "all"}'),)
    assert (response.thinking, response.text) == ("hm", "Looking. ")


async def test_a_second_finish_is_never_shown():
    events, _ = await consume(engine(ScriptedModel([ANSWER, Finish("stop"), TextDelta("more"), Finish("stop")])))
    assert sum(isinstance(event, Finish) for event in events) == 1
    assert said(events) == ANSWER


async def test_a_model_that_never_finishes_properly_is_a_typed_error():
    class Broken:
        name = "broken"

        async def stream(self, request):
            yield ResponseStart()

    events, error = await consume(engine(Broken(), policies=()))
    assert events == []
    assert isinstance(error, InvalidResponseError)


async def test_failed_attempts_are_in_the_response_and_their_tokens_are_booked():
    booked = []
    model = ScriptedModel([*WORDS[:3], cut()], [ANSWER], name="m", usage=Usage(input_tokens=7, output_tokens=9))
    recover = Recover([model], clock=FakeClock(autojump=True), options=Options(on_break="hold"))
    recover.book = lambda name, usage: booked.append((name, usage.total_tokens))
    response = fold([event async for event in recover.stream(REQUEST)])
    assert [record.error and record.error.kind for record in response.attempts] == ["stream_interrupted", None]
    assert booked[-1] == ("m", 16)


async def test_a_resumed_attempt_is_not_booked_with_the_tokens_of_the_one_before():
    booked = []
    paid = UsageUpdate(Usage(input_tokens=5, output_tokens=2))
    model = ScriptedModel([paid, *WORDS[:9], cut()], ServerError("x"), [ANSWER], name="m", usage=Usage(input_tokens=7))
    recover = engine(model, on_break="resume")
    recover.book = lambda name, usage: booked.append(usage.total_tokens)
    events, error = await consume(recover)
    assert (error, said(events)) == (None, ANSWER)
    assert booked == [7, 0, 7]


async def test_the_last_typed_error_is_raised_with_the_whole_history():
    primary = ScriptedModel(ServerError("1"), ServerError("2"), name="a")
    _, error = await consume(engine(primary, ScriptedModel(QuotaExhaustedError("3"), name="b")))
    assert isinstance(error, QuotaExhaustedError)
    assert [(failure.model, str(failure.error)) for failure in error.history] == [("a", "1"), ("a", "2"), ("b", "3")]


async def test_an_answer_of_a_policy_is_marked_and_carries_its_reason():
    policies = (*DEFAULT_POLICIES, answer("We are closed."))
    events, error = await consume(engine(ScriptedModel(AuthenticationError("x")), policies=policies))
    response = fold(events)
    assert error is None
    assert (response.text, response.model) == ("We are closed.", None)
    assert "authentication" in response.degraded
    assert len(response.attempts) == 1


async def test_an_async_handler_may_change_the_messages():
    async def reword(call):
        await asyncio.sleep(0)
        return call.resend(messages=[UserMessage("Say something kind.")])

    model = ScriptedModel(ContentFilterError("no", scope="prompt"), ANSWER)
    events, _ = await consume(engine(model, policies=(on_content_filter(reword), *DEFAULT_POLICIES)))
    assert said(events) == ANSWER
    assert model.requests[1].messages == (UserMessage("Say something kind."),)
    assert REQUEST.messages == (UserMessage("Say it."),)


async def test_a_handler_that_never_comes_back_does_not_hold_the_call():
    async def forgetful(history):
        await asyncio.Event().wait()

    clock = FakeClock(autojump=True)
    _, error = await consume(engine(ScriptedModel(ServerError("x")), policies=(forgetful,), clock=clock, deadline=20))
    assert isinstance(error, ServerError)
    assert clock.now() <= 21


async def test_one_deadline_holds_over_all_attempts_and_waits():
    clock = FakeClock(autojump=True)
    hanging = [ScriptedModel(*[[Pause()]] * 9, name=name) for name in "abc"]
    model = engine(*hanging, clock=clock, deadline=30, timeouts=Timeouts(first_event=12))
    _, error = await consume(model)
    assert clock.now() == pytest.approx(30)
    assert isinstance(error, ModelTimeoutError)
    assert error.phase == "deadline"


async def test_an_answer_arrives_at_the_deadline_when_every_model_hangs():
    clock = FakeClock(autojump=True)
    model = engine(
        ScriptedModel([Pause()], name="a"), policies=(*DEFAULT_POLICIES, answer("Later.")), clock=clock, deadline=5
    )
    events, error = await consume(model)
    assert (error, said(events), clock.now()) == (None, "Later.", pytest.approx(5))


async def test_attempts_are_bounded_whatever_the_policies_say():
    model = ScriptedModel(ServerError("x"), then="cycle")
    forever: Policy = lambda history: Attempt(model=history.current, request=history.request)  # noqa: E731  # a policy
    _, error = await consume(engine(model, policies=(forever,), max_attempts=6))
    assert len(model.requests) == len(error.history) == 6


async def test_the_first_model_is_passed_over_while_it_rests():
    first, second = ScriptedModel(QuotaExhaustedError("x"), name="a"), ScriptedModel(ANSWER, then="cycle", name="b")
    model = engine(first, second)
    for _ in range(3):
        assert said((await consume(model))[0]) == ANSWER
    assert (len(first.requests), len(second.requests)) == (1, 3)


async def test_one_retry_after_gates_the_next_call_too():
    clock = FakeClock(autojump=True)
    model = engine(ScriptedModel(RateLimitError("slow", retry_after=8), ANSWER), clock=clock, policies=())
    _, error = await consume(model)
    assert isinstance(error, RateLimitError)
    await consume(model)
    assert clock.now() == pytest.approx(8)


async def test_an_answer_a_verdict_refuses_is_a_failure_like_any_other():
    refused = lambda response: InvalidResponseError("too short") if len(response.text) < 10 else None  # noqa: E731
    model = ScriptedModel("Short.", ANSWER)
    recover = Recover([model], verdicts=[refused], clock=FakeClock(autojump=True), options=Options(on_break="hold"))
    assert said([event async for event in recover.stream(REQUEST)]) == ANSWER


async def test_one_call_can_have_a_verdict_of_its_own():
    refused = lambda response: InvalidResponseError("too short") if len(response.text) < 10 else None  # noqa: E731
    model = ScriptedModel("Short.", ANSWER, "Short.")
    client = Client(model, clock=FakeClock(autojump=True))
    assert (await client.create("Say it.", verdicts=[refused])).text == ANSWER
    assert (await client.create("Say it.")).text == "Short."


@pytest.mark.parametrize(
    ("finish", "parts", "kind"),
    [
        (Finish("content_filter"), [], "content_filter"),
        (Finish("content_filter"), [Thinking("hm")], "content_filter"),
        (Finish("content_filter"), ["Useful text"], None),
        (Finish("stop"), [], "malformed_response"),
        (Finish("length"), [Thinking("hm")], "malformed_response"),
        (Finish("error"), ["Half"], "server_error"),
        (Finish("stop"), [ToolCall("1", "f")], None),
        (Finish("unknown", "eot"), ["Text"], None),
    ],
)
async def test_failures_that_arrive_as_success_are_found(finish, parts, kind):
    _, error = await consume(engine(ScriptedModel([*parts, finish]), policies=(), on_break="hold"))
    assert (error and error.kind) == kind


class TestHoldBack:
    async def test_a_failure_within_the_window_stays_invisible(self):
        model = ScriptedModel([*WORDS[:3], cut()], [ANSWER])
        events, error = await consume(engine(model, on_break="raise", hold_back=HoldBack(tokens=10)))
        assert (error, said(events)) == (None, ANSWER)

    async def test_the_window_ends_after_so_many_tokens(self):
        model = ScriptedModel([*WORDS[:15], cut()], [ANSWER])
        _, error = await consume(engine(model, on_break="raise", hold_back=HoldBack(tokens=10)))
        assert isinstance(error, StreamInterruptedError)

    async def test_the_window_ends_after_so_many_seconds_although_nothing_more_comes(self):
        clock = FakeClock(autojump=True)
        model = engine(ScriptedModel(["Hello", Pause(10), " you"]), clock=clock, hold_back=HoldBack(seconds=0.5))
        seen = [(event.text, clock.now()) async for event in model.stream(REQUEST) if isinstance(event, TextDelta)]
        assert seen == [("Hello", pytest.approx(0.5)), (" you", pytest.approx(10))]

    async def test_a_short_answer_does_not_wait_for_the_window(self):
        clock = FakeClock(autojump=True)
        events, _ = await consume(engine(ScriptedModel(ANSWER), clock=clock, hold_back=HoldBack(seconds=5)))
        assert (said(events), clock.now()) == (ANSWER, 0)


FAULTS = st.sampled_from([StreamInterruptedError, ServerError, RateLimitError, ModelTimeoutError, None])
THOUGHTS = st.booleans()


@st.composite
def attempts(draw):
    """Some attempts at the same answer, each broken somewhere in its own way; the last may be whole."""
    scripts = []
    for _ in range(draw(st.integers(1, 5))):
        steps = [ThinkingDelta("I think. ", part=0)] * draw(st.integers(0, 2))
        steps += [TextDelta(word, part=1) for word in WORDS]
        if draw(st.booleans()):
            steps += [ToolCallStart(part=2, id="c1", name="f"), ToolCallDelta(2, '{"a":'), ToolCallDelta(2, " 1}")]
        fault = draw(FAULTS)
        scripts.append(steps if fault is None else [*steps[: draw(st.integers(0, len(steps)))], fault("x")])
    return scripts


@given(attempts(), st.sampled_from(MODES), st.booleans())
@settings(max_examples=300, deadline=None)
def test_whatever_breaks_the_consumer_has_the_answer_or_knows_that_it_has_not(scripts, mode, restarts):
    async def play():
        model = ScriptedModel(*scripts, ServerError("no more"), then="cycle", name="m")
        return await consume(engine(model, on_break=mode, restarts=restarts))

    events, error = asyncio.run(play())
    whole = "".join(WORDS)
    shown = said(events)
    assert sum(isinstance(event, Finish) for event in events) == (error is None)
    if not restarts:
        assert not any(isinstance(event, Restart) for event in events)
    if error is not None:
        assert whole.startswith(shown)
        assert error.history
        assert (error.partial.text if error.partial else "").startswith(shown) or mode in ("restart", "hold")
    elif events[-1].truncated:
        assert whole.startswith(shown)
    else:
        check_events(events)
        assert shown == whole
        for call in fold(events).tool_calls:
            assert call.input == {"a": 1}


@given(
    st.lists(st.sampled_from(["again", "next", "answer", "pass", "fail"]), max_size=4),
    st.integers(1, 9),
    st.floats(0.5, 50),
)
@settings(max_examples=100, deadline=None)
def test_a_call_ends_for_any_list_of_policies(kinds, max_attempts, deadline):
    def policy(kind):
        def deciding(history):
            match kind:
                case "again":
                    return Attempt(model=history.current, request=history.request, delay=3)
                case "next":
                    return Attempt(model=history.models[-1], request=history.request)
                case "answer":
                    return answer("x")(history) if len(history.failures) > 2 else None
                case "fail":
                    return retry()(history)
            return None

        return deciding

    async def play():
        clock = FakeClock(autojump=True)
        models = [ScriptedModel([Pause(2), ServerError("x")], then="cycle", name=name) for name in "ab"]
        model = engine(*models, policies=map(policy, kinds), clock=clock, max_attempts=max_attempts, deadline=deadline)
        await consume(model)
        return sum(len(each.requests) for each in models), clock.now()

    requests, elapsed = asyncio.run(play())
    assert requests <= max_attempts
    assert elapsed <= deadline + 1


@pytest.mark.parametrize("after", range(0, 30, 3))
@pytest.mark.parametrize("mode", MODES)
async def test_cancellation_at_any_moment_leaves_no_task_and_no_timer(mode, after):
    clock = FakeClock()
    models = [
        ScriptedModel([Pause(1), *WORDS[:3], Pause(1), *WORDS[3:6], cut()], then="cycle", name=name) for name in "ab"
    ]
    before = asyncio.all_tasks()
    task = asyncio.create_task(consume(engine(*models, clock=clock, on_break=mode, hold_back=HoldBack(seconds=0.3))))
    for _ in range(after):
        await clock.advance(0.25)
    task.cancel()
    await asyncio.wait({task})
    assert asyncio.all_tasks() == before
    assert clock.pending == 0


async def test_the_description_promises_what_the_engine_keeps():
    models = [ScriptedModel(ServerError("x"), then="cycle", name=name) for name in "abc"]
    client = Client(*models, clock=FakeClock(autojump=True), deadline=45)
    assert "at most 7 requests, at most 45 s" in client.describe()
    with pytest.raises(ServerError):
        await client.create("Hi")
    assert sum(len(model.requests) for model in models) <= 7


async def test_one_call_may_bring_policies_and_an_observer_of_its_own():
    seen = []
    client = Client(ScriptedModel(ServerError("down"), "hello"), clock=FakeClock(autojump=True))
    options = {
        "policies": [answer("sorry")],
        "observe": lambda failure, decision: seen.append((failure.error.kind, decision)),
    }
    assert (await client.create("hi", **options)).text == "sorry"
    assert [(kind, type(decision).__name__) for kind, decision in seen] == [("server_error", "Answer")]
    assert (await client.create("hi")).text == "hello"


async def test_tokens_of_an_answer_that_was_turned_down_are_booked():
    filtered = Finish("content_filter", usage=Usage(input_tokens=4, output_tokens=2))
    client = Client(ScriptedModel(filtered, name="m"), clock=FakeClock(autojump=True))
    with pytest.raises(ContentFilterError) as raised:
        await client.create("Hi")
    assert raised.value.history[0].usage == filtered.usage
    assert client.totals.total == filtered.usage
