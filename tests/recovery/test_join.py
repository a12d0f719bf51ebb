"""Joining answers: never a word twice, never one lost, and never a guess."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.recovery.join import ACCIDENT, Joiner, Unjoinable

FULL = (
    "The quick brown fox, it jumps over the lazy dog. Then it rests; later the sun goes down!\n\n"
    "1. A list begins here, with `code` in it.\n2. And a second point (with brackets)."
)


def join(prefix: str, new: str, *, native: bool = False, size: int = 3) -> str | None:
    joiner = Joiner(prefix, native=native)
    shown = prefix
    try:
        for start in range(0, len(new), size):
            shown += joiner.feed(new[start : start + size])
        return shown + joiner.close()
    except Unjoinable:
        return None


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def letters(text: str) -> int:
    return sum(map(str.isalnum, text))


CUTS = range(1, len(FULL))


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_an_answer_from_the_start_is_trimmed_wherever_the_first_was_cut(size):
    for cut in CUTS:
        assert join(FULL[:cut], FULL, size=size) == FULL


def test_an_answer_that_repeats_the_last_words_is_trimmed():
    for cut in CUTS:
        back = max(0, FULL[:cut].rfind(" ", 0, max(0, cut - 25)) + 1)
        if letters(FULL[back:cut]) >= ACCIDENT:
            assert join(FULL[:cut], FULL[back:]) == FULL, (cut, back)


def test_an_apology_before_the_repetition_is_dropped():
    for cut in CUTS:
        joined = join(FULL[:cut], "I am sorry for the interruption. Here is the whole answer:\n\n" + FULL)
        assert joined == FULL if letters(FULL[:cut]) >= ACCIDENT else joined in (None, FULL)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", "").replace(".", "!"),
        lambda text: re.sub(r"\s+", "  ", text),
        str.upper,
        lambda text: text.replace(" ", "\n"),
    ],
    ids=["punctuation", "white space", "case", "line breaks"],
)
def test_a_repetition_with_other_punctuation_or_white_space_is_still_found(change):
    for cut in CUTS:
        joined = join(FULL[:cut], change(FULL))
        assert joined is not None
        assert [word.lower() for word in words(joined)] == [word.lower() for word in words(FULL)]


@pytest.mark.parametrize(
    "other",
    [
        "Paris is the capital of France, and a fine place to be in the spring of the year.",
        "Der schnelle braune Fuchs springt über den faulen Hund und ruht sich dann aus.",
        "素早い茶色の狐はのろまな犬を飛び越える。",
        "I am sorry, I cannot continue.",
        "",
        "   \n",
    ],
)
def test_another_answer_is_never_glued_on(other):
    for cut in CUTS:
        assert join(FULL[:cut], other) is None


def test_a_new_wording_that_begins_alike_is_not_glued_on():
    other = "The quick brown fox, it jumps over a fence and into the garden of the neighbour, where it stays."
    for cut in range(45, len(FULL)):
        assert join(FULL[:cut], other) is None


def test_a_bare_continuation_proves_nothing_unless_the_wire_continues_natively():
    for cut in CUTS:
        bare = join(FULL[:cut], FULL[cut:])
        assert bare in (None, FULL)
        assert join(FULL[:cut], FULL[cut:], native=True) == FULL


def test_a_repetition_that_may_be_the_end_or_the_beginning_proves_nothing():
    refrain = "sing this line with me again and "
    assert join(refrain + "once " + refrain, refrain + "stop") is None
    assert (
        join("First " + refrain + "once " + refrain, refrain + "stop")
        == "First " + refrain + "once " + refrain + "stop"
    )


def test_two_ends_that_both_fit_prove_nothing():
    assert join("x" + "ha" * 20, "ha" * 30) is None


def test_a_native_continuation_may_repeat_a_refrain():
    verse = "Row, row, row your boat, gently down the stream. "
    assert join(verse * 2, verse + "Life is but a dream.", native=True) == verse * 3 + "Life is but a dream."


def test_an_answer_that_was_complete_is_joined_to_nothing():
    assert join(FULL, FULL) == FULL
    assert join(FULL, "", native=True) == FULL


@given(st.text(min_size=1, max_size=60), st.text(max_size=60), st.integers(1, 9))
def test_starting_over_always_joins_to_the_new_answer(prefix, rest, size):
    joined = join(prefix, prefix + rest, size=size)
    if any(map(str.isalnum, prefix)):
        assert joined is not None
        assert words(joined) == words(prefix + rest)


@given(st.text(alphabet="ab c.,", min_size=1, max_size=40), st.text(alphabet="ab c.,", max_size=80), st.integers(1, 7))
def test_chunking_never_matters(prefix, new, size):
    assert join(prefix, new, size=size) == join(prefix, new, size=1000)
