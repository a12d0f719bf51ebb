"""Requests on Bedrock's wire: what each family of models is sent, and that any history becomes a valid body."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import pairwise
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_wire import CODEC, MODEL, NOVA, SERVICE
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
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool
from strategies import histories

HI = UserMessage("hi")
SEARCH = Tool("search", "Searches.", {"type": "object", "properties": {"q": {"type": "string"}}})
CITY = OutputSchema("city", {"type": "object", "properties": {"city": {"type": "string"}}})
OPUS_5 = "global.anthropic.claude-opus-5-v1"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"


def body(*messages: Message, model: str = MODEL, **fields: Any) -> dict[str, Any]:
    return json.loads(CODEC.encode(Request(messages=messages or (HI,), **fields), model).body)


def notes(*messages: Message, model: str = MODEL, **fields: Any) -> str:
    return "; ".join(CODEC.encode(Request(messages=messages or (HI,), **fields), model).notes)


@cache
def shape() -> Any:
    return botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape


def refused(sent: dict[str, Any]) -> str:
    """What botocore's validator says of this body."""
    report = ParamValidator().validate({**sent, "modelId": "m"}, shape())
    return report.generate_report() if report.has_errors() else ""


@pytest.mark.parametrize(
    ("model", "stream", "url"),
    [
        (NOVA, False, "/model/us.amazon.nova-pro-v1%3A0/converse"),
        (NOVA, True, "/model/us.amazon.nova-pro-v1%3A0/converse-stream"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x",
            False,
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/converse",
        ),
    ],
)
def test_the_path_holds_the_id_of_the_model(model: str, stream: bool, url: str) -> None:
    sent = CODEC.encode(Request(messages=(HI,), stream=stream, headers={"X-A": "b"}), model)
    assert sent.url == url
    assert sent.headers["x-a"] == "b"
    assert SERVICE.matches("POST", sent.url)
    assert SERVICE.read(sent.url, {}, sent.body).model == model


def test_each_part_becomes_its_block() -> None:
    sent = body(
        SystemMessage((Text("Be brief."), CachePoint("1h"))),
        UserMessage((
            Text("Look:"), Image(data=b"\x89PNG", media_type="image/png"), Image(data=b"x", media_type="image/jpg"),
            Image(url="s3://bucket/a.webp"), Document(data=b"%PDF", name="my_report.pdf"), Document(text="plain"),
            Document(data=b"a,b", media_type="text/csv", name="my_report.pdf"),
            Document(data=b"v", media_type="video/mp4"), Audio(data=b"s", media_type="audio/mpeg"), CachePoint(),
            Opaque("bedrock", {"guardContent": {"text": {"text": "g"}}}),
        )),
        AssistantMessage((
            Thinking("hm", signature="sig", origin="bedrock"), Thinking("", data="ZW5j", origin="bedrock"),
            Text("I search."), ToolCall("tooluse_1", "search", '{"q": 1.0}'),
        )),
        ToolMessage((ToolResult("tooluse_1", (Text("found"), Image(data=b"y", media_type="image/png")), is_error=True),)),
        tools=(SEARCH,),
    )  # fmt: skip
    assert sent["system"] == [{"text": "Be brief."}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert sent["messages"] == [
        {"role": "user", "content": [
            {"text": "Look:"},
            {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
            {"image": {"format": "jpeg", "source": {"bytes": "eA=="}}},
            {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://bucket/a.webp"}}}},
            {"document": {"format": "pdf", "name": "my report pdf", "source": {"bytes": "JVBERg=="}}},
            {"document": {"format": "txt", "name": "Document 2", "source": {"bytes": "cGxhaW4="}}},
            {"document": {"format": "csv", "name": "my report pdf (3)", "source": {"bytes": "YSxi"}}},
            {"video": {"format": "mp4", "source": {"bytes": "dg=="}}},
            {"audio": {"format": "mp3", "source": {"bytes": "cw=="}}},
            {"cachePoint": {"type": "default"}},
            {"guardContent": {"text": {"text": "g"}}},
        ]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
            {"reasoningContent": {"redactedContent": "ZW5j"}},
            {"text": "I search."},
            {"toolUse": {"toolUseId": "tooluse_1", "name": "search", "input": {"q": 1.0}}},
        ]},
        {"role": "user", "content": [
            {"toolResult": {"toolUseId": "tooluse_1", "status": "error", "content": [
                {"text": "found"}, {"image": {"format": "png", "source": {"bytes": "eQ=="}}},
            ]}},
        ]},
    ]  # fmt: skip
    assert refused(sent) == ""


def test_a_document_never_comes_without_words() -> None:
    sent = body(UserMessage((Document(data=b"%PDF"),)))["messages"][0]["content"]
    assert [next(iter(block)) for block in sent] == ["document", "text"]


def test_thinking_goes_back_to_claude_and_to_no_other_family() -> None:
    said = AssistantMessage((Thinking("hm", signature="s", origin="bedrock"), Text("a")))
    assert "reasoningContent" in body(HI, said, HI)["messages"][1]["content"][0]
    assert body(HI, said, HI, model=NOVA)["messages"][1]["content"] == [{"text": "a"}]


@pytest.mark.parametrize(
    ("model", "choice", "sent"),
    [
        (MODEL, "auto", None),
        (MODEL, "required", {"any": {}}),
        (MODEL, NamedTool("search"), {"tool": {"name": "search"}}),
        (NOVA, NamedTool("search"), {"tool": {"name": "search"}}),
        ("mistral.mistral-large-2407-v1:0", NamedTool("search"), {"any": {}}),
        (LLAMA, "required", None),
    ],
)
def test_tool_choices_that_each_family_takes(model: str, choice: Any, sent: Any) -> None:
    found = body(model=model, tools=(SEARCH,), tool_choice=choice)["toolConfig"]
    assert found.get("toolChoice") == sent
    assert found["tools"] == [
        {"toolSpec": {"name": "search", "description": "Searches.", "inputSchema": {"json": SEARCH.parameters}}}
    ]


def test_no_tools_are_sent_when_none_may_be_called() -> None:
    assert "toolConfig" not in body(tools=(SEARCH,), tool_choice="none")


def test_the_tools_of_earlier_calls_are_declared_since_the_wire_demands_it() -> None:
    history = (HI, AssistantMessage((ToolCall("t", "old"),)), ToolMessage((ToolResult("t", "r"),)))
    sent = body(*history)
    assert [tool["toolSpec"]["name"] for tool in sent["toolConfig"]["tools"]] == ["old"]
    assert "earlier calls were declared" in notes(*history)
    assert "toolConfig" in body(*history, tools=(SEARCH,), tool_choice="none")


def test_system_tools_in_extra_stand_beside_the_functions() -> None:
    extra = {
        "toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]},
        "guardrailConfig": {"trace": "enabled"},
    }
    sent = body(model=NOVA, tools=(SEARCH,), extra=extra)
    assert [next(iter(tool)) for tool in sent["toolConfig"]["tools"]] == ["toolSpec", "systemTool"]
    assert sent["guardrailConfig"] == {"trace": "enabled"}


@pytest.mark.parametrize(
    ("model", "settings_", "own"),
    [
        (MODEL, Settings(thinking_budget=2000), {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        (
            "us.anthropic.claude-opus-4-6-v1",
            Settings(reasoning_effort="high"),
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        (
            NOVA_2,
            Settings(reasoning_effort="max"),
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
        ),
        (NOVA_2, Settings(reasoning_effort="none"), {"reasoningConfig": {"type": "disabled"}}),
        (GPT, Settings(reasoning_effort="minimal"), {"reasoning_effort": "low"}),
        ("qwen.qwen3-32b-v1:0", Settings(reasoning_effort="medium"), {"reasoning_config": "medium"}),
        (NOVA, Settings(reasoning_effort="high", top_k=5), {"inferenceConfig": {"topK": 5}}),
        (MODEL, Settings(top_k=5), {"top_k": 5}),
        (LLAMA, Settings(top_k=5, thinking_budget=2000), None),
    ],
)
def test_what_only_one_family_has_goes_into_its_own_fields(model: str, settings_: Any, own: Any) -> None:
    assert body(model=model, settings=settings_).get("additionalModelRequestFields") == own


def test_inference_is_configured_in_the_wires_words() -> None:
    asked = Settings(max_tokens=5, temperature=0.5, top_p=0.9, stop=("x",))
    assert body(model=NOVA, settings=asked)["inferenceConfig"] == {
        "maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"],
    }  # fmt: skip
    assert body(settings=asked)["inferenceConfig"] == {"maxTokens": 5, "temperature": 0.5, "stopSequences": ["x"]}
    assert "inferenceConfig" not in body()
    assert body(model=OPUS_5)["inferenceConfig"] == {"maxTokens": 32_000}


def test_what_is_left_out_is_noted() -> None:
    assert "seed, user left out" in notes(settings=Settings(seed=1, user="u"))
    assert "top_k left out" in notes(model=LLAMA, settings=Settings(top_k=5))
    assert "reasoning_effort left out" in notes(model=LLAMA, settings=Settings(reasoning_effort="high"))
    assert "thinking_budget left out" in notes(model=LLAMA, settings=Settings(thinking_budget=2000))
    assert "chooses its tool itself" in notes(model=LLAMA, tools=(SEARCH,), tool_choice="required")
    assert notes(model=NOVA, settings=Settings(temperature=0.5)) == ""


def test_a_schema_is_native_where_the_family_has_it() -> None:
    found = body(output=CITY)["outputConfig"]["textFormat"]
    assert found["type"] == "json_schema"
    assert found["structure"]["jsonSchema"]["name"] == "city"
    assert json.loads(found["structure"]["jsonSchema"]["schema"]) == {**CITY.schema, "additionalProperties": False}


def test_a_schema_is_a_forced_tool_or_an_instruction_where_the_family_has_none() -> None:
    assert body(model=NOVA, output=CITY)["toolConfig"]["toolChoice"] == {"tool": {"name": "final_answer"}}
    assert "JSON schema" in body(model=LLAMA, output=CITY)["system"][0]["text"]


def test_a_prefix_is_a_prefill_or_an_instruction() -> None:
    assert body(prefix="Once upon ")["messages"][-1] == {"role": "assistant", "content": [{"text": "Once upon"}]}
    assert [message["role"] for message in body(model=OPUS_5, prefix="Once")["messages"]] == [
        "user",
        "assistant",
        "user",
    ]


def test_a_file_that_the_wire_has_no_word_for_is_told_in_words_and_noted() -> None:
    given = UserMessage((Document(data=b"PK", media_type="application/zip", name="a.zip"),))
    assert "a.zip" in body(given)["messages"][0]["content"][0]["text"]
    assert notes(given) != ""


def test_text_of_any_kind_is_sent_as_a_text_file() -> None:
    given = UserMessage((Document(data=b'{"a": 1}', media_type="application/json", name="a"),))
    assert body(given)["messages"][0]["content"][0]["document"]["format"] == "txt"


def wrong(sent: dict[str, Any], *, prefill: bool) -> list[str]:
    """What the API would reject of these messages (user guide, "Converse", and its own words)."""
    found = [refused(sent)] if refused(sent) else []
    messages = sent["messages"]
    roles = [message["role"] for message in messages]
    found += ["does not begin with the user"] if roles and roles[0] != "user" else []
    found += ["ends with the assistant"] if roles and roles[-1] == "assistant" and not prefill else []
    found += [f"two of {one}" for one, other in pairwise(roles) if one == other]
    names = [block["document"]["name"] for message in messages for block in message["content"] if "document" in block]
    found += ["a name twice"] if len(set(names)) < len(names) else []
    pending: list[str] = []
    for message in messages:
        blocks = message["content"]
        answered = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
        found += [f"results {answered} for {pending}"] if sorted(answered) != sorted(pending) else []
        pending = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
        found += ["no tools declared"] if pending and "toolConfig" not in sent else []
        found += ["empty message"] if not blocks else []
        found += ["blank text" for block in blocks if "text" in block and not block["text"].strip()]
        found += [f"id {one!r}" for one in pending if not re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", one)]
        found += [
            "blank result"
            for block in blocks
            if "toolResult" in block
            for inner in block["toolResult"]["content"] or [{"text": ""}]
            if not inner.get("text", "a").strip()
        ]
    return found


def without_foreign(history: tuple[Message, ...]) -> tuple[Message, ...]:
    """The strategy's items of this wire are no blocks that botocore knows."""

    def kept(message: Any) -> Any:
        if isinstance(message.content, str):
            return message
        parts = []
        for part in message.content:
            if isinstance(part, ToolResult) and not isinstance(part.content, str):
                inner = tuple(each for each in part.content if not isinstance(each, Opaque))
                parts.append(ToolResult(part.call_id, inner, part.name, part.is_error))
            elif not isinstance(part, Opaque):
                parts.append(part)
        return type(message)(tuple(parts))

    return tuple(map(kept, history))


@given(history=histories().map(without_foreign), model=st.sampled_from([MODEL, NOVA, OPUS_5]))
@settings(max_examples=120, deadline=None)
def test_any_history_becomes_messages_that_the_api_takes(history: tuple[Message, ...], model: str) -> None:
    sent = body(*history, model=model)
    assert wrong(sent, prefill=model != OPUS_5) == []


@given(history=histories(max_size=4).map(without_foreign))
@settings(max_examples=60, deadline=None)
def test_what_is_sent_means_the_same_when_it_is_read_and_sent_again(history: tuple[Message, ...]) -> None:
    first = CODEC.encode(Request(messages=(HI, *history, HI)), MODEL)
    served = SERVICE.read(first.url, first.headers, first.body)
    again = CODEC.encode(served.request, served.model)
    assert json.loads(again.body) == json.loads(first.body)
    assert again.notes == ()
