"""Words, and what stands next to what."""

from __future__ import annotations

import pytest

from holdfast.providers.failures.phrases import Phrasebook, any_of, near, phrase_of, then
from holdfast.providers.failures.words import spelled_out, words_of


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("max_tokens is too large", "'max_tokens' is too large: 9", True),
        ("rate limit", "prorate limits", False),
        ("rate limit", "rate-limit", True),
        ("can't do", "I can\u2019t do it", True),
        ("at most ... images", "at most 20 images", True),
        ("at most ... images", "images: at most 20", False),
        (
            "at most ... images",
            f"at most {'so many and ' * 12} images",
            False,
        ),
        ("余额不足", "错误 余额不足 请充值", True),
    ],
)
def test_phrases_are_whole_words_whatever_stands_between_them(phrase: str, text: str, found: bool) -> None:
    assert phrase_of(phrase).within(words_of(text).line) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Your quota is used up.", "quota ... used up"),
        ("You used up all of the quota", "quota ... used up"),
        ("used up, and so much later the other thing, which has nothing to do with it, was said: a quota", None),
        ("quotas used up", None),
        ("quota", None),
    ],
)
def test_a_pair_is_two_things_near_each_other_in_any_order(text: str, found: str | None) -> None:
    assert near("quota credit", "used up, depleted").within(words_of(text)) == found


def test_an_ordered_pair_has_its_order() -> None:
    pair = then("model", "not supported")
    assert pair.within(words_of("This model is not supported")) == "model ... not supported"
    assert pair.within(words_of("not supported by this model")) is None


def test_the_first_phrase_of_a_book_whose_meaning_holds_is_found() -> None:
    book = Phrasebook([("rate limit", 1), ("limit", 2), ("余额", 3)])
    assert book.first(words_of("The rate limit!")) == ("rate limit", 1)
    assert book.first(words_of("The rate limit!"), lambda value: value > 1) == ("limit", 2)
    assert book.first(words_of("您的余额不足")) == ("余额", 3)
    assert book.first(words_of("nothing")) is None


def test_any_of_some_phrases() -> None:
    assert any_of("limit: 0", "none left").any(words_of("limit: 0, model x"))
    assert not any_of("limit: 0").any(words_of("limit: 10"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("QuotaExceededError", "Quota Exceeded Error"),
        ("AIServiceException", "AI Service Exception"),
        ("rate_limit", "rate_limit"),
        ("HTTPError", "HTTP Error"),
    ],
)
def test_a_name_is_spelled_out(name: str, words: str) -> None:
    assert spelled_out(name) == words
