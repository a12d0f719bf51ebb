"""The model client: one answer, its arguments, its usage, its events."""

from __future__ import annotations

import copy
import json
import logging

import pytest

pytest.importorskip("autogen_core")

import autogen_core
from autogen_core import EVENT_LOGGER_NAME, FunctionCall
from autogen_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import FunctionTool
from PIL import Image as Pictures
from pydantic import BaseModel

from autogen_asking import HELLO, said, streamed
from holdfast import Client, Endpoint
from holdfast.adapters.autogen import HoldfastChatCompletionClient
from holdfast.adapters.autogen.arguments import PLAIN
from holdfast.errors import (
    ConfigurationError,
    InvalidRequestError,
    InvalidResponseError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.events import Finish, UsageUpdate
from holdfast.messages import Opaque, Text, Thinking, ToolCall
from holdfast.request import NamedTool, OutputSchema
from holdfast.response import Response
from holdfast.runtime.ask import Ask
from holdfast.simulator import Rule, SimulatedModel, expected_answer
from holdfast.simulator.faults import Refuse
from holdfast.testing import ScriptedModel
from holdfast.usage import Usage


def weather(city: str) -> str:
    """The weather."""
    return city


TOOL = FunctionTool(weather, description="The weather.")


class Verdict(BaseModel):
    good: bool


async def test_an_answer_comes_with_who_gave_it(scripted):
    client = scripted(RateLimitError("slow", retry_after=1), "Hello.", usage=Usage(input_tokens=5, output_tokens=2))
    result = await client.create(HELLO)
    assert (result.content, result.finish_reason, result.cached, result.thought) == ("Hello.", "stop", False, None)
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (5, 2)
    assert [attempt.get("error", {}).get("kind") for attempt in result.attempts] == ["rate_limit", None]


async def test_thinking_is_the_thought(scripted):
    result = await scripted([Thinking("Hm."), "Yes."]).create(HELLO)
    assert (result.thought, result.content) == ("Hm.", "Yes.")


@pytest.mark.parametrize(
    ("json_output", "expected"),
    [(None, None), (False, None), (True, "json"), (Verdict, "Verdict")],
)
async def test_json_output_in_all_its_forms(scripted, json_output, expected):
    client = scripted('{"good": true}')
    await client.create(HELLO, json_output=json_output)
    (request,) = client.model.requests
    assert (request.output.name if isinstance(request.output, OutputSchema) else request.output) == expected


@pytest.mark.parametrize(
    ("response_format", "expected"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, "json"),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True}},
            OutputSchema("x", {"type": "object"}),
        ),
    ],
)
async def test_a_response_format_passes(scripted, response_format, expected):
    client = scripted("{}")
    await client.create(HELLO, extra_create_args={"response_format": response_format})
    assert client.model.requests[0].output == expected


async def test_two_different_outputs_are_a_conflict(scripted):
    with pytest.raises(InvalidRequestError, match="response_format"):
        await scripted("{}").create(
            HELLO, json_output=Verdict, extra_create_args={"response_format": {"type": "json_object"}}
        )


async def test_an_answer_that_does_not_fit_is_asked_for_again(scripted):
    client = scripted("Yes, it is.", '{"good": true}')
    assert (await client.create(HELLO, json_output=Verdict)).content == '{"good": true}'


@pytest.mark.parametrize(
    ("choice", "expected"), [("auto", "auto"), ("required", "required"), ("none", "none"), (TOOL, NamedTool("weather"))]
)
async def test_all_four_tool_choices(scripted, choice, expected):
    client = scripted("Words.")
    await client.create(HELLO, tools=[TOOL], tool_choice=choice)
    assert client.model.requests[0].tool_choice == expected


async def test_none_is_taken_without_tools_over_a_history_of_calls(scripted):
    client = scripted("It is sunny.")
    history = [
        *HELLO,
        AssistantMessage(content=[FunctionCall("1", "{}", "weather")], source="bot"),
        FunctionExecutionResultMessage(content=[FunctionExecutionResult(content="sun", name="weather", call_id="1")]),
    ]
    assert (await client.create(history, tool_choice="none")).content == "It is sunny."


async def test_none_never_gives_calls(scripted):
    client = scripted([ToolCall("1", "weather", "{}")], ["Sun.", ToolCall("1", "weather", "{}")])
    result = await client.create(HELLO, tools=[TOOL], tool_choice="none")
    assert (result.content, len(client.model.requests)) == ("Sun.", 2)


async def test_arguments_that_are_no_object_are_asked_for_again(scripted):
    client = scripted([ToolCall("1", "weather", "[1]")], [ToolCall("1", "weather", '{"city": "Oslo"}')])
    result = await client.create(HELLO, tools=[TOOL])
    assert result.content == [FunctionCall("1", '{"city": "Oslo"}', "weather")]


async def test_a_tool_that_is_not_offered_cannot_be_chosen(scripted):
    with pytest.raises(InvalidRequestError, match="weather"):
        await scripted("x").create(HELLO, tool_choice=TOOL)


async def test_no_messages_are_a_typed_error(scripted):
    client = scripted("x")
    with pytest.raises(InvalidRequestError, match="no messages"):
        await client.create([])
    assert client.model.requests == []


async def test_arguments_of_a_call_go_over_those_of_the_client(scripted):
    client = scripted("x", temperature=0.1, max_completion_tokens=50, logit_bias={"5": 1})
    await client.create(HELLO, extra_create_args={"temperature": 0.9, "stop": "END", "extra_headers": {"x-a": "b"}})
    (request,) = client.model.requests
    settings = request.settings
    assert (settings.temperature, settings.max_tokens, settings.stop) == (0.9, 50, ("END",))
    assert (dict(request.extra), dict(request.headers)) == ({"logit_bias": {"5": 1}}, {"x-a": "b"})


async def test_a_tool_choice_among_the_extra_arguments_is_taken(scripted):
    client = scripted("x")
    await client.create(HELLO, tools=[TOOL], extra_create_args={"tool_choice": "auto"})
    assert client.model.requests[0].tool_choice == "auto"


@pytest.mark.parametrize("argument", [{"temprature": 1}, {"stream": True}, {"n": 2}, {"model": "gpt-4o"}])
async def test_arguments_that_cannot_be_meant_are_typed_errors(scripted, argument):
    client = scripted("x")
    with pytest.raises(InvalidRequestError):
        await client.create(HELLO, extra_create_args=argument)
    with pytest.raises(InvalidRequestError):
        HoldfastChatCompletionClient(ScriptedModel("x"), **argument)
    assert client.model.requests == []


async def test_the_callers_messages_are_not_changed(scripted):
    history = [said("Hi"), AssistantMessage(content="trailing ", source="bot"), said("Go on")]
    before = copy.deepcopy(history)
    await scripted("x").create(history)
    assert history == before


def test_what_passes_unchanged_is_what_a_holdfast_call_takes():
    assert Ask.__optional_keys__ >= PLAIN


async def test_signed_thinking_comes_back_with_its_calls(scripted):
    call = ToolCall("1", "weather", '{"city": "Oslo"}', signature="s1", origin="gemini")
    thought = Thinking("Hm.", signature="s0", origin="gemini")
    client = scripted([thought, call], "Sunny.")
    first = await client.create(HELLO, tools=[TOOL])
    history = [
        *HELLO,
        AssistantMessage(content=first.content, thought=first.thought, source="bot"),
        FunctionExecutionResultMessage(content=[FunctionExecutionResult(content="sun", name="weather", call_id="1")]),
    ]
    await client.create(history, tools=[TOOL])
    assert client.model.requests[1].messages[1].parts == (thought, call)


async def test_parts_that_cannot_be_hashed_do_no_harm(scripted):
    client = scripted([Opaque("gemini", {"a": []}), ToolCall("1", "weather", "{}")], "x")
    first = await client.create(HELLO, tools=[TOOL])
    await client.create([*HELLO, AssistantMessage(content=first.content, source="bot"), said("And?")], tools=[TOOL])
    assert len(client.model.requests) == 2


async def test_failed_attempts_are_paid_for_and_cached_answers_are_not(scripted):
    broken = ["Half", UsageUpdate(Usage(input_tokens=10, output_tokens=3)), Finish("error")]
    cached = Response(
        parts=(Text("Old."),), finish_reason="stop", usage=Usage(input_tokens=7, output_tokens=1), cached=True
    )
    client = scripted(broken, ["Whole.", Finish("stop", usage=Usage(input_tokens=10, output_tokens=4))], cached)
    assert (await client.create(HELLO)).usage.completion_tokens == 4
    assert (await client.create(HELLO)).cached
    actual, total = client.actual_usage(), client.total_usage()
    assert (actual.prompt_tokens, actual.completion_tokens) == (20, 7)
    assert (total.prompt_tokens, total.completion_tokens) == (27, 8)


async def test_the_last_typed_error_leaves_the_call(scripted):
    client = scripted(*[ServerError("down", status=500)] * 3)
    with pytest.raises(ServerError) as caught:
        await client.create(HELLO)
    assert len(caught.value.history) == 3


async def test_a_handler_may_change_the_request(scripted):
    client = scripted(ServerError("down"), "Hello.")

    @client.on_error(ServerError)
    async def shorten(call):
        return call.resend(messages=call.request.messages[-1:])

    await client.create([SystemMessage(content="Be kind."), *HELLO])
    assert len(client.model.requests[1].messages) == 1


class TestEvents:
    @pytest.fixture
    def events(self):
        heard = []

        class Listener(logging.Handler):
            def emit(self, record):
                heard.append(record.msg)

        logger = logging.getLogger(EVENT_LOGGER_NAME)
        listener, level = Listener(), logger.level
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
        yield heard
        logger.removeHandler(listener)
        logger.setLevel(level)

    async def test_a_call_is_logged_as_autogens_event(self, scripted, events):
        client = scripted("Hello.", usage=Usage(input_tokens=5, output_tokens=2))
        await client.create(HELLO, tools=[TOOL])
        (event,) = events
        plain = json.loads(str(event))
        assert (plain["type"], plain["prompt_tokens"], plain["completion_tokens"]) == ("LLMCall", 5, 2)
        assert plain["messages"][0]["content"] == "Say it."
        assert (plain["response"]["content"], plain["tools"][0]["name"]) == ("Hello.", "weather")

    async def test_a_failure_is_logged_too(self, scripted, events):
        with pytest.raises(InvalidRequestError):
            await scripted(InvalidRequestError("wrong", status=400)).create(HELLO)
        response = json.loads(str(events[0]))["response"]
        assert (response["error"]["kind"], len(response["attempts"])) == ("invalid_request", 1)

    async def test_a_stream_has_a_start_and_an_end(self, scripted, events):
        client = scripted("Hello.")
        items = [item async for item in client.create_stream(HELLO)]
        assert items[0] == "Hello."
        assert [json.loads(str(event))["type"] for event in events] == ["LLMStreamStart", "LLMStreamEnd"]

    async def test_keys_and_pictures_stay_out(self, scripted, events):
        picture = autogen_core.Image(Pictures.new("RGB", (50, 50)))
        key = "sk-" + "a1b2c3d4" * 4
        await scripted("Hello.").create([UserMessage(content=[f"My key is {key}", picture], source="user")])
        written = str(events[0])
        assert key not in written
        assert len(written) < 1500


async def test_a_model_that_sees_no_pictures_is_not_shown_any(scripted):
    client = scripted("x", model_info={"vision": False})
    picture = autogen_core.Image(Pictures.new("RGB", (2, 2)))
    with pytest.raises(InvalidRequestError, match="see pictures"):
        await client.create([UserMessage(content=[picture], source="user")])


async def test_json_is_asked_for_whatever_the_info_says(scripted):
    client = scripted('{"good": true}', model_info={"json_output": False, "structured_output": False})
    assert (await client.create(HELLO, json_output=Verdict)).content == '{"good": true}'


def test_counting_knows_every_model_and_never_raises():
    client = HoldfastChatCompletionClient(ScriptedModel(name="nobody/knows-this"))
    odd = {"name": "odd", "parameters": {"type": ["object"], "properties": {"a": {"enum": [1]}, "b": {"anyOf": []}}}}
    counted = client.count_tokens([said("Hello <|endoftext|> there.")], tools=[odd, TOOL])
    assert 10 < counted < 200
    assert client.count_tokens([]) < counted
    assert client.remaining_tokens([]) > client.remaining_tokens([said("Hello.")]) > 0


def test_the_smallest_window_of_the_chain_counts():
    chain = ScriptedModel(name="a/large"), ScriptedModel(name="b/small")
    client = HoldfastChatCompletionClient(*chain, windows={"a/large": 1_000_000, "b/small": 100})
    assert client.remaining_tokens([]) <= 100
    assert client.remaining_tokens([said("word " * 500)]) < 0


@pytest.mark.parametrize(
    ("names", "vision", "family"),
    [
        (["openai/gpt-4o"], True, "gpt-4o"),
        (["openai/gpt-5-mini", "deepseek/deepseek-chat"], False, "gpt-5"),
        (["anthropic/claude-sonnet-4-5"], True, "claude-4-sonnet"),
        (["groq/llama-3.3-70b-versatile"], False, "llama-3.3-70b"),
        (["own/thing"], True, "unknown"),
    ],
)
def test_model_info_stands_for_the_weakest_of_the_chain(names, vision, family):
    info = HoldfastChatCompletionClient(*(ScriptedModel(name=name) for name in names)).model_info
    assert (info["vision"], info["family"], info["structured_output"]) == (vision, family, True)


def test_model_info_is_a_copy_and_its_fields_are_checked():
    client = HoldfastChatCompletionClient(ScriptedModel("x"))
    client.model_info["vision"] = False
    assert client.model_info["vision"] is True
    assert client.capabilities == {"vision": True, "function_calling": True, "json_output": True}
    with pytest.raises(ConfigurationError, match="visoin"):
        HoldfastChatCompletionClient(ScriptedModel("x"), model_info={"visoin": False})


def test_a_client_brings_its_own_bounds():
    with pytest.raises(ConfigurationError, match="own bounds"):
        HoldfastChatCompletionClient(Client(ScriptedModel("x")), deadline=5)


async def test_a_fallback_answers_over_real_http(simulator):
    running = await simulator(down=SimulatedModel(rules=(Rule(Refuse(kind="server_error")),)), calm=SimulatedModel())
    here = Endpoint("here", base_url=running.base_url(), api_key="key")
    client = HoldfastChatCompletionClient(here.model("down"), here.model("calm"))
    result = await client.create([said("What is kelp?")])
    assert (result.content, result.attempts[-1]["model"]) == (expected_answer("What is kelp?"), "here/calm")
    await client.close()


async def test_an_answer_without_anything_is_not_passed_on(scripted):
    client = scripted(*[[Finish("stop")]] * 3)
    with pytest.raises(InvalidResponseError):
        await client.create(HELLO)


class TestUnfittingAnswers:
    """What does not fit after all recovery is handed over as what it is: AutoGen's callers read it themselves."""

    async def test_it_says_what_is_wrong_with_it(self, scripted):
        result = await scripted(*['{"bad": 1}'] * 3).create(HELLO, json_output=Verdict)
        assert (result.content, result.finish_reason) == ('{"bad": 1}', "stop")
        assert "does not fit" in result.degraded
        assert len(result.attempts) == 3

    async def test_its_words_are_not_taken_back(self, scripted):
        items, error = await streamed(scripted(*['{"bad": 1}'] * 3), json_output=Verdict)
        assert error is None
        assert items[-2] == items[-1].content == '{"bad": 1}'

    async def test_a_callback_goes_first(self, scripted):
        sorry = CreateResult(
            finish_reason="stop", content="{}", usage=RequestUsage(prompt_tokens=0, completion_tokens=0), cached=False
        )
        client = scripted(*["no"] * 3, error_callbacks={InvalidResponseError: lambda error: sorry})
        assert await client.create(HELLO, json_output=True) is sorry

    async def test_a_broken_answer_is_still_an_error(self, scripted):
        client = scripted(*[['{"go', StreamInterruptedError("cut")]] * 3)
        with pytest.raises(StreamInterruptedError):
            await client.create(HELLO, json_output=True)

    async def test_an_answer_that_the_limit_cut_keeps_its_reason(self, scripted):
        client = scripted(*[['{"go', Finish("length")]] * 3)
        result = await client.create(HELLO, json_output=True)
        assert (result.content, result.finish_reason) == ('{"go', "length")

    async def test_an_answer_that_fits_and_was_refused_for_another_reason_is_an_error(self):
        model = ScriptedModel('{"good": true}')
        picky = Client(model, verdicts=[lambda response: InvalidResponseError("no")], policies=())
        with pytest.raises(InvalidResponseError):
            await HoldfastChatCompletionClient(picky).create(HELLO, json_output=Verdict)
