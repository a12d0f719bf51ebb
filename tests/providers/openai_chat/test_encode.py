"""Requests as bodies of chat completions, in the dialects of its endpoints."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from holdfast.errors import InvalidRequestError
from holdfast.messages import (
    AssistantMessage,
    Audio,
    CachePoint,
    Document,
    Image,
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
from holdfast.providers.openai_chat.codec import OpenAIChatCodec
from holdfast.providers.openai_chat.names import Names
from holdfast.providers.openai_chat.read import read_fields
from holdfast.providers.openai_chat.rules import rules_for
from holdfast.providers.portable import problems
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool
from strategies import histories

HELLO = (UserMessage("hello"),)
PNG = b"\x89PNG"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
OPEN = {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "Looks out of the window", SCHEMA)


def body(
    request: Request | None = None, dialect: Dialect | None = None, model: str = "m", **fields: Any
) -> dict[str, Any]:
    asked = request or Request(messages=fields.pop("messages", HELLO), **fields)
    return json.loads(OpenAIChatCodec(dialect or Dialect(provider="test")).encode(asked, model).body)


def said(*messages: Any, **dialect: Any) -> list[dict[str, Any]]:
    return body(messages=messages, dialect=Dialect(provider="test", **dialect))["messages"]


def notes(dialect: Dialect, **fields: Any) -> tuple[str, ...]:
    return OpenAIChatCodec(dialect).encode(Request(messages=HELLO, **fields), "m").notes


# The request


def test_the_least_request_says_the_least() -> None:
    assert body() == {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def test_a_call_is_a_post_of_json_to_the_plain_path() -> None:
    sent = OpenAIChatCodec(Dialect(provider="test")).encode(Request(messages=HELLO, stream=True), "m")
    assert (sent.method, sent.url) == ("POST", "/chat/completions")
    assert sent.headers == {"content-type": "application/json", "accept": "text/event-stream"}
    assert sent.notes == ()


@pytest.mark.parametrize(
    ("dialect", "url"),
    [
        (
            Dialect(deployments=True, api_version="2024-10-21"),
            "/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21",
        ),
        (Dialect(deployments=True), "/openai/deployments/my%20gpt%2F4/chat/completions"),
        (Dialect(api_version="preview"), "/chat/completions?api-version=preview"),
        (Dialect(), "/chat/completions"),
    ],
)
def test_azure_has_a_path_for_each_deployment_on_its_older_surface(dialect: Dialect, url: str) -> None:
    assert OpenAIChatCodec(dialect).encode(Request(messages=HELLO), "my gpt/4").url == url


def test_a_stream_asks_for_its_usage_where_that_is_understood() -> None:
    assert body(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body(stream=True, dialect=Dialect(stream_usage=False))
    assert body(stream=True, extra={"stream_options": {"include_usage": False}})["stream_options"] == {
        "include_usage": False
    }


def test_what_is_extra_lies_over_the_body_and_the_options_lie_under_it() -> None:
    dialect = Dialect(options={"temperature": 0.1, "top_p": 0.1, "provider": {"sort": "price"}})
    sent = body(
        settings=Settings(temperature=0.5, seed=1),
        extra={"seed": 2, "provider": {"only": ["a"]}, "tools": [{"type": "web_search"}]},
        tools=(WEATHER,),
        dialect=dialect,
    )
    assert (sent["temperature"], sent["top_p"], sent["seed"]) == (0.5, 0.1, 2)
    assert sent["provider"] == {"sort": "price", "only": ["a"]}
    assert [tool["type"] for tool in sent["tools"]] == ["function", "web_search"]


SETTINGS = {
    "max_tokens": (Settings(max_tokens=5), {"max_tokens": 5}),
    "temperature": (Settings(temperature=0.0, top_p=0.5), {"temperature": 0.0, "top_p": 0.5}),
    "stop": (Settings(stop=("a", "b")), {"stop": ["a", "b"]}),
    "seed": (Settings(seed=0), {"seed": 0}),
    "penalties": (Settings(frequency_penalty=1.0, presence_penalty=-1.0), {"frequency_penalty": 1.0, "presence_penalty": -1.0}),
    "log probabilities": (Settings(top_logprobs=3), {"logprobs": True, "top_logprobs": 3}),
    "reasoning": (Settings(reasoning_effort="low"), {"reasoning_effort": "low"}),
    "user": (Settings(user="u-1"), {"user": "u-1"}),
    "no tools, no parallel calls": (Settings(parallel_tool_calls=True), {}),
}  # fmt: skip


@pytest.mark.parametrize(("chosen", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_settings_have_the_words_of_the_wire(chosen: Settings, expected: dict[str, Any]) -> None:
    assert body(settings=chosen) == {**body(), **expected}


def test_dialects_have_words_of_their_own() -> None:
    dialect = Dialect(max_tokens_field="max_completion_tokens", seed_field="random_seed", top_k=True)
    assert body(settings=Settings(max_tokens=1, seed=2, top_k=3), dialect=dialect) == {
        **body(),
        "max_completion_tokens": 1,
        "random_seed": 2,
        "top_k": 3,
    }


def test_what_an_endpoint_does_not_know_is_left_out_and_noted() -> None:
    dialect = Dialect(reasoning_effort=False, fixed_sampling=r"o\d", parallel_tool_calls=False, tool_choice=False)
    chosen = Settings(temperature=1.0, top_k=4, reasoning_effort="high", parallel_tool_calls=False)
    request = Request(messages=HELLO, settings=chosen, tools=(WEATHER,), tool_choice="required")
    sent = OpenAIChatCodec(dialect).encode(request, "o3-mini")
    assert json.loads(sent.body).keys() == {"model", "messages", "tools"}
    for name in ("temperature", "top_k", "reasoning_effort", "parallel_tool_calls", "tool_choice"):
        assert any(name in note for note in sent.notes)
    assert json.loads(OpenAIChatCodec(dialect).encode(request, "gpt-4o").body)["temperature"] == 1.0


# Messages


def test_instructions_have_the_role_that_the_model_takes() -> None:
    for role in ("system", "developer", "user"):
        assert said(SystemMessage("s"), *HELLO, system_role=role)[0] == {"role": role, "content": "s"}


def test_pictures_documents_and_sounds_are_parts() -> None:
    (sent,) = said(
        UserMessage(
            (
                Text("look"),
                Image(url="https://example.com/a.png", detail="low"),
                Image(data=PNG, media_type="image/png"),
                Document(data=b"%PDF", media_type="application/pdf", name="a.pdf"),
                Document(file_id="file-1"),
                Document(text="plain", name="b.txt"),
                Audio(data=b"ID3", media_type="audio/mpeg"),
                Audio(data=b"RIFF", media_type="audio/x-wav"),
            )
        )
    )
    assert sent["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(PNG).decode()}"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{b64encode(b'%PDF').decode()}"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "text", "text": "b.txt:\nplain"},
        {"type": "input_audio", "input_audio": {"data": b64encode(b"ID3").decode(), "format": "mp3"}},
        {"type": "input_audio", "input_audio": {"data": b64encode(b"RIFF").decode(), "format": "wav"}},
    ]  # fmt: skip


def test_files_and_films_go_as_each_endpoint_takes_them() -> None:
    link = Document(url="https://example.com/a.pdf", media_type="application/pdf")
    film = Document(url="https://example.com/a.mp4", media_type="video/mp4")
    (sent,) = said(UserMessage((link, film)), file_urls=True, video=True)
    assert sent["content"] == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://example.com/a.pdf"}},
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
    ]
    (sent,) = said(UserMessage((link,)), documents="document_url")
    assert sent["content"] == [{"type": "document_url", "document_url": "https://example.com/a.pdf"}]


@pytest.mark.parametrize(
    ("part", "dialect"),
    [
        (Image(data=PNG), {"images": False}),
        (Image(file_id="file-1"), {}),
        (Document(data=b"%PDF", media_type="application/pdf"), {"documents": "none"}),
        (Document(url="https://example.com/a.pdf"), {}),
        (Document(url="https://example.com/a.pdf"), {"video": True}),
        (Document(file_id="file-1"), {"documents": "document_url"}),
        (Audio(data=b"RIFF"), {"audio": False}),
        (Audio(url="https://example.com/a.wav"), {}),
        (Opaque("anthropic", {"type": "search_result"}), {}),
    ],
)
def test_what_an_endpoint_cannot_take_is_said_in_words_or_left_out_and_noted(part: Any, dialect: Any) -> None:
    codec = OpenAIChatCodec(Dialect(**dialect))
    sent = codec.encode(Request(messages=(UserMessage((Text("look"), part)),)), "m")
    (message,) = json.loads(sent.body)["messages"]
    content = message["content"]
    assert isinstance(content, str) or all(each["type"] == "text" for each in content)
    assert sent.notes


def test_calls_alone_have_null_content_and_their_results_follow() -> None:
    asked = AssistantMessage((ToolCall("c-1", "weather", '{"city":"Rome"}'), ToolCall("c-2", "weather", "{}")))
    told = ToolMessage((ToolResult("c-1", "sunny"), ToolResult("c-2", "no city", is_error=True)))
    assert said(*HELLO, asked, told)[1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c-1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
                {"id": "c-2", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c-1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "c-2", "content": "Error: no city"},
    ]


def test_words_beside_calls_are_kept() -> None:
    asked = AssistantMessage((Text("Let me "), Text("see."), ToolCall("c-1", "weather")))
    assert said(*HELLO, asked, ToolMessage((ToolResult("c-1", "sunny"),)))[1]["content"] == "Let me see."


def test_a_picture_in_a_result_goes_to_a_user_message_after_it() -> None:
    asked = AssistantMessage((ToolCall("c-1", "look"),))
    told = ToolMessage((ToolResult("c-1", (Text("here"), Image(data=PNG, media_type="image/png"))),))
    sent = said(*HELLO, asked, told)
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "user"]
    assert isinstance(sent[2]["content"], str)
    assert any(part["type"] == "image_url" for part in sent[3]["content"])


THOUGHT = AssistantMessage((Thinking("hm"), Text("yes")))
DETAILS = [{"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0}]
DETAILED = AssistantMessage((Thinking("hm", data=json.dumps(DETAILS), origin="openai_chat"), Text("yes")))


@pytest.mark.parametrize(
    ("field", "message", "expected"),
    [
        (None, THOUGHT, {"content": "yes"}),
        ("reasoning_content", THOUGHT, {"content": "yes", "reasoning_content": "hm"}),
        ("reasoning", THOUGHT, {"content": "yes", "reasoning": "hm"}),
        ("reasoning_details", THOUGHT, {"content": "yes", "reasoning": "hm"}),
        ("reasoning_details", DETAILED, {"content": "yes", "reasoning_details": DETAILS}),
        ("reasoning_content", DETAILED, {"content": "yes", "reasoning_content": "hm"}),
        (
            "content",
            THOUGHT,
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]},
        ),
    ],
)  # fmt: skip
def test_thinking_goes_back_in_the_form_that_the_endpoint_reads(field: Any, message: Any, expected: Any) -> None:
    assert said(*HELLO, message, *HELLO, reasoning_field=field)[1] == {"role": "assistant", **expected}


def test_signatures_of_another_wire_never_go_back() -> None:
    foreign = AssistantMessage((Thinking("hm", data=json.dumps(DETAILS), origin="anthropic"), Text("yes")))
    assert "reasoning_details" not in said(*HELLO, foreign, reasoning_field="reasoning_details")[1]


def test_google_signatures_of_calls_go_back_to_google() -> None:
    asked = AssistantMessage((ToolCall("c-1", "f", "{}", signature="c2ln", origin="openai_chat"),))
    told = ToolMessage((ToolResult("c-1", "x"),))
    signed = {"google": {"thought_signature": "c2ln"}}
    assert said(*HELLO, asked, told, thought_signatures=True)[1]["tool_calls"][0]["extra_content"] == signed
    assert "extra_content" not in said(*HELLO, asked, told)[1]["tool_calls"][0]
    foreign = AssistantMessage((ToolCall("c-1", "f", "{}", signature="c2ln", origin="gemini"),))
    assert "extra_content" not in said(*HELLO, foreign, told, thought_signatures=True)[1]["tool_calls"][0]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("cache_control", [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]),
        ("breakpoint", [{"type": "text", "text": "long", "prompt_cache_breakpoint": {"mode": "explicit"}}]),
        ("none", "long"),
    ],
)
def test_cache_points_mark_the_part_before_them(form: Any, expected: Any) -> None:
    (sent,) = said(UserMessage((Text("long"), CachePoint("1h"))), cache_points=form)
    assert sent["content"] == expected


def test_names_keep_to_the_alphabet() -> None:
    assert said(UserMessage("hi", "Anna B."))[0]["name"] == "Anna_B_"
    assert "name" not in said(UserMessage("hi", "Anna"), names=False)[0]


def test_the_names_of_tools_keep_to_the_alphabet_and_apart() -> None:
    names = Names(["files.read", "files_read", "read files!", "x" * 80, "x" * 70, "…"])
    wired = [names.wire(name) for name in ("files.read", "files_read", "read files!", "x" * 80, "x" * 70, "…")]
    assert wired[:3] == ["files_read_2", "files_read", "read_files"]
    assert len(set(wired)) == 6
    assert all(0 < len(name) <= 64 and name.replace("-", "_").isidentifier() for name in wired)
    assert [names.ours(name) for name in wired] == ["files.read", "files_read", "read files!", "x" * 80, "x" * 70, "…"]


# Tools and output


def test_tools_are_functions() -> None:
    assert body(tools=(WEATHER, Tool("now")))["tools"] == [
        {"type": "function", "function": {"name": "weather", "description": "Looks out of the window", "parameters": SCHEMA}},
        {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "strict", "knows", "expected"),
    [
        (SCHEMA, True, True, {"parameters": CLOSED, "strict": True}),
        (SCHEMA, False, True, {"parameters": SCHEMA, "strict": False}),
        (SCHEMA, None, True, {"parameters": SCHEMA}),
        (SCHEMA, True, False, {"parameters": SCHEMA}),
        (OPEN, True, True, {"parameters": OPEN}),
    ],
)
def test_a_tool_is_strict_where_that_keeps_its_meaning(schema: Any, strict: Any, knows: bool, expected: Any) -> None:
    (tool,) = body(tools=(Tool("t", parameters=schema, strict=strict),), dialect=Dialect(strict_tools=knows))["tools"]
    assert tool["function"] == {"name": "t", **expected}


def test_a_tool_that_cannot_be_strict_is_noted() -> None:
    assert any("'t'" in note for note in notes(Dialect(), tools=(Tool("t", parameters=OPEN, strict=True),)))


def test_a_schema_that_is_none_is_left_to_the_server_to_refuse() -> None:
    odd = {"type": "object", "properties": {"a": {}}, "required": None}
    assert body(tools=(Tool("t", parameters=odd, strict=True),))["tools"][0]["function"]["parameters"] == odd


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", None),
        ("required", "required"),
        ("none", "none"),
        (NamedTool("weather"), {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_the_four_tool_choices(choice: Any, expected: Any) -> None:
    assert body(tools=(WEATHER,), tool_choice=choice).get("tool_choice") == expected
    if not isinstance(choice, NamedTool):
        assert "tool_choice" not in body(tool_choice=choice)


def test_a_choice_of_no_tool_that_there_is_is_wrong() -> None:
    with pytest.raises(InvalidRequestError, match="not among the tools"):
        body(tools=(WEATHER,), tool_choice=NamedTool("stars"))


def test_parallel_calls_are_spoken_of_beside_tools_only() -> None:
    assert body(tools=(WEATHER,), settings=Settings(parallel_tool_calls=False))["parallel_tool_calls"] is False


def test_an_output_schema_is_strict_where_that_keeps_its_meaning() -> None:
    named = {"name": "city", "schema": CLOSED, "description": "A city.", "strict": True}
    assert body(output=OutputSchema("city", SCHEMA, description="A city."))["response_format"] == {
        "type": "json_schema",
        "json_schema": named,
    }
    loose = body(output=OutputSchema("city", OPEN))["response_format"]["json_schema"]
    assert loose == {"name": "city", "schema": OPEN}
    assert any("'city'" in note for note in notes(Dialect(), output=OutputSchema("city", OPEN)))
    assert body(output=OutputSchema("city", SCHEMA, strict=False))["response_format"]["json_schema"]["schema"] == SCHEMA


def test_json_mode_is_asked_for_with_the_word_json_in_the_messages() -> None:
    sent = body(output="json")
    assert sent["response_format"] == {"type": "json_object"}
    assert any("json" in str(message["content"]).lower() for message in sent["messages"])


def test_without_schemas_the_schema_goes_into_the_instructions() -> None:
    sent = body(output=OutputSchema("city", SCHEMA), dialect=Dialect(json_schema=False))
    assert sent["response_format"] == {"type": "json_object"}
    assert '"city"' in sent["messages"][0]["content"]


def test_without_json_mode_the_answer_is_the_call_of_a_tool() -> None:
    sent = body(output=OutputSchema("city", SCHEMA), dialect=Dialect(json_schema=False, json_mode=False))
    assert "response_format" not in sent
    assert sent["tool_choice"]["function"]["name"] == sent["tools"][0]["function"]["name"] == "final_answer"


# Carrying on


@pytest.mark.parametrize(
    ("prefill", "flags", "top"),
    [
        ("assistant", {}, {}),
        ("prefix_flag", {"prefix": True}, {}),
        ("continue_final_message", {}, {"continue_final_message": True, "add_generation_prompt": False}),
    ],
)
def test_a_broken_answer_is_carried_on_by_prefill_where_there_is_one(prefill: Any, flags: Any, top: Any) -> None:
    sent = body(Request(messages=HELLO, prefix="Once upon "), Dialect(prefill=prefill))
    assert sent["messages"][-1] == {"role": "assistant", "content": "Once upon", **flags}
    assert {name: sent.get(name) for name in top} == top


def test_a_broken_answer_is_carried_on_by_instruction_elsewhere() -> None:
    for dialect in (Dialect(), Dialect(prefill="assistant", prefill_models=("claude",))):
        sent = body(Request(messages=HELLO, prefix="Once upon a time"), dialect)
        assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]
        assert sent["messages"][1]["content"] == "Once upon a time"
        assert "a time" in sent["messages"][2]["content"]


# Failures


def test_what_is_no_json_is_wrong() -> None:
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON"):
        body(extra={"odd": object()})


# Laws

DIALECTS = [
    Dialect(provider="openai"),
    Dialect(
        provider="mistral",
        names=False,
        tool_id_pattern=r"[A-Za-z0-9]{9}",
        user_after_tool=False,
        reasoning_field="content",
    ),
    Dialect(
        provider="strict", one_system_message=True, alternating_roles=True, images=False, audio=False, documents="none"
    ),
    Dialect(
        provider="open", reasoning_field="reasoning_details", cache_points="cache_control", file_urls=True, video=True
    ),
]


@pytest.fixture(scope="module")
def sdk_type() -> Any:
    """The SDK's type of a body, with lists for its Iterables: those validate while they are read."""
    patch = pytest.MonkeyPatch()
    for name, module in list(sys.modules.items()):
        if name.startswith("openai.types.chat") and hasattr(module, "Iterable"):
            patch.setattr(module, "Iterable", list)
    yield TypeAdapter(CompletionCreateParamsNonStreaming)
    patch.undo()


@settings(max_examples=150, deadline=None)
@given(histories(), st.sampled_from(DIALECTS))
def test_any_history_becomes_a_body_that_the_sdk_and_our_own_rules_accept(
    sdk_type: Any, messages: Any, dialect: Dialect
) -> None:
    sent = body(Request(messages=(*messages, *HELLO)), dialect)
    again = read_fields(sent).request.messages
    assert not problems(again, rules_for(dialect)), "what the server reads keeps the rules"
    if dialect.reasoning_field != "content" and not dialect.video and '"own"' not in json.dumps(sent):
        sdk_type.validate_python(sent)


@settings(max_examples=100, deadline=None)
@given(histories(), st.sampled_from(DIALECTS))
def test_encoding_what_was_read_changes_nothing_more(messages: Any, dialect: Dialect) -> None:
    sent = body(Request(messages=(*messages, *HELLO)), dialect)
    assert body(read_fields(sent).request, dialect) == sent
