"""Answers that their provider keeps: cut at every event and at many bytes they are whole, once, and generated once."""

from __future__ import annotations

import pytest

from holdfast import Client, Endpoint, StreamInterruptedError, TextDelta
from holdfast.errors import ModelConnectionError
from holdfast.providers.codec import Dialect
from holdfast.runtime.clock import SystemClock
from holdfast.simulator import Rule, Scenario, SimulatedModel, Simulator, When, expected_answer
from holdfast.simulator.faults import EarlyEnd, ResetAfter
from wire import chunked, serving, whole

PROMPT = "What is a holdfast?"
ANSWER = expected_answer(PROMPT)
WIRES = {"openai_responses": {"background": True}, "gemini": {}}
CUTS = [cut(after=after) for cut in (EarlyEnd, ResetAfter) for after in (2, 3, 9, 20, -1)]
CREATED = b"""event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","background":true,"model":"m"}}

"""
QUEUED = b'{"id":"resp_1","object":"response","background":true,"status":"queued","output":[],"model":"m"}'
DONE = b"""{"id":"resp_1","object":"response","background":true,"status":"completed","model":"m","output":[
{"type":"message","id":"msg_1","role":"assistant","status":"completed",
"content":[{"type":"output_text","text":"Hold fast.","annotations":[]}]}]}"""


class NoWaiting(SystemClock):
    """A clock that notes how long it was to sleep."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def simulator_with(*rules: Rule) -> Simulator:
    return Simulator(Scenario(models={"m": SimulatedModel(rules=rules, resumable=True)}))


def client_of(base_url: str, wire: str, clock: NoWaiting | None = None, **options) -> Client:
    endpoint = Endpoint("here", base_url=base_url, api_key="key", codec=wire, clock=clock or NoWaiting(), **options)
    return Client(endpoint.model("m"), policies=())


async def streamed(simulator: Simulator, wire: str, **extra):
    """The words in the order in which they came, and the response."""
    async with client_of(simulator.base_url(wire), wire) as client:
        async with client.stream(PROMPT, extra=WIRES[wire] | extra) as stream:
            words = [event.text async for event in stream if isinstance(event, TextDelta)]
        return "".join(words), stream.response()


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("wire", WIRES)
async def test_an_answer_that_breaks_is_whole_and_generated_once(wire, cut):
    async with simulator_with(Rule(cut, When(first=1))) as simulator:
        text, response = await streamed(simulator, wire)
    assert (text, response.text, response.finish_reason) == (ANSWER, ANSWER, "stop")
    assert (response.context, len(response.attempts)) == ({"resumed": 1}, 1)
    assert len(simulator.requests) == 2


@pytest.mark.parametrize("wire", WIRES)
async def test_a_cut_at_any_byte_leaves_no_gap_and_no_double(wire):
    for cut in range(1500, 9000, 197):
        async with simulator_with(Rule(ResetAfter(bytes=cut), When(first=1))) as simulator:
            text, response = await streamed(simulator, wire)
        assert (text, response.text, response.truncated) == (ANSWER, ANSWER, False), cut


async def test_an_answer_that_breaks_again_and_again_goes_on_while_it_grows():
    async with simulator_with(Rule(EarlyEnd(after=3))) as simulator:
        text, response = await streamed(simulator, "gemini")
    assert text == ANSWER
    assert response.context is not None
    assert response.context["resumed"] > 3


async def test_an_answer_that_does_not_grow_is_given_up_after_three_tries():
    dead = chunked(CREATED, content_type="text/event-stream")
    async with serving([dead]) as wire, client_of(wire.url, "openai_responses") as client:
        with pytest.raises(StreamInterruptedError):
            await client.stream(PROMPT, extra={"background": True}).finish()
    assert len(wire.requests) == 4
    assert wire.requests[1].startswith(b"GET /responses/resp_1?stream=true&starting_after=0 ")


@pytest.mark.parametrize(("status", "requests"), [(404, 2), (400, 2), (401, 2), (500, 4), (429, 4)])
async def test_only_a_passing_failure_of_the_resume_is_tried_again_and_the_break_is_what_is_raised(status, requests):
    scripts = [[chunked(CREATED, content_type="text/event-stream")], [whole(b'{"error":{"message":"No."}}', status)]]
    async with serving(*scripts) as wire, client_of(wire.url, "openai_responses") as client:
        with pytest.raises(StreamInterruptedError, match="terminal event"):
            await client.stream(PROMPT, extra={"background": True}).finish()
    assert len(wire.requests) == requests


async def test_without_the_option_nothing_is_taken_up():
    async with simulator_with(Rule(ResetAfter(after=9))) as simulator:
        with pytest.raises((StreamInterruptedError, ModelConnectionError)):
            await streamed(simulator, "openai_responses", background=False)
    assert len(simulator.requests) == 1


async def test_an_endpoint_can_ask_for_it_in_every_call():
    async with simulator_with(Rule(ResetAfter(after=9), When(first=1))) as simulator:
        dialect = Dialect(options={"background": True})
        async with client_of(simulator.base_url("openai_responses"), "openai_responses", dialect=dialect) as client:
            response = await client.stream(PROMPT).finish()
    assert (response.text, response.context) == (ANSWER, {"resumed": 1})


async def test_a_whole_answer_in_the_background_is_asked_for_until_it_is_there():
    clock = NoWaiting()
    scripts = [[whole(QUEUED)]] * 6 + [[whole(DONE)]]
    async with serving(*scripts) as wire, client_of(wire.url, "openai_responses", clock) as client:
        response = await client.create(PROMPT, extra={"background": True})
    assert (response.text, response.context) == ("Hold fast.", {"resumed": 6})
    assert all(request.startswith(b"GET /responses/resp_1 ") for request in wire.requests[1:])
    assert clock.slept == [0.5, 1, 2, 4, 5, 5]
