"""The Anthropic SDK over a Holdfast client."""

from __future__ import annotations

import asyncio

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

from holdfast import Endpoint, sync
from holdfast.adapters.anthropic_sdk import holdfast_http_client, holdfast_sync_http_client
from holdfast.simulator import expected_answer, parse, start_in_thread
from sdk_calls import arrived, closed, count, over, over_a_storm, weathered

PROMPT = "What is kelp?"
ANSWER = expected_answer(PROMPT)
CALM = "[models.m]"
TOOL = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def said(prompt: str) -> dict:
    return {"model": "m", "max_tokens": 1000, "messages": [{"role": "user", "content": prompt}]}


def sdk(client) -> AsyncAnthropic:
    return AsyncAnthropic(http_client=holdfast_http_client(client), api_key="unused")


async def created(client, prompt):
    return (await sdk(client).messages.create(**said(prompt))).content[0].text


async def streamed(client, prompt):
    events = await sdk(client).messages.create(**said(prompt), stream=True)
    return "".join([event.delta.text async for event in events if event.type == "content_block_delta"])


async def read_by_the_sdk(client, prompt):
    async with sdk(client).messages.stream(**said(prompt)) as stream:
        return (await stream.get_final_message()).content[0].text


WAYS = (created, streamed, read_by_the_sdk)
MODES = ("raise", "restart", "resume", "hold", "truncate")


@pytest.mark.parametrize("ask", WAYS)
async def test_a_storm_passes_unseen(ask):
    async with over_a_storm(on_break="resume") as client:
        assert weathered(await count(lambda prompt: ask(client, prompt), anthropic.APIError))


@pytest.mark.parametrize("mode", MODES)
async def test_a_stream_is_right_or_an_error_in_every_mode(mode):
    async with over_a_storm(on_break=mode) as client:
        counted = await count(lambda prompt: streamed(client, prompt), anthropic.APIError)
    assert counted["wrong"] == 0
    assert counted["right"] >= (38 if mode in ("restart", "resume", "hold") else 20)


ERRORS = {
    "rate_limit": (anthropic.RateLimitError, 429, "rate_limit_error"),
    "quota_exhausted": (anthropic.RateLimitError, 429, "billing_error"),
    "request_too_large": (anthropic.APIStatusError, 413, "request_too_large"),
    "context_overflow": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "content_filter": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "overloaded": (anthropic.APIStatusError, 503, "overloaded_error"),
    "server_error": (anthropic.InternalServerError, 500, "api_error"),
    "authentication": (anthropic.AuthenticationError, 401, "authentication_error"),
    "permission": (anthropic.PermissionDeniedError, 403, "permission_error"),
    "model_not_found": (anthropic.NotFoundError, 404, "not_found_error"),
}


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize("kind", ERRORS)
async def test_an_error_is_the_sdks_own_and_the_sdk_does_not_retry_it(ask, kind):
    cls, status, name = ERRORS[kind]
    async with over(f'[models.m]\nrules = [{{ fault = "{kind}" }}]', max_attempts=1) as (client, simulator):
        with pytest.raises(anthropic.APIStatusError) as caught:
            await ask(client, PROMPT)
        assert len(simulator.requests) == 1
    assert isinstance(caught.value, cls)
    assert (caught.value.status_code, caught.value.body["error"]["type"]) == (status, name)


@pytest.mark.parametrize("ask", WAYS)
async def test_a_truncated_answer_is_an_error(ask):
    broken = '[models.m]\nrules = [{ fault = "reset_after", after = 7, stream = true }, { fault = "cut_json" }]'
    async with over(broken, on_break="truncate", max_attempts=1) as (client, _):
        with pytest.raises(anthropic.APIError):
            await ask(client, PROMPT)


async def test_a_stream_that_breaks_for_good_ends_in_an_error_after_what_was_right():
    async with over('[models.m]\nrules = [{ fault = "reset_after", after = 7 }]', max_attempts=1) as (client, _):
        words = ""
        with pytest.raises(anthropic.APIError):  # noqa: PT012  # it comes while reading
            async for event in await sdk(client).messages.create(**said(PROMPT), stream=True):
                words += event.delta.text if event.type == "content_block_delta" else ""
    assert words
    assert ANSWER.startswith(words)


async def test_tools_thinking_and_usage_come_through():
    async with over(CALM, wire="anthropic") as (client, _):
        messages = sdk(client).messages
        called = await messages.create(**said("call weather"), tools=[TOOL])
        thought = await messages.create(
            **said(PROMPT) | {"max_tokens": 4000}, thinking={"type": "enabled", "budget_tokens": 1024}
        )
        told = {"type": "tool_result", "tool_use_id": called.content[0].id, "content": "sun"}
        turns = [
            *said("call weather")["messages"],
            {"role": "assistant", "content": called.content},
            {"role": "user", "content": [told]},
        ]
        answered = await messages.create(model="m", max_tokens=1000, tools=[TOOL], messages=turns)
    assert (called.stop_reason, called.content[0].name) == ("tool_use", "weather")
    assert isinstance(called.content[0].input["city"], str)
    assert [block.type for block in thought.content] == ["thinking", "text"]
    assert thought.content[1].text == ANSWER
    assert thought.usage.output_tokens > 0
    assert answered.content[0].text.startswith("[")


async def test_what_is_no_message_is_not_found():
    async with over(CALM) as (client, simulator):
        with pytest.raises(anthropic.NotFoundError):
            await sdk(client).models.list()
        with pytest.raises(anthropic.BadRequestError):
            await sdk(client).messages.create(model="m", max_tokens=10, messages=[{"role": "nobody", "content": 1}])
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


async def test_a_stream_that_is_left_early_closes_its_connection():
    async with over(STALLED) as (client, simulator):
        async with sdk(client).messages.stream(**said(PROMPT)) as stream:
            await anext(stream.text_stream)
        assert await closed(simulator)


def test_the_synchronous_sdk_works_alike():
    with start_in_thread(parse(CALM)) as simulator:
        model = Endpoint("here", base_url=simulator.base_url(), api_key="key").model("m")
        with sync.Client(model) as client:
            http = Anthropic(http_client=holdfast_sync_http_client(client), api_key="unused")
            assert http.messages.create(**said(PROMPT)).content[0].text == ANSWER
            with http.messages.stream(**said(PROMPT)) as stream:
                assert "".join(stream.text_stream) == ANSWER
            with pytest.raises(anthropic.BadRequestError):
                http.messages.create(model="m", max_tokens=10, messages=[{"role": "nobody", "content": 1}])
