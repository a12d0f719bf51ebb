import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.histories import png
from holdfast.context.families import family_of
from holdfast.context.limits import ResultLimits, limit_results, result_limits
from holdfast.context.measure import text_tokens
from holdfast.context.paging import READ_MORE, Pages
from holdfast.context.truncate import SMALLEST, truncate
from holdfast.messages import Image, Text, ToolMessage, ToolResult

FAMILY = family_of("openai/gpt-4o")
LONG = "\n".join(f"line {number} of a long file" for number in range(2000))


def tokens(result: ToolResult) -> int:
    return text_tokens(result.text, FAMILY)


def limited(result: ToolResult, limits: ResultLimits, **options) -> ToolResult:
    return limit_results(ToolMessage([result]), limits, family=FAMILY, **options).content[0]


@settings(max_examples=150, deadline=None)
@given(
    unit=st.sampled_from(["word ", "a", "你好", "🎉", "x\n", '{"k": 1},', "\n", "deadbeef0123", "<|endoftext|>"]),
    times=st.integers(0, 5000),
    limit=st.integers(1, 3000),
)
def test_a_cut_text_is_within_its_limit(unit, times, limit):
    text = unit * times
    cut = truncate(text, limit, FAMILY)
    assert text_tokens(cut, FAMILY) <= max(limit, SMALLEST)
    if text_tokens(text, FAMILY) <= max(limit, SMALLEST):
        assert cut == text
    elif limit > 100:
        assert text_tokens(cut, FAMILY) > limit // 3
        assert cut.startswith(unit[:1])


def test_a_cut_text_has_its_head_its_tail_and_the_counts():
    cut = truncate(LONG, 500, FAMILY)
    head, marker, tail = re.split(r"\n(\[\.\.\. .* \.\.\.\])\n", cut)
    assert LONG.startswith(head)
    assert LONG.endswith(tail)
    assert len(head) > 1.5 * len(tail) > 0
    assert tail.startswith("line ")
    assert marker == f"[... {len(LONG) - len(head) - len(tail)} of {len(LONG)} characters left out ...]"


def test_ten_megabytes_are_cut_by_their_ends_alone():
    assert text_tokens(truncate("word " * 2_000_000, 2000, FAMILY), FAMILY) <= 2000


@pytest.mark.parametrize(
    ("limits", "result", "limit"),
    [
        (ResultLimits(default=300), ToolResult("a", LONG), 300),
        (ResultLimits(default=300, tools={"read": 400}), ToolResult("a", LONG, "read"), 400),
        (ResultLimits(default=300, tools={"read": 400}), ToolResult("a", LONG, "read", max_tokens=500), 500),
        (ResultLimits(default=None), ToolResult("a", LONG), None),
        (ResultLimits(default=300, tools={"read": None}), ToolResult("a", LONG, "read"), None),
        (ResultLimits(default=300, excess="pass"), ToolResult("a", LONG), None),
        (ResultLimits(default=300), ToolResult("a", LONG, "read_more"), None),
    ],
)
def test_the_narrowest_statement_of_a_limit_counts(limits, result, limit):
    got = limited(result, limits)
    if limit is None:
        assert got is result
    else:
        assert limit * 0.7 < tokens(got) <= limit


def test_what_is_within_its_limit_is_the_same_message():
    message = ToolMessage([ToolResult("a", "short"), ToolResult("b", "short")])
    assert limit_results(message, ResultLimits(default=100, batch=100), family=FAMILY) is message


def test_an_error_result_tells_the_model_to_ask_for_less():
    got = limited(ToolResult("a", LONG, "read"), ResultLimits(default=300, excess="error"))
    assert got.is_error
    assert "Ask for less" in got.text
    assert got.call_id == "a"


def test_a_batch_is_cut_to_one_common_length():
    results = [ToolResult("a", LONG), ToolResult("b", "short"), ToolResult("c", LONG)]
    a, b, c = limit_results(ToolMessage(results), ResultLimits(batch=1000), family=FAMILY).content
    assert b is results[1]
    assert tokens(a) == tokens(c)
    assert 700 < tokens(a) + tokens(b) + tokens(c) <= 1000


def test_pictures_of_a_cut_result_stay():
    picture = Image(data=png(10, 10))
    got = limited(ToolResult("a", (Text(LONG), picture)), ResultLimits(default=300))
    assert got.content[1] is picture
    assert tokens(got) <= 300


def test_the_usual_limits_are_a_tenth_and_a_quarter_of_the_budget():
    assert result_limits(100_000) == ResultLimits(default=10_000, batch=25_000)
    assert result_limits(10**6).default == 25_000


def handle_of(result: ToolResult) -> str:
    return re.search(r'handle "(\w+)"', result.text)[1]


def test_a_cut_result_can_be_read_to_its_end_page_by_page():
    pages = Pages(page=700, family=FAMILY)
    handle = handle_of(limited(ToolResult("a", LONG), ResultLimits(default=300), pages=pages))
    read, offset = "", 0
    while offset < len(LONG):
        page = pages.read({"handle": handle, "offset": offset})
        assert text_tokens(page, FAMILY) <= 700
        body, foot = page.rsplit("\n[", 1)
        read += body
        offset = int(re.match(r"Characters \d+ to (\d+)", foot)[1])
        assert foot.endswith("this is the end.]" if offset == len(LONG) else f"read on at offset {offset}.]")
    assert read == LONG


@pytest.mark.parametrize("offset", [-1, 10**9, "3", None])
def test_a_wrong_offset_is_explained(offset):
    pages = Pages()
    assert "must be a number" in pages.read({"handle": pages.keep(LONG), "offset": offset})


def test_an_unknown_handle_is_explained():
    assert "no text under the handle" in Pages().read({"handle": "nope", "offset": 0})
    assert "no text under the handle" in Pages().read({})


def test_the_store_is_bounded_and_keeps_what_was_used_last():
    pages = Pages(capacity=250)
    first, second = pages.keep("a" * 100), pages.keep("b" * 100)
    pages.read({"handle": first, "offset": 0})
    pages.keep("c" * 100)
    assert "no text" in pages.read({"handle": second, "offset": 0})
    assert "aaa" in pages.read({"handle": first, "offset": 0})
    assert pages.keep("a" * 100) == first


def test_the_tool_asks_for_what_read_takes():
    assert READ_MORE.parameters["required"] == ["handle", "offset"]
