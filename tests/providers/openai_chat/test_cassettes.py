"""Every recorded chat completion decodes to what the vendor's SDK reads in it, and every request means the same again."""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx2
import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

from holdfast.errors import InvalidResponseError, ModelError
from holdfast.messages import UserMessage
from holdfast.providers.codec import Dialect, decode_all
from holdfast.providers.openai_chat.codec import OpenAIChatCodec
from holdfast.providers.openai_chat.serve import OpenAIChatService
from holdfast.request import Request
from holdfast.response import Response, fold
from recordings import Recording, recordings

APIS = (
    "azure_chat", "bedrock_mantle_chat", "cerebras_chat", "cohere_chat", "crusoe_chat", "deepseek_chat",
    "google_openai_compat_chat", "groq_chat", "huggingface_chat", "mistral_chat", "ollama_chat", "openai_chat",
    "openai_compat_chat", "openrouter_chat", "snowflake_chat", "zai_chat",
)  # fmt: skip
DIALECTS = {
    "azure_chat": Dialect(provider="azure", deployments=True, api_version="2024-12-01-preview"),
    "deepseek_chat": Dialect(provider="deepseek", reasoning_field="reasoning_content"),
    "mistral_chat": Dialect(
        provider="mistral", reasoning_field="content", documents="document_url", seed_field="random_seed"
    ),
    "ollama_chat": Dialect(provider="ollama", reasoning_field="reasoning"),
    "openai_chat": Dialect(provider="openai", cache_points="breakpoint"),
    "openrouter_chat": Dialect(
        provider="openrouter",
        reasoning_field="reasoning_details",
        cache_points="cache_control",
        file_urls=True,
        video=True,
    ),
    "snowflake_chat": Dialect(provider="snowflake", may_omit_finish=True),
    "zai_chat": Dialect(provider="zai", reasoning_field="reasoning_content"),
}
NATIVE = "cohere_chat"  # the recordings are of Cohere's own /v2/chat, which no OpenAI type reads: read here by hand
NO_COMPLETION = "test_invalid_response"  # the recorded server answers 200 with an object that is no completion
ASKED = Request(messages=(UserMessage("hi"),), stream=True)
ANSWERED = [recording for recording in recordings(*APIS) if recording.status == 200]
REQUESTED = [recording for recording in recordings(*APIS) if recording.request is not None]

pytestmark = pytest.mark.skipif(not ANSWERED, reason="the recordings are not at hand")


def codec(recording: Recording) -> OpenAIChatCodec:
    return OpenAIChatCodec(DIALECTS.get(recording.api, Dialect(provider=recording.api)))


def decoded(recording: Recording, size: int | None = None) -> Response:
    body = recording.body
    chunks = [body] if size is None else [body[at : at + size] for at in range(0, len(body), size)]
    return fold(decode_all(codec(recording).decoder(ASKED, "asked", recording.headers), chunks))


def completed(recording: Recording) -> bool:
    return NO_COMPLETION not in recording.path.stem


def sdk_reads(recording: Recording) -> dict[str, Any]:
    kind = "text/event-stream" if recording.streamed else "application/json"
    reply = httpx2.Response(200, headers={"content-type": kind}, content=recording.body)
    transport = httpx2.MockTransport(lambda _: reply)
    with openai.OpenAI(api_key="k", base_url="http://x", http_client=httpx2.Client(transport=transport)) as client:
        if not recording.streamed:
            return client.chat.completions.create(model="m", messages=[]).model_dump(warnings=False)
        state = ChatCompletionStreamState()
        for chunk in client.chat.completions.create(model="m", messages=[], stream=True):
            state.handle_chunk(chunk)
        return state.current_completion_snapshot.model_dump(warnings=False)


def cohere_reads(recording: Recording) -> dict[str, Any]:
    body = json.loads(recording.body)
    words = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "TOOL_CALL": "tool_calls"}
    message = {**body["message"], "reasoning": body["message"].get("tool_plan")}
    tokens = body["usage"]["tokens"]
    return {
        "choices": [{"message": message, "finish_reason": words[body["finish_reason"]]}],
        "usage": {
            "prompt_tokens": tokens["input_tokens"],
            "completion_tokens": tokens["output_tokens"],
            "prompt_tokens_details": {"cached_tokens": body["usage"].get("cached_tokens")},
        },
    }


def text_in(content: Any, kind: str) -> str:
    if isinstance(content, str) or content is None:
        return (content or "") if kind == "text" else ""
    found = [item[kind] for item in content if item["type"] == kind]
    return "".join(each if isinstance(each, str) else "".join(inner["text"] for inner in each) for each in found)


def thinking_in(message: dict[str, Any]) -> str:
    said = message.get("reasoning_content") or message.get("reasoning")
    details = message.get("reasoning_details") or []
    return said or "".join(each.get("text") or "" for each in details) or text_in(message.get("content"), "thinking")


@pytest.mark.parametrize("recording", [each for each in ANSWERED if completed(each)], ids=str)
def test_a_recorded_response_decodes_to_what_the_sdk_reads(recording: Recording) -> None:
    theirs = cohere_reads(recording) if recording.api == NATIVE else sdk_reads(recording)
    ours = decoded(recording)
    choice = theirs["choices"][0]
    message = choice["message"]

    assert ours.text == text_in(message.get("content"), "text")
    assert ours.thinking == thinking_in(message)
    calls = message.get("tool_calls") or []
    assert [call.name for call in ours.tool_calls] == [call["function"]["name"] for call in calls]
    assert [call.arguments for call in ours.tool_calls] == [call["function"]["arguments"] or "{}" for call in calls]
    assert all(
        call.id == (their["id"] or call.id) and call.id for call, their in zip(ours.tool_calls, calls, strict=True)
    )
    assert (ours.finish_reason if ours.raw_finish_reason else "") == (choice.get("finish_reason") or "")
    usage = theirs["usage"]
    assert ours.usage.input_tokens == usage["prompt_tokens"]
    assert ours.usage.output_tokens == usage["completion_tokens"]
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    assert ours.usage.cache_read_tokens == (cached or usage.get("num_cached_tokens") or 0)
    reasoned = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
    assert ours.usage.reasoning_tokens == (reasoned or 0)


@pytest.mark.parametrize("recording", [each for each in ANSWERED if completed(each)], ids=str)
@pytest.mark.parametrize("size", [1, 7, 61])
def test_the_chunking_of_a_recorded_body_does_not_matter(recording: Recording, size: int) -> None:
    assert decoded(recording, size) == decoded(recording)


@pytest.mark.parametrize("recording", [each for each in ANSWERED if not completed(each)], ids=str)
def test_a_recorded_body_without_a_completion_is_a_typed_error(recording: Recording) -> None:
    with pytest.raises(InvalidResponseError):
        decoded(recording)


@pytest.mark.parametrize("recording", [each for each in recordings(*APIS) if each.status != 200], ids=str)
def test_a_recorded_failure_is_a_typed_error(recording: Recording) -> None:
    error = codec(recording).error(recording.status, recording.headers, recording.body, model="m")
    assert isinstance(error, ModelError)
    assert type(error) is not ModelError
    assert error.status == recording.status


def plain_object(value: Any) -> Any:
    """A schema without what strictness adds, and without the order of what is required."""
    match value:
        case dict():
            plain = {name: plain_object(inner) for name, inner in value.items() if name != "additionalProperties"}
            return (
                {**plain, "required": sorted(plain["required"])} if isinstance(plain.get("required"), list) else plain
            )
        case list():
            return [plain_object(inner) for inner in value]
        case _:
            return value


def plain_part(part: Any) -> Any:
    match part:
        case {"type": "thinking", "thinking": inner}:
            return {"type": "thinking", "thinking": text_in(inner, "text")}
        case _:
            return {name: value for name, value in part.items() if value is not None}


def plain_message(message: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in message.items() if value not in (None, "", [], False)}
    plain["role"] = "system" if message["role"] == "developer" else message["role"]
    content = plain.get("content")
    if isinstance(content, list):
        parts = [plain_part(part) for part in content]
        only_text = len(parts) == 1 and parts[0].keys() == {"type", "text"}
        plain["content"] = parts[0]["text"] if only_text else parts
    for call in plain.get("tool_calls", ()):
        call.pop("index", None)
        call["function"]["arguments"] = json.loads(call["function"]["arguments"] or "{}")
    return plain


def plain_tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if function is None:
        return tool
    function = {name: value for name, value in function.items() if value not in (None, "", {})}
    function = {"parameters": {"type": "object", "properties": {}}, **function}
    return {"type": "function", **tool, "function": plain_object(function) if function.get("strict") else function}


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what says nothing: defaults, nulls, the two names of one setting."""
    said = {name: value for name, value in json.loads(json.dumps(body)).items() if value is not None}
    for name, default in (("n", 1), ("stream", False), ("tool_choice", "auto")):
        if said.get(name) == default:
            del said[name]
    for name, other in (("max_completion_tokens", "max_tokens"), ("stop_sequences", "stop")):
        if name in said:
            said[other] = said.pop(name)
    if isinstance(said.get("tool_choice"), str):
        said["tool_choice"] = said["tool_choice"].lower().replace("any", "required")
    if said.get("stream_options") == {"include_usage": False}:
        del said["stream_options"]
    said["messages"] = [plain_message(message) for message in said["messages"]]
    said["tools"] = [plain_tool(tool) for tool in said.get("tools", ())]
    if "response_format" in said:
        said["response_format"] = plain_object(said["response_format"])
    return said


@pytest.mark.parametrize("recording", REQUESTED, ids=str)
def test_a_recorded_request_means_the_same_again(recording: Recording) -> None:
    body = json.dumps(recording.request).encode()
    served = OpenAIChatService().read("/v1/chat/completions", {}, body)
    encoded = codec(recording).encode(served.request, served.model)
    assert meaning(json.loads(encoded.body)) == meaning(recording.request)


@pytest.fixture
def sdk_types(monkeypatch: pytest.MonkeyPatch) -> dict[bool, TypeAdapter[Any]]:
    """The SDK's types of a body, unstreamed and streamed, with lists for its Iterables: those validate while read."""
    for name, module in list(sys.modules.items()):
        if name.startswith("openai.types.chat") and hasattr(module, "Iterable"):
            monkeypatch.setattr(module, "Iterable", list)
    return {False: TypeAdapter(CompletionCreateParamsNonStreaming), True: TypeAdapter(CompletionCreateParamsStreaming)}


def test_the_sdk_types_accept_what_we_send(sdk_types: dict[bool, TypeAdapter[Any]]) -> None:
    openai_codec = OpenAIChatCodec(Dialect(provider="openai"))
    for recording in REQUESTED:
        served = OpenAIChatService().read("/v1/chat/completions", {}, json.dumps(recording.request).encode())
        request = served.request.replace(extra={})  # what a caller lays over the body is the caller's
        body = json.loads(openai_codec.encode(request, served.model).body)
        sdk_types[request.stream].validate_python(body)
