from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import ModelConnectionError, OverloadedError, ServerError, StreamInterruptedError
from holdfast.events import Finish, ResponseStart, TextDelta, UsageUpdate
from holdfast.messages import Thinking, ToolCall
from holdfast.runtime.layers.hedge import hedge
from holdfast.testing import FakeClock, Pause, ScriptedModel, check_events
from holdfast.usage import Usage
from runtime.layers.asking import HELLO, ask, cancel_everywhere, events_of


def pair(clock, first, second, **options):
    one = ScriptedModel(first, name="one", then="last", clock=clock)
    two = ScriptedModel(second, name="two", then="last", clock=clock)
    options = {"after": 1.0, "max_share": 1.0, **options}
    return one, two, hedge(two, options.pop("after"), clock=clock, **options)(one)


async def test_a_model_that_begins_in_time_is_not_hedged(clock):
    _one, two, model = pair(clock, [Pause(0.9), "one", Pause(5), " goes on"], "two")
    response = await ask(model)
    assert (response.text, response.attempts) == ("one goes on", ())
    assert (len(two.requests), clock.pending, clock.now()) == (0, 0, 5.9)


async def test_the_second_answers_when_the_first_is_silent_and_the_first_is_closed_at_once(clock):
    one, two, model = pair(clock, [Pause(), "one"], [Pause(0.5), "two", Pause(3), "!"])
    async with aclosing(model.stream(HELLO)) as events:
        seen = [await anext(events), await anext(events)]
        assert seen[1].text == "two"
        assert (clock.now(), one.active, one.abandoned) == (1.5, 0, 1)
        assert (await anext(events)).text == "!"
        assert isinstance(await anext(events), Finish)
    assert two.abandoned == 0


@pytest.mark.parametrize("sign", ["text", Thinking("hm"), ToolCall("1", "f")])
async def test_the_first_sign_of_life_wins_and_the_loser_is_cancelled(clock, sign):
    _one, two, model = pair(clock, [Pause(2), sign, Pause(1)], [Pause(1.5), "two"])
    response = await ask(model)
    assert response.model == "one"
    assert (two.active, two.abandoned, clock.now()) == (0, 1, 3)


async def test_a_role_or_usage_alone_is_no_sign_of_life(clock):
    silent = [ResponseStart(model="one"), UsageUpdate(Usage(input_tokens=9)), Pause()]
    _, _, model = pair(clock, silent, "two")
    response = await ask(model)
    assert (response.model, response.text) == ("two", "two")


async def test_what_the_loser_is_known_to_have_cost_is_booked(clock):
    cost = Usage(input_tokens=9)
    _, _, model = pair(clock, [UsageUpdate(cost), Pause()], ["two", Pause(1)])
    lost, won = (await ask(model)).attempts
    assert (lost.model, lost.error.kind, lost.usage, lost.elapsed) == ("one", "cancelled", cost, 1.0)
    assert (won.model, won.error, won.elapsed) == ("two", None, 1.0)


async def test_a_second_model_that_loses_is_booked_too(clock):
    cost = Usage(input_tokens=9)
    _, _, model = pair(clock, [Pause(2), "one"], [UsageUpdate(cost), Pause()])
    lost, won = (await ask(model)).attempts
    assert (lost.model, lost.error.kind, lost.usage) == ("two", "cancelled", cost)
    assert (won.model, won.error) == ("one", None)


async def test_if_the_first_fails_before_the_second_was_asked_its_error_is_raised(clock):
    _, two, model = pair(clock, [Pause(0.5), ServerError("broken")], "two")
    with pytest.raises(ServerError):
        await ask(model)
    assert (len(two.requests), clock.pending) == (0, 0)


async def test_if_the_first_fails_the_second_carries_on(clock):
    _, _, model = pair(clock, [Pause(2), ServerError("broken")], [Pause(5), "two"])
    response = await ask(model)
    assert response.text == "two"
    assert response.attempts[0].error.kind == "server_error"


async def test_if_the_second_fails_the_first_carries_on(clock):
    _, _, model = pair(clock, [Pause(5), "one"], ServerError("broken"))
    response = await ask(model)
    assert response.text == "one"
    assert response.attempts[0].error.kind == "server_error"


@pytest.mark.parametrize("pause", [0.1, 5.0])
async def test_if_both_fail_the_first_error_is_raised_and_keeps_the_second(clock, pause):
    _, _, model = pair(clock, [Pause(3), OverloadedError("busy")], [Pause(pause), ModelConnectionError("reset")])
    with pytest.raises(OverloadedError) as caught:
        await ask(model)
    assert isinstance(caught.value.__cause__, ModelConnectionError)


async def test_a_break_after_the_second_has_won_is_its_own_error(clock):
    _, _, model = pair(clock, Pause(), ["two", StreamInterruptedError("reset")])
    with pytest.raises(StreamInterruptedError) as caught:
        await ask(model)
    assert caught.value.partial.text == "two"


async def test_only_the_allowed_share_of_calls_is_hedged(clock):
    _, two, model = pair(clock, [Pause(5), "one"], [Pause(), "two"], max_share=0.125)
    for _ in range(40):
        await ask(model)
    assert len(two.requests) == 6


async def test_the_delay_is_learned_from_the_models_own_times(clock):
    pauses = iter([*[0.1] * 18, 2.0, 2.0, 60.0])
    one = ScriptedModel(lambda _: [Pause(next(pauses)), "one"], then="last", clock=clock)
    two = ScriptedModel("two", then="last", clock=clock)
    model = hedge(two, max_share=1.0, min_samples=20, clock=clock)(one)
    for _ in range(20):
        await ask(model)
    assert two.requests == []
    began = clock.now()
    assert (await ask(model)).text == "two"
    assert clock.now() - began == pytest.approx(2.0)


async def test_streamed_and_unstreamed_answers_are_learned_apart(clock):
    one = ScriptedModel(lambda request: [Pause(0.1 if request.stream else 9), "one"], then="last", clock=clock)
    model = hedge(ScriptedModel("two"), max_share=1.0, min_samples=5, clock=clock)(one)
    for _ in range(6):
        await ask(model, HELLO.replace(stream=True))
    assert (await ask(model)).text == "one"


async def test_without_a_second_model_the_same_is_asked_again(clock):
    one = ScriptedModel(Pause(), "again", clock=clock)
    response = await ask(hedge(after=1, max_share=1, clock=clock)(one))
    assert response.text == "again"
    assert len(one.requests) == 2


class Counting:
    name = "counting"
    made = 0

    async def stream(self, request):  # the port names it
        yield ResponseStart()
        while True:
            self.made += 1
            yield TextDelta("x")


async def test_a_slow_consumer_of_the_second_holds_it_back(clock):
    two = Counting()
    model = hedge(two, 1, max_share=1, clock=clock)(ScriptedModel(Pause(), clock=clock))
    async with aclosing(model.stream(HELLO)) as events:
        await anext(events)
        await clock.sleep(10)
        assert two.made < 50


async def test_cancelled_anywhere_it_leaves_nothing_behind(clock):
    one, two, model = pair(clock, [Pause(3), "one", Pause(1)], [Pause(1), "two", Pause(1)])

    def check():
        assert (one.active, two.active, clock.pending) == (0, 0, 0)
        task = asyncio.current_task()
        assert task.cancelling() == 0

    await cancel_everywhere(lambda: ask(model), check, steps=60)
    assert (await ask(model)).text == "two"


async def test_winning_leaves_the_consumers_task_uncancelled(clock):
    _, _, model = pair(clock, Pause(), "two")
    assert (await ask(model)).text == "two"
    assert asyncio.current_task().cancelling() == 0
    async with asyncio.timeout(5):
        await asyncio.sleep(0)


async def test_a_cancellation_from_outside_is_not_taken_for_a_win(clock):
    _, _, model = pair(clock, Pause(), [Pause(0.5), "two"])
    task = asyncio.create_task(ask(model))
    clock.call_at(1.5, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["a", "b"]),
        st.builds(Pause, st.sampled_from([0.2, 1.0, 3.0])),
        st.sampled_from([ServerError("broken"), UsageUpdate(Usage(input_tokens=1))]),
    ),
    max_size=5,
)


@settings(max_examples=80, deadline=None)
@given(first=STEPS, second=STEPS, after=st.sampled_from([0.0, 0.5, 2.0]), leave=st.none() | st.integers(0, 4))
def test_one_whole_answer_comes_out_or_one_error_and_nothing_stays(first, second, after, leave):
    async def run():
        clock = FakeClock(autojump=True)
        one, two, model = pair(clock, first, second, after=after)
        try:
            if leave is None:
                events = await events_of(model)
                check_events(events)
                answer = "".join(getattr(event, "text", "") for event in events)
                assert answer in {"".join(s for s in script if isinstance(s, str)) for script in (first, second)}
                assert isinstance(events[-1], Finish)
            else:
                async with aclosing(model.stream(HELLO)) as stream:
                    for _ in range(leave):
                        await anext(stream, None)
        except ServerError:
            assert any(isinstance(step, ServerError) for step in first + second)
        assert (one.active, two.active, clock.pending) == (0, 0, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
