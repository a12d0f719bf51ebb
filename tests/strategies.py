"""Hypothesis strategies that several test modules share: `from strategies import histories`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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

ORIGINS = ("openai_chat", "openai_responses", "anthropic", "gemini", "bedrock", None)
CALL_IDS = ("call_1", "call_2", "toolu_01AbC", "", "with space|and/signs", "x" * 70, "abcdefghi", "c1")

words = st.sampled_from(
    ["", " ", "hello", "two words", "ends in space \n", "naïve 你好 🌍", "<think>a</think>", "json"]
)
origins = st.sampled_from(ORIGINS)
signatures = st.sampled_from([None, None, "c2lnbmVk"])
names = st.sampled_from([None, None, "anna", "Anna B.", ""])

texts = st.builds(Text, words, id=st.sampled_from([None, None, "msg_1"]), signature=signatures, origin=origins)
images = st.sampled_from(
    [
        Image(data=b"\x89PNG", media_type="image/png"),
        Image(url="https://example.com/a.png"),
        Image(file_id="file-1"),
    ]
)
documents = st.sampled_from(
    [
        Document(data=b"%PDF", media_type="application/pdf", name="a.pdf"),
        Document(text="plain", name="a.txt"),
        Document(url="https://example.com/a.pdf"),
        Document(file_id="file-2"),
    ]
)
sounds = st.sampled_from(
    [
        Audio(data=b"RIFF", media_type="audio/wav"),
        Audio(url="https://example.com/a.wav"),
        Audio(id="audio_1", transcript="spoken"),
    ]
)
cache_points = st.just(CachePoint())
thoughts = st.builds(Thinking, words, signature=signatures, data=signatures, origin=origins)
arguments = st.sampled_from(["{}", '{"a": 1}', "", '{"a": ', "[1]", '```json\n{"a": 1}\n```'])
calls = st.builds(
    ToolCall,
    st.sampled_from(CALL_IDS),
    st.sampled_from(["search", "run"]),
    arguments,
    item_id=signatures,
    signature=signatures,
    origin=origins,
)
opaques = st.builds(Opaque, st.sampled_from([origin for origin in ORIGINS if origin]), st.just({"type": "own"}))
results = st.builds(
    ToolResult,
    st.sampled_from(CALL_IDS),
    words | st.lists(texts | images | documents | opaques, max_size=3).map(tuple),
    name=st.sampled_from([None, "search"]),
    is_error=st.booleans(),
)


def _content(parts: Any, most: int = 4) -> Any:
    return words | st.lists(parts, max_size=most).map(tuple)


system_messages = st.builds(SystemMessage, _content(texts | cache_points | opaques, 2))
user_messages = st.builds(
    UserMessage, _content(texts | images | documents | sounds | cache_points | opaques), name=names
)
assistant_messages = st.builds(
    AssistantMessage,
    _content(texts | thoughts | calls | images | sounds | documents | opaques | cache_points),
    name=names,
)
tool_messages = st.builds(ToolMessage, st.lists(results, max_size=3).map(tuple))


@st.composite
def _exchanges(draw: Any) -> list[Any]:
    """An assistant's calls with their results, in any order, sometimes with something between or missing."""
    asked = draw(st.lists(calls, min_size=1, max_size=3))
    answers = [ToolResult(call.id, draw(words), name=call.name) for call in asked]
    answers = draw(st.permutations(answers))[: draw(st.integers(0, 3))]
    between = draw(st.lists(user_messages | system_messages, max_size=1))
    split = draw(st.booleans())
    told = [ToolMessage((answer,)) for answer in answers] if split else [ToolMessage(tuple(answers))]
    return [AssistantMessage((*draw(st.lists(thoughts | texts, max_size=2)), *asked)), *between, *told]


def histories(*, max_size: int = 6) -> st.SearchStrategy[tuple[Any, ...]]:
    """Any history, also those that no provider would take: orphans, repeated ids, foreign signatures, blanks."""
    single = (system_messages | user_messages | assistant_messages | tool_messages).map(lambda message: [message])
    return st.lists(single | _exchanges(), max_size=max_size).map(
        lambda groups: tuple(message for group in groups for message in group)
    )
