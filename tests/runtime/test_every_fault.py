"""The whole vocabulary of the simulator over real HTTP: what the consumer ends up with is right, or is known not to be.

Every fault strikes the first model, always; a calm one stands behind it. Call and stream, every `on_break` mode, and
for faults that strike in the middle every position.
"""

from __future__ import annotations

import pytest

from holdfast import Client, Endpoint, HoldBack, ModelError, Restart, Timeouts
from holdfast.response import Response
from holdfast.simulator import Rule, Scenario, SimulatedModel, Simulator, expected_answer
from holdfast.simulator.faults import KINDS, Refuse, vocabulary

PROMPT = "What is a holdfast?"
ANSWER = expected_answer(PROMPT)
QUICK = Timeouts(connect=2, first_event=0.15, idle=0.15, total=3)
POSITIONS = (0, 1, 2, 7, 20)
TUNED = {"seconds": 2.0}
FINAL = ("content_filter", "invalid_request")
"""What no other model is asked about."""
MODES = ("raise", "restart", "resume", "hold", "truncate")


def faults():
    for kind in KINDS:
        yield pytest.param(Refuse(kind=kind), id=kind)
    for entry in vocabulary():
        if entry.kind is Refuse:
            continue
        fields = {name: TUNED[name] for name in entry.parameters if name in TUNED}
        if "status" in entry.parameters:
            fields["status"] = 503
        if "after" not in entry.parameters:
            yield pytest.param(entry.kind(**fields), id=entry.name)
            continue
        for after in POSITIONS:
            yield pytest.param(entry.kind(**fields, after=after), id=f"{entry.name}-{after}")


@pytest.fixture
async def simulated():
    """A way to a client whose first model always has this fault, and whose second never has any."""
    stack = []

    async def make(fault, **options):
        broken = SimulatedModel(rules=(Rule(fault),))
        simulator = Simulator(Scenario(models={"broken": broken, "calm": SimulatedModel()}))
        await simulator.start()
        here = Endpoint("here", base_url=simulator.base_url(), api_key="key")
        models = (here.model("broken"), here.model("calm"))
        client = Client(*models, timeouts=QUICK, deadline=8, random=lambda: 0.0, **options)
        stack.extend([client, simulator])
        return client, simulator

    yield make
    for each in stack:
        await each.close()


def requests_to_the_broken(simulator) -> int:
    return sum(received.model == "broken" for received in simulator.requests)


def honest(response: Response) -> bool:
    """The whole answer, or one that says itself that it is not."""
    if response.text == ANSWER and not response.truncated:
        return True
    return ANSWER.startswith(response.text) and (
        response.truncated or response.finish_reason in ("length", "content_filter")
    )


@pytest.mark.parametrize("fault", list(faults()))
async def test_a_call_gives_the_answer_or_the_right_error(simulated, fault):
    client, simulator = await simulated(fault)
    try:
        response = await client.create(PROMPT)
    except ModelError as error:
        assert error.kind in FINAL  # noqa: PT017  # both ends of the call are looked at
        assert error.kind == getattr(fault, "kind", "content_filter")  # noqa: PT017  # as above
    else:
        assert honest(response)
    assert requests_to_the_broken(simulator) <= 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", list(faults()))
async def test_a_stream_never_deceives(simulated, fault, mode):
    client, simulator = await simulated(fault, on_break=mode)
    events = []
    stream = client.stream(PROMPT)
    try:
        async with stream:
            events = [event async for event in stream]
    except ModelError as error:
        shown = stream.response().text
        assert ANSWER.startswith(shown)
        if mode in ("hold", "restart"):
            assert error.kind in FINAL  # noqa: PT017  # as above
    else:
        assert honest(stream.response())
        if mode != "truncate" and stream.response().finish_reason == "stop":
            assert stream.response().text == ANSWER
        assert mode in ("restart", "resume") or not any(isinstance(event, Restart) for event in events)
    assert requests_to_the_broken(simulator) <= 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", [fault for fault in faults() if "-7" in fault.id or "-20" in fault.id])
async def test_text_gives_each_word_once_in_every_mode(simulated, fault, mode):
    client, _ = await simulated(fault, on_break=mode)
    words = ""
    try:
        async with client.stream(PROMPT) as stream:
            async for text in stream.text():
                words += text
    except ModelError as error:
        assert error.partial is None or mode in ("raise", "resume")  # noqa: PT017  # as above
    assert ANSWER.startswith(words)


async def test_an_early_failure_stays_invisible_behind_a_hold_back_window(simulated):
    reset = next(entry.kind for entry in vocabulary() if entry.name == "reset_after")
    client, _ = await simulated(reset(after=3), on_break="raise", hold_back=HoldBack(tokens=12))
    async with client.stream(PROMPT) as stream:
        assert (await stream.finish()).text == ANSWER
