"""Any history, made anywhere, becomes a valid body on every wire: the laws of translation, read off the bytes."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.messages import AssistantMessage, ToolMessage, UserMessage
from holdfast.providers.catalog import CATALOG, make_codec
from holdfast.request import Request, Tool
from strategies import histories

TOOLS = (Tool("search"), Tool("run"))
MODELS = {
    "openai": "gpt-4o",
    "mistral": "mistral-large-latest",
    "deepseek": "deepseek-chat",
    "perplexity": "sonar",
    "openrouter": "anthropic/claude-sonnet-4.5",
    "openai-responses": "gpt-5",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "vertex": "gemini-3-pro",
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
}


def marked(history):
    """The history with signatures that name their issuer."""
    return tuple(_marked(message) for message in history)


def _marked(message):
    if not isinstance(message, AssistantMessage) or isinstance(message.content, str):
        return message
    parts = []
    for part in message.content:
        changes = {
            name: f"sig-{part.origin}-sig"
            for name in ("signature", "data")
            if name in part.__struct_fields__ and isinstance(getattr(part, name), str)
        }
        parts.append(msgspec.structs.replace(part, **changes) if changes else part)
    return AssistantMessage(tuple(parts), message.name)


def body_of(name, history):
    spec = CATALOG[name]
    codec = make_codec(spec.codec, spec.dialect)
    request = codec.encode(Request(messages=marked(history), tools=TOOLS), MODELS[name])
    return spec.codec, request.body, json.loads(request.body)


spoken = histories(max_size=5).filter(lambda history: any(isinstance(message, UserMessage) for message in history))


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=60, deadline=None)
@given(spoken)
def test_any_history_becomes_a_body_that_keeps_the_rules_of_its_wire(name, history):
    wire, raw, body = body_of(name, history)
    CHECKS[wire](body)
    pattern = CATALOG[name].dialect.tool_id_pattern
    if pattern:
        assert all(re.fullmatch(pattern, call_id) for call_id in _call_ids(wire, body))
    foreign = set(re.findall(rb"sig-(\w+)-sig", raw)) - {wire.encode()}
    assert not foreign


def _call_ids(wire: str, body: dict[str, Any]) -> list[str]:
    match wire:
        case "openai_chat":
            return [call["id"] for message in body["messages"] for call in message.get("tool_calls", ())]
        case "anthropic":
            return [block["id"] for block in _blocks(body) if block.get("type") == "tool_use"]
        case "bedrock":
            return [block["toolUse"]["toolUseId"] for block in _blocks(body) if "toolUse" in block]
        case _:
            return []


def _blocks(body: dict[str, Any]) -> list[Any]:
    return [
        block for message in body["messages"] if isinstance(message["content"], list) for block in message["content"]
    ]


def check_chat(body):
    waiting: set[str] = set()
    seen: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] in waiting
            waiting.discard(message["tool_call_id"])
            continue
        assert message.get("content") not in ("", []), message
        assert not waiting
        waiting = {call["id"] for call in message.get("tool_calls", ())}
        assert len(waiting) == len(message.get("tool_calls", ()))
        assert not waiting & seen
        seen |= waiting
        for call in message.get("tool_calls", ()):
            assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert not waiting


def check_responses(body):
    items = body["input"] if isinstance(body["input"], list) else []
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    answers = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    assert sorted(calls) == sorted(answers)
    assert len(set(calls)) == len(calls)


def check_anthropic(body):
    messages = body["messages"]
    assert messages
    assert messages[0]["role"] == "user"
    waiting: list[str] = []
    for message in messages:
        blocks = (
            message["content"]
            if isinstance(message["content"], list)
            else [{"type": "text", "text": message["content"]}]
        )
        assert blocks
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert sorted(results) == sorted(waiting)
        assert all(block["type"] == "tool_result" for block in blocks[: len(results)])
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert all(isinstance(block["input"], dict) for block in blocks if block["type"] == "tool_use")
        thoughts = [block for block in blocks if block["type"] == "thinking"]
        assert all(block["signature"] for block in thoughts)
    assert not waiting
    last = messages[-1]
    if last["role"] == "assistant":
        text = last["content"] if isinstance(last["content"], str) else last["content"][-1].get("text", "x")
        assert text == text.rstrip()


def check_gemini(body):
    contents = body["contents"]
    assert contents
    assert contents[0]["role"] == "user"
    asked: list[str] = []
    for content in contents:
        assert content["parts"]
        calls = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        answers = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        assert sorted(answers) == sorted(asked)
        asked = calls
    assert not asked
    assert all(
        one["role"] != other["role"] or any("functionResponse" in part for part in one["parts"])
        for one, other in pairwise(contents)
    )


def check_bedrock(body):
    messages = body["messages"]
    assert messages
    assert messages[0]["role"] == "user"
    roles = [message["role"] for message in messages]
    assert all(one != other for one, other in pairwise(roles))
    waiting: list[str] = []
    for message in messages:
        assert message["content"]
        assert all(block["text"].strip() for block in message["content"] if "text" in block)
        results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        assert sorted(results) == sorted(waiting)
        waiting = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
    assert not waiting


CHECKS = {
    "openai_chat": check_chat,
    "openai_responses": check_responses,
    "anthropic": check_anthropic,
    "gemini": check_gemini,
    "bedrock": check_bedrock,
}


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=20, deadline=None)
@given(spoken)
def test_encoding_changes_no_message_of_the_caller(name, history):
    before = msgspec.json.encode(history)
    body_of(name, history)
    assert msgspec.json.encode(history) == before


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["blue", "green", "red"]), min_size=1, max_size=4))
def test_what_was_said_arrives(name, said):
    history = [message for word in said for message in (UserMessage(f"user {word}"), AssistantMessage(f"bot {word}"))]
    _, raw, _ = body_of(name, (*history, UserMessage("last")))
    assert all(f"{who} {word}".encode() in raw for word in said for who in ("user", "bot"))
    assert not any(isinstance(message, ToolMessage) for message in history)
