"""The LLM seam: what goes out of one call, when, and what is left when it is cut short."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("livekit.agents")

from livekit.agents import APIConnectionError, APIConnectOptions, APIStatusError, APITimeoutError, llm

from holdfast import Client, HoldBack
from holdfast.adapters.livekit import HoldfastLLM, to_api_error
from holdfast.errors import (
    ConfigurationError,
    ContentFilterError,
    ModelConnectionError,
    ModelTimeoutError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.events import Finish, ResponseStart, ToolCallDelta, ToolCallStart, UsageUpdate
from holdfast.messages import SystemMessage, Thinking, ToolCall, UserMessage
from holdfast.request import NamedTool, Settings
from holdfast.testing import FakeClock, Pause, ScriptedModel
from holdfast.usage import Usage

SENTENCES = ["The kelp holds the rock. ", "A lantern crosses a narrow bay. ", "Salt remembers every tide."]
ANSWER = "".join(SENTENCES)
WORDS = [word + " " for word in ANSWER.split(" ")]
WORDS[-1] = WORDS[-1].rstrip()

STATES = {
    "waiting": [Pause()],
    "streaming": ["The kelp ", Pause()],
    "backing off": RateLimitError("slow down", retry_after=20),
}


def context(*said: str) -> llm.ChatContext:
    chat_ctx = llm.ChatContext.empty()
    chat_ctx.add_message(role="system", content="Be kind.")
    for text in said or ("hello",):
        chat_ctx.add_message(role="user", content=text)
    return chat_ctx


def voice(*models: ScriptedModel, policies=None, **options) -> HoldfastLLM:
    clock = FakeClock(autojump=True)
    for model in models:
        model._clock = clock
    chain = {} if policies is None else {"policies": policies}
    return HoldfastLLM(Client(*models, clock=clock, random=lambda: 0.0, **chain), **options)


def now(ours: HoldfastLLM) -> float:
    return ours.client.model.clock.now()


async def answer(ours: HoldfastLLM, chat_ctx=None, *, into=None, **options) -> list[llm.ChatChunk]:
    chunks = [] if into is None else into
    async with ours.chat(chat_ctx=chat_ctx or context(), **options) as stream:
        async for chunk in stream:
            chunks.append(chunk)  # what came before an error counts
    return chunks


def words(chunks: list[llm.ChatChunk]) -> str:
    return "".join(chunk.delta.content or "" for chunk in chunks if chunk.delta)


def calls(chunks: list[llm.ChatChunk]) -> list[llm.FunctionToolCall]:
    return [call for chunk in chunks if chunk.delta for call in chunk.delta.tool_calls]


def notes(chunks: list[llm.ChatChunk]) -> dict:
    return chunks[-1].delta.extra["holdfast"]


def overheard(ours: HoldfastLLM, event: str) -> list:
    seen: list = []
    ours.on(event, seen.append)
    return seen


class TestWords:
    @pytest.mark.parametrize("border", range(len(WORDS) + 1))
    async def test_a_break_at_any_border_repeats_no_word(self, border):
        # The second model starts from the beginning, as most do.
        ours = voice(
            ScriptedModel([*WORDS[:border], StreamInterruptedError("cut")], name="a", then="last"),
            ScriptedModel([*WORDS], name="b"),
        )
        chunks = await answer(ours)
        assert words(chunks) == ANSWER
        assert notes(chunks)["truncated"] is False

    async def test_thinking_is_not_spoken(self):
        chunks = await answer(voice(ScriptedModel([Thinking("Hm, what would I say?", signature="s"), "Hello."])))
        assert words(chunks) == "Hello."
        assert notes(chunks)["thinking"][0]["signature"] == "s"

    @pytest.mark.parametrize("reason", ["length", "content_filter"])
    async def test_what_was_said_before_a_limit_or_a_filter_stays(self, reason):
        errors = overheard(ours := voice(ScriptedModel(["Half a sen", Finish(reason)])), "error")
        chunks = await answer(ours)
        assert (words(chunks), notes(chunks)["finish_reason"], errors) == ("Half a sen", reason, [])

    @pytest.mark.parametrize("reason", ["length", "content_filter"])
    async def test_with_nothing_said_they_are_failures(self, reason):
        ours = voice(
            ScriptedModel([Finish(reason)], name="a", then="last"), ScriptedModel("Fine.", name="b"), apology="Sorry."
        )
        assert words(await answer(ours)) == ("Fine." if reason == "length" else "Sorry. ")

    async def test_usage_comes_once_and_last(self):
        model = ScriptedModel([UsageUpdate(Usage(5, 1)), "Hel", UsageUpdate(Usage(5, 2)), "lo."], usage=Usage(5, 3))
        chunks = await answer(voice(model))
        assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [8]
        assert chunks[-1].usage is not None

    async def test_hold_lets_nothing_out_before_the_end(self):
        model = ScriptedModel(["Wrong, wro", StreamInterruptedError("cut")], "Right.")
        assert words(await answer(voice(model, on_break="hold"))) == "Right."


class TestWholeSentences:
    async def pieces(self, *models, **options):
        chunks = await answer(voice(*models, whole_sentences=True, **options))
        return [chunk.delta.content for chunk in chunks if chunk.delta.content], notes(chunks)

    async def test_an_answer_goes_out_sentence_by_sentence(self):
        said, _ = await self.pieces(ScriptedModel([*WORDS]))
        assert said == SENTENCES

    async def test_a_half_sentence_is_dropped_for_what_a_policy_says(self):
        half = [*WORDS[:7], StreamInterruptedError("cut")]
        said, end = await self.pieces(ScriptedModel(half), on_llm_error=lambda *_: "Sorry.")
        assert (said, end["truncated"]) == ([SENTENCES[0], "Sorry. "], True)

    async def test_a_half_sentence_is_finished_by_another_model(self):
        half = ScriptedModel([*WORDS[:7], StreamInterruptedError("cut")], then="last", name="a")
        said, end = await self.pieces(half, ScriptedModel([*WORDS], name="b"))
        assert ("".join(said), end["truncated"]) == (ANSWER, False)

    @pytest.mark.parametrize("apology", ["Please say that again.", None])
    async def test_a_sentence_that_was_never_finished_is_no_answer(self, apology):
        half = ScriptedModel([*WORDS[:3], StreamInterruptedError("cut")], name="a")
        other = ScriptedModel("Something else entirely, and at length.", then="last", name="b")
        ours = voice(half, other, on_llm_error=lambda call: call.switch("b"), whole_sentences=True, apology=apology)
        errors = overheard(ours, "error")
        if apology is None:
            with pytest.raises(APIConnectionError):
                await answer(ours)
            assert errors[-1].recoverable is False
        else:
            assert words(await answer(ours)) == "Please say that again. "

    async def test_a_break_behind_the_hold_back_begins_anew_unheard(self):
        half = ScriptedModel(["Wrong sta", StreamInterruptedError("cut")], name="a", then="last")
        ours = voice(half, ScriptedModel("Right from the start.", name="b"), hold_back=HoldBack(tokens=8))
        assert words(await answer(ours)) == "Right from the start."


class TestToolCalls:
    async def test_a_call_is_sent_whole_and_once(self):
        parts = [ToolCallStart(0, "c1", "f"), ToolCallDelta(0, '{"a"'), ToolCallDelta(0, ": 1}")]
        chunks = await answer(voice(ScriptedModel(parts)))
        assert [(call.call_id, call.name, call.arguments) for call in calls(chunks)] == [("c1", "f", '{"a": 1}')]

    @pytest.mark.parametrize("arguments", ['{"a": ', "[1]", '"text"', "nonsense"])
    async def test_arguments_that_are_no_object_are_asked_for_again(self, arguments):
        broken = [ToolCallStart(0, "c1", "f"), ToolCallDelta(0, arguments)]
        chunks = await answer(voice(ScriptedModel(broken, ToolCall("c2", "f", "{}"))))
        assert [call.call_id for call in calls(chunks)] == ["c2"]

    async def test_a_break_before_a_call_is_complete_retries_freely(self):
        broken = ["Let me look. ", ToolCallStart(1, "c1", "f"), ToolCallDelta(1, "{"), StreamInterruptedError("cut")]
        chunks = await answer(voice(ScriptedModel(broken, ["Let me look. ", ToolCall("c2", "f", "{}")])))
        assert words(chunks) == "Let me look. "
        assert [call.call_id for call in calls(chunks)] == ["c2"]

    async def test_a_signature_comes_back_with_its_call(self):
        model = ScriptedModel(ToolCall("c1", "f", "{}", signature="sig", origin="gemini"), "Fine.")
        ours = voice(model)
        (call,) = calls(await answer(ours))
        chat_ctx = context()
        chat_ctx.items.append(llm.FunctionCall(call_id="c1", name="f", arguments="{}", extra=call.extra))
        chat_ctx.items.append(llm.FunctionCallOutput(call_id="c1", output="1", is_error=False))
        await answer(ours, chat_ctx)
        assert model.requests[1].messages[2].tool_calls == (
            ToolCall("c1", "f", "{}", signature="sig", origin="gemini"),
        )


class TestTime:
    async def test_a_silent_primary_is_left_at_the_first_token_deadline(self):
        # Neither the head of an answer nor its usage is a word.
        silent = ScriptedModel([ResponseStart(), UsageUpdate(Usage(3, 0)), Pause()], name="a")
        ours = voice(silent, ScriptedModel("Here.", name="b"), first_token=1.5)
        assert words(await answer(ours)) == "Here."
        assert now(ours) == 1.5
        assert silent.active == 0

    async def test_a_backup_may_have_longer(self):
        slow = ScriptedModel([Pause(3), "Here."], name="b")
        ours = voice(ScriptedModel([Pause()], name="a"), slow, first_token=1, backup_first_token=4)
        assert words(await answer(ours)) == "Here."
        assert now(ours) == 4

    async def test_livekits_timeout_only_shortens(self):
        for timeout, waited in ((0.5, 0.5), (60, 2)):
            ours = voice(ScriptedModel([Pause()], name="a"), ScriptedModel("Here.", name="b"), first_token=2)
            await answer(ours, conn_options=APIConnectOptions(max_retry=3, timeout=timeout))
            assert now(ours) == waited

    async def test_a_stall_between_words_is_resumed_elsewhere(self):
        ours = voice(ScriptedModel([*WORDS[:7], Pause()], name="a"), ScriptedModel([*WORDS], name="b"), stall=2)
        assert words(await answer(ours)) == ANSWER
        assert now(ours) == 2

    @pytest.mark.parametrize("apology", ["Please call again.", None])
    async def test_with_all_models_hanging_the_call_ends_at_its_deadline(self, apology):
        models = [ScriptedModel([Pause()], then="last", name=name) for name in "abc"]
        ours = voice(*models, first_token=5, deadline=7, apology=apology)
        options = APIConnectOptions(max_retry=3, retry_interval=2, timeout=10)
        if apology is None:
            with pytest.raises(APITimeoutError):
                await answer(ours, conn_options=options)
        else:
            assert words(await answer(ours, conn_options=options)) == "Please call again. "
        assert now(ours) == 7

    async def test_a_wait_that_a_server_asks_for_is_kept_only_if_it_fits(self):
        ours = voice(ScriptedModel(RateLimitError("slow down", retry_after=2), "Here."), deadline=10)
        assert words(await answer(ours)) == "Here."
        assert now(ours) == 2
        ours = voice(ScriptedModel(RateLimitError("slow down", retry_after=60), "Here."), deadline=10, apology="Busy.")
        assert words(await answer(ours)) == "Busy. "
        assert now(ours) == 0

    async def test_the_first_to_speak_is_heard_and_the_other_is_let_go(self):
        clock = FakeClock(autojump=True)
        slow = ScriptedModel([UsageUpdate(Usage(7, 0)), Pause(9), "Slow."], name="a", clock=clock)
        quick = ScriptedModel([Pause(1), "Quick."], name="b", usage=Usage(1, 1), clock=clock)
        ours = HoldfastLLM(slow, quick, hedge_after=0.5, clock=clock, first_token=20)
        reports, errors = overheard(ours, "holdfast"), overheard(ours, "error")
        assert words(chunks := await answer(ours, conn_options=APIConnectOptions(timeout=20))) == "Quick."
        assert clock.now() == 1.5
        assert (slow.active, slow.abandoned, errors) == (0, 1, [])
        assert chunks[-1].usage.total_tokens == 9
        assert reports[0].time_lost == 0
        assert ours.client.model.health.resting(["a", "b"], clock.now()) == {}


class TestHandler:
    async def test_it_is_given_the_raw_error_the_llm_and_a_copy_of_the_context(self):
        given = []
        ours = voice(ScriptedModel(ServerError("down", status=500, raw="<html>")), on_llm_error=lambda *all_: None)
        ours.on_llm_error = lambda error, llm_, chat_ctx: given.append((error, llm_, chat_ctx)) or "Sorry."
        chat_ctx = context("hello")
        assert words(await answer(ours, chat_ctx)) == "Sorry. "
        ((error, who, copy),) = given
        assert (error.raw, who, copy is chat_ctx, copy.items) == ("<html>", ours, False, chat_ctx.items)

    async def test_a_context_asks_again_with_other_messages(self):
        async def reword(error, llm_, chat_ctx):
            chat_ctx.items.pop()
            chat_ctx.add_message(role="system", content="The user could not be heard. Ask again.")
            return chat_ctx

        model = ScriptedModel(ContentFilterError("flagged", scope="prompt"), "What did you say?")
        chat_ctx = context("poison")
        assert words(await answer(voice(model, on_llm_error=reword), chat_ctx)) == "What did you say?"
        assert [m.text for m in model.requests[1].messages] == ["Be kind.", "The user could not be heard. Ask again."]
        assert chat_ctx.items[-1].text_content == "poison"

    async def test_a_context_with_the_refused_message_is_sent_without_it(self):
        model = ScriptedModel(ContentFilterError("flagged", scope="prompt"), "Yes?")
        await answer(voice(model, on_llm_error=lambda error, llm_, chat_ctx: chat_ctx), context("poison"))
        assert model.requests[1].messages == (SystemMessage("Be kind."),)

    async def test_a_stream_of_another_llm_is_forwarded_and_closed(self):
        other = voice(ScriptedModel(["From ", "the other."], usage=Usage(4, 2)))
        streams = []

        def elsewhere(error, llm_, chat_ctx):
            streams.append(other.chat(chat_ctx=chat_ctx))
            return streams[0]

        ours = voice(ScriptedModel(ServerError("down")), on_llm_error=elsewhere)
        metrics = overheard(ours, "metrics_collected")
        chunks = await answer(ours)
        assert words(chunks) == "From the other."
        assert streams[0]._task.done()
        assert [one.total_tokens for one in metrics] == [6]

    async def test_a_stream_may_be_of_the_same_llm_without_going_round_in_circles(self):
        asked = []

        def again(error, llm_, chat_ctx):
            asked.append(error)
            return llm_.chat(chat_ctx=chat_ctx)

        model = ScriptedModel(lambda _: ServerError("down"), then="last")
        ours = voice(model, on_llm_error=again)
        metrics, errors, reports = (overheard(ours, name) for name in ("metrics_collected", "error", "holdfast"))
        with pytest.raises(APIConnectionError):
            await answer(ours)
        assert len(asked) == 3
        # Each stream asks three times; the last one is closed before it begins, for the call has no attempt left.
        assert len(model.requests) == 1 + 2 * 3
        assert [error.recoverable for error in errors].count(False) == 1
        assert (metrics, len(reports)) == ([], 1)

    async def test_words_of_a_stream_after_a_break_go_on_without_asking_anew(self):
        other = voice(ScriptedModel("the rock, of course."))
        ours = voice(
            ScriptedModel(["The kelp holds ", StreamInterruptedError("cut")]),
            on_llm_error=lambda error, llm_, chat_ctx: other.chat(chat_ctx=chat_ctx),
        )
        assert words(await answer(ours)) == "The kelp holds the rock, of course."

    async def test_decisions_and_calls_are_taken_too(self):
        first, second = ScriptedModel(ServerError("down"), name="a"), ScriptedModel("Here.", name="b")
        assert words(await answer(voice(first, second, on_llm_error=lambda call: call.switch("b")))) == "Here."

    async def test_a_mistake_in_a_handler_ends_no_call(self, caplog):
        def broken(error, llm_, chat_ctx):
            raise KeyError("oops")

        model = ScriptedModel(ServerError("down"), "Here.")
        assert words(await answer(voice(model, on_llm_error=broken))) == "Here."
        assert "on_llm_error raised" in caplog.text

    async def test_a_sentence_after_words_is_set_apart(self):
        for said, heard in (
            ("The kelp holds the", "The kelp holds the… Sorry. "),
            ("Yes. ", "Yes. Sorry. "),
            ("Yes.", "Yes. Sorry. "),
        ):
            model = ScriptedModel([said, StreamInterruptedError("cut")])
            chunks = await answer(voice(model, on_llm_error=lambda error, llm_, chat_ctx: "Sorry."))
            assert (words(chunks), notes(chunks)["truncated"]) == (heard, True)


class TestCancellation:
    @pytest.mark.parametrize("state", STATES)
    async def test_it_is_at_once_and_leaves_nothing_behind(self, state):
        clock = FakeClock()
        model = ScriptedModel(STATES[state], name="a", clock=clock)
        ours = HoldfastLLM(Client(model, clock=clock), deadline=60)
        await self.check(ours, clock, [model], errors=state == "backing off")

    async def test_a_hedged_call_lets_go_of_both(self):
        clock = FakeClock()
        models = [ScriptedModel([Pause()], name=name, clock=clock) for name in "ab"]
        ours = HoldfastLLM(*models, hedge_after=0.5, clock=clock)
        await self.check(ours, clock, models, errors=False)

    async def check(self, ours, clock, models, *, errors):
        told, reports = overheard(ours, "error"), overheard(ours, "holdfast")
        before = asyncio.all_tasks()
        stream = ours.chat(chat_ctx=context())
        await clock.advance(1.0)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await stream.aclose()
        assert loop.time() - began < 0.05
        assert [model.active for model in models] == [0] * len(models)
        assert asyncio.all_tasks() == before
        assert [error.recoverable for error in told] == [True] * errors
        assert [report.cancelled for report in reports] == [True]
        if not errors:
            names = [model.name for model in models]
            assert ours.client.model.health.resting(names, clock.now()) == {}

    async def test_speculative_calls_cost_neither_health_nor_budget(self):
        clock = FakeClock()
        model = ScriptedModel([Pause()], [Pause()], "Adopted.", name="a", clock=clock)
        ours = HoldfastLLM(Client(model, clock=clock))
        tokens = ours.client.model.budget.__dict__.copy()
        for _ in range(2):
            stream = ours.chat(chat_ctx=context())
            await clock.advance(0.2)
            await stream.aclose()
        assert ours.client.model.budget.__dict__ == tokens
        assert ours.client.model.health.resting(["a"], clock.now()) == {}
        assert words(await answer(ours)) == "Adopted."


class TestContract:
    def test_restart_is_refused_when_the_llm_is_made(self):
        with pytest.raises(ConfigurationError, match="cannot be taken back"):
            HoldfastLLM(ScriptedModel(), on_break="restart")

    def test_hedging_needs_models_of_its_own(self):
        for models in ([ScriptedModel()], [Client(ScriptedModel())]):
            with pytest.raises(ConfigurationError):
                HoldfastLLM(*models, hedge_after=1)

    async def test_arguments_of_a_call_reach_the_request(self):
        @llm.function_tool
        async def weather(city: str) -> str:
            """Look at the weather.

            Args:
                city: where.
            """
            return city

        model = ScriptedModel("Fine.")
        await answer(
            voice(model),
            tools=[weather],
            tool_choice={"type": "function", "function": {"name": "weather"}},
            parallel_tool_calls=False,
            extra_kwargs={"temperature": 0.5, "max_completion_tokens": 9, "stop": ["x"], "service_tier": "flex"},
        )
        (request,) = model.requests
        (tool,) = request.tools
        assert (tool.name, tool.description) == ("weather", "Look at the weather.")
        assert tool.parameters["properties"]["city"]["type"] == "string"
        assert request.tool_choice == NamedTool("weather")
        assert (request.settings.parallel_tool_calls, request.settings.temperature) == (False, 0.5)
        assert (request.settings.max_tokens, request.settings.stop) == (9, ("x",))
        assert request.extra == {"service_tier": "flex"}
        assert request.stream

    async def test_settings_of_a_call_go_over_the_llms_and_those_over_the_clients(self):
        model = ScriptedModel("Fine.")
        client = Client(model, settings=Settings(temperature=0.1, top_p=0.1, seed=1))
        ours = HoldfastLLM(client, settings=Settings(temperature=0.2, top_p=0.2))
        await answer(ours, extra_kwargs={"temperature": 0.3})
        settings = model.requests[0].settings
        assert (settings.temperature, settings.top_p, settings.seed) == (0.3, 0.2, 1)

    async def test_collect_gives_text_calls_usage_and_notes(self):
        model = ScriptedModel(["Let me look.", ToolCall("c1", "f", '{"a": 1}')], usage=Usage(2, 3))
        collected = await voice(model).chat(chat_ctx=context()).collect()
        assert (collected.text, collected.tool_calls[0].arguments) == ("Let me look.", '{"a": 1}')
        assert collected.usage.total_tokens == 5
        assert collected.extra["holdfast"]["finish_reason"] == "tool_calls"

    async def test_a_client_that_was_given_stays_open(self):
        closed = []

        class Watched(Client):
            async def close(self):
                closed.append(self)

        theirs = Watched(ScriptedModel("Fine."))
        await HoldfastLLM(theirs).aclose()
        assert closed == []

    @pytest.mark.parametrize(
        ("error", "kind", "status"),
        [
            (ServerError("x", status=503), APIStatusError, 503),
            (RateLimitError("x", status=429), APIStatusError, 429),
            (ContentFilterError("x", status=400), APIStatusError, 400),
            (ServerError("x", status=499), APIConnectionError, None),
            (ModelTimeoutError("x", status=200), APITimeoutError, None),
            (ModelConnectionError("x"), APIConnectionError, None),
            (ServerError("x"), APIConnectionError, None),
        ],
    )
    def test_no_error_is_retryable_and_none_is_swallowed(self, error, kind, status):
        theirs = to_api_error(error)
        assert type(theirs) is kind
        assert theirs.retryable is False
        assert getattr(theirs, "status_code", None) == status
        assert theirs.model_error is theirs.__cause__ is error

    async def test_an_error_after_words_says_in_the_notes_that_they_are_cut(self):
        ours = voice(ScriptedModel(["The kelp ", ServerError("broke")]), policies=[])
        chunks = []
        with pytest.raises(APIConnectionError):
            await answer(ours, into=chunks)
        assert words(chunks) == "The kelp "
        assert notes(chunks)["truncated"] is True

    async def test_a_mistake_in_a_listener_ends_no_call(self):
        ours = voice(ScriptedModel(ServerError("down"), "Here."))
        for event in ("error", "holdfast"):
            ours.on(event, lambda one: one + 1)
        assert words(await answer(ours)) == "Here."

    async def test_messages_of_a_context_are_asked_in_order(self):
        model = ScriptedModel("Fine.")
        await answer(voice(model), context("one", "two"))
        assert model.requests[0].messages == (SystemMessage("Be kind."), UserMessage("one"), UserMessage("two"))
