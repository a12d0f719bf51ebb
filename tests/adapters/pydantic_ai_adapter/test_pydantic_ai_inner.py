"""Pydantic AI's own models as members of a chain."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, Tool
from pydantic_ai import exceptions as theirs
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, override_allow_model_requests
from pydantic_ai.models.function import DeltaThinkingPart, DeltaToolCall, FunctionModel
from pydantic_ai.models.test import TestModel as Double
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from holdfast import (
    Client,
    ContentFilterError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
    StreamInterruptedError,
    SystemMessage,
    Text,
    ToolCall,
    UserMessage,
    on_content_filter,
)
from holdfast import Tool as OurTool
from holdfast.adapters.pydantic_ai import HoldfastModel, PydanticModel
from holdfast.messages import Opaque, Thinking
from holdfast.recovery.policies import DEFAULT_POLICIES
from holdfast.request import NamedTool, OutputSchema, Request
from holdfast.testing import FakeClock, ScriptedModel, check_model

CITY = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
WORDS = ["One ", "two ", "three ", "four ", "five ", "six ", "seven ", "eight."]


class Recorder(Model):
    """A model that answers with what it is given, in order, and keeps what it was asked."""

    def __init__(self, *answers, system="openai", **options):
        super().__init__(**options)
        self._system = system
        self.asked = []
        self.answers = list(answers)

    @property
    def model_name(self):
        return "m"

    @property
    def system(self):
        return self._system

    async def request(self, messages, model_settings, model_request_parameters):
        self.asked.append((messages, model_settings, model_request_parameters))
        said = self.answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, ModelResponse) else ModelResponse([TextPart(said)])


def client_of(*inners, **options):
    clock = FakeClock(autojump=True)
    return Client(*map(PydanticModel, inners), clock=clock, random=lambda: 0.0, **options)


def http(category, status, **facts):
    return theirs.ModelHTTPError.for_category(category, status_code=status, model_name="m", **facts)


async def test_the_first_model_fails_and_the_second_answers():
    broken = Recorder(*[http(theirs.ModelServerError, 500)] * 2)
    model = HoldfastModel(client_of(broken, Recorder("Hello", system="anthropic")))
    result = await Agent(model).run("Hi")
    assert result.output == "Hello"
    assert [attempt.error for attempt in result.response.failed_attempts] == [
        "server_error: status_code: 500, model_name: m, body: None"
    ] * 2


async def test_a_wait_that_theirs_names_is_kept():
    limited = Recorder(http(theirs.ModelRateLimitError, 429, retry_after=7), "Hello")
    client = client_of(limited)
    assert (await client.create("Hi")).text == "Hello"
    assert client.model.clock.now() == 7


async def test_the_agents_own_words_reach_the_inner_model():
    inner = Recorder("Hello", settings=ModelSettings(seed=5))
    model = HoldfastModel(client_of(inner), settings=ModelSettings(top_k=3))
    settings = ModelSettings(temperature=0.1, extra_body={"mine": 1}, request_timeout=9)
    await Agent(model, instructions="Be brief.", tools=[Tool(dip)]).run("Hi", model_settings=settings)
    messages, asked, parameters = inner.asked[0]
    assert [part.content for part in messages[-1].parts] == ["Hi"]
    assert (asked["temperature"], asked["top_k"], asked["extra_body"]) == (0.1, 3, {"mine": 1})
    assert [part.content for part in parameters.instruction_parts] == ["Be brief."]
    assert [tool.name for tool in parameters.function_tools] == ["dip"]


def dip() -> str:
    return "wet"


async def test_what_a_policy_changed_is_translated_back():
    def reword(call):
        return call.resend(messages=[SystemMessage("Calm."), UserMessage("Ask again.")], settings=call.request.settings)

    inner = Recorder(theirs.ContentFilterError("no"), "Hello")
    client = client_of(inner, policies=[on_content_filter(reword), *DEFAULT_POLICIES])
    result = await Agent(HoldfastModel(client), instructions="Be brief.").run("Hi")
    messages, _, parameters = inner.asked[1]
    assert result.output == "Hello"
    assert [part.content for part in messages[0].parts] == ["Calm.", "Ask again."]
    assert not parameters.instruction_parts


async def test_a_changed_setting_is_laid_over_the_agents():
    def shorter(call):
        return call.resend(settings=type(call.request.settings)(max_tokens=5, temperature=0.1))

    inner = Recorder(theirs.ContentFilterError("no"), "Hello")
    client = client_of(inner, policies=[on_content_filter(shorter)])
    settings = ModelSettings(temperature=0.1, max_tokens=50)
    await Agent(HoldfastModel(client)).run("Hi", model_settings=settings)
    assert (inner.asked[1][1]["max_tokens"], inner.asked[1][1]["temperature"]) == (5, 0.1)


async def test_a_request_of_a_plain_client_is_translated_whole():
    inner = Recorder(ModelResponse([ToolCallPart("dip", {"a": 1}, "c1")]))
    response = await client_of(inner).create(
        "Hi",
        tools=[OurTool("dip", "Dips.", {"type": "object"})],
        tool_choice=NamedTool("dip"),
        max_tokens=3,
        stop="END",
    )
    messages, settings, parameters = inner.asked[0]
    assert response.tool_calls == (ToolCall("c1", "dip", '{"a":1}'),)
    assert messages[0].parts[0].content == "Hi"
    assert (settings["tool_choice"], settings["max_tokens"], settings["stop_sequences"]) == (["dip"], 3, ["END"])
    assert parameters.function_tools[0].description == "Dips."


@pytest.mark.parametrize(("native", "mode"), [(True, "native"), (False, "prompted")])
async def test_an_output_schema_is_asked_for_as_the_inner_model_can(native, mode):
    inner = Recorder('{"name": "Oslo"}', profile={"supports_json_schema_output": native})
    response = await client_of(inner).create("Where?", output=OutputSchema("city", CITY))
    assert response.text == '{"name": "Oslo"}'
    assert (inner.asked[0][2].output_mode, inner.asked[0][2].output_object.json_schema) == (mode, CITY)


async def test_everything_that_an_answer_holds_is_kept():
    item = NativeToolCallPart("web_search", {"q": "kelp"}, "n1", provider_name="openai")
    answer = ModelResponse(
        [ThinkingPart("hm", id="rs_1", signature="enc", provider_name="openai"), item, TextPart("Hello")],
        usage=RequestUsage(input_tokens=5, output_tokens=2, output_reasoning_tokens=1),
        model_name="m-2025",
        provider_name="openai",
        provider_response_id="id-1",
        finish_reason="stop",
        provider_details={"finish_reason": "done", "extra": 1},
    )
    response = await client_of(Recorder(answer)).create("Hi")
    assert response.parts[0] == Thinking("hm", "rs_1", None, "enc", "openai_responses")
    assert response.parts[1:] == (Opaque("pydantic_ai", item), Text("Hello"))
    assert (response.usage.input_tokens, response.usage.reasoning_tokens) == (5, 1)
    assert (response.model, response.id, response.raw_finish_reason) == ("m-2025", "id-1", "done")
    assert response.extra == {"extra": 1, "pydantic_ai": answer}


async def test_an_agent_gets_the_answer_as_its_model_gave_it():
    part = TextPart("Hello", id="t1", provider_name="openai", provider_details={"phase": "final"})
    usage = RequestUsage(input_tokens=5, details={"images": 2})
    inner = Recorder(ModelResponse([part], usage=usage, metadata={"mine": 1}, provider_details={"a": object()}))
    response = (await Agent(HoldfastModel(client_of(inner))).run("Hi")).response
    assert (response.parts, response.usage.details) == ([part], {"images": 2})
    assert response.metadata == {"mine": 1, "holdfast": {"attempts": 1}}


class Streaming(Recorder):
    """A model that streams a finished answer."""

    @asynccontextmanager
    async def request_stream(self, messages, model_settings, model_request_parameters, run_context=None):
        self.asked.append((messages, model_settings, model_request_parameters))
        answer = self.answers.pop(0)
        yield CompletedStreamedResponse(answer, model_request_parameters=model_request_parameters, replay_events=True)


async def test_a_streamed_answer_keeps_what_its_model_noted_on_the_parts():
    thought = ThinkingPart("hm", signature="s", provider_name="openai", provider_details={"raw_content": ["hm"]})
    call = ToolCallPart("dip", "{}", "c1", provider_details={"note": 1})
    inner = Streaming(ModelResponse([thought, call]), ModelResponse([TextPart("Done")]))
    async with Agent(HoldfastModel(client_of(inner)), tools=[dip]).run_stream("Hi") as run:
        assert await run.get_output() == "Done"
    assert inner.asked[1][0][1].parts == [thought, call]


async def test_a_suspended_answer_is_gone_on_with_by_the_agent():
    first = ModelResponse([TextPart("Half, ")], state="suspended", provider_name="openai", provider_response_id="r1")
    inner = Recorder(first, "and whole.")
    result = await Agent(HoldfastModel(client_of(inner))).run("Hi")
    assert result.output.endswith("and whole.")
    assert inner.asked[1][0][-1].state == "suspended"


async def test_a_single_inner_model_keeps_its_profile_and_its_native_tools():
    double = Double()
    assert HoldfastModel(client_of(double)).profile == double.profile
    mixed = HoldfastModel(Client(PydanticModel(double), ScriptedModel("x", name="openai/gpt-5")))
    assert mixed.profile["supported_native_tools"] == frozenset()


def flow(*pieces):
    async def stream(messages, info):
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    return FunctionModel(stream_function=stream)


async def test_streams_are_translated_event_by_event():
    inner = flow({0: DeltaThinkingPart(content="hm", signature="s")}, "Hel", "lo")
    async with client_of(inner).stream("Hi") as stream:
        texts = [text async for text in stream.text()]
        response = stream.response()
    assert texts == ["Hel", "lo"]
    assert response.thinking == "hm"


async def test_arguments_of_tools_stream_as_text_or_come_whole():
    pieces = [{0: DeltaToolCall("dip", '{"a"', tool_call_id="c1")}, {0: DeltaToolCall(json_args=": 1}")}]
    async with client_of(flow(*pieces)).stream("Hi", tools=[OurTool("dip")]) as stream:
        assert (await stream.finish()).tool_calls == (ToolCall("c1", "dip", '{"a": 1}'),)
    async with client_of(Double(call_tools=["dip"])).stream("Hi", tools=[OurTool("dip")]) as stream:
        assert (await stream.finish()).tool_calls[0].arguments == "{}"


async def test_a_stream_that_breaks_goes_on_in_the_next_model():
    resumed = []

    async def rest(messages, info):
        resumed.extend(messages)
        yield "two three four five six seven eight."

    broken = flow(*WORDS[:5], theirs.ModelConnectionError("m", "reset", phase="read"))
    client = client_of(broken, FunctionModel(stream_function=rest))
    async with Agent(HoldfastModel(client), instructions="Count.").run_stream("Go") as run:
        texts = [text async for text in run.stream_text(delta=True, debounce_by=None)]
    assert "".join(texts) == "".join(WORDS)
    assert [type(message).__name__ for message in resumed] == ["ModelRequest", "ModelResponse", "ModelRequest"]
    assert resumed[1].text == "One two three four five"


async def test_a_stream_without_a_finish_reason_is_cut_where_a_provider_should_have_given_one():
    cut = PydanticModel(flow("Half"), needs_finish=True)
    with pytest.raises(StreamInterruptedError):
        async with Client(cut, clock=FakeClock(autojump=True), max_attempts=1).stream("Hi") as stream:
            await stream.finish()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (theirs.UserError("wrong use"), InvalidRequestError),
        (http(theirs.ModelOverloadedError, 529), OverloadedError),
        (theirs.ModelRateLimitError("m", "slow"), RateLimitError),
        (theirs.ContentFilterError("no"), ContentFilterError),
    ],
)
async def test_their_errors_come_out_as_ours_from_theirs(error, kind):
    with pytest.raises(kind) as raised:
        await client_of(Recorder(error), max_attempts=1).create("Hi")
    assert raised.value.__cause__ is error


async def test_a_fault_of_the_program_is_not_retried():
    inner = Recorder(KeyError("mine"), "Hello")
    with pytest.raises(KeyError):
        await client_of(inner).create("Hi")
    assert len(inner.asked) == 1


async def test_a_refusal_of_an_inner_model_is_the_agents_to_see():
    empty = ModelResponse([], finish_reason="content_filter", provider_details={"refusal": "No."})
    with pytest.raises(theirs.ContentFilterError):
        await Agent(HoldfastModel(client_of(Recorder(empty)))).run("Hi")


async def test_doubles_may_be_asked_while_requests_are_forbidden():
    with override_allow_model_requests(False):
        result = await Agent(HoldfastModel(client_of(Double())), tools=[dip]).run("Hi")
        assert result.output == '{"dip":"wet"}'
        with pytest.raises(RuntimeError, match="not allowed"):
            await Agent(HoldfastModel(Client(PydanticModel(Double()), ScriptedModel("x", name="a/b")))).run("Hi")


class Answer(BaseModel):
    name: str


async def test_native_output_of_an_inner_model():
    inner = Recorder('{"name": "Oslo"}', profile={"supports_json_schema_output": True})
    result = await Agent(HoldfastModel(client_of(inner)), output_type=NativeOutput(Answer)).run("Where?")
    assert result.output == Answer(name="Oslo")


async def test_the_inner_models_are_entered_and_left_once():
    entered = []

    class Entered(Recorder):
        async def __aenter__(self):
            entered.append("in")
            return self

        async def __aexit__(self, *_):
            entered.append("out")

    model = HoldfastModel(client_of(Entered("Hi")))
    async with model, model:
        assert entered == ["in"]
    assert entered == ["in", "out"]


async def test_a_pydantic_model_is_a_model():
    response = await check_model(PydanticModel(flow(*WORDS)), Request(messages=(UserMessage("Hi"),), stream=True))
    assert response.text == "".join(WORDS)


async def test_a_model_can_be_named_as_an_agent_names_it():
    assert PydanticModel("test").name == "test/test"
    assert repr(PydanticModel("test", name="double")) == "PydanticModel('double')"


async def test_direct_requests_of_a_stock_fallback_pass_through():
    from pydantic_ai.models.fallback import FallbackModel  # noqa: PLC0415  # only here

    router = FallbackModel(Recorder(http(theirs.ModelServerError, 500)), Recorder("Hello"))
    response = await client_of(router).create("Hi")
    assert response.text == "Hello"
    assert HoldfastModel(client_of(router)).profile["supports_tools"]


async def test_parameters_that_nobody_changed_are_passed_on():
    inner = Recorder("Hello")
    parameters = ModelRequestParameters(function_tools=[Tool(dip).tool_def])
    await HoldfastModel(client_of(inner)).request([ModelRequest.user_text_prompt("Hi")], None, parameters)
    assert inner.asked[0][2] is parameters
