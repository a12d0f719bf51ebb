"""Every recorded Converse answer decodes to what botocore reads in it, and every request means the same again."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.parsers
import botocore.session
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.validate import ParamValidator

from bedrock_wire import ASKED, CODEC, SERVICE
from holdfast.errors import InvalidRequestError, ModelNotFoundError, StreamInterruptedError
from holdfast.events import Event, Finish
from holdfast.messages import Opaque, Thinking
from holdfast.providers.bedrock.wire import FINISH
from holdfast.providers.closed import closed_schema
from holdfast.providers.codec import ServedRequest, decode_all
from holdfast.response import Response, fold
from recordings import Recording, recordings

ALL = recordings("bedrock_converse", "bedrock_converse_stream")
ANSWERED = [recording for recording in ALL if recording.status == 200]
STREAMED = [recording for recording in ANSWERED if recording.streamed]
REQUESTED = [recording for recording in ALL if isinstance(recording.request, dict)]  # large bodies were left out

# The recordings whose request does not come back as it was, each with its reason.
DIFFERENT = {
    "test_video_url_input": "its video has the format 'video/mp4', which the API's own list does not have; ours is 'mp4'",
}

pytestmark = pytest.mark.skipif(not ALL, reason="the recordings are not at hand")


def decoded(recording: Recording, size: int | None = None) -> list[Event]:
    body = recording.body
    chunks = [body] if size is None else [body[at : at + size] for at in range(0, len(body), size)]
    return list(decode_all(CODEC.decoder(ASKED, "asked", recording.headers), chunks))


@cache
def operation(name: str) -> Any:
    return botocore.session.get_session().get_service_model("bedrock-runtime").operation_model(name)


def botocore_reads(recording: Recording) -> dict[str, Any]:
    """The answer by botocore's parser; of a stream, its events put together as the user guide says."""
    parser = botocore.parsers.create_parser("rest-json")
    if not recording.streamed:
        raw = {"status_code": 200, "headers": recording.headers, "body": recording.body}
        return parser.parse(raw, operation("Converse").output_shape)
    shape = operation("ConverseStream").output_shape.members["stream"]
    events = EventStreamBuffer()
    events.add_data(recording.body)
    blocks: dict[int, dict[str, Any]] = {}
    answer: dict[str, Any] = {}
    for event in events:
        for kind, told in parser._event_stream_parser.parse(event.to_response_dict(), shape).items():
            joined(blocks, kind, told)
            answer |= told if kind in ("messageStop", "metadata") else {}
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"].get("input") or "{}")
    return answer | {"output": {"message": {"content": [blocks[index] for index in sorted(blocks)]}}}


def joined(blocks: dict[int, dict[str, Any]], kind: str, told: dict[str, Any]) -> None:
    if kind == "contentBlockStart":
        blocks[told["contentBlockIndex"]] = json.loads(json.dumps(told["start"]))
    elif kind == "contentBlockDelta":
        block = blocks.setdefault(told["contentBlockIndex"], {})
        for name, value in told["delta"].items():
            if name == "toolUse":
                block[name]["input"] = block[name].get("input", "") + value["input"]
            elif isinstance(value, str):
                block[name] = block.get(name, "") + value


@pytest.mark.parametrize("recording", ANSWERED, ids=str)
def test_a_recorded_answer_decodes_to_what_botocore_reads(recording: Recording) -> None:
    theirs, ours = botocore_reads(recording), fold(decoded(recording))
    blocks = theirs["output"]["message"]["content"]
    reasoning = [block["reasoningContent"]["reasoningText"] for block in blocks if "reasoningContent" in block]
    uses = [block["toolUse"] for block in blocks if "toolUse" in block]
    served = [use for use in uses if use.get("type") == "server_tool_use"]
    assert ours.text == "".join(block.get("text", "") for block in blocks)
    assert [(part.text, part.signature) for part in ours.parts if isinstance(part, Thinking)] == [
        (text["text"], text.get("signature")) for text in reasoning
    ]
    assert [(call.id, call.name, call.input) for call in ours.tool_calls] == [
        (use["toolUseId"], use["name"], use["input"]) for use in uses if use not in served
    ]
    assert len([part for part in ours.parts if isinstance(part, Opaque)]) == len(served) + sum(
        "toolResult" in block for block in blocks
    )
    assert ours.raw_finish_reason == theirs["stopReason"]
    assert ours.finish_reason == FINISH[theirs["stopReason"]]
    usage = theirs["usage"]
    read, write = usage.get("cacheReadInputTokens", 0), usage.get("cacheWriteInputTokens", 0)
    assert ours.usage.input_tokens == usage["inputTokens"] + read + write
    assert (ours.usage.cache_read_tokens, ours.usage.cache_write_tokens) == (read, write)
    assert ours.usage.output_tokens == usage["outputTokens"]
    assert ours.usage.total_tokens == usage["totalTokens"]


@pytest.mark.parametrize("recording", STREAMED, ids=str)
def test_a_recorded_stream_is_the_same_byte_by_byte_and_in_odd_chunks(recording: Recording) -> None:
    assert decoded(recording, 1) == decoded(recording, 97) == decoded(recording)


@pytest.mark.parametrize("recording", STREAMED, ids=str)
def test_a_recorded_stream_cut_anywhere_before_its_end_is_an_error(recording: Recording) -> None:
    body = recording.body
    terminator = body.rindex(b"messageStop")
    for at in range(0, terminator, 1 if terminator < 2500 else 7):
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
    """The response, with arguments as objects."""
    told: dict[str, Any] = json.loads(response.to_json())
    for part in told.get("parts", ()):
        if part["type"] == "tool_call":
            part["arguments"] = json.loads(part.get("arguments") or "{}")
    return told


@pytest.mark.parametrize("recording", REQUESTED, ids=str)
def test_a_recorded_request_means_the_same_when_it_is_sent_again(recording: Recording) -> None:
    path = urlsplit(recording.data["request"]["uri"]).path
    served = SERVICE.read(path, {}, json.dumps(recording.request).encode())
    sent = CODEC.encode(served.request, served.model)
    assert sent.url == path
    name = "ConverseStream" if served.request.stream else "Converse"
    body = json.loads(sent.body)
    report = ParamValidator().validate({**body, "modelId": served.model}, operation(name).input_shape)
    assert not report.has_errors(), report.generate_report()
    if not any(name in str(recording) for name in DIFFERENT):
        assert meaning(body) == meaning(recording.request)


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """The body without the ways to say the same in other words."""
    said = {name: value for name, value in json.loads(json.dumps(body)).items() if value not in ([], {})}
    for message in said["messages"]:
        message["content"] = [block for block in message["content"] if block.get("text", "a").strip()]
        for block in message["content"]:
            result = block.get("toolResult", {})
            if result.get("status") == "success" and "type" not in result:
                del result["status"]  # success is what no status says
    config = said.get("toolConfig", {})
    if config.get("toolChoice") == {"auto": {}}:
        del config["toolChoice"]
    if "tools" in config:
        config["tools"] = sorted(config["tools"], key=lambda tool: json.dumps(tool, sort_keys=True))
    if "textFormat" in said.get("outputConfig", {}):
        told = said["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        told["schema"] = closed_schema(json.loads(told["schema"]))
    return said


@pytest.mark.parametrize("recording", [recording for recording in ALL if recording.status != 200], ids=str)
def test_a_recorded_failure_is_a_typed_error(recording: Recording) -> None:
    error = CODEC.error(recording.status, recording.headers, recording.body, model="asked", now=0.0)
    assert type(error) in (InvalidRequestError, ModelNotFoundError)
    assert error.message == json.loads(recording.body)["message"]
