"""The contract of a Pydantic AI model, with scripted models behind it."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, Tool, ToolOutput, UsageLimits, direct, models
from pydantic_ai import exceptions as theirs
from pydantic_ai.exceptions import UnsupportedSettingWarning
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings, ToolOrOutput
from pydantic_ai.usage import RunUsage

from holdfast import (
    Client,
    ContentFilterError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
    ServerError,
    SystemMessage,
    ToolCall,
    Usage,
    UserMessage,
    answer,
    fallback,
)
from holdfast.adapters.pydantic_ai import HoldfastModel
from holdfast.events import Finish, ResponseStart, TextDelta, UsageUpdate
from holdfast.messages import Thinking
from holdfast.recovery.policies import DEFAULT_POLICIES
from holdfast.request import NamedTool, OutputSchema
from holdfast.testing import Pause, ScriptedModel

PARAMETERS = ModelRequestParameters()
ASKED = [ModelRequest.user_text_prompt("Hello")]


class City(BaseModel):
    name: str
    people: int


BERLIN = '{"name": "Berlin", "people": 3}'
USED = Usage(input_tokens=10, output_tokens=3)


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Rain in {city}."


def dip() -> str:
    return "wet"


async def output_of(agent, streamed, **options):
    if not streamed:
        return (await agent.run("Hello", **options)).output
    async with agent.run_stream("Hello", **options) as run:
        return await run.get_output()


# What is asked


async def test_instructions_follow_the_system_prompt(scripted):
    model, primary = scripted("Hi")
    await Agent(model, instructions="Be brief.", system_prompt="You are kelp.").run("Hello")
    assert primary.requests[0].messages == (
        SystemMessage("You are kelp."),
        SystemMessage("Be brief."),
        UserMessage("Hello"),
    )


async def test_settings_reach_the_model_in_our_words(scripted):
    model, primary = scripted("Hi", settings=ModelSettings(temperature=0.5, max_tokens=7))
    settings = ModelSettings(
        max_tokens=9,
        top_p=0.9,
        top_k=4,
        seed=1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        stop_sequences=["END"],
        parallel_tool_calls=False,
        thinking="low",
        extra_headers={"x-mine": "1"},
        extra_body={"field": 2},
    )
    await Agent(model).run("Hello", model_settings=settings)
    request = primary.requests[0]
    sent = request.settings
    assert (sent.temperature, sent.max_tokens, sent.top_p, sent.top_k, sent.seed) == (0.5, 9, 0.9, 4, 1)
    assert (sent.presence_penalty, sent.frequency_penalty, sent.stop) == (0.1, 0.2, ("END",))
    assert (sent.parallel_tool_calls, sent.reasoning_effort) == (False, "low")
    assert (request.headers, request.extra) == ({"x-mine": "1"}, {"field": 2})


async def test_max_retries_is_warned_about_since_the_client_decides(scripted):
    model, _ = scripted("Hi")
    with pytest.warns(UnsupportedSettingWarning, match="max_retries"):
        await model.request(ASKED, ModelSettings(max_retries=3), PARAMETERS)


@pytest.mark.parametrize(
    ("choice", "names", "expected"),
    [
        (None, ["dip", "weather"], "auto"),
        ("none", ["dip", "weather"], "none"),
        ("required", ["dip", "weather"], "required"),
        (["dip"], ["dip"], NamedTool("dip")),
        (ToolOrOutput(function_tools=["weather"]), ["weather"], "auto"),
    ],
)
async def test_a_tool_choice_limits_the_tools(scripted, choice, names, expected):
    model, primary = scripted("Hi")
    settings = ModelSettings() if choice is None else ModelSettings(tool_choice=choice)
    offered = [Tool(function).tool_def for function in (weather, dip)]
    await model.request(ASKED, settings, ModelRequestParameters(function_tools=offered))
    request = primary.requests[0]
    assert sorted(tool.name for tool in request.tools) == names
    assert request.tool_choice == expected


async def test_a_tools_schema_is_sent(scripted):
    model, primary = scripted("Hi")
    await Agent(model, tools=[weather]).run("Hello")
    (tool,) = primary.requests[0].tools
    assert tool.description == "The weather of a city."
    assert tool.parameters["properties"] == {"city": {"type": "string"}}


async def test_tool_output_is_forced(scripted):
    model, primary = scripted(ToolCall("c1", "final_result", BERLIN))
    result = await Agent(model, output_type=ToolOutput(City)).run("Where?")
    assert result.output == City(name="Berlin", people=3)
    request = primary.requests[0]
    assert (request.tool_choice, request.output) == ("required", None)


async def test_native_output_asks_for_the_schema(scripted):
    model, primary = scripted(BERLIN)
    result = await Agent(model, output_type=NativeOutput(City)).run("Where?")
    assert result.output == City(name="Berlin", people=3)
    output = primary.requests[0].output
    assert isinstance(output, OutputSchema)
    assert (output.name, sorted(output.schema["properties"])) == ("City", ["name", "people"])


async def test_prompted_output_uses_the_json_mode_of_the_chain(scripted):
    model, primary = scripted(BERLIN)
    result = await Agent(model, output_type=PromptedOutput(City)).run("Where?")
    assert result.output == City(name="Berlin", people=3)
    assert primary.requests[0].output == "json"
    assert '"people"' in primary.requests[0].messages[0].text


async def test_prompted_output_stays_words_where_one_model_has_no_json_mode(scripted):
    model, primary, _ = scripted(f"```json\n{BERLIN}\n```", fallback=["unused"])
    result = await Agent(model, output_type=PromptedOutput(City)).run("Where?")
    assert result.output == City(name="Berlin", people=3)
    assert primary.requests[0].output is None


async def test_json_that_is_none_is_asked_for_again_before_the_agent_sees_it(scripted):
    model, primary = scripted("no JSON", BERLIN)
    result = await Agent(model, output_type=NativeOutput(City), retries=0).run("Where?")
    assert result.output == City(name="Berlin", people=3)
    assert len(primary.requests) == 2


async def test_output_that_fails_validation_is_the_agents_to_ask_for_again(scripted):
    model, primary = scripted('{"name": "Berlin", "people": "many"}', BERLIN)
    result = await Agent(model, output_type=NativeOutput(City)).run("Where?")
    assert result.output == City(name="Berlin", people=3)
    assert len(primary.requests) == 2


async def test_a_tool_is_called_and_its_result_goes_back(scripted):
    model, primary = scripted(ToolCall("c1", "weather", '{"city": "Oslo"}'), "It rains.")
    result = await Agent(model, tools=[weather]).run("Weather?")
    assert result.output == "It rains."
    call, returned = primary.requests[1].messages[-2:]
    assert call.tool_calls[0].id == "c1"
    assert (returned.content[0].call_id, returned.content[0].text) == ("c1", "Rain in Oslo.")


# What comes back


async def test_the_response_says_who_answered_and_what_it_took(scripted):
    begun = ResponseStart("gpt-5-mini-2025", "openai", "id-1", "req-1")
    model, _ = scripted([begun, "Hi", Finish("stop", "STOP", USED, extra={"safety": "fine"})])
    response = await model.request(ASKED, None, PARAMETERS)
    assert (response.model_name, response.provider_name) == ("gpt-5-mini-2025", "openai")
    assert response.provider_response_id == "id-1"
    assert response.provider_details == {"finish_reason": "STOP", "request_id": "req-1", "safety": "fine"}
    assert response.finish_reason == "stop"
    assert (response.usage.input_tokens, response.usage.output_tokens) == (10, 3)
    assert response.metadata == {"holdfast": {"attempts": 1}}


async def test_a_request_without_usage_is_counted_as_unmeasured(scripted):
    model, _ = scripted("Hi", "Hi")
    assert (await model.request(ASKED, None, PARAMETERS)).usage.unmeasured_requests == 1
    async with model.request_stream(ASKED, None, PARAMETERS) as stream:
        async for _ in stream:
            pass
        assert stream.usage.unmeasured_requests == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_tokens_of_failed_attempts_are_counted_and_their_requests_are_not(scripted, streamed):
    broken = ["Hel", UsageUpdate(USED), ServerError("broke", status=500)]
    good = ["Hello", Finish("stop", usage=USED)]
    model, _, _ = scripted(broken, fallback=[good], on_break="hold", policies=[fallback()])
    used = RunUsage()
    agent = Agent(model)
    if streamed:
        async with agent.run_stream("Hello", usage=used) as run:
            assert await run.get_output() == "Hello"
            response = run.response
    else:
        response = (await agent.run("Hello", usage=used)).response
    assert (used.requests, used.input_tokens, used.output_tokens) == (1, 20, 6)
    assert response.usage.input_tokens == 10
    (failed,) = response.failed_attempts
    assert (failed.provider_name, failed.model_name, failed.outcome) == ("openai", "gpt-5-mini", "error")
    assert failed.error == "server_error: broke"
    assert failed.usage.input_tokens == 10


@pytest.mark.parametrize("streamed", [False, True])
async def test_tokens_paid_in_vain_are_counted(scripted, streamed):
    broken = ["Hel", UsageUpdate(USED), ServerError("broke", status=500)]
    model, _ = scripted(broken, on_break="hold", max_attempts=1)
    used = RunUsage()
    with pytest.raises(theirs.ModelServerError):
        await output_of(Agent(model), streamed, usage=used)
    assert used.input_tokens == 10


async def test_thinking_goes_back_with_its_signature(scripted):
    thought = Thinking("Hm.", None, "signed", None, "anthropic")
    start = ResponseStart("claude", "anthropic")
    model, primary = scripted([start, thought, ToolCall("c1", "dip")], "Done", profile={"supports_thinking": True})
    result = await Agent(model, tools=[dip]).run("Hello")
    assert result.all_messages()[1].parts[0].provider_name == "anthropic"
    assert primary.requests[1].messages[-2].parts[0] == thought


async def test_thinking_that_streams_keeps_its_signature_too(scripted):
    thought = Thinking("Hm.", None, "signed", None, "anthropic")
    model, primary = scripted([ResponseStart("claude", "anthropic"), thought, ToolCall("c1", "dip")], "Done")
    async with Agent(model, tools=[dip]).run_stream("Hello") as run:
        assert await run.get_output() == "Done"
    assert primary.requests[1].messages[-2].parts[0] == thought


async def test_an_answer_of_a_policy_says_so(scripted):
    model, _ = scripted(InvalidRequestError("no", status=400), policies=[*DEFAULT_POLICIES, answer("Sorry.")])
    result = await Agent(model).run("Hello")
    assert result.output == "Sorry."
    assert result.response.metadata["holdfast"]["degraded"] == "answered by policy after invalid_request"


# Filters, limits of length


REFUSAL = ContentFilterError("refused", scope="prompt", categories=("violence",), status=400, code="content_filter")


async def test_a_refusal_comes_back_empty_when_it_is_not_streamed(scripted):
    model, _ = scripted(REFUSAL)
    response = await model.request(ASKED, None, PARAMETERS)
    assert (list(response.parts), response.finish_reason) == ([], "content_filter")
    assert response.provider_details["content_filter_result"] == {"violence": {"filtered": True}}
    assert response.provider_details["finish_reason"] == "content_filter"


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_agent_raises_its_own_error_for_a_refusal(scripted, streamed):
    model, primary = scripted(REFUSAL)
    with pytest.raises(theirs.ContentFilterError):
        await output_of(Agent(model), streamed)
    assert len(primary.requests) == 1


async def test_a_streamed_refusal_is_raised_before_the_first_event(scripted):
    model, _ = scripted(Finish("content_filter", usage=USED))
    async with model.request_stream(ASKED, None, PARAMETERS) as stream:
        with pytest.raises(theirs.ContentFilterError) as raised:
            await anext(aiter(stream))
        assert isinstance(raised.value.__cause__, ContentFilterError)
        assert stream.failed_attempts[0].usage.input_tokens == 10


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_of_thoughts_alone_that_ran_out_of_tokens_is_said_so(scripted, streamed):
    spent = [Thinking("Hm."), Finish("length", usage=USED)]
    model, _ = scripted(*[spent] * 5)
    with pytest.raises(theirs.UnexpectedModelBehavior, match="token limit"):
        await output_of(Agent(model), streamed)


# Limits of time


async def test_request_timeout_covers_all_attempts(scripted, clock):
    model, primary = scripted(*[RateLimitError("slow", status=429, retry_after=8)] * 5)
    with pytest.raises(theirs.ModelRateLimitError) as raised:
        await Agent(model, model_settings=ModelSettings(request_timeout=10)).run("Hello")
    assert raised.value.retry_after == 8
    assert (len(primary.requests), clock.now()) == (2, 8)  # a second wait would pass the deadline


@pytest.mark.parametrize("streamed", [False, True])
async def test_request_timeout_ends_a_call_that_hangs(scripted, clock, streamed):
    model, _ = scripted(Pause(), Pause())
    agent = Agent(model, model_settings=ModelSettings(request_timeout=10))
    with pytest.raises(theirs.ModelRequestTimeout) as raised:
        await output_of(agent, streamed)
    assert (raised.value.timeout, raised.value.setting) == (10, "request_timeout")
    assert raised.value.__cause__.history
    assert clock.now() == 10


async def test_first_event_timeout_is_each_attempts(scripted, clock):
    model, _, _ = scripted(Pause(), fallback=["Hello"])
    agent = Agent(model, model_settings=ModelSettings(first_event_timeout=2))
    async with agent.run_stream("Hello") as run:
        assert await run.get_output() == "Hello"
    assert clock.now() == 2


async def test_first_event_timeout_is_named_when_nothing_else_helps(scripted):
    model, _ = scripted(Pause(), Pause(), max_attempts=2)
    with pytest.raises(theirs.ModelRequestTimeout) as raised:
        async with model.request_stream(ASKED, ModelSettings(first_event_timeout=2), PARAMETERS) as stream:
            await anext(aiter(stream))
    assert (raised.value.timeout, raised.value.setting) == (2, "first_event_timeout")


async def test_timeout_is_each_attempts_and_no_deadline(scripted, clock):
    model, _, _ = scripted(Pause(), fallback=["Hello"])
    assert (await Agent(model, model_settings=ModelSettings(timeout=3)).run("Hello")).output == "Hello"
    assert clock.now() == 3


async def test_no_wait_is_begun_that_the_run_does_not_outlive(scripted, clock):
    model, primary = scripted(*[RateLimitError("slow", status=429, retry_after=50)] * 3)
    with pytest.raises(theirs.ModelRateLimitError):
        await Agent(model).run("Hello", timeout=20)
    assert (len(primary.requests), clock.now()) == (1, 0)


# Errors


async def test_the_last_error_is_raised_from_ours_with_its_history(scripted):
    model, _, _ = scripted(*[ServerError("a", status=500)] * 4, fallback=[OverloadedError("b", status=529)] * 4)
    with pytest.raises(theirs.ModelHTTPError) as raised:
        await Agent(model).run("Hello")
    ours = raised.value.__cause__
    assert isinstance(ours, (OverloadedError, ServerError))
    assert len(ours.history) == 5


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_request_that_cannot_be_right_is_rejected_before_it_is_sent(scripted, streamed):
    model, primary = scripted("Hi")
    with pytest.raises(theirs.ModelRequestRejectedError, match="max_tokens"):
        await output_of(Agent(model, model_settings=ModelSettings(max_tokens=0)), streamed)
    assert primary.requests == []


async def test_requests_can_be_forbidden(scripted):
    model, primary = scripted("Hi")
    with models.override_allow_model_requests(False), pytest.raises(RuntimeError, match="not allowed"):
        await Agent(model).run("Hello")
    assert primary.requests == []


# Around requests


async def test_tokens_are_counted_here(scripted):
    model, primary = scripted("Hi")
    counted = await model.count_tokens(ASKED, None, PARAMETERS)
    assert 0 < counted.input_tokens < 50
    limits = UsageLimits(input_tokens_limit=1, count_tokens_before_request=True)
    with pytest.raises(theirs.UsageLimitExceeded):
        await Agent(model).run("Hello", usage_limits=limits)
    assert primary.requests == []


async def test_the_client_it_made_is_closed_when_the_last_user_leaves():
    primary = ScriptedModel("Hi", name="a/b")
    model = HoldfastModel(primary)
    closed = []
    model.client._transport.close = lambda: _note(closed)  # the port at its edge
    async with model:
        async with model:
            await Agent(model).run("Hello")
        assert closed == []
    assert closed == [True]


async def _note(closed):
    closed.append(True)


async def test_a_client_that_was_given_is_not_closed():
    client = Client(ScriptedModel("Hi", name="a/b"))
    closed = []
    client._transport.close = lambda: _note(closed)
    async with HoldfastModel(client):
        pass
    assert closed == []


def test_the_identity_is_the_primarys(scripted):
    model, *_ = scripted("Hi", fallback=["Hi"])
    assert (model.system, model.model_name, model.model_id) == ("openai", "gpt-5-mini", "openai:gpt-5-mini")


def test_two_chains_are_two_and_show_their_members(scripted):
    one, other = scripted("Hi")[0], scripted("Hi")[0]
    assert one != other
    assert repr(one) == "HoldfastModel(Client('openai/gpt-5-mini'))"
    assert len({one, other}) == 2


def test_the_profile_is_the_weakest_members(scripted):
    alone, _ = scripted("Hi")
    both, *_ = scripted("Hi", fallback=["Hi"])
    assert alone.profile["supports_inline_system_prompts"]
    assert not both.profile["supports_inline_system_prompts"]
    assert alone.profile["supports_thinking"]
    assert both.profile["supports_json_schema_output"]
    assert both.context_window <= alone.context_window


def test_a_users_profile_is_laid_over_it(scripted):
    stated, _ = scripted("Hi", profile={"supports_thinking": False})
    made, _ = scripted("Hi", profile=lambda known: {**known, "context_window": 5})
    assert not stated.profile["supports_thinking"]
    assert stated.profile["supports_json_schema_output"]
    assert made.context_window == 5


async def test_direct_requests_carry_their_instructions(scripted):
    model, primary = scripted("Hi")
    await direct.model_request(model, [ModelRequest.user_text_prompt("Hello", instructions="Be brief.")])
    assert primary.requests[0].messages == (SystemMessage("Be brief."), UserMessage("Hello"))


async def test_a_cancelled_run_leaves_nothing_behind(scripted, clock):
    clock.autojump = False
    model, primary = scripted(Pause())
    task = asyncio.ensure_future(Agent(model).run("Hello"))
    await clock.settle()
    assert primary.active == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (primary.active, primary.abandoned) == (0, 1)


async def test_a_history_with_an_empty_answer_can_be_sent_on(scripted):
    model, primary = scripted("Hi")
    history = [*ASKED, ModelResponse(parts=[], finish_reason="content_filter")]
    await Agent(model).run("Again", message_history=history)
    assert [message.text for message in primary.requests[0].messages] == ["Hello", "Again"]


async def test_text_after_a_filter_is_an_output_and_says_why_it_ended(scripted):
    model, _ = scripted([TextDelta("Half"), Finish("content_filter")])
    result = await Agent(model).run("Hello")
    assert (result.output, result.response.finish_reason) == ("Half", "content_filter")
    assert result.response.parts == [TextPart("Half")]
