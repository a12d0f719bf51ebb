"""Every recorded Messages answer decodes to what the vendor's SDK reads in it, and every request means the same again."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types.beta import BetaMessage
from anthropic.types.beta.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import TypeAdapter

from anthropic_wire import ASKED, CODEC, SERVICE
from holdfast.errors import InvalidRequestError, ModelError, StreamInterruptedError
from holdfast.events import Event, Finish
from holdfast.messages import Opaque, Thinking
from holdfast.providers.anthropic.wire import FINISH
from holdfast.providers.codec import ServedRequest, decode_all
from holdfast.response import Response, fold
from recordings import Recording, recordings

ALL = recordings("anthropic_messages")
ANSWERED = [recording for recording in ALL if recording.status == 200]
STREAMED = [recording for recording in ANSWERED if recording.streamed]
OWN = ("text", "thinking", "redacted_thinking", "tool_use")
ACCEPTED: Any = TypeAdapter(MessageCreateParamsNonStreaming | MessageCreateParamsStreaming)

# The recordings whose request does not come back as it was, each with its reason.
DIFFERENT = {
    "gemini-3-flash-preview-anthropic-claude": "two calls of the history have one id; the second gets an id of its own",
}

pytestmark = pytest.mark.skipif(not ALL, reason="the recordings are not at hand")


def decoded(recording: Recording, size: int | None = None) -> list[Event]:
    body = recording.body
    chunks = [body] if size is None else [body[at : at + size] for at in range(0, len(body), size)]
    return list(decode_all(CODEC.decoder(ASKED, "asked", recording.headers), chunks))


def sdk_reads(recording: Recording) -> BetaMessage:
    kind = "text/event-stream" if recording.streamed else "application/json"
    reply = httpx2.Response(200, headers={"content-type": kind}, content=recording.body)
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: reply))
    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    with anthropic.Anthropic(api_key="k", base_url="http://x", http_client=http) as client:
        if not recording.streamed:
            return client.beta.messages.create(**asked)
        with client.beta.messages.stream(**asked) as stream:
            return stream.get_final_message()


@pytest.mark.parametrize("recording", ANSWERED, ids=str)
def test_a_recorded_answer_decodes_to_what_the_sdk_reads(recording: Recording) -> None:
    theirs, ours = sdk_reads(recording), fold(decoded(recording))
    of = {kind: [block for block in theirs.content if block.type == kind] for kind in OWN}
    assert ours.text == "".join(block.text for block in of["text"])
    assert [(part.text, part.signature) for part in ours.parts if isinstance(part, Thinking) and part.data is None] == [
        (block.thinking, block.signature) for block in of["thinking"]
    ]
    assert [part.data for part in ours.parts if isinstance(part, Thinking) and part.data] == [
        block.data for block in of["redacted_thinking"]
    ]
    assert [(call.id, call.name, call.input) for call in ours.tool_calls] == [
        (block.id, block.name, block.input) for block in of["tool_use"]
    ]
    assert [part.data["type"] for part in ours.parts if isinstance(part, Opaque)] == [
        block.type for block in theirs.content if block.type not in OWN
    ]
    assert ours.raw_finish_reason == theirs.stop_reason
    assert ours.finish_reason == FINISH[theirs.stop_reason or ""]
    read, write = theirs.usage.cache_read_input_tokens or 0, theirs.usage.cache_creation_input_tokens or 0
    assert ours.usage.input_tokens == theirs.usage.input_tokens + read + write
    assert (ours.usage.cache_read_tokens, ours.usage.cache_write_tokens) == (read, write)
    assert ours.usage.output_tokens == theirs.usage.output_tokens
    assert (ours.id, ours.model) == (theirs.id, theirs.model)


@pytest.mark.parametrize("recording", STREAMED, ids=str)
def test_a_recorded_stream_is_the_same_byte_by_byte_and_in_odd_chunks(recording: Recording) -> None:
    assert decoded(recording, 1) == decoded(recording, 97) == decoded(recording)


@pytest.mark.parametrize("recording", STREAMED, ids=str)
def test_a_recorded_stream_cut_anywhere_before_its_end_is_an_error(recording: Recording) -> None:
    body = recording.body
    terminator = body.rindex(b'"message_stop"') + len(b'"message_stop"')
    for at in range(0, terminator, 1 if terminator < 3000 else 13):
        seen: list[Event] = []
        with pytest.raises(StreamInterruptedError):
            seen.extend(decode_all(CODEC.decoder(ASKED, "asked", {}), [body[:at]]))
        assert not any(isinstance(event, Finish) for event in seen)


@pytest.mark.parametrize("recording", ANSWERED, ids=str)
def test_a_recorded_answer_is_written_as_it_was(recording: Recording) -> None:
    ours = fold(decoded(recording))
    served = ServedRequest(model="asked", request=ASKED)
    writer = SERVICE.writer(served)
    streamed = b"".join(map(writer.feed, decoded(recording))) + writer.close()
    for body in (SERVICE.write(ours, served).body, streamed):
        again = fold(decode_all(CODEC.decoder(ASKED, "asked", recording.headers), [body]))
        assert plain(again) == plain(ours)


def plain(response: Response) -> dict[str, Any]:
    """The response, arguments as objects, and without what only a whole body or only a stream can tell."""
    told: dict[str, Any] = json.loads(response.to_json())
    for part in told.get("parts", ()):
        if part["type"] == "tool_call":
            part["arguments"] = json.loads(part.get("arguments") or "{}")
    told.pop("extra", None)
    return told


@pytest.mark.parametrize("recording", ALL, ids=str)
def test_a_recorded_request_means_the_same_when_it_is_sent_again(recording: Recording) -> None:
    served = SERVICE.read("/v1/messages", {}, json.dumps(recording.request).encode())
    sent = CODEC.encode(served.request, served.model)
    ACCEPTED.validate_python(json.loads(sent.body))
    if not any(name in str(recording) for name in DIFFERENT):
        assert meaning(json.loads(sent.body)) == meaning(recording.request)


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """The body without the ways to say the same in other words."""
    said = json.loads(json.dumps(body))
    said = {name: value for name, value in said.items() if value not in (None, False, {"type": "auto"})}
    if isinstance(said.get("system"), str):
        said["system"] = [{"type": "text", "text": said["system"]}]
    for message in said["messages"]:
        if isinstance(message["content"], str):
            message["content"] = [{"type": "text", "text": message["content"]}]
        for block in message["content"]:
            if not block.get("is_error"):
                block.pop("is_error", None)
    for tool in said.get("tools", ()):
        if not tool.get("description"):
            tool.pop("description", None)
    said["tools"] = sorted(said.get("tools", ()), key=lambda tool: json.dumps(tool, sort_keys=True))
    if said.get("thinking", {}).get("type") == "adaptive":  # whose effort is high unless something else is said
        said.setdefault("output_config", {}).setdefault("effort", "high")
    return said


@pytest.mark.parametrize("recording", [recording for recording in ALL if recording.status != 200], ids=str)
def test_a_recorded_failure_is_a_typed_error(recording: Recording) -> None:
    error = CODEC.error(recording.status, recording.headers, recording.body, model="asked", now=0.0)
    assert type(error) is InvalidRequestError
    assert isinstance(error, ModelError)
    assert error.message == json.loads(recording.body)["error"]["message"]
