from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import HealthCheck, given, settings

from holdfast.errors import InvalidRequestError
from holdfast.messages import (
    AssistantMessage,
    Audio,
    Document,
    Image,
    Message,
    Opaque,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.providers.codec import Dialect, decode_all
from holdfast.providers.gemini.codec import GeminiCodec
from holdfast.providers.gemini.contents import NO_SIGNATURE
from holdfast.providers.gemini.serve import GeminiService
from holdfast.providers.gemini.wire import ORIGIN
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool
from holdfast.response import fold
from strategies import histories

CODEC = GeminiCodec(Dialect(provider="gemini"))
SERVICE = GeminiService()
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
SEARCH = Tool("search", "Look it up.", OBJECT)
NEW, OLD = "gemini-3-pro-preview", "gemini-2.5-flash"
X = base64.b64encode(b"x").decode()


def encoded(*messages: Message, model: str = NEW, **fields: Any) -> dict[str, Any]:
    body = json.loads(CODEC.encode(Request(messages=messages, **fields), model).body)
    accept(body)
    return body


def known(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the opaque parts of the generated histories: they are passed on as they are."""
    return [part for part in parts if part != {"type": "own"}]


def without_own(part: dict[str, Any]) -> dict[str, Any]:
    """The same, for the parts inside a function's response."""
    response = part.get("functionResponse", {})
    if "parts" not in response:
        return part
    return {**part, "functionResponse": {**response, "parts": known(response["parts"])}}


def accept(body: dict[str, Any]) -> None:
    """The SDK's types take the body."""
    for content in body["contents"]:
        types.Content.model_validate({**content, "parts": [*map(without_own, known(content["parts"]))]})
    for tool in body.get("tools", []):
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(body.get("toolConfig", {}))
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))


@pytest.mark.parametrize(
    ("vertex", "model", "stream", "url"),
    [
        (False, "gemini-3-pro", False, "/models/gemini-3-pro:generateContent"),
        (False, "gemini-3-pro", True, "/models/gemini-3-pro:streamGenerateContent?alt=sse"),
        (False, "models/gemini-3-pro", False, "/models/gemini-3-pro:generateContent"),
        (False, "google/gemini-3-pro", False, "/models/gemini-3-pro:generateContent"),
        (False, "tunedModels/mine", False, "/tunedModels/mine:generateContent"),
        (True, "gemini-3-pro", False, "/publishers/google/models/gemini-3-pro:generateContent"),
        (True, "gemini-3-pro", True, "/publishers/google/models/gemini-3-pro:streamGenerateContent?alt=sse"),
        (True, "endpoints/12", False, "/endpoints/12:generateContent"),
    ],
)
def test_paths(model: str, url: str, *, vertex: bool, stream: bool) -> None:
    codec = GeminiCodec(Dialect(provider="gemini", vertex=vertex))
    assert codec.encode(Request(messages=(UserMessage("hi"),), stream=stream), model).url == url


def test_system_messages_at_the_head_are_the_system_instruction() -> None:
    body = encoded(SystemMessage("one"), SystemMessage("two"), UserMessage("hi"))
    assert body["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_instructions_alone_still_have_a_user_to_answer() -> None:
    body = encoded(SystemMessage("Say hi."))
    assert body["systemInstruction"] == {"parts": [{"text": "Say hi."}]}
    assert [content["role"] for content in body["contents"]] == ["user"]


def test_parts_of_a_user() -> None:
    message = UserMessage(
        (
            Text("see"),
            Image(data=b"x", media_type="image/png"),
            Image(url="https://e.com/a.webp"),
            Audio(data=b"x"),
            Document(data=b"x", media_type="video/mp4"),
            Document(text="x"),
            Document(url="https://youtu.be/kelp"),
            Document(file_id="https://g.com/v1beta/files/1", media_type="application/pdf"),
        )
    )
    assert encoded(message)["contents"][0]["parts"] == [
        {"text": "see"},
        {"inlineData": {"mimeType": "image/png", "data": X}},
        {"fileData": {"fileUri": "https://e.com/a.webp", "mimeType": "image/webp"}},
        {"inlineData": {"mimeType": "audio/wav", "data": X}},
        {"inlineData": {"mimeType": "video/mp4", "data": X}},
        {"inlineData": {"mimeType": "text/plain", "data": X}},
        {"fileData": {"fileUri": "https://youtu.be/kelp"}},
        {"fileData": {"fileUri": "https://g.com/v1beta/files/1", "mimeType": "application/pdf"}},
    ]


CALL = ToolCall("c1", "search", '{"a": "1"}', None, "c2ln", ORIGIN)
RESULT = ToolMessage((ToolResult("c1", "42"),))


def test_a_turn_goes_back_with_its_signatures() -> None:
    code = {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "czEx"}
    turn = AssistantMessage(
        (
            Thinking("hm", None, "czAw", None, ORIGIN),
            Opaque(ORIGIN, code),
            Opaque(ORIGIN, {"thoughtSignature": "czIy"}),
            Image(data=b"x", media_type="image/png"),
            Text("so", (), None, "czMz", ORIGIN),
            CALL,
        )
    )
    assert encoded(UserMessage("hi"), turn, RESULT)["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True, "thoughtSignature": "czAw"},
                code,
                {"inlineData": {"mimeType": "image/png", "data": X}, "thoughtSignature": "czIy"},
                {"text": "so", "thoughtSignature": "czMz"},
                {"functionCall": {"id": "c1", "name": "search", "args": {"a": "1"}}, "thoughtSignature": "c2ln"},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": "search", "response": {"output": "42"}}}]},
    ]


def test_arguments_go_back_byte_for_byte() -> None:
    sent = CODEC.encode(Request(messages=(UserMessage("hi"), AssistantMessage((CALL,)), RESULT)), NEW)
    assert b'"args":{"a": "1"}' in sent.body


def signatures(body: dict[str, Any]) -> list[str | None]:
    return [
        part.get("thoughtSignature")
        for content in body["contents"]
        for part in content["parts"]
        if "functionCall" in part
    ]


def test_calls_of_the_current_turn_that_were_made_elsewhere_get_the_documented_word() -> None:
    first, second = ToolCall("a", "f", "{}", None, "theirs", "anthropic"), ToolCall("b", "f")
    results = ToolMessage((ToolResult("a", "1"), ToolResult("b", "2")))
    step = ToolCall("c", "f")
    turn = (
        UserMessage("hi"),
        AssistantMessage((first, second)),
        results,
        AssistantMessage((step,)),
        ToolMessage((ToolResult("c", "3"),)),
    )
    assert signatures(encoded(*turn)) == [NO_SIGNATURE, None, NO_SIGNATURE]
    assert signatures(encoded(*turn, UserMessage("and?"))) == [None, None, None]
    assert signatures(encoded(*turn, model=OLD)) == [None, None, None]
    assert signatures(encoded(UserMessage("hi"), AssistantMessage((CALL, second)), results)) == ["c2ln", None]


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult("c1", "42"), {"output": "42"}),
        (ToolResult("c1", '{"n": 42}'), {"n": 42}),
        (ToolResult("c1", "{broken"), {"output": "{broken"}),
        (ToolResult("c1", "[1]"), {"output": "[1]"}),
        (ToolResult("c1", "boom", is_error=True), {"error": "boom"}),
    ],
)
def test_results(result: ToolResult, response: dict[str, Any]) -> None:
    body = encoded(UserMessage("hi"), AssistantMessage((CALL,)), ToolMessage((result,)))
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == response


def test_pictures_in_results_stay_there_only_where_the_model_takes_them() -> None:
    result = ToolMessage((ToolResult("c1", (Text("see"), Image(data=b"x", media_type="image/png"))),))
    turns = (UserMessage("hi"), AssistantMessage((CALL,)), result)
    picture = {"inlineData": {"mimeType": "image/png", "data": X}}
    assert encoded(*turns)["contents"][2]["parts"][0]["functionResponse"]["parts"] == [picture]
    old = encoded(*turns, model=OLD)["contents"][2:]
    assert "parts" not in old[0]["parts"][0]["functionResponse"]
    assert picture in [part for content in old for part in content["parts"]]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (NamedTool("search"), {"mode": "ANY", "allowedFunctionNames": ["search"]}),
    ],
)
def test_tool_choices(choice: Any, config: Any) -> None:
    body = encoded(UserMessage("hi"), tools=(SEARCH,), tool_choice=choice)
    assert body.get("toolConfig", {}).get("functionCallingConfig") == config


def test_tools_are_declared_by_json_schema_and_built_in_ones_are_added() -> None:
    body = encoded(UserMessage("hi"), tools=(SEARCH, Tool("now")), extra={"tools": [{"googleSearch": {}}]})
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "search", "description": "Look it up.", "parametersJsonSchema": OBJECT},
                {"name": "now"},
            ]
        },
        {"googleSearch": {}},
    ]


def test_settings_and_safety_settings() -> None:
    chosen = Settings(
        max_tokens=9, temperature=0.5, top_p=0.9, top_k=4, stop=("x",), seed=1, presence_penalty=0.1, frequency_penalty=0.2,
        top_logprobs=3,
    )  # fmt: skip
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    body = encoded(
        UserMessage("hi"),
        settings=chosen,
        extra={"safetySettings": safety, "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}},
    )
    assert body["safetySettings"] == safety
    assert body["generationConfig"] == {
        "maxOutputTokens": 9, "temperature": 0.5, "topP": 0.9, "topK": 4, "stopSequences": ["x"], "seed": 1,
        "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseLogprobs": True, "logprobs": 3,
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "asked", "config"),
    [
        (NEW, Settings(), None),
        (NEW, Settings(reasoning_effort="low"), {"thinkingLevel": "LOW", "includeThoughts": True}),
        (NEW, Settings(reasoning_effort="minimal"), {"thinkingLevel": "LOW", "includeThoughts": True}),
        (NEW, Settings(reasoning_effort="medium"), {"thinkingLevel": "HIGH", "includeThoughts": True}),
        (NEW, Settings(reasoning_effort="none"), {"thinkingLevel": "LOW"}),
        ("gemini-3.1-pro", Settings(reasoning_effort="medium"), {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-3-flash", Settings(reasoning_effort="none"), {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash", Settings(reasoning_effort="max"), {"thinkingLevel": "HIGH", "includeThoughts": True}),
        (NEW, Settings(thinking_budget=99), {"thinkingBudget": 99, "includeThoughts": True}),
        (OLD, Settings(reasoning_effort="none"), {"thinkingBudget": 0}),
        (OLD, Settings(thinking_budget=0), {"thinkingBudget": 0}),
        (OLD, Settings(reasoning_effort="high"), {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-pro", Settings(reasoning_effort="none"), {"thinkingBudget": 128}),
        ("gemini-2.0-flash", Settings(reasoning_effort="high"), None),
        ("gemma-3-27b", Settings(reasoning_effort="high"), None),
        ("tunedModels/mine", Settings(thinking_budget=5), {"thinkingBudget": 5, "includeThoughts": True}),
        ("gemini-flash-latest", Settings(reasoning_effort="low"), {"thinkingLevel": "LOW", "includeThoughts": True}),
    ],
)
def test_thinking_is_asked_for_in_the_models_own_measure(model: str, asked: Settings, config: Any) -> None:
    body = encoded(UserMessage("hi"), model=model, settings=asked)
    assert body.get("generationConfig", {}).get("thinkingConfig") == config


def test_structured_output_is_native_where_the_model_can() -> None:
    output = OutputSchema("o", OBJECT)
    native = {"responseMimeType": "application/json", "responseJsonSchema": OBJECT}
    assert encoded(UserMessage("hi"), output=output)["generationConfig"] == native
    assert encoded(UserMessage("hi"), output=output, model=OLD)["generationConfig"] == native
    assert encoded(UserMessage("hi"), output=output, tools=(SEARCH,))["generationConfig"] == native
    assert encoded(UserMessage("json"), output="json")["generationConfig"] == {"responseMimeType": "application/json"}


def test_structured_output_beside_functions_is_a_function_for_older_models() -> None:
    request = Request(messages=(UserMessage("hi"),), output=OutputSchema("o", OBJECT), tools=(SEARCH,))
    body = json.loads(CODEC.encode(request, OLD).body)
    names = [function["name"] for function in body["tools"][0]["functionDeclarations"]]
    assert names == ["search", "final_answer"]
    assert "responseMimeType" not in body.get("generationConfig", {})
    call = {"functionCall": {"name": "final_answer", "args": {"a": "1"}}}
    answer = {"candidates": [{"content": {"parts": [call]}, "finishReason": "STOP"}]}
    response = fold(decode_all(CODEC.decoder(request, OLD, {}), [json.dumps(answer).encode()]))
    assert (json.loads(response.text), response.tool_calls, response.finish_reason) == ({"a": "1"}, (), "stop")


def test_what_an_endpoint_always_says_lies_under_the_body_and_what_a_call_says_over_it() -> None:
    codec = GeminiCodec(Dialect(options={"generationConfig": {"temperature": 1, "topK": 5}, "labels": {"a": "b"}}))
    asked = Request(
        messages=(UserMessage("hi"),), settings=Settings(temperature=0.5), extra={"generationConfig": {"topK": 9}}
    )
    body = json.loads(codec.encode(asked, NEW).body)
    assert body["generationConfig"] == {"temperature": 0.5, "topK": 9}
    assert body["labels"] == {"a": "b"}


def test_what_the_wire_lacks_is_left_out_with_a_note() -> None:
    sent = CODEC.encode(Request(messages=(UserMessage("hi"),), settings=Settings(user="u")), NEW)
    assert len(sent.notes) == 1
    assert b'"u"' not in sent.body


def test_a_file_without_content_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidRequestError):
        encoded(UserMessage((Image(),)))


@pytest.mark.parametrize(
    "request_",
    [
        Request(messages=(SystemMessage("be"), UserMessage("hi"))),
        Request(messages=(UserMessage("hi"), AssistantMessage((Thinking("hm", None, "czAw", None, ORIGIN), ToolCall("c1", "search", '{"a":"1"}', None, "c2ln", ORIGIN))), RESULT), stream=True),
        Request(messages=(UserMessage((Text("a"), Image(data=b"x", media_type="image/png"), Document(text="t", media_type="text/plain"))),)),
        Request(messages=(UserMessage("hi"),), tools=(SEARCH,), tool_choice=NamedTool("search"), extra={"tools": [{"googleSearch": {}}]}),
        Request(messages=(UserMessage("hi"),), output=OutputSchema("output", OBJECT), settings=Settings(max_tokens=3, reasoning_effort="low")),
        Request(messages=(UserMessage("json"),), output="json", settings=Settings(stop=("x",), top_k=3), extra={"cachedContent": "c"}),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_encoded_is_read_back(request_: Request) -> None:
    sent = CODEC.encode(request_, NEW)
    served = SERVICE.read(f"/v1beta{sent.url}", {}, sent.body)
    assert served.model == NEW
    assert _plain(served.request) == _plain(request_.replace(messages=_named(request_.messages)))


def _named(messages: tuple[Message, ...]) -> list[Message]:
    """Results with the names that the wire gives them."""
    return [
        ToolMessage(tuple(ToolResult(each.call_id, each.content, "search") for each in message.content))
        if isinstance(message, ToolMessage)
        else message
        for message in messages
    ]


def _plain(request: Request) -> Request:
    """The request with every content as parts."""
    return request.replace(messages=[type(message)(message.parts) for message in request.messages])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
@pytest.mark.parametrize("model", [NEW, OLD])
def test_any_history_is_something_that_the_wire_takes(model: str, messages: tuple[Message, ...]) -> None:
    contents = encoded(*messages, model=model)["contents"]
    roles = [content["role"] for content in contents]
    assert roles[:1] in ([], ["user"])
    asked: dict[str, int] = {}
    for at, content in enumerate(contents):
        assert content["parts"]
        for part in content["parts"]:
            if "functionCall" in part:
                assert part["functionCall"]["id"] not in asked
                assert roles[at - 1] == "user"
                asked[part["functionCall"]["id"]] = at
            if "functionResponse" in part:
                assert asked[part["functionResponse"]["id"]] == at - 1
