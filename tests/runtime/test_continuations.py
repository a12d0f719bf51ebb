"""A stream breaks, and the model that is asked to go on does so in every manner, good and bad."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from holdfast import Client, Endpoint, ModelError, Restart, Timeouts
from holdfast.providers.codec import Dialect
from holdfast.simulator import Rule, Scenario, SimulatedModel, Simulator, When, expected_answer
from holdfast.simulator.answers import Manner
from holdfast.simulator.continuations import Style
from holdfast.simulator.faults import vocabulary

PROMPT = "What does the tide do?"
ANSWER = expected_answer(PROMPT)
RESET = next(entry.kind for entry in vocabulary() if entry.name == "reset_after")
JOINED = {"as_asked", "anchored", "from_start", "changed_punctuation", "changed_whitespace"}
"""Manners that can be joined without a guess, whatever was shown. Others can where they repeat enough."""


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


async def consume(style: str, after: int, *, restarts: bool, prefill: str) -> tuple[str, object, list]:
    model = SimulatedModel(manner=Manner(continuation=style), rules=(Rule(RESET(after=after), When(first=1)),))
    async with Simulator(Scenario(models={"m": model})) as simulator:
        dialect = Dialect(provider="here", prefill=prefill)
        here = Endpoint("here", base_url=simulator.base_url(), dialect=dialect)
        async with Client(here.model("m"), on_break="resume", timeouts=Timeouts(total=5), random=lambda: 0.0) as client:
            events = []
            async with client.stream(PROMPT) as stream:
                try:
                    async for event in stream.events(restarts=restarts):
                        events.append(event)  # noqa: PERF401  # what came before an error counts
                except ModelError as error:
                    return stream.response().text, error, events
                return stream.response().text, stream.response(), events


@pytest.mark.parametrize("after", [3, 9, 17, 26])
@pytest.mark.parametrize("restarts", [True, False])
@pytest.mark.parametrize("style", get_args(Style))
async def test_the_consumer_has_each_word_once_or_is_told_that_it_has_not(style, restarts, after):
    text, end, events = await consume(style, after, restarts=restarts, prefill="none")
    restarted = any(isinstance(event, Restart) for event in events)
    if isinstance(end, ModelError) or end.truncated:
        assert ANSWER.startswith(text)
        assert style not in JOINED
    else:
        assert words(text) == words(ANSWER)
    assert not (restarted and not restarts)
    if style in JOINED or (style == "verbatim_repeat" and after == 26):
        assert not restarted
        assert words(text) == words(ANSWER)


@pytest.mark.parametrize("after", [3, 9, 17, 26])
async def test_a_model_that_takes_a_prefill_goes_on_natively(after):
    text, _, events = await consume("native", after, restarts=False, prefill="assistant")
    assert text == ANSWER
    assert not any(isinstance(event, Restart) for event in events)
