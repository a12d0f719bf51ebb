"""The OpenAI SDK, and what is built on it, over a Holdfast client."""

from __future__ import annotations

import asyncio
import json

import instructor
import openai
import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from holdfast import Client, ConfigurationError, Endpoint, answer, sync
from holdfast.adapters.openai_sdk import holdfast_http_client, holdfast_sync_http_client
from holdfast.simulator import Scenario, SimulatedModel, Simulator, expected_answer, parse, start_in_thread
from sdk_calls import arrived, closed, count, over, over_a_storm, weathered

PROMPT = "What is kelp?"
ANSWER = expected_answer(PROMPT)
CALM = "[models.m]"


class City(BaseModel):
    """A place."""

    name: str
    people: int


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"Sun in {city}."


def said(prompt: str) -> dict:
    return {"model": "m", "messages": [{"role": "user", "content": prompt}]}


def sdk(client, **options) -> AsyncOpenAI:
    return AsyncOpenAI(http_client=holdfast_http_client(client), api_key="unused", **options)


def chain(client, **options) -> ChatOpenAI:
    # LangChain's own timer stands on `asyncio.wait_for`, which loses a cancellation now and then before Python 3.12.
    options = {"stream_chunk_timeout": None} | options
    return ChatOpenAI(model="m", api_key="unused", http_async_client=holdfast_http_client(client), **options)


async def created(client, prompt):
    return (await sdk(client).chat.completions.create(**said(prompt))).choices[0].message.content


async def streamed(client, prompt):
    chunks = await sdk(client).chat.completions.create(**said(prompt), stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])


async def responded(client, prompt):
    return (await sdk(client).responses.create(model="m", input=prompt)).output_text


async def responded_in_stream(client, prompt):
    events = await sdk(client).responses.create(model="m", input=prompt, stream=True)
    return "".join([event.delta async for event in events if event.type == "response.output_text.delta"])


async def chained(client, prompt):
    return (await chain(client).ainvoke(prompt)).content


async def chained_in_stream(client, prompt):
    return "".join([chunk.content async for chunk in chain(client).astream(prompt)])


WAYS = (created, streamed, responded, responded_in_stream, chained, chained_in_stream)
MODES = ("raise", "restart", "resume", "hold", "truncate")


@pytest.mark.parametrize("ask", WAYS)
async def test_a_storm_passes_unseen(ask):
    async with over_a_storm(on_break="resume") as client:
        assert weathered(await count(lambda prompt: ask(client, prompt), openai.APIError))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ask", [streamed, responded_in_stream])
async def test_a_stream_is_right_or_an_error_in_every_mode(ask, mode):
    async with over_a_storm(on_break=mode) as client:
        counted = await count(lambda prompt: ask(client, prompt), openai.APIError)
    assert counted["wrong"] == 0
    assert counted["right"] >= (38 if mode in ("restart", "resume", "hold") else 20)


ERRORS = {
    "rate_limit": (openai.RateLimitError, 429, "rate_limit_exceeded"),
    "quota_exhausted": (openai.RateLimitError, 429, "insufficient_quota"),
    "request_too_large": (openai.APIStatusError, 413, "request_too_large"),
    "context_overflow": (openai.BadRequestError, 400, "context_length_exceeded"),
    "content_filter": (openai.BadRequestError, 400, "content_filter"),
    "overloaded": (openai.InternalServerError, 503, "engine_overloaded"),
    "server_error": (openai.InternalServerError, 500, "server_error"),
    "authentication": (openai.AuthenticationError, 401, "invalid_api_key"),
    "permission": (openai.PermissionDeniedError, 403, "permission_denied"),
    "model_not_found": (openai.NotFoundError, 404, "model_not_found"),
}


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize("kind", ERRORS)
async def test_an_error_is_the_sdks_own_and_the_sdk_does_not_retry_it(ask, kind):
    cls, status, code = ERRORS[kind]
    async with over(f'[models.m]\nrules = [{{ fault = "{kind}" }}]', max_attempts=1) as (client, simulator):
        with pytest.raises(openai.APIStatusError) as caught:
            await ask(client, PROMPT)
        assert len(simulator.requests) == 1
    assert isinstance(caught.value, cls)
    assert (caught.value.status_code, caught.value.code) == (status, code)


async def test_a_stream_that_breaks_for_good_ends_in_an_error_after_what_was_right():
    async with over('[models.m]\nrules = [{ fault = "reset_after", after = 7 }]', max_attempts=1) as (client, _):
        words = ""
        with pytest.raises(openai.APIError):  # noqa: PT012  # it comes while reading
            async for chunk in await sdk(client).chat.completions.create(**said(PROMPT), stream=True):
                words += chunk.choices[0].delta.content or ""
    assert words
    assert ANSWER.startswith(words)


@pytest.mark.parametrize("ask", WAYS)
async def test_a_truncated_answer_is_an_error(ask):
    broken = '[models.m]\nrules = [{ fault = "reset_after", after = 7, stream = true }, { fault = "cut_json" }]'
    async with over(broken, on_break="truncate", max_attempts=1) as (client, _):
        with pytest.raises(openai.APIError):
            await ask(client, PROMPT)


async def test_what_the_wire_has_no_word_for_comes_in_headers():
    down = '[models.m]\nrules = [{ fault = "server_error" }]'
    async with over(down, policies=[answer("Sorry.")]) as (client, _):
        raw = await sdk(client).chat.completions.with_raw_response.create(**said(PROMPT))
    assert raw.parse().choices[0].message.content == "Sorry."
    assert raw.headers["x-holdfast-degraded"]
    assert raw.headers["x-holdfast-attempts"] == "1"


async def test_usage_of_a_stream_comes_when_it_is_asked_for():
    async with over(CALM) as (client, _):
        chunks = await sdk(client).chat.completions.create(
            **said(PROMPT), stream=True, stream_options={"include_usage": True}
        )
        usage = [chunk.usage async for chunk in chunks if chunk.usage]
    assert len(usage) == 1
    assert usage[0].completion_tokens == -(-len(ANSWER) // 4)


async def test_usage_is_booked_though_the_sdk_did_not_ask_for_it():
    async with over(CALM) as (client, _):
        chunks = [chunk async for chunk in await sdk(client).chat.completions.create(**said(PROMPT), stream=True)]
    assert all(chunk.usage is None for chunk in chunks)
    assert client.totals.total.output_tokens == -(-len(ANSWER) // 4)


@pytest.mark.parametrize(("wire", "kept"), [("openai_chat", True), ("anthropic", False), ("gemini", False)])
async def test_what_only_openai_understands_goes_to_its_wire_only(wire, kept):
    async with over(CALM, wire=wire) as (client, simulator):
        for stream in (False, True):
            asked = said(PROMPT) | {"service_tier": "flex", "logit_bias": {"7": 1}, "stream": stream}
            done = await sdk(client).chat.completions.create(**asked)
            if stream:
                assert [chunk async for chunk in done]
    whole, streamed = (json.loads(request.body) for request in simulator.requests)
    assert [name in body for body in (whole, streamed) for name in ("service_tier", "logit_bias")] == [kept] * 4
    assert streamed.get("stream_options") == ({"include_usage": True} if kept else None)


async def test_tool_calls_structured_output_and_the_sdks_own_stream_work():
    function = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    async with over(CALM) as (client, _):
        chat = sdk(client).chat.completions
        called = await chat.create(**said("call weather"), tools=[{"type": "function", "function": function}])
        parsed = await chat.parse(**said(PROMPT), response_format=City)
        async with chat.stream(**said(PROMPT)) as stream:
            final = await stream.get_final_completion()
    choice = called.choices[0]
    assert (choice.finish_reason, choice.message.tool_calls[0].function.name) == ("tool_calls", "weather")
    assert isinstance(parsed.choices[0].message.parsed, City)
    assert final.choices[0].message.content == ANSWER


async def test_a_route_chooses_the_client_by_the_models_name():
    async with over(CALM) as (calm, _), over('[models.m]\nrules = [{ fault = "permission" }]') as (closed_one, _):
        http = sdk({"calm": calm, "closed": closed_one}.__getitem__)
        assert (await http.chat.completions.create(**said(PROMPT) | {"model": "calm"})).choices[
            0
        ].message.content == ANSWER
        with pytest.raises(openai.PermissionDeniedError):
            await http.chat.completions.create(**said(PROMPT) | {"model": "closed"})
        with pytest.raises(openai.NotFoundError, match="nobody"):
            await http.chat.completions.create(**said(PROMPT) | {"model": "nobody"})


async def test_what_is_no_chat_is_not_found():
    async with over(CALM) as (client, simulator):
        with pytest.raises(openai.NotFoundError):
            await sdk(client).embeddings.create(model="m", input="text")
        with pytest.raises(openai.NotFoundError):
            await sdk(client).models.list()
        with pytest.raises(openai.BadRequestError):
            await sdk(client).chat.completions.create(model="m", messages=[{"role": "nobody", "content": 1}])
        assert not simulator.requests


STALLED = '[models.m]\nrules = [{ fault = "stall", after = 6, seconds = 60, stream = true }, { fault = "latency", seconds = 60 }]'


@pytest.mark.parametrize("ask", WAYS)
async def test_a_cancelled_call_closes_its_connection(ask):
    async with over(STALLED) as (client, simulator):
        task = asyncio.create_task(ask(client, PROMPT))
        await arrived(simulator)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await closed(simulator)


@pytest.mark.parametrize("read", [0, 3])
async def test_a_stream_that_is_left_early_closes_its_connection(read):
    async with over(STALLED) as (client, simulator):
        chat = sdk(client).chat.completions.with_streaming_response
        async with chat.create(**said(PROMPT), stream=True) as response:
            lines = response.iter_lines()
            for _ in range(read):
                await anext(lines)
            await lines.aclose()
        assert await closed(simulator)


@pytest.fixture
def behind_a_thread():
    """A way to a synchronous client with the model `m` of a scenario."""
    blocks = []

    def make(scenario=None, **options):
        block = start_in_thread(parse(scenario) if scenario else Scenario(models={"m": SimulatedModel()}))
        simulator = block.__enter__()
        client = sync.Client(Endpoint("here", base_url=simulator.base_url(), api_key="key").model("m"), **options)
        blocks.append((client, block))
        return client, simulator

    yield make
    for client, block in blocks:
        client.close()
        block.__exit__(None, None, None)


def test_the_synchronous_sdk_works_alike(behind_a_thread):
    client, _ = behind_a_thread()
    http = OpenAI(http_client=holdfast_sync_http_client(client), api_key="unused")
    assert http.chat.completions.create(**said(PROMPT)).choices[0].message.content == ANSWER
    chunks = http.chat.completions.create(**said(PROMPT), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER
    assert http.responses.create(model="m", input=PROMPT).output_text == ANSWER


def test_the_synchronous_sdk_gets_its_own_errors_once(behind_a_thread):
    client, simulator = behind_a_thread('[models.m]\nrules = [{ fault = "rate_limit" }]', max_attempts=1)
    http = OpenAI(http_client=holdfast_sync_http_client(client), api_key="unused")
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError):
            http.chat.completions.create(**said(PROMPT), stream=stream)
    assert len(simulator.requests) == 2


def test_a_synchronous_stream_that_is_left_early_closes_its_connection(behind_a_thread):
    client, simulator = behind_a_thread(STALLED)
    http = OpenAI(http_client=holdfast_sync_http_client(client), api_key="unused")
    with http.chat.completions.create(**said(PROMPT), stream=True) as chunks:
        next(iter(chunks))
    sync.run(asyncio.sleep(0.1))
    assert simulator.connections_open == 0


def test_a_synchronous_route_chooses_the_client(behind_a_thread):
    client, _ = behind_a_thread()
    http = OpenAI(http_client=holdfast_sync_http_client({"m": client}.__getitem__), api_key="unused")
    assert http.chat.completions.create(**said(PROMPT)).choices[0].message.content == ANSWER
    with pytest.raises(openai.NotFoundError):
        http.chat.completions.create(**said(PROMPT) | {"model": "other"})


def test_a_library_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match="httpx9"):
        holdfast_http_client(Client("sim/calm"), library="httpx9")


async def test_langchain_tools_structured_output_and_chains_work():
    async with over(CALM) as (client, _):
        llm = chain(client)
        called = await llm.bind_tools([weather]).ainvoke("Please call weather")
        assert [call["name"] for call in called.tool_calls] == ["weather"]
        chunks = [chunk async for chunk in llm.bind_tools([weather]).astream("Please call weather")]
        assert sum(chunks[1:], chunks[0]).tool_calls == called.tool_calls
        for method in ("json_schema", "function_calling"):
            assert isinstance(await llm.with_structured_output(City, method=method).ainvoke(PROMPT), City)
        prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
        assert await (prompt | llm | StrOutputParser()).ainvoke({"question": PROMPT}) == ANSWER
        assert (await chain(client, use_responses_api=True).ainvoke(PROMPT)).text == ANSWER
        messages = [("user", "Please call weather"), called, weather.invoke(called.tool_calls[0])]
        assert (await llm.bind_tools([weather]).ainvoke(messages)).content.startswith("[")


def test_langchain_works_synchronously(behind_a_thread):
    client, _ = behind_a_thread()
    llm = ChatOpenAI(model="m", api_key="unused", http_client=holdfast_sync_http_client(client))
    assert llm.invoke(PROMPT).content == ANSWER
    assert "".join(chunk.content for chunk in llm.stream(PROMPT)) == ANSWER


async def test_instructor_gets_its_models_through_a_storm():
    async with over_a_storm(on_break="hold") as client:
        reader = instructor.from_openai(sdk(client))
        found = await asyncio.gather(
            *(reader.chat.completions.create(**said(f"City {n}?"), response_model=City) for n in range(20))
        )
    assert all(isinstance(city, City) for city in found)


async def test_azure_and_other_clients_of_the_sdk_take_the_same_http_client():
    async with Simulator(parse(CALM)) as simulator:
        model = Endpoint("here", base_url=simulator.base_url(), api_key="key").model("m")
        async with Client(model) as client:
            azure = openai.AsyncAzureOpenAI(
                http_client=holdfast_http_client(client),
                api_key="unused",
                api_version="2024-10-21",
                azure_endpoint="https://unused.example",
            )
            done = await azure.chat.completions.create(**said(PROMPT))
    assert done.choices[0].message.content == ANSWER
