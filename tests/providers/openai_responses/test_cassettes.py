"""Every recorded Responses answer decodes to what the vendor's SDK reads in it, and every request means the same again."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses import Response as TheirResponse
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter

from holdfast.errors import ModelError, StreamInterruptedError
from holdfast.events import Finish
from holdfast.messages import Opaque, Thinking, UserMessage
from holdfast.providers.codec import Dialect, ServedRequest, decode_all
from holdfast.providers.openai_responses.codec import OpenAIResponsesCodec
from holdfast.providers.openai_responses.serve import OpenAIResponsesService
from holdfast.request import Request
from holdfast.response import Response, fold, unfold
from recordings import Recording, recordings

APIS = (
    "azure_responses", "bedrock_mantle_responses", "deepseek_responses", "openai_responses",
    "openai_responses_retrieve", "openrouter_responses",
)  # fmt: skip
RUNNING = ("queued", "in_progress")
ASKED = Request(messages=(UserMessage("hi"),), stream=True)
ANSWERED = [recording for recording in recordings(*APIS) if recording.status == 200]
REQUESTED = [recording for recording in recordings(*APIS) if isinstance(recording.request, dict)]
SERVED = ServedRequest(model="m", request=ASKED)
CODEC = OpenAIResponsesCodec(Dialect(provider="openai"))
SERVICE = OpenAIResponsesService()

# What the wire says by leaving it out, and what the codec says in so many words (or the other way round).
SAID = {"store": True, "tool_choice": "auto", "stream": False, "instructions": "", "include": []}

pytestmark = pytest.mark.skipif(not ANSWERED, reason="the recordings are not at hand")


def decoded(body: bytes, size: int | None = None) -> Response:
    chunks = [body] if size is None else [body[at : at + size] for at in range(0, len(body), size)]
    return fold(decode_all(CODEC.decoder(ASKED, "asked", {}), chunks))


def running(recording: Recording) -> bool:
    return not recording.streamed and json.loads(recording.body).get("status") in RUNNING


def sdk_reads(recording: Recording) -> TheirResponse:
    kind = "text/event-stream" if recording.streamed else "application/json"
    reply = httpx2.Response(200, headers={"content-type": kind}, content=recording.body)
    transport = httpx2.MockTransport(lambda _: reply)
    with openai.OpenAI(api_key="k", base_url="http://x", http_client=httpx2.Client(transport=transport)) as client:
        if not recording.streamed:
            return client.responses.create(model="m", input="hi")
        events = list(client.responses.create(model="m", input="hi", stream=True))
        return next(event.response for event in events if event.type == "response.completed")


COMPLETE = [recording for recording in ANSWERED if not running(recording)]


@pytest.mark.parametrize("recording", COMPLETE, ids=str)
def test_a_recorded_response_decodes_to_what_the_sdk_reads(recording: Recording) -> None:
    theirs, ours = sdk_reads(recording), decoded(recording.body)
    calls = [item for item in theirs.output if item.type == "function_call"]
    reasoning = [item for item in theirs.output if item.type == "reasoning"]
    assert ours.text == theirs.output_text
    assert [(call.id, call.name, call.arguments) for call in ours.tool_calls] == [
        (call.call_id, call.name, call.arguments) for call in calls
    ]
    assert ours.thinking == "".join(
        piece.text for item in reasoning for piece in [*item.summary, *(item.content or ())]
    )
    assert [part.data for part in ours.parts if isinstance(part, Thinking) and part.data] == [
        item.encrypted_content for item in reasoning if item.encrypted_content
    ]
    assert ours.finish_reason == ("tool_calls" if calls else "stop")
    assert ours.raw_finish_reason == theirs.status
    assert (ours.id, ours.model) == (theirs.id, theirs.model)
    assert theirs.usage is not None
    assert (ours.usage.input_tokens, ours.usage.output_tokens) == (
        theirs.usage.input_tokens,
        theirs.usage.output_tokens,
    )
    assert ours.usage.cache_read_tokens == theirs.usage.input_tokens_details.cached_tokens
    assert ours.usage.reasoning_tokens == theirs.usage.output_tokens_details.reasoning_tokens


@pytest.mark.parametrize("recording", COMPLETE, ids=str)
def test_items_that_only_this_wire_understands_are_kept_whole(recording: Recording) -> None:
    theirs = sdk_reads(recording)
    own = [item.id for item in theirs.output if item.type not in ("message", "function_call", "reasoning")]
    assert [part.data["id"] for part in decoded(recording.body).parts if isinstance(part, Opaque)] == own


@pytest.mark.parametrize("recording", [each for each in ANSWERED if running(each)], ids=str)
def test_a_response_that_still_runs_is_no_answer_and_can_be_asked_for_again(recording: Recording) -> None:
    decoder = CODEC.decoder(ASKED, "asked", {})
    with pytest.raises(StreamInterruptedError):
        list(decode_all(decoder, [recording.body]))
    assert decoder.checkpoint is not None
    again = CODEC.resume(decoder.checkpoint, ASKED, "asked")
    assert (again.method, again.url) == ("GET", f"/responses/{json.loads(recording.body)['id']}")


@pytest.mark.parametrize("recording", [each for each in COMPLETE if each.streamed], ids=str)
def test_chunking_never_matters(recording: Recording) -> None:
    body = recording.body
    whole = list(decode_all(CODEC.decoder(ASKED, "asked", {}), [body]))
    for size in (1, 7, 1000):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert list(decode_all(CODEC.decoder(ASKED, "asked", {}), chunks)) == whole


@pytest.mark.parametrize("recording", [each for each in COMPLETE if each.streamed], ids=str)
def test_a_stream_that_is_cut_at_any_byte_is_a_typed_error_and_never_a_finish(recording: Recording) -> None:
    body = recording.body
    end = body.rindex(b"}", 0, body.rindex(b"data: [DONE]") if b"data: [DONE]" in body else len(body)) + 1
    decoder = CODEC.decoder(ASKED, "asked", {})
    for at in range(end):  # one decoder is fed on; a copy of what it holds is closed after every byte
        assert not any(isinstance(event, Finish) for event in decoder.feed(body[at : at + 1]))
        if at % 97 == 0 or at > end - 200:
            with pytest.raises(ModelError):
                list(decode_all(CODEC.decoder(ASKED, "asked", {}), [body[:at]]))


@pytest.mark.parametrize("recording", COMPLETE, ids=str)
def test_what_the_server_writes_is_read_back_as_it_was(recording: Recording) -> None:
    response = decoded(recording.body)
    raw = "completed" if response.raw_finish_reason == "complete" else response.raw_finish_reason
    reply = SERVICE.write(response, SERVED)
    writer = SERVICE.writer(SERVED)
    streamed = b"".join(writer.feed(event) for event in unfold(response)) + writer.close()
    for again in (decoded(reply.body), decoded(streamed)):
        assert again.parts == response.parts
        assert (again.finish_reason, again.raw_finish_reason) == (response.finish_reason, raw)
        assert (again.usage, again.extra, again.id, again.model) == (
            response.usage,
            response.extra,
            response.id,
            response.model,
        )


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what is the same said or unsaid, and with the forms that mean one thing made one form."""
    said = {name: value for name, value in {**SAID, **body}.items() if value is not None}
    said["include"] = sorted(name for name in said["include"] if name != "reasoning.encrypted_content")
    said["tools"] = sorted(
        (_tool(tool) for tool in said.get("tools") or []), key=lambda tool: json.dumps(tool, sort_keys=True)
    )
    said["text"] = {name: value for name, value in (said.get("text") or {}).items() if value != {"type": "text"}}
    said["text"] = json.loads(json.dumps(said["text"]), object_hook=_unordered)
    items = [{"role": "user", "content": said["input"]}] if isinstance(said["input"], str) else said["input"]
    if items and items[0].get("role") == "system" and not said["instructions"]:
        said["instructions"], items = items[0]["content"], items[1:]
    said["input"] = [_item(item) for item in items if item.get("content") != ""]
    return said


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tool.items() if name != "description" or value}


def _unordered(schema: dict[str, Any]) -> dict[str, Any]:
    required = schema.get("required")
    return {**schema, "required": sorted(required)} if isinstance(required, list) else schema


def _item(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "encrypted_content" or value is not None}


@pytest.mark.parametrize("recording", REQUESTED, ids=str)
def test_a_recorded_request_means_the_same_again_and_the_sdk_takes_it(recording: Recording) -> None:
    served = SERVICE.read("/v1/responses", {}, json.dumps(recording.request).encode())
    sent = json.loads(CODEC.encode(served.request, served.model).body)
    assert meaning(sent) == meaning(recording.request)
    params = ResponseCreateParamsStreaming if served.request.stream else ResponseCreateParamsNonStreaming
    TypeAdapter(params).validate_python(sent)
