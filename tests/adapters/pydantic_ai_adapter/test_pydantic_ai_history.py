"""Pydantic AI's history as ours, and back."""

from __future__ import annotations

import pytest
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    AudioUrl,
    BinaryContent,
    DocumentUrl,
    FilePart,
    ImageUrl,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    RetryFeedbackPart,
    RetryInfo,
    SystemPromptPart,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UploadedFile,
    UserPromptPart,
    VideoUrl,
)
from pydantic_ai.messages import CachePoint as TheirCachePoint

from holdfast.adapters.pydantic_ai.asking import to_history
from holdfast.adapters.pydantic_ai.messages import OWN, from_history
from holdfast.adapters.pydantic_ai.responses import part_of
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

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("words", Text("words")),
        (TextContent("words"), Text("words")),
        (ImageUrl("https://a/b.png"), Image(url="https://a/b.png", media_type="image/png")),
        (
            ImageUrl("https://a/b.png", vendor_metadata={"detail": "low"}),
            Image(url="https://a/b.png", media_type="image/png", detail="low"),
        ),
        (AudioUrl("https://a/b.mp3"), Audio(url="https://a/b.mp3", media_type="audio/mpeg")),
        (DocumentUrl("https://a/b.pdf"), Document(url="https://a/b.pdf", media_type="application/pdf")),
        (DocumentUrl("https://a/unknown"), Document(url="https://a/unknown")),
        (VideoUrl("https://a/b.mp4"), Document(url="https://a/b.mp4", media_type="video/mp4")),
        (BinaryContent(PNG, media_type="image/png"), Image(data=PNG, media_type="image/png")),
        (BinaryContent(b"a", media_type="audio/wav"), Audio(data=b"a", media_type="audio/wav")),
        (
            UploadedFile("f1", "openai", media_type="application/pdf"),
            Document(file_id="f1", media_type="application/pdf"),
        ),
        (UploadedFile("f1", "openai", media_type="image/png"), Image(file_id="f1", media_type="image/png")),
        (TheirCachePoint(ttl="1h"), CachePoint("1h")),
    ],
)
def test_a_users_content_keeps_its_kind_both_ways(theirs, ours):
    (message,) = from_history([ModelRequest([UserPromptPart([theirs])])])
    assert message == UserMessage((ours,))
    (back,) = to_history([message], "openai")
    assert from_history([back]) == (message,)


def test_results_of_tools_stand_first_and_in_one_message():
    request = ModelRequest(
        [
            UserPromptPart("Go on."),
            ToolReturnPart("a", "one", "c1"),
            ToolReturnPart("b", {"x": 1}, "c2", outcome="failed"),
        ]
    )
    results, said = from_history([request])
    assert [(result.call_id, result.name, result.is_error) for result in results.content] == [
        ("c1", "a", False),
        ("c2", "b", True),
    ]
    assert results.content[0].text == "one"
    assert "error" in results.content[1].text
    assert said == UserMessage("Go on.")


def test_a_file_from_a_tool_follows_its_result_in_a_users_message():
    request = ModelRequest([ToolReturnPart("shoot", BinaryContent(PNG, media_type="image/png"), "c1")])
    results, files = from_history([request])
    assert "See file" in results.content[0].text
    assert any(isinstance(part, Image) for part in files.parts)


def test_instructions_follow_the_leading_system_messages():
    request = ModelRequest([SystemPromptPart("sys"), UserPromptPart("Hi")])
    assert from_history([request], ["be brief"]) == (SystemMessage("sys"), SystemMessage("be brief"), UserMessage("Hi"))


def test_an_unprepared_history_is_refused():
    feedback = RetryFeedbackPart("again", retry=RetryInfo(cause="output_validation"))
    with pytest.raises(UserError, match="prepare_messages"):
        from_history([ModelRequest([feedback])])


@pytest.mark.parametrize(
    "part",
    [
        Text("words"),
        Text("words", signature="s", origin="gemini"),
        Thinking("hm", None, "sig", None, "anthropic"),
        Thinking("", "rs_1", None, "encrypted", "openai_responses"),
        ToolCall("c1", "dip", '{"a":1}'),
        ToolCall("c1", "dip", "{}", "fc_1", None, "openai_responses"),
        ToolCall("c1", "dip", "{}", None, "sig", "gemini"),
        Image(data=PNG, media_type="image/png"),
        Opaque("anthropic", {"type": "server_tool_use", "id": "x"}),
    ],
)
def test_a_part_of_an_answer_goes_back_as_it_came(part):
    theirs = part_of(part, "anthropic")
    assert from_history([ModelResponse([theirs])]) == (AssistantMessage((part,)),)


@pytest.mark.parametrize(
    ("part", "ours"),
    [
        (
            ThinkingPart("hm", signature="sig", provider_name="anthropic"),
            Thinking("hm", None, "sig", None, "anthropic"),
        ),
        (
            ThinkingPart("", id="redacted_thinking", signature="data", provider_name="anthropic"),
            Thinking("", None, None, "data", "anthropic"),
        ),
        (
            ThinkingPart("hm", id="rs_1", signature="enc", provider_name="openai"),
            Thinking("hm", "rs_1", None, "enc", "openai_responses"),
        ),
        (
            ToolCallPart("dip", "{}", "c1", provider_name="google", provider_details={"thought_signature": "sig"}),
            ToolCall("c1", "dip", "{}", None, "sig", "gemini"),
        ),
    ],
)
def test_what_a_stock_model_signed_is_known_by_its_provider(part, ours):
    assert from_history([ModelResponse([part])]) == (AssistantMessage((ours,)),)


def test_an_item_of_pydantic_ais_own_is_kept_for_its_models():
    part = NativeToolCallPart("web_search", {"query": "kelp"}, "c1", provider_name="openai")
    (message,) = from_history([ModelResponse([part])])
    (kept,) = message.parts
    assert kept == Opaque(OWN, part)
    assert part_of(kept, "openai") is part


def test_google_signatures_stand_where_its_stock_model_looks():
    part = part_of(ToolCall("c1", "dip", "{}", None, "sig", "gemini"), "google")
    assert part.provider_details["thought_signature"] == "sig"


def test_an_empty_answer_says_nothing():
    assert from_history([ModelResponse([], finish_reason="content_filter"), ModelResponse([TextPart("")])]) == ()


def test_our_messages_come_back_as_one_history():
    messages = (
        SystemMessage("sys"),
        UserMessage("Hi"),
        AssistantMessage((ToolCall("c1", "dip", '{"a":1}'),)),
        ToolMessage((ToolResult("c1", "wet"),)),
        UserMessage("And?"),
    )
    history = to_history(messages, "openai")
    assert [type(message).__name__ for message in history] == ["ModelRequest", "ModelResponse", "ModelRequest"]
    assert history[2].parts[0].tool_name == "dip"
    assert [message.text for message in from_history(history)] == [message.text for message in messages]


def test_a_file_that_a_model_made_is_a_file():
    part = part_of(Image(data=PNG, media_type="image/png"), None)
    assert isinstance(part, FilePart)
    assert part.content.is_image
