"""`<think>` text taken apart: any chunking gives the same pieces, and no character is lost or doubled."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.providers.thinking import ThinkTags, starts_inside

TAGS = re.compile(r"</?think(?:ing)?>")
pieces = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<thinking>",
        "</thinking>",
        "<thin",
        "king>",
        "<",
        ">",
        "</",
        "`",
        '"',
        " ",
        "\n",
        "a",
        "hi there",
        "é",
    ]
)
streams = st.lists(pieces, max_size=14).map("".join)


def pieces_of(chunks, *, inside=False):
    parser = ThinkTags(inside=inside)
    out = [piece for chunk in chunks for piece in parser.feed(chunk)] + parser.close()
    assert all(text for _, text in out)
    return out


def read(chunks, *, inside=False):
    merged: list[tuple[str, str]] = []
    for kind, text in pieces_of(chunks, inside=inside):
        if merged and merged[-1][0] == kind:
            merged[-1] = (kind, merged[-1][1] + text)
        else:
            merged.append((kind, text))
    return merged


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("plain", [("text", "plain")]),
        ("  plain", [("text", "  plain")]),
        ("<think>\nhm\n</think>\n\nYes.", [("thinking", "hm\n"), ("text", "Yes.")]),
        ("\n\n<think>hm</think>Yes.", [("thinking", "hm"), ("text", "Yes.")]),
        ("<thinking>hm</thinking>Yes.", [("thinking", "hm"), ("text", "Yes.")]),
        ("<think>\n\n</think>\n\nYes.", [("text", "Yes.")]),
        ("<think>a</think>b<think>c</think> d", [("thinking", "a"), ("text", "b"), ("thinking", "c"), ("text", " d")]),
        ("<think>a</think>\n<think>b</think>\nc", [("thinking", "ab"), ("text", "c")]),
        ("<think>cut off", [("thinking", "cut off")]),
        ("<think>a</think>", [("thinking", "a")]),
        ("<think>x < y </ z</think>ok", [("thinking", "x < y </ z"), ("text", "ok")]),
        ("a < b <thin> c <", [("text", "a < b <thin> c <")]),
        ("Write `<think>` first.", [("text", "Write `<think>` first.")]),
        ('<think>he said "no"</think>ok', [("thinking", 'he said "no"'), ("text", "ok")]),
        ("<think>use `</think>` here</think>ok", [("thinking", "use `</think>` here"), ("text", "ok")]),
        ("no opening</think>here", [("text", "no opening</think>here")]),
        ("<THINK>a", [("text", "<THINK>a")]),
    ],
)
def test_tags_part_thinking_from_text(text, expected):
    assert read([text]) == expected
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hm\n</think>\n\nYes.", [("thinking", "hm\n"), ("text", "Yes.")]),
        ("\nhm</think>Yes.", [("thinking", "hm"), ("text", "Yes.")]),
        ("<think>\nhm</think>Yes.", [("thinking", "hm"), ("text", "Yes.")]),
        (" \n<think> hm</think>Yes.", [("thinking", "hm"), ("text", "Yes.")]),
        ("</think>Yes.", [("text", "Yes.")]),
        ("hm <think> more</think>Yes.", [("thinking", "hm <think> more"), ("text", "Yes.")]),
        ("cut off", [("thinking", "cut off")]),
    ],
)
def test_a_stream_may_begin_inside_thinking(text, expected):
    assert read([text], inside=True) == expected
    assert read(text, inside=True) == expected


@settings(max_examples=200, deadline=None)
@given(streams, st.booleans(), st.data())
def test_any_chunking_gives_the_same_pieces(text, inside, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(chunks, inside=inside) == read([text], inside=inside) == read(text, inside=inside)


@settings(max_examples=200, deadline=None)
@given(streams, st.booleans())
def test_no_character_is_lost_or_doubled(text, inside):
    said = "".join(TAGS.sub("", piece) for _, piece in pieces_of([text], inside=inside))
    assert re.sub(r"\s", "", said) == re.sub(r"\s", "", TAGS.sub("", text))


def test_text_without_tags_passes_at_once():
    parser = ThinkTags()
    parser.feed("a")
    assert parser.feed("long words with no bracket ") == [("text", "long words with no bracket ")]
    assert parser.feed("") == []


def test_a_wire_that_tells_thinking_apart_settles_the_question():
    parser = ThinkTags(inside=True)
    assert parser.settle() == []
    assert parser.feed("Yes.") == [("text", "Yes.")]


@pytest.mark.parametrize(
    ("model", "inside"),
    [
        ("deepseek-ai/DeepSeek-R1", True),
        ("deepseek-r1-distill-llama-70b", True),
        ("Qwen/QwQ-32B", True),
        ("qwen3-30b-a3b-thinking-2507", True),
        ("qwen3:8b", False),
        ("gpt-4o", False),
        ("deepseek-chat", False),
    ],
)
def test_models_whose_template_opens_the_block_are_known(model, inside):
    assert starts_inside(model) is inside
