"""Requests on Anthropic's wire: what each model is sent, and that any history becomes a valid body."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from anthropic_wire import CODEC, MODEL, SERVICE
from holdfast.messages import (
    AssistantMessage,
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
from holdfast.providers.anthropic.codec import AnthropicCodec
from holdfast.providers.codec import Dialect
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool
from strategies import histories

HI = UserMessage("hi")
SEARCH = Tool("search", "Searches.", {"type": "object", "properties": {"q": {"type": "string"}}})
CITY = OutputSchema("city", {"type": "object", "properties": {"city": {"type": "string", "minLength": 2}}})
ACCEPTED: Any = TypeAdapter(MessageCreateParamsNonStreaming)


def body(*messages: Message, model: str = MODEL, codec: AnthropicCodec = CODEC, **fields: Any) -> dict[str, Any]:
    request = Request(messages=messages or (HI,), **fields)
    return json.loads(codec.encode(request, model).body)


def notes(model: str = MODEL, **fields: Any) -> str:
    return "; ".join(CODEC.encode(Request(messages=(HI,), **fields), model).notes)


def test_the_request_goes_to_messages_with_the_version_of_the_api() -> None:
    sent = CODEC.encode(Request(messages=(HI,), headers={"Anthropic-Beta": "files-api"}), MODEL)
    assert sent.url == "/v1/messages"
    assert sent.headers == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "files-api",
    }


def test_each_part_becomes_its_block() -> None:
    sent = body(
        SystemMessage((Text("Be brief."), CachePoint("1h"))),
        UserMessage((
            Text("Look:"), Image(data=b"\x89PNG", media_type="image/png"), Image(url="https://x/a.png"),
            Image(url="data:image/gif;base64,R0lG"), Image(file_id="file_1"), Document(data=b"%PDF", name="a.pdf"),
            Document(text="plain"), Document(url="https://x/a.pdf"), Document(file_id="file_2"), CachePoint(),
            Opaque("anthropic", {"type": "search_result", "source": "s", "title": "t", "content": []}),
        )),
        AssistantMessage((
            Thinking("hm", signature="sig", origin="anthropic"), Thinking("", data="enc", origin="anthropic"),
            Text("I search."), ToolCall("toolu_1", "search", '{"q": 1.0}'),
        )),
        ToolMessage((ToolResult("toolu_1", (Text("found"), Image(url="https://x/b.png")), is_error=True),)),
    )  # fmt: skip
    assert sent["system"] == [
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
    assert sent["messages"] == [
        {"role": "user", "content": [
            {"type": "text", "text": "Look:"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
            {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"}},
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            {"type": "document", "title": "a.pdf",
             "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
            {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_2"},
             "cache_control": {"type": "ephemeral"}},
            {"type": "search_result", "source": "s", "title": "t", "content": []},
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "enc"},
            {"type": "text", "text": "I search."},
            {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {"q": 1.0}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": [
                {"type": "text", "text": "found"}, {"type": "image", "source": {"type": "url", "url": "https://x/b.png"}},
            ]},
        ]},
    ]  # fmt: skip


def test_signatures_go_back_to_their_own_wire_only() -> None:
    foreign = AssistantMessage((Thinking("hm", signature="sig", origin="bedrock"), Text("a")))
    assert body(HI, foreign, HI)["messages"][1]["content"] == [{"type": "text", "text": "a"}]


def test_messages_of_one_speaker_in_a_row_are_one_message_of_several_blocks() -> None:
    sent = body(UserMessage("a"), UserMessage("b"))["messages"]
    assert sent == [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]


def test_tools_and_their_choice() -> None:
    sent = body(tools=(SEARCH, Tool("now")), tool_choice=NamedTool("now"))
    assert sent["tools"] == [
        {"name": "search", "description": "Searches.", "input_schema": SEARCH.parameters},
        {"name": "now", "input_schema": {"type": "object"}},
    ]
    assert sent["tool_choice"] == {"type": "tool", "name": "now"}


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        ("auto", None, None),
        ("auto", True, None),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", None, {"type": "any"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
    ],
)
def test_tool_choices_in_this_wires_words(choice: Any, parallel: bool | None, sent: Any) -> None:
    found = body(tools=(SEARCH,), tool_choice=choice, settings=Settings(parallel_tool_calls=parallel))
    assert found.get("tool_choice") == sent


def test_server_tools_in_extra_stand_beside_the_functions() -> None:
    web = {"type": "web_search_20250305", "name": "web_search"}
    sent = body(tools=(SEARCH,), extra={"tools": [web], "container": "c_1", "metadata": {"x": 1}},
                settings=Settings(user="u"))  # fmt: skip
    assert [tool["name"] for tool in sent["tools"]] == ["search", "web_search"]
    assert sent["container"] == "c_1"
    assert sent["metadata"] == {"user_id": "u", "x": 1}


@pytest.mark.parametrize(
    ("model", "settings_", "limit"),
    [
        (MODEL, Settings(), 32_000),
        (MODEL, Settings(max_tokens=100), 100),
        (MODEL, Settings(max_tokens=500_000), 64_000),
        (MODEL, Settings(thinking_budget=10_000), 42_000),
        ("claude-3-haiku-20240307", Settings(), 4096),
        ("claude-opus-4-6", Settings(), 32_000),
        ("deepseek-chat", Settings(), 8192),
    ],
)
def test_max_tokens_is_always_sent_and_never_above_what_the_model_gives(model: str, settings_: Any, limit: int) -> None:
    assert body(model=model, settings=settings_)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("model", "settings_", "thinking", "effort"),
    [
        (MODEL, Settings(), None, None),
        (MODEL, Settings(thinking_budget=2000), {"type": "enabled", "budget_tokens": 2000}, None),
        (MODEL, Settings(thinking_budget=5), {"type": "enabled", "budget_tokens": 1024}, None),
        (MODEL, Settings(reasoning_effort="low"), {"type": "enabled", "budget_tokens": 2048}, None),
        (MODEL, Settings(reasoning_effort="none"), None, None),
        (MODEL, Settings(reasoning_effort="high", max_tokens=4096), {"type": "enabled", "budget_tokens": 2048}, None),
        (MODEL, Settings(reasoning_effort="high", max_tokens=100), None, None),
        ("claude-opus-4-6", Settings(reasoning_effort="xhigh"), {"type": "adaptive"}, "max"),
        ("claude-opus-4-6", Settings(thinking_budget=2000), {"type": "enabled", "budget_tokens": 2000}, None),
        ("claude-opus-4-7", Settings(thinking_budget=2000), {"type": "adaptive", "display": "summarized"}, None),
        (
            "claude-opus-4-8",
            Settings(reasoning_effort="xhigh"),
            {"type": "adaptive", "display": "summarized"},
            "xhigh",
        ),
        ("claude-sonnet-5", Settings(reasoning_effort="none"), {"type": "disabled"}, None),
        ("claude-sonnet-5-5", Settings(thinking_budget=0), {"type": "between_tools"}, None),
        ("claude-fable-5", Settings(reasoning_effort="none"), None, "low"),
        ("claude-3-5-haiku-20241022", Settings(reasoning_effort="high"), None, None),
    ],
)
def test_reasoning_is_asked_for_in_the_way_of_each_model(
    model: str, settings_: Any, thinking: Any, effort: Any
) -> None:
    sent = body(model=model, settings=settings_)
    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize(
    ("model", "settings_", "sent"),
    [
        (MODEL, Settings(temperature=0.5, top_k=3), {"temperature": 0.5, "top_k": 3}),
        (MODEL, Settings(temperature=0.5, top_p=0.9), {"temperature": 0.5}),
        (MODEL, Settings(temperature=1.7), {"temperature": 1.0}),
        (MODEL, Settings(temperature=0.5, top_p=0.97, thinking_budget=2000), {"top_p": 0.97}),
        ("claude-3-haiku-20240307", Settings(temperature=0.5, top_p=0.9), {"temperature": 0.5, "top_p": 0.9}),
        ("claude-opus-4-7", Settings(temperature=0.5, top_p=0.9, top_k=1), {}),
    ],
)
def test_only_the_sampling_that_a_model_takes_is_sent(model: str, settings_: Any, sent: dict[str, Any]) -> None:
    found = body(model=model, settings=settings_)
    assert {name: found[name] for name in ("temperature", "top_p", "top_k") if name in found} == sent


def test_what_is_left_out_is_noted() -> None:
    assert "top_p left out" in notes(settings=Settings(temperature=0.5, top_p=0.9))
    assert "seed, logprobs left out" in notes(settings=Settings(seed=1, logprobs=True))
    assert "white space" in notes(settings=Settings(stop=("\n", "END")))
    assert "max_tokens lowered" in notes(settings=Settings(max_tokens=500_000))
    forced = {"tools": (SEARCH,), "tool_choice": "required"}
    assert "chooses its tool itself" in notes(settings=Settings(thinking_budget=2000), **forced)
    assert "chooses its tool itself" in notes("claude-opus-5-5", **forced)
    assert notes(settings=Settings(temperature=0.5)) == ""


def test_stop_sequences_of_white_space_are_left_out() -> None:
    assert body(settings=Settings(stop=("\n", "END")))["stop_sequences"] == ["END"]


def test_a_schema_is_native_where_the_model_has_it() -> None:
    found = body(output=CITY)["output_config"]["format"]
    closed = {"type": "string", "description": "(minLength: 2)"}
    assert found == {
        "type": "json_schema",
        "schema": {"type": "object", "properties": {"city": closed}, "additionalProperties": False},
    }


@pytest.mark.parametrize("model", ["claude-3-5-haiku-20241022", "deepseek-chat"])
def test_a_schema_is_a_forced_tool_where_the_model_has_none(model: str) -> None:
    sent = body(model=model, output=CITY)
    assert "output_config" not in sent
    assert sent["tool_choice"] == {"type": "tool", "name": "final_answer"}
    assert sent["tools"][0]["input_schema"] == CITY.schema


def test_a_schema_is_an_instruction_where_thinking_forbids_to_force_a_tool() -> None:
    sent = body(model="claude-sonnet-4-20250514", output=CITY, settings=Settings(thinking_budget=2000))
    assert "tools" not in sent
    assert "JSON schema" in sent["system"][0]["text"]


def test_a_strict_tool_is_closed_and_one_that_cannot_be_is_not_strict() -> None:
    loose = Tool("loose", "", {"type": "object", "additionalProperties": True}, strict=True)
    tight = Tool("tight", "", {"type": "object", "properties": {}}, strict=True)
    sent = body(tools=(loose, tight))["tools"]
    assert [tool.get("strict") for tool in sent] == [None, True]
    assert sent[1]["input_schema"]["additionalProperties"] is False


def test_a_prefix_is_the_last_message_where_the_model_takes_it() -> None:
    sent = body(prefix="Once upon ")["messages"]
    assert sent[-1] == {"role": "assistant", "content": [{"type": "text", "text": "Once upon"}]}


@pytest.mark.parametrize(
    ("model", "fields"),
    [("claude-opus-4-6", {}), (MODEL, {"settings": Settings(thinking_budget=2000)}), (MODEL, {"output": CITY})],
)
def test_a_prefix_is_an_instruction_where_the_model_refuses_it(model: str, fields: Any) -> None:
    sent = body(model=model, prefix="Once upon ", **fields)["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert "Once upon" in sent[-1]["content"][0]["text"]


def test_a_paused_turn_goes_back_as_it_is_to_every_model() -> None:
    item = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    sent = body(HI, AssistantMessage((Opaque("anthropic", item),)), model="claude-opus-4-6")["messages"]
    assert sent[-1] == {"role": "assistant", "content": [item]}


def test_instructions_in_the_middle_stay_there_where_the_model_knows_them() -> None:
    history = (HI, SystemMessage("Now be brief."))
    assert [message["role"] for message in body(*history, model="claude-opus-5")["messages"]] == ["user", "system"]
    assert [message["role"] for message in body(*history)["messages"]] == ["user"]


def test_options_of_the_dialect_lie_under_what_the_caller_says() -> None:
    codec = AnthropicCodec(Dialect(options={"service_tier": "auto", "speed": "fast"}))
    sent = body(codec=codec, extra={"speed": "standard"})
    assert (sent["service_tier"], sent["speed"]) == ("auto", "standard")


def test_an_endpoint_that_speaks_the_wire_nearly_is_sent_only_what_it_takes() -> None:
    codec = AnthropicCodec(
        Dialect(images=False, documents="none", parallel_tool_calls=False, reasoning_effort=False, tool_choice=False)
    )
    sent = body(
        UserMessage((Image(url="https://x/a.png"), Document(text="plain", name="a"))), codec=codec, model="near-1",
        tools=(SEARCH,), tool_choice="required", settings=Settings(parallel_tool_calls=False, thinking_budget=2000),
    )  # fmt: skip
    assert [block["type"] for block in sent["messages"][0]["content"]] == ["text", "text"]
    assert not {"tool_choice", "thinking"} & set(sent)


def test_a_file_that_the_wire_has_no_word_for_is_told_in_words_and_noted() -> None:
    given = UserMessage((Document(data=b"PK", media_type="application/zip", name="a.zip"),))
    block = body(given)["messages"][0]["content"][0]
    assert (block["type"], "a.zip" in block["text"]) == ("text", True)
    assert CODEC.encode(Request(messages=(given,)), MODEL).notes != ()


def test_text_of_any_kind_is_sent_as_plain_text() -> None:
    given = UserMessage((Document(data=b'{"a": 1}', media_type="application/json"),))
    source = body(given)["messages"][0]["content"][0]["source"]
    assert source == {"type": "text", "media_type": "text/plain", "data": '{"a": 1}'}


def wrong(sent: dict[str, Any], *, prefill: bool) -> list[str]:
    """What the API would reject of these messages (docs, "Errors", and its own words)."""
    found: list[str] = []
    messages = sent["messages"]
    roles = [message["role"] for message in messages]
    found += ["does not begin with the user"] if roles and roles[0] != "user" else []
    found += ["ends with the assistant"] if roles and roles[-1] == "assistant" and not prefill else []
    found += [f"two of {one}" for one, other in pairwise(roles) if one == other]
    pending: list[str] = []
    for message in messages:
        blocks = message["content"]
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        found += [f"results {answered} for {pending}"] if sorted(answered) != sorted(pending) else []
        kinds = [block["type"] for block in blocks]
        found += ["results are not first"] if "tool_result" in kinds[len(answered) :] else []
        pending = [block["id"] for block in blocks if block["type"] == "tool_use"]
        found += ["empty message"] if not blocks else []
        found += ["blank text" for block in blocks if block["type"] == "text" and not block["text"].strip()]
        found += [f"id {one!r}" for one in pending if not re.fullmatch(r"[a-zA-Z0-9_-]+", one)]
        found += ["thinking unsigned" for block in blocks if block.get("signature") == "" and "thinking" in block]
    last = messages[-1]["content"][-1] if roles and roles[-1] == "assistant" else {}
    found += ["ends in white space"] if last.get("text", "a")[-1:].isspace() else []
    return found


@given(history=histories(), model=st.sampled_from([MODEL, "claude-opus-4-6", "claude-3-haiku-20240307"]))
@settings(max_examples=150, deadline=None)
def test_any_history_becomes_messages_that_the_api_takes(history: tuple[Message, ...], model: str) -> None:
    sent = body(*history, model=model) if history else body()
    paused = (
        history and isinstance(history[-1], AssistantMessage) and isinstance((history[-1].parts or (None,))[-1], Opaque)
    )
    assert wrong(sent, prefill=model != "claude-opus-4-6" or bool(paused)) == []


@given(history=histories(max_size=4))
@settings(max_examples=60, deadline=None)
def test_what_is_sent_means_the_same_when_it_is_read_and_sent_again(history: tuple[Message, ...]) -> None:
    first = CODEC.encode(Request(messages=(HI, *history, HI)), MODEL)
    served = SERVICE.read(first.url, first.headers, first.body)
    again = CODEC.encode(served.request, served.model)
    assert json.loads(again.body) == json.loads(first.body)
    assert again.notes == ()


def test_the_sdks_types_accept_what_is_sent() -> None:
    sent = body(
        SystemMessage("s"), HI, AssistantMessage((Text("a"), ToolCall("t", "search", "{}"))),
        ToolMessage((ToolResult("t", "r"),)), tools=(SEARCH,), tool_choice="required", output=CITY,
        settings=Settings(max_tokens=10, temperature=0.1, stop=("x",), user="u", parallel_tool_calls=False),
    )  # fmt: skip
    ACCEPTED.validate_python(sent)
