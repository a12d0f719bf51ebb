"""The life of a session: failures are told and survived, and what poisons a history is left out of it."""

from __future__ import annotations

import pytest

pytest.importorskip("livekit.agents")

from livekit.agents import Agent, APIError, APIStatusError, function_tool, llm

from holdfast import Client
from holdfast.adapters.livekit import HoldfastLLM, HoldfastVoice
from holdfast.errors import ContentFilterError, InvalidRequestError, QuotaExhaustedError, ServerError
from holdfast.events import UsageUpdate
from holdfast.messages import ToolCall, ToolMessage
from holdfast.testing import FakeClock, Pause, ScriptedModel
from holdfast.usage import Usage


def refused() -> ContentFilterError:
    return ContentFilterError("flagged", scope="prompt", status=400, code="content_filter")


def asked(model: ScriptedModel) -> list[list[str]]:
    """What the users and tools said in each request."""
    return [[m.text for m in request.messages if not m.text.startswith("Be kind")] for request in model.requests]


async def apologise(error, llm, chat_ctx):
    return "Sorry, could you say that again?" if isinstance(error, ContentFilterError) else None


async def test_eight_filtered_prompts_give_eight_apologies_and_an_open_session(call_up):
    model = ScriptedModel(lambda _: refused(), then="last")
    async with call_up(HoldfastLLM(model, on_llm_error=apologise)) as line:
        heard = [await line.say(f"harmless {number}") for number in range(8)]
        assert heard == ["Sorry, could you say that again? "] * 8
        assert [error.recoverable for error in line.errors] == [True] * 8
        assert len(line.metrics) == len(line.reports) == 8
        assert not line.closed
    # One request for each, and what was refused is in none of the later ones.
    assert len(model.requests) == 8
    for number, request in enumerate(asked(model)):
        assert [text for text in request if text.startswith("harmless")] == [f"harmless {number}"]


async def test_twenty_turns_without_a_model_are_twenty_last_words(call_up):
    model = ScriptedModel(lambda _: QuotaExhaustedError("used up", status=429), then="last")
    async with call_up(HoldfastLLM(model, apology="I cannot think right now.")) as line:
        heard = [await line.say(str(number)) for number in range(20)]
        assert heard == ["I cannot think right now. "] * 20
        assert [error.recoverable for error in line.errors] == [True] * 20
        assert len(line.metrics) == 20
        assert not line.closed


async def test_without_a_policy_each_dead_turn_raises_its_typed_error_once(call_up):
    model = ScriptedModel(lambda _: QuotaExhaustedError("used up", status=429, request_id="r1"), then="last")
    async with call_up(HoldfastLLM(model)) as line:
        for turn in range(1, 4):
            with pytest.raises(APIStatusError) as raised:
                await line.say("hello")
            assert raised.value.retryable is False
            assert isinstance(raised.value.model_error, QuotaExhaustedError)
            assert raised.value.body["kind"] == "quota_exhausted"
            assert [error.recoverable for error in line.errors] == [False] * turn
        assert line.metrics == []
        assert len(model.requests) == 3  # LiveKit's own retries are out of play


async def test_one_turns_failure_stays_in_that_turn(call_up):
    model = ScriptedModel(refused(), InvalidRequestError("bad", status=400), "All is well.")
    async with call_up(HoldfastLLM(model)) as line:
        for text in ("poison", "bad"):
            with pytest.raises(APIError):
                await line.say(text)
        assert await line.say("innocent") == "All is well."
    assert asked(model)[-1] == ["bad", "innocent"]


async def test_a_filtered_prompt_goes_to_one_provider_and_rests_none(call_up):
    first, second = ScriptedModel(refused(), "Yes.", name="a"), ScriptedModel(name="b")
    client = Client(first, second)
    async with call_up(HoldfastLLM(client, on_llm_error=apologise)) as line:
        assert await line.say("harmless") == "Sorry, could you say that again? "
        assert client.model.health.resting(["a", "b"], client.model.clock.now()) == {}
        assert await line.say("another") == "Yes."
    assert second.requests == []
    assert line.llm.model == "a"


async def test_the_record_keeps_what_the_model_is_not_shown_any_more(call_up):
    model = ScriptedModel(refused(), "Fine.")

    class Mended(HoldfastVoice):
        filler = None

    agent = Mended(instructions="Be kind.")
    async with call_up(HoldfastLLM(model, on_llm_error=apologise), agent) as line:
        await line.say("poison")
        await line.say("innocent")
        stored = [item.raw_text_content for item in agent.chat_ctx.messages()]
        assert "poison" not in stored
        assert "innocent" in stored
        assert "poison" in [item.raw_text_content for item in line.session.history.messages()]


async def test_a_failed_tool_output_is_left_out_together_with_its_call(call_up):
    @function_tool
    async def lookup() -> str:
        """Look it up."""
        return "an output that a filter does not like"

    model = ScriptedModel(ToolCall("c1", "lookup", "{}"), refused(), "Fine.")
    agent = Agent(instructions="Be kind.", tools=[lookup])
    async with call_up(HoldfastLLM(model, on_llm_error=apologise), agent) as line:
        assert "Sorry" in await line.say("look it up")
        assert await line.say("and now?") == "Fine."
    last = model.requests[-1].messages
    assert not any(isinstance(message, ToolMessage) for message in last)
    assert [message.text for message in last if message.text == "look it up"] == ["look it up"]


async def test_a_tool_runs_once_though_the_stream_breaks_after_its_call(call_up):
    runs = []

    @function_tool
    async def charge() -> str:
        """Charge the card."""
        runs.append(1)
        return "charged"

    model = ScriptedModel(
        [ToolCall("c1", "charge", "{}"), ServerError("broke")], ToolCall("c2", "charge", "{}"), "Done."
    )
    async with call_up(HoldfastLLM(model), Agent(instructions="Be kind.", tools=[charge])) as line:
        assert await line.say("charge me") == "Done."
    assert runs == [1]
    assert model.requests[-1].messages[-1].content[0].call_id == "c2"


async def test_usage_is_booked_once_for_all_attempts(call_up):
    model = ScriptedModel(
        [UsageUpdate(Usage(100, 1)), "The kelp ", ServerError("broke")], "The kelp holds.", usage=Usage(1, 1)
    )
    async with call_up(HoldfastLLM(model)) as line:
        assert await line.say("hi") == "The kelp holds."
        (metrics,), (report,) = line.metrics, line.reports
        assert (metrics.prompt_tokens, metrics.completion_tokens) == (101, 2)
        assert metrics.total_tokens == report.usage.total_tokens == 103
        assert report.wasted == Usage(100, 1)


async def test_a_failover_is_told_with_from_to_error_and_time(call_up):
    clock = FakeClock(autojump=True)
    first = ScriptedModel([Pause(2), ServerError("down", status=503)], then="last", name="a/one", clock=clock)
    second = ScriptedModel("Here I am.", name="b/two", clock=clock)
    async with call_up(HoldfastLLM(Client(first, second, clock=clock, random=lambda: 0.0))) as line:
        assert await line.say("hi") == "Here I am."
        (report,) = line.reports
        (failover,) = report.failovers
        assert (failover.source, failover.target, failover.error.kind) == ("a/one", "b/two", "server_error")
        assert report.time_lost >= failover.time_lost >= 2
        assert (line.llm.provider, line.llm.model) == ("b", "two")
        assert (line.metrics[0].metadata.model_provider, line.metrics[0].metadata.model_name) == ("b", "two")
        assert all(error.recoverable for error in line.errors)


@pytest.mark.parametrize("sends", [True, False], ids=["all out", "with a word"])
async def test_an_empty_answer_is_a_failure_or_a_silent_turn_by_choice(call_up, sends):
    model = ScriptedModel([], [], [], then="last", usage=Usage(3, 0))
    async with call_up(HoldfastLLM(model, allow_empty=sends)) as line:
        if sends:
            assert await line.say("hm") == ""
            assert len(model.requests) == 1
            assert [error.recoverable for error in line.errors] == [True]
        else:
            with pytest.raises(APIError):
                await line.say("hm")


async def test_an_agent_decides_before_its_llm_does(call_up):
    class Firm(HoldfastVoice):
        async def on_llm_error(self, error, llm_, chat_ctx):
            return f"{self.label_} says no." if "sure" in chat_ctx.items[-1].text_content else None

        label_ = "The agent"

    model = ScriptedModel(lambda _: refused(), then="last")
    async with call_up(HoldfastLLM(model, on_llm_error=apologise), Firm(instructions="Be kind.")) as line:
        assert await line.say("are you sure?") == "The agent says no. "
        assert await line.say("and now?") == "Sorry, could you say that again? "


class TestFiller:
    class Patient(HoldfastVoice):
        filler = "One moment, I am still with you. "
        filler_after = 1.5

    def patient(self, clock: FakeClock, **options) -> HoldfastVoice:
        agent = self.Patient(instructions="Be kind.", **options)
        agent.clock = clock
        return agent

    async def heard(self, call_up, *scripts, agent=None):
        clock = FakeClock(autojump=True)
        spoken = []
        model = ScriptedModel(*scripts, clock=clock)
        agent = agent or self.patient(clock)
        agent.clock = clock
        base = agent.transcription_node

        async def overhear(text, settings):
            async for piece in base(text, settings):
                spoken.append(str(piece))
                yield piece

        agent.transcription_node = overhear
        async with call_up(HoldfastLLM(Client(model, clock=clock), first_token=30), agent) as line:
            stored = [await line.say("hello") for _ in scripts]
        return "".join(spoken), stored

    async def test_it_is_said_after_a_long_silence_and_not_stored(self, call_up):
        spoken, stored = await self.heard(call_up, [Pause(4), "Here I am."])
        assert spoken == "One moment, I am still with you. Here I am."
        assert stored == ["Here I am."]

    async def test_it_is_not_said_when_the_answer_is_quick(self, call_up):
        spoken, stored = await self.heard(call_up, [Pause(1), "Here ", Pause(4), "I am."])
        assert (spoken, stored) == ("Here I am.", ["Here I am."])

    async def test_it_is_said_once_in_each_long_turn(self, call_up):
        spoken, stored = await self.heard(call_up, [Pause(9), "One."], [Pause(9), "Two."])
        assert spoken == "One moment, I am still with you. One.One moment, I am still with you. Two."
        assert stored == ["One.", "Two."]

    async def test_it_composes_with_nodes_above_and_below(self, call_up):
        class Loud(Agent):
            async def llm_node(self, chat_ctx, tools, model_settings):
                async for chunk in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
                    if isinstance(chunk, llm.ChatChunk) and chunk.delta and chunk.delta.content:
                        chunk.delta.content = chunk.delta.content.upper()
                    yield chunk

        class Signed(HoldfastVoice, Loud):
            async def llm_node(self, chat_ctx, tools, model_settings):
                async for chunk in super().llm_node(chat_ctx, tools, model_settings):
                    yield chunk
                yield " Bye."

        spoken, stored = await self.heard(call_up, [Pause(4), "here."], agent=Signed(instructions="Be kind."))
        assert spoken == "One moment, I am still with you. HERE. Bye."
        assert stored == ["HERE. Bye."]

    @pytest.mark.parametrize("form", ["text", "coroutine of text", "nothing"])
    async def test_it_takes_what_livekit_takes_of_a_node(self, call_up, form):
        class Plain(Agent):
            def llm_node(self, chat_ctx, tools, model_settings):
                async def later():
                    return "plain"

                return {"text": lambda: "plain", "coroutine of text": later, "nothing": lambda: None}[form]()

        class Filled(HoldfastVoice, Plain):
            pass

        spoken, stored = await self.heard(call_up, "unused", agent=Filled(instructions="Be kind."))
        assert (spoken, stored) == (("", [""]) if form == "nothing" else ("plain", ["plain"]))


async def test_a_reply_that_broke_off_is_marked_and_told_to_the_model_as_cut(call_up):
    class Mended(HoldfastVoice):
        filler = None

    model = ScriptedModel(
        ["The kelp holds", ServerError("broke")], "The rock. Goodbye.", "Entirely different words, ha."
    )
    agent = Mended(instructions="Be kind.")
    client = Client(model, max_attempts=1)
    async with call_up(HoldfastLLM(client, closing="I lost my thread."), agent) as line:
        assert await line.say("go on") == "The kelp holds… I lost my thread. "
        (reply,) = [item for item in agent.chat_ctx.messages() if item.role == "assistant"]
        assert reply.interrupted
        assert reply.extra["holdfast"]["truncated"]
        await line.say("what?")
    assert asked(model)[-1][1] == "The kelp holds… I lost my thread.…"
