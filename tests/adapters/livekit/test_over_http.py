"""Sessions over real HTTP: the simulator breaks things on the wire, and the caller hears right answers, once."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("livekit.agents")

from livekit.agents import Agent, APIError, function_tool, llm

from holdfast import Client, Endpoint, Timeouts
from holdfast.adapters.livekit import HoldfastLLM
from holdfast.errors import ContentFilterError
from holdfast.simulator import Rule, Scenario, SimulatedModel, Simulator, When, expected_answer, load
from holdfast.simulator.faults import KINDS, Latency, Refuse, ResetAfter, Stall, name_of, vocabulary

PROMPT = "What is a holdfast?"
QUICK = Timeouts(connect=2, first_event=0.5, idle=0.5, total=5)
PATIENT = Timeouts(connect=2, first_event=1.5, idle=1.5, total=5)  # less than what a slow or silent fault takes


@pytest.fixture
async def simulated():
    """A way from a scenario to a voice over it and the simulator behind it."""
    stack = []

    async def make(scenario: Scenario, *names: str, wire="openai_chat", timeouts=QUICK, **options):
        simulator = Simulator(scenario)
        await simulator.start()
        here = Endpoint("here", base_url=simulator.base_url(wire), api_key="key", codec=wire)
        client = Client(*map(here.model, names), timeouts=timeouts, random=lambda: 0.0)
        stack.extend([client, simulator])
        return HoldfastLLM(client, **{"deadline": 8, **options}), simulator

    yield make
    for each in stack:
        await each.close()


def broken(fault, **models) -> Scenario:
    return Scenario(models={"broken": SimulatedModel(rules=(Rule(fault),)), "calm": SimulatedModel(), **models})


def calls(simulator: Simulator) -> list:
    """The requests that ask a model; the others only connect."""
    return [received for received in simulator.requests if received.method == "POST"]


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses", "anthropic", "gemini", "bedrock"])
async def test_a_stream_cut_after_the_first_sentence_is_heard_with_each_word_once(simulated, call_up, wire):
    ours, simulator = await simulated(broken(ResetAfter(after=9)), "broken", "calm", wire=wire)
    async with call_up(ours) as line:
        assert await line.say(PROMPT) == expected_answer(PROMPT)
        assert all(error.recoverable for error in line.errors)
        assert line.llm.model == "calm"
        (reply,) = [item for item in line.session.history.messages() if item.role == "assistant"]
        assert reply.extra["holdfast"]["truncated"] is False
    assert [received.model for received in calls(simulator)][-1] == "calm"


async def test_eight_filtered_prompts_are_eight_apologies_and_one_request_each(simulated, call_up):
    def apologise(error, llm_, chat_ctx):
        return "Sorry, could you say that again?" if isinstance(error, ContentFilterError) else None

    filter_ = Rule(Refuse(kind="content_filter"), When(prompt="poison"))
    scenario = Scenario(models={"filtering": SimulatedModel(rules=(filter_,)), "calm": SimulatedModel()})
    ours, simulator = await simulated(scenario, "filtering", "calm", on_llm_error=apologise)
    async with call_up(ours) as line:
        heard = [await line.say(f"poison {number}") for number in range(8)]
        assert heard == ["Sorry, could you say that again? "] * 8
        assert await line.say(PROMPT) == expected_answer(PROMPT)
        assert not line.closed
        assert len(line.metrics) == 9
    assert [received.model for received in calls(simulator)] == ["filtering"] * 9
    assert b"poison" not in calls(simulator)[-1].body


def every_fault():
    """The whole vocabulary, and for faults in the middle two places: in the first words, and after the first sentence."""
    yield from (Refuse(kind=kind) for kind in KINDS)
    for entry in vocabulary():
        if entry.kind is Refuse:
            continue
        fields = {"seconds": 2.0} if "seconds" in entry.parameters else {}
        if "status" in entry.parameters:
            fields["status"] = 503
        places = ({"after": 2}, {"after": 9}) if "after" in entry.parameters else ({},)
        yield from (entry.kind(**fields, **place) for place in places)


async def test_every_fault_ends_in_the_answer_or_says_what_it_is(simulated):
    at_once = asyncio.Semaphore(8)  # a busy machine is not to look like a silent model

    async def outcome(fault) -> str:
        async with at_once:
            return await end(fault)

    async def end(fault) -> str:
        ours, _ = await simulated(broken(fault), "broken", "calm", timeouts=PATIENT)
        chunks = []
        try:
            async with asyncio.timeout(15), ours.chat(chat_ctx=asked(PROMPT)) as stream:
                async for chunk in stream:
                    chunks.append(chunk)  # noqa: PERF401  # what came before an error counts
        except APIError as error:
            return error.model_error.kind
        text = "".join(chunk.delta.content or "" for chunk in chunks if chunk.delta)
        if text == expected_answer(PROMPT):
            return "right"
        notes = chunks[-1].delta.extra["holdfast"]
        return notes["finish_reason"] if expected_answer(PROMPT).startswith(text) else "wrong"

    faults = list(every_fault())
    outcomes = await asyncio.gather(*map(outcome, faults))
    others = {(name_of(fault), end) for fault, end in zip(faults, outcomes, strict=True) if end != "right"}
    # A refused prompt and a wrong request go nowhere else; what was said before a limit or a filter stays.
    assert others == {
        ("content_filter", "content_filter"),
        ("invalid_request", "invalid_request"),
        ("filter_finish", "content_filter"),
        ("length_finish", "length"),
    }


async def test_a_storm_ends_in_right_answers(simulated):
    ours, _ = await simulated(load("storm"), "stormy", "calm", apology="Sorry.")
    prompts = [f"Question {number}: what is a holdfast?" for number in range(120)]
    at_once = asyncio.Semaphore(20)

    async def outcome(prompt: str) -> str:
        async with at_once:
            return await ask(ours, prompt)

    outcomes = await asyncio.gather(*map(outcome, prompts))
    right = sum(text == expected_answer(prompt) for text, prompt in zip(outcomes, prompts, strict=True))
    filtered = sum(text == "Sorry. " for text in outcomes)
    # A refused prompt goes to no other provider: an apology is the right end of it.
    assert right + filtered == len(prompts)
    assert right >= 0.95 * len(prompts)


def asked(prompt: str) -> llm.ChatContext:
    chat_ctx = llm.ChatContext.empty()
    chat_ctx.add_message(role="user", content=prompt)
    return chat_ctx


async def ask(ours: HoldfastLLM, prompt: str) -> str:
    async with asyncio.timeout(20):
        return await spoken(ours, asked(prompt))


async def spoken(ours: HoldfastLLM, chat_ctx: llm.ChatContext) -> str:
    text = ""
    async with ours.chat(chat_ctx=chat_ctx) as stream:
        async for chunk in stream:
            text += (chunk.delta.content if chunk.delta else "") or ""
    return text


async def test_a_stormy_session_stays_open_and_right(simulated, call_up):
    ours, _ = await simulated(load("storm"), "stormy", "calm", apology="Sorry.")
    prompts = [f"Turn {number}: what is a holdfast?" for number in range(25)]
    async with call_up(ours) as line:
        heard = [await line.say(prompt) for prompt in prompts]
        assert not line.closed
        assert all(error.recoverable for error in line.errors)
    right = sum(text == expected_answer(prompt) for text, prompt in zip(heard, prompts, strict=True))
    assert right >= 0.95 * len(prompts)
    assert right + heard.count("Sorry. ") == len(prompts)


async def test_tools_run_once_in_a_storm(simulated, call_up):
    runs = []

    @function_tool
    async def weather(city: str) -> str:
        """Look at the weather."""
        runs.append(city)
        return "Rain."

    scenario = broken(ResetAfter(after=2))
    ours, _ = await simulated(scenario, "broken", "calm")
    async with call_up(ours, Agent(instructions="Be kind.", tools=[weather])) as line:
        heard = await line.say("Please call weather for me")
        assert "Rain." not in heard
        assert heard
    assert len(runs) == 1


@pytest.mark.parametrize("fault", [Latency(seconds=30), Stall(after=6, seconds=30)], ids=["connecting", "streaming"])
async def test_a_cancelled_call_closes_its_connection_at_once(simulated, fault):
    ours, simulator = await simulated(broken(fault), "broken", timeouts=Timeouts(), first_token=20, stall=20)
    stream = ours.chat(chat_ctx=asked(PROMPT))
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.1)
    assert len(calls(simulator)) == 1
    began = loop.time()
    await stream.aclose()
    assert loop.time() - began < 0.05
    for _ in range(100):
        if not simulator.connections_open:
            break
        await asyncio.sleep(0.01)
    assert simulator.connections_open == 0


async def test_a_poisoned_history_is_mended_in_the_request_only(simulated):
    ours, simulator = await simulated(broken(Latency()), "calm")
    chat_ctx = llm.ChatContext.empty()
    chat_ctx.add_message(role="user", content=PROMPT)
    chat_ctx.add_message(role="assistant", content=[])
    for call_id in ("c1", "c2"):
        chat_ctx.items.append(llm.FunctionCall(call_id=call_id, name="f", arguments="{}", group_id="g"))
    for call_id in ("c1", "c1", "c9"):
        chat_ctx.items.append(llm.FunctionCallOutput(call_id=call_id, name="f", output="1", is_error=False))
    chat_ctx.add_message(role="assistant", content="The kelp holds", interrupted=True)
    chat_ctx.add_message(role="user", content="Go on, what is it?")
    before = chat_ctx.to_dict()
    assert await spoken(ours, chat_ctx) == expected_answer("Go on, what is it?")
    assert chat_ctx.to_dict() == before
    (received,) = calls(simulator)
    assert received.body.count(b'"tool_call_id"') == 2
    assert "The kelp holds…".encode() in received.body or b"The kelp holds\\u2026" in received.body


async def test_the_chain_is_connected_before_the_first_call(simulated):
    ours, simulator = await simulated(broken(Latency()), "calm")
    ours.prewarm()
    for _ in range(100):
        if simulator.connections_open:
            break
        await asyncio.sleep(0.01)
    assert simulator.connections_open == 1
    assert await ask(ours, PROMPT) == expected_answer(PROMPT)
    assert simulator.connections_open == 1


async def test_an_llm_of_its_own_models_closes_their_connections():
    async with Simulator(broken(Latency())) as simulator:
        ours = HoldfastLLM(Endpoint("here", base_url=simulator.base_url(), api_key="key").model("calm"))
        assert await ask(ours, PROMPT) == expected_answer(PROMPT)
        assert simulator.connections_open == 1
        await ours.aclose()
        await asyncio.sleep(0.05)
        assert simulator.connections_open == 0


async def test_without_a_way_out_the_typed_error_reaches_the_handle(simulated, call_up):
    ours, simulator = await simulated(broken(Refuse(kind="authentication")), "broken")
    async with call_up(ours) as line:
        with pytest.raises(APIError) as raised:
            await line.say(PROMPT)
        assert raised.value.model_error.kind == "authentication"
    assert len(calls(simulator)) == 1
