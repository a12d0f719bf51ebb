"""Tokens counted where the provider counts them: as the vendors' own SDKs ask for it, and typed when it fails."""

from __future__ import annotations

import json

import pytest

from holdfast import (
    Client,
    Endpoint,
    InvalidRequestError,
    InvalidResponseError,
    ModelNotFoundError,
    ModelTimeoutError,
    SystemMessage,
    Timeouts,
    Tool,
    UserMessage,
    sync,
)
from holdfast.providers.catalog import make_codec
from holdfast.providers.codec import Dialect
from holdfast.request import Request, Settings
from holdfast.simulator import Simulator
from holdfast.testing import ScriptedModel
from recordings import recordings
from wire import serving, whole

WIRES = ("anthropic", "bedrock", "gemini", "openai_responses")
TOOL = Tool(
    "get_weather", "Get the weather for a location", {"type": "object", "properties": {"x": {"type": "string"}}}
)
REQUEST = Request(
    messages=(SystemMessage("Be brief."), UserMessage("What is kelp?")),
    tools=(TOOL,),
    settings=Settings(max_tokens=9, temperature=0.5, stop=("END",)),
)
READERS = {
    "anthropic_count_tokens": "anthropic",
    "bedrock_count_tokens": "bedrock",
    "google_count_tokens": "gemini",
    "openai_responses_input_tokens": "openai_responses",
}


def counting(wire: str, *, model: str = "m", **dialect):
    encoded = make_codec(wire, Dialect(**dialect)).encode_count(REQUEST, model)
    return encoded.url, json.loads(encoded.body)


def test_anthropic_counts_what_it_reads_and_takes_nothing_else():
    url, body = counting("anthropic", model="claude-sonnet-4-5")
    assert url == "/v1/messages/count_tokens"
    assert body.keys() == {"messages", "model", "system", "tools"} | ({"tool_choice"} & body.keys())


def test_openai_counts_what_it_reads_and_takes_nothing_else():
    url, body = counting("openai_responses", model="gpt-4.1-mini")
    assert url == "/responses/input_tokens"
    assert {"input", "model", "tools"} <= body.keys()
    assert body.keys().isdisjoint(("max_output_tokens", "temperature", "store", "include", "stream"))


def test_gemini_counts_the_whole_request_at_ai_studio_and_its_fields_at_vertex():
    url, body = counting("gemini", model="gemini-2.5-flash")
    assert (url, list(body)) == ("/models/gemini-2.5-flash:countTokens", ["generateContentRequest"])
    assert body["generateContentRequest"]["model"] == "models/gemini-2.5-flash"
    assert {"contents", "systemInstruction", "tools"} <= body["generateContentRequest"].keys()
    url, body = counting("gemini", model="gemini-2.5-flash", vertex=True)
    assert url == "/publishers/google/models/gemini-2.5-flash:countTokens"
    assert {"contents", "systemInstruction", "tools"} <= body.keys() <= {
        "contents", "systemInstruction", "tools", "generationConfig",
    }  # fmt: skip


@pytest.mark.parametrize("region", ["", "us.", "eu.", "global."])
def test_bedrock_counts_by_the_model_whatever_profile_it_is_asked_through(region):
    url, body = counting("bedrock", model=f"{region}anthropic.claude-sonnet-4-20250514-v1:0")
    assert url == "/model/anthropic.claude-sonnet-4-20250514-v1%3A0/count-tokens"
    assert body["input"]["converse"].keys() >= {"messages", "system", "toolConfig"}
    assert "inferenceConfig" not in body["input"]["converse"]


@pytest.mark.parametrize("recording", recordings(*READERS), ids=str)
def test_recorded_counts_are_read(recording):
    codec = make_codec(READERS[recording.api], Dialect())
    said = json.loads(recording.body)
    if recording.status == 200:
        assert codec.read_count(recording.body) in said.values()
    else:
        assert isinstance(
            codec.error(recording.status, recording.headers, recording.body), ModelNotFoundError | InvalidRequestError
        )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"input_tokens": "many"}', b'{"input_tokens": null}'])
def test_a_reply_without_a_number_is_no_count(body):
    with pytest.raises(InvalidResponseError):
        make_codec("anthropic", Dialect()).read_count(body)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_client_asks_the_provider_only_when_told_to(wire):
    async with Simulator() as simulator:
        here = Endpoint("here", base_url=simulator.base_url(wire), api_key="key", codec=wire)
        async with Client(here.model("calm")) as client:
            assert isinstance(client.count_tokens("What is kelp?"), int)
            assert not simulator.requests
            assert await client.count_tokens("What is kelp?" * 100, exact=True) > 100
        assert len(simulator.requests) == 1
        assert client.totals.requests == 0


async def test_a_synchronous_client_counts_exactly_too():
    async with serving([whole(b'{"input_tokens": 16}')]) as wire:
        here = Endpoint("here", base_url=wire.url, api_key="key", codec="anthropic")
        client = sync.Client(here.model("claude"))
        assert await client.wrapped.count_tokens("Hi", exact=True) == 16
        await client.wrapped.close()
    assert client.count_tokens("Hi") == client.wrapped.count_tokens("Hi")
    assert client.remaining_tokens("Hi") == client.wrapped.remaining_tokens("Hi")


async def test_where_nobody_can_count_the_error_says_so():
    for model in (Endpoint("here", base_url="http://127.0.0.1:9").model("m"), ScriptedModel("Hi")):
        with pytest.raises(InvalidRequestError, match="count"):
            await Client(model).count_tokens("Hi", exact=True)


async def test_a_failure_of_counting_is_typed_and_knows_who_failed():
    refusal = b'{"type":"error","error":{"type":"not_found_error","message":"model: claude-none"}}'
    async with serving([whole(refusal, 404)]) as wire:
        here = Endpoint("here", base_url=wire.url, api_key="key", codec="anthropic", dialect=Dialect(provider="here"))
        async with Client(here.model("claude-none")) as client:
            with pytest.raises(ModelNotFoundError) as caught:
                await client.count_tokens("Hi", exact=True)
    assert (caught.value.provider, caught.value.model) == ("here", "claude-none")


async def test_counting_that_takes_too_long_ends():
    async with serving([5.0, whole(b"{}")]) as wire:
        here = Endpoint("here", base_url=wire.url, api_key="key", codec="anthropic")
        async with Client(here.model("claude"), timeouts=Timeouts(total=0.05)) as client:
            with pytest.raises(ModelTimeoutError) as caught:
                await client.count_tokens("Hi", exact=True)
    assert caught.value.phase == "total"
