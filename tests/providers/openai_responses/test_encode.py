from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from holdfast.errors import InvalidRequestError
from holdfast.messages import (
    AssistantMessage,
    Audio,
    CachePoint,
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
from holdfast.providers.codec import Dialect
from holdfast.providers.openai_responses.codec import OpenAIResponsesCodec
from holdfast.providers.openai_responses.serve import OpenAIResponsesService
from holdfast.providers.openai_responses.wire import ORIGIN
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool
from strategies import histories

CODEC = OpenAIResponsesCodec(Dialect(provider="openai"))
SERVICE = OpenAIResponsesService()
PARAMS = TypeAdapter(ResponseCreateParamsNonStreaming)
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
SEARCH = Tool("search", "Look it up.", OBJECT)


def encoded(*messages: Message, model: str = "gpt-5", dialect: Dialect | None = None, **fields: Any) -> dict[str, Any]:
    codec = CODEC if dialect is None else OpenAIResponsesCodec(dialect)
    body = json.loads(codec.encode(Request(messages=messages, **fields), model).body)
    # The SDK's types know no made-up items, and want an id where the API does without (as its own CLI shows).
    known = [{"id": "rs_0", **item} if item.get("type") == "reasoning" else item for item in body["input"]]
    PARAMS.validate_python({**body, "input": [item for item in known if item.get("type") != "own"]})
    return body


def asked(*parts: Any) -> Any:
    return encoded(UserMessage(parts))["input"][0]["content"]


def test_nothing_is_stored_unless_it_must_be() -> None:
    assert encoded(UserMessage("hi"))["store"] is False
    assert encoded(UserMessage("hi"), extra={"store": True})["store"] is True
    for needs in ({"background": True}, {"previous_response_id": "resp_1"}, {"conversation": "conv_1"}):
        assert "store" not in encoded(UserMessage("hi"), extra=needs)


@pytest.mark.parametrize(
    ("model", "effort", "asks"),
    [
        ("gpt-5-mini", None, True),
        ("openai/gpt-5.6-sol", None, True),
        ("openai.gpt-5.5", None, True),
        ("o3-mini", None, True),
        ("gpt-4o", None, False),
        ("gpt-5-chat-latest", None, False),
        ("my-deployment", None, False),
        ("my-deployment", "low", True),
        ("gpt-5.6", "none", False),
    ],
)
def test_encrypted_reasoning_is_asked_of_models_that_reason(model: str, effort: Any, asks: bool) -> None:
    body = encoded(UserMessage("hi"), model=model, settings=Settings(reasoning_effort=effort))
    assert ("reasoning.encrypted_content" in body.get("include", ())) is asks


def test_a_first_system_message_is_the_instructions_and_later_ones_stay_in_place() -> None:
    body = encoded(
        SystemMessage("one"), UserMessage("hi"), SystemMessage("two"), dialect=Dialect(system_role="developer")
    )
    assert body["instructions"] == "one"
    assert body["input"] == [{"role": "user", "content": "hi"}, {"role": "developer", "content": "two"}]


def test_parts_of_a_user() -> None:
    data = base64.b64encode(b"x").decode()
    assert asked(
        Text("see"), Image(url="https://e.com/a.png", detail="low"), Image(data=b"x", media_type="image/gif")
    ) == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "detail": "low", "image_url": "https://e.com/a.png"},
        {"type": "input_image", "detail": "auto", "image_url": f"data:image/gif;base64,{data}"},
    ]
    assert asked(Document(data=b"x", media_type="application/pdf", name="a.pdf"), Document(file_id="file-1")) == [
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{data}"},
        {"type": "input_file", "file_id": "file-1"},
    ]
    assert asked(Document(text="x", name="a.txt"), Document(url="https://e.com/a.pdf")) == [
        {"type": "input_file", "filename": "a.txt", "file_data": f"data:text/plain;base64,{data}"},
        {"type": "input_file", "file_url": "https://e.com/a.pdf"},
    ]


def test_what_this_wire_cannot_hold_becomes_words_and_is_reported() -> None:
    request = Request(messages=(UserMessage((Text("hear"), Audio(data=b"x"))),))
    sent = CODEC.encode(request, "gpt-5")
    assert "input_audio" not in sent.body.decode()
    assert sent.notes


def test_cache_points_are_breakpoints_where_they_are_asked_for() -> None:
    message = UserMessage((Text("long"), CachePoint(), Text("short")))
    plain = encoded(message)["input"][0]["content"]
    marked = encoded(message, extra={"prompt_cache_options": {"mode": "explicit"}})["input"][0]["content"]
    assert not any("prompt_cache_breakpoint" in part for part in plain)
    assert [part.get("prompt_cache_breakpoint") for part in marked] == [{"mode": "explicit"}, None]


THOUGHT = Thinking("hm", "rs_1", None, "secret", ORIGIN)
SAID = Text("Hello", (), "msg_1", '{"phase":"final_answer"}', ORIGIN)
CALL = ToolCall("call_1", "search", '{"a":"1"}', "fc_1", '{"namespace":"web"}', ORIGIN)
RESULT = ToolMessage((ToolResult("call_1", "42"),))
WIRE_THOUGHT = {
    "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "secret",
}  # fmt: skip
WIRE_CALL = {
    "type": "function_call", "call_id": "call_1", "name": "search", "id": "fc_1", "namespace": "web", "arguments": '{"a":"1"}',
}  # fmt: skip


def test_a_turn_goes_back_as_the_items_that_it_was() -> None:
    search = Opaque(
        ORIGIN,
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "a"}},
    )
    body = encoded(UserMessage("hi"), AssistantMessage((THOUGHT, search, SAID, CALL)), RESULT, UserMessage("so?"))
    assert body["input"][1:5] == [
        WIRE_THOUGHT,
        search.data,
        {
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "final_answer",
            "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
        },
        WIRE_CALL,
    ]  # fmt: skip
    assert body["input"][5] == {"type": "function_call_output", "call_id": "call_1", "output": "42"}


def test_reasoning_that_led_to_nothing_is_left_out() -> None:
    body = encoded(UserMessage("hi"), AssistantMessage((SAID, THOUGHT)), UserMessage("so?"))
    assert [item.get("type") for item in body["input"]] == [None, "message", None]


def test_items_that_lost_their_reasoning_lose_their_ids() -> None:
    unproved = Thinking("hm", "rs_1", None, None, ORIGIN)
    turns = (UserMessage("hi"), AssistantMessage((unproved, CALL)), RESULT)
    call = encoded(*turns)["input"][1]
    assert call == {name: value for name, value in WIRE_CALL.items() if name != "id"}
    assert [item.get("id") for item in encoded(*turns, extra={"store": True})["input"][1:3]] == ["rs_1", "fc_1"]


def test_a_generated_picture_goes_back_inside_its_item() -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": None}
    turn = AssistantMessage((Opaque(ORIGIN, item), Image(data=b"PNG", media_type="image/png")))
    sent = encoded(UserMessage("draw"), turn, UserMessage("more"))["input"][1]
    assert sent == {**item, "result": base64.b64encode(b"PNG").decode()}


def test_a_custom_tools_call_and_result_keep_their_form() -> None:
    call = ToolCall("call_1", "sh", '{"input":"ls"}', "ctc_1", '{"type":"custom_tool_call"}', ORIGIN)
    sent = encoded(UserMessage("hi"), AssistantMessage((call,)), RESULT)["input"]
    assert sent[1] == {"type": "custom_tool_call", "call_id": "call_1", "name": "sh", "id": "ctc_1", "input": "ls"}
    assert sent[2] == {"type": "custom_tool_call_output", "call_id": "call_1", "output": "42"}


def test_what_another_provider_signed_does_not_go_to_this_one() -> None:
    foreign = AssistantMessage(
        (
            Thinking("hm", "t_1", "sig", "data", "anthropic"),
            Opaque("anthropic", {"type": "server_tool_use"}),
            Text("Hello", (), "m_1", "sig", "gemini"),
            ToolCall("toolu_1", "search", "{}", "i_1", "sig", "gemini"),
        )
    )
    sent = encoded(UserMessage("hi"), foreign, ToolMessage((ToolResult("toolu_1", "42"),)))["input"]
    assert sent[1] == {"role": "assistant", "content": "Hello"}
    assert sent[2] == {"type": "function_call", "call_id": "toolu_1", "name": "search", "arguments": "{}"}
    assert len(sent) == 4


def test_results_may_hold_pictures() -> None:
    result = ToolMessage((ToolResult("call_1", (Text("see"), Image(url="https://e.com/a.png"))),))
    output = encoded(UserMessage("hi"), AssistantMessage((CALL,)), result)["input"][2]["output"]
    assert [part["type"] for part in output] == ["input_text", "input_image"]


def test_a_history_that_is_kept_at_the_provider_is_sent_as_it_is() -> None:
    body = encoded(RESULT, extra={"previous_response_id": "resp_1"})
    assert body["input"] == [{"type": "function_call_output", "call_id": "call_1", "output": "42"}]


def test_tools_are_not_strict_unless_asked_and_built_in_ones_are_added() -> None:
    tools = (SEARCH, Tool("run", "", OBJECT, strict=True), Tool("now"))
    body = encoded(UserMessage("hi"), tools=tools, extra={"tools": [{"type": "web_search"}]})
    assert [tool.get("strict") for tool in body["tools"]] == [False, True, False, None]
    assert body["tools"][3] == {"type": "web_search"}
    assert body["tools"][2]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", None),
        ("none", "none"),
        ("required", "required"),
        (NamedTool("search"), {"type": "function", "name": "search"}),
    ],
)
def test_tool_choices(choice: Any, wire: Any) -> None:
    assert encoded(UserMessage("hi"), tools=(SEARCH,), tool_choice=choice).get("tool_choice") == wire


def test_structured_output_is_merged_with_what_extra_says_of_text() -> None:
    body = encoded(UserMessage("hi"), output=OutputSchema("o", OBJECT), extra={"text": {"verbosity": "low"}})
    assert body["text"]["format"]["name"] == "o"
    assert body["text"]["format"]["strict"] is True
    assert body["text"]["verbosity"] == "low"


def test_a_schema_that_strict_mode_would_change_is_sent_as_it_is() -> None:
    optional = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = encoded(UserMessage("hi"), output=OutputSchema("o", optional))["text"]["format"]
    assert (form["schema"], form["strict"]) == (optional, False)


def test_settings_and_what_is_left_out_with_a_note() -> None:
    chosen = Settings(
        max_tokens=9, temperature=0.5, stop=("x",), seed=1, user="u", top_logprobs=2, parallel_tool_calls=False
    )
    plain = CODEC.encode(Request(messages=(UserMessage("hi"),), settings=chosen), "gpt-4o")
    body = json.loads(plain.body)
    assert (body["max_output_tokens"], body["temperature"], body["user"]) == (9, 0.5, "u")
    assert (body["top_logprobs"], body["include"]) == (2, ["message.output_text.logprobs"])
    assert body["parallel_tool_calls"] is False
    assert "stop" not in body
    assert len(plain.notes) == 1
    reasoning = CODEC.encode(Request(messages=(UserMessage("hi"),), settings=chosen), "gpt-5")
    assert "temperature" not in json.loads(reasoning.body)
    assert len(reasoning.notes) == 2


def test_what_an_endpoint_always_says_lies_under_the_body_and_what_a_call_says_over_it() -> None:
    always = Dialect(options={"truncation": "auto", "user": "all", "reasoning": {"summary": "auto"}, "include": ["a"]})
    codec = OpenAIResponsesCodec(always)
    asked = Request(
        messages=(UserMessage("hi"),),
        settings=Settings(user="me", reasoning_effort="low"),
        extra={"truncation": "disabled", "reasoning": {"context": "auto"}},
    )
    body = json.loads(codec.encode(asked, "gpt-5").body)
    assert (body["truncation"], body["user"]) == ("disabled", "me")
    assert body["reasoning"] == {"summary": "auto", "effort": "low", "context": "auto"}
    assert body["include"] == ["reasoning.encrypted_content", "a"]


def test_a_prefix_is_carried_on_by_an_instruction() -> None:
    sent = encoded(UserMessage("hi"), prefix="Once upon a time")["input"]
    assert sent[1] == {"role": "assistant", "content": "Once upon a time"}
    assert "upon a time" in sent[2]["content"]


def test_an_image_without_content_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidRequestError):
        encoded(UserMessage((Image(),)))


@pytest.mark.parametrize(
    "request_",
    [
        Request(messages=(SystemMessage("be"), UserMessage("hi"))),
        Request(messages=(UserMessage("hi"), AssistantMessage((THOUGHT, SAID, CALL)), RESULT), stream=True),
        Request(messages=(UserMessage((Text("a"), Image(data=b"x", media_type="image/png"), Document(text="t", media_type="text/plain", name="a.txt"))),)),
        Request(messages=(UserMessage("hi"),), tools=(SEARCH,), tool_choice=NamedTool("search"), extra={"tools": [{"type": "web_search"}]}),
        Request(messages=(UserMessage("hi"),), output=OutputSchema("o", OBJECT), settings=Settings(max_tokens=3, reasoning_effort="low")),
        Request(messages=(UserMessage("json"),), output="json", extra={"reasoning": {"summary": "auto"}, "metadata": {"a": "b"}}),
        Request(messages=(UserMessage("hi"),), extra={"background": True}, stream=True),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_encoded_is_read_back(request_: Request) -> None:
    sent = CODEC.encode(request_, "gpt-5")
    served = SERVICE.read("/v1/responses", {}, sent.body)
    assert served.model == "gpt-5"
    assert _plain(served.request) == _plain(request_)


def _plain(request: Request) -> Request:
    """The request with every content as parts."""
    return request.replace(messages=[type(message)(message.parts) for message in request.messages])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_any_history_is_something_that_the_wire_takes(messages: tuple[Message, ...]) -> None:
    items = encoded(*messages)["input"]
    calls: set[str] = set()
    for number, item in enumerate(items):
        match item.get("type"):
            case "function_call":
                assert item["call_id"] not in calls
                assert 1 <= len(item["call_id"]) <= 64
                assert isinstance(json.loads(item["arguments"]), dict)
                calls.add(item["call_id"])
            case "function_call_output":
                assert item["call_id"] in calls
            case "reasoning":
                assert item["encrypted_content"]
                assert items[number + 1 :]
