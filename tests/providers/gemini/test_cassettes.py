"""Every recorded Gemini answer decodes to what the vendor's SDK reads in it, and every request means the same again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from google.genai import types

from holdfast.errors import ModelError
from holdfast.events import Finish
from holdfast.messages import Opaque, UserMessage
from holdfast.providers.codec import Dialect, ServedRequest, decode_all
from holdfast.providers.gemini.codec import GeminiCodec
from holdfast.providers.gemini.contents import NO_SIGNATURE
from holdfast.providers.gemini.serve import GeminiService
from holdfast.request import Request
from holdfast.response import Response, fold, unfold
from recordings import Recording, recordings

ASKED = Request(messages=(UserMessage("hi"),), stream=True)
ANSWERED = [
    recording for recording in recordings("google_generate", "google_generate_stream") if recording.status == 200
]
REQUESTED = [
    recording
    for recording in recordings("google_generate", "google_generate_stream")
    if isinstance(recording.request, dict)
]
SERVED = ServedRequest(model="m", request=ASKED)
CODEC = GeminiCodec(Dialect(provider="gemini"))
SERVICE = GeminiService()

UNKNOWN_TO_THE_SDK = ("serviceTier", "pydantic_ai_gateway")  # fields of `usageMetadata` that its strict types refuse
EMPTY_PROMPT = "test_google_instructions_only_with_tool_calls"  # an empty user text; ours says that a talk begins

pytestmark = pytest.mark.skipif(not ANSWERED, reason="the recordings are not at hand")


def decoded(body: bytes) -> Response:
    return fold(decode_all(CODEC.decoder(ASKED, "asked", {}), [body]))


def sdk_reads(recording: Recording) -> list[types.GenerateContentResponse]:
    lines = [line[5:] for line in recording.body.splitlines() if line.startswith(b"data:")]
    chunks = [json.loads(line) for line in lines] if recording.streamed else [json.loads(recording.body)]
    for chunk in chunks:
        counts = chunk.get("usageMetadata", {})
        chunk["usageMetadata"] = {name: counts[name] for name in counts if name not in UNKNOWN_TO_THE_SDK}
    return [types.GenerateContentResponse.model_validate(chunk) for chunk in chunks]


@pytest.mark.parametrize("recording", ANSWERED, ids=str)
def test_a_recorded_response_decodes_to_what_the_sdk_reads(recording: Recording) -> None:
    theirs, ours = sdk_reads(recording), decoded(recording.body)
    candidates = [candidate for chunk in theirs for candidate in (chunk.candidates or [])[:1]]
    parts = [part for candidate in candidates for part in (candidate.content and candidate.content.parts) or []]
    calls = [part.function_call for part in parts if part.function_call]
    finish = next((one.finish_reason for one in reversed(candidates) if one.finish_reason), None)
    feedback = theirs[0].prompt_feedback
    assert ours.text == "".join(part.text for part in parts if part.text and not part.thought)
    assert ours.thinking == "".join(part.text for part in parts if part.text and part.thought)
    assert [(call.name, call.input) for call in ours.tool_calls] == [(call.name, call.args or {}) for call in calls]
    assert [call.id for call, theirs_ in zip(ours.tool_calls, calls, strict=True) if theirs_.id] == [
        call.id for call in calls if call.id
    ]
    assert ours.raw_finish_reason == (finish.value if finish else feedback and feedback.block_reason.value)
    assert (ours.id, ours.model) == (theirs[0].response_id, theirs[0].model_version)
    counts = theirs[-1].usage_metadata
    assert counts is not None
    assert ours.usage.input_tokens == (counts.prompt_token_count or 0) + (counts.tool_use_prompt_token_count or 0)
    assert ours.usage.output_tokens == (counts.candidates_token_count or 0) + (counts.thoughts_token_count or 0)
    assert ours.usage.total_tokens == (counts.total_token_count or 0)
    assert ours.usage.cache_read_tokens == (counts.cached_content_token_count or 0)


@pytest.mark.parametrize("recording", ANSWERED, ids=str)
def test_every_thought_signature_and_built_in_item_is_kept(recording: Recording) -> None:
    parts = decoded(recording.body).parts
    ours = [part.data.get("thoughtSignature") if isinstance(part, Opaque) else part.signature for part in parts]
    body = recording.body.decode()
    assert [signature for signature in ours if signature] == re.findall(r'"thoughtSignature": ?"([^"]+)"', body)
    kinds = r'"(executableCode|codeExecutionResult|toolCall|toolResponse)": ?\{'
    assert sum(isinstance(part, Opaque) for part in parts) == len(re.findall(kinds, body))


@pytest.mark.parametrize("recording", [each for each in ANSWERED if each.streamed], ids=str)
def test_chunking_never_matters(recording: Recording) -> None:
    body = recording.body
    whole = list(decode_all(CODEC.decoder(ASKED, "asked", {}), [body]))
    for size in (1, 7, 1000):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        assert list(decode_all(CODEC.decoder(ASKED, "asked", {}), chunks)) == whole


@pytest.mark.parametrize("recording", [each for each in ANSWERED if each.streamed], ids=str)
def test_a_stream_that_is_cut_at_any_byte_is_a_typed_error_and_never_a_finish(recording: Recording) -> None:
    body = recording.body
    for at in range(body.rindex(b"}")):
        if at % 61 and at < len(body) - 600:
            continue
        seen = []
        with pytest.raises(ModelError):
            seen.extend(decode_all(CODEC.decoder(ASKED, "asked", {}), [body[:at]]))
        assert not any(isinstance(event, Finish) for event in seen)


@pytest.mark.parametrize("recording", ANSWERED, ids=str)
def test_what_the_server_writes_is_read_back_as_it_was(recording: Recording) -> None:
    response = decoded(recording.body)
    writer = SERVICE.writer(SERVED)
    streamed = b"".join(writer.feed(event) for event in unfold(response)) + writer.close()
    for again in (decoded(SERVICE.write(response, SERVED).body), decoded(streamed)):
        assert again == response


def camel(value: Any) -> Any:
    """Names in camel case, as protobuf's JSON has them; schemas and the callers' own data stay."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    own = ("args", "response", "parametersJsonSchema", "parameters_json_schema", "responseJsonSchema")
    return {
        re.sub(r"_([a-z])", lambda found: found[1].upper(), name): each if name in own else camel(each)
        for name, each in value.items()
    }


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what is the same said or unsaid, and with the forms that mean one thing made one form."""
    said = camel(body)
    tools = list(said.pop("tools", None) or [])
    functions = [_declaration(each) for tool in tools for each in tool.get("functionDeclarations", [])]
    said["functions"] = functions
    said["tools"] = [tool for tool in tools if "functionDeclarations" not in tool]
    config = said.pop("toolConfig", {})
    if config != {"functionCallingConfig": {"mode": "AUTO"}} and config:
        said["toolConfig"] = config
    said.pop("generationConfig", None)
    generation = camel(body.get("generationConfig") or {})
    unsaid = ({}, {"includeThoughts": False})
    said["generation"] = {name: value for name, value in generation.items() if value not in unsaid}
    said["system"] = [part["text"] for part in (said.pop("systemInstruction", None) or {}).get("parts", [])]
    turns: list[Any] = []
    for content in said.pop("contents"):
        parts = [_part(part) for part in content["parts"]]
        if turns and turns[-1][0] == content["role"] == "model":
            turns[-1][1].extend(parts)
        else:
            turns.append((content["role"], parts))
    return {**said, "turns": turns}


def _declaration(function: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in function.items() if value}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in part.items() if value != NO_SIGNATURE}  # says that there is none
    if said.get("functionResponse", {}).get("response") == {}:
        said["functionResponse"] = {**said["functionResponse"], "response": {"output": ""}}
    if "inlineData" in said:
        data = said["inlineData"]["data"].replace("-", "+").replace("_", "/")
        said["inlineData"] = {**said["inlineData"], "data": data + "=" * (-len(data) % 4)}
    if "functionResponse" in said and "parts" in said["functionResponse"]:
        inner = [_part(each) for each in said["functionResponse"]["parts"]]
        said["functionResponse"] = {**said["functionResponse"], "parts": inner}
    return said


@pytest.mark.parametrize("recording", REQUESTED, ids=str)
def test_a_recorded_request_means_the_same_again_and_the_sdk_takes_it(recording: Recording) -> None:
    path = recording.data["request"]["uri"].partition("?")[0].partition("://")[2]
    served = SERVICE.read(f"/{path}", {}, json.dumps(recording.request).encode())
    vertex = "publishers" in path
    sent = GeminiCodec(Dialect(provider="gemini", vertex=vertex)).encode(served.request, served.model)
    body = json.loads(sent.body)
    assert path.endswith(sent.url.partition("?")[0])
    if EMPTY_PROMPT not in recording.path.stem:
        assert meaning(body) == meaning(recording.request)
    for content in body["contents"]:
        types.Content.model_validate(content)
    for tool in body.get("tools", []):
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(body.get("toolConfig", {}))
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))
