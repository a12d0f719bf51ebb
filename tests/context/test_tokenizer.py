# ruff: noqa: RUF001  # random texts are no secrets, and are of every script
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.context import tokenizer as module
from holdfast.context.tokenizer import VOCABULARIES, EstimatedTokenizer, fits, pieces, tokenizer

pytest.importorskip("splintr")

ALPHABETS = (
    "abcXYZ 0123",
    "你好，。 ",
    "🎉é\u0301\u200d",
    "  \n\r\t/.,;:!?'\"",
    "<|im_end|>\n",
    "'s'LL're DON'T ",
    "カタカナ한국어",
    "\u00a0\u2028\u3000\u0085\x1c x\n",
    '{}[]":,\n  ',
    "\n\n/\n",
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(VOCABULARIES)), st.integers(0, 2**32), st.integers(1, 40))
def test_a_safe_cut_never_changes_the_count(vocabulary, seed, size):
    random = Random(seed)
    alphabet = random.choice(ALPHABETS) + random.choice(ALPHABETS) + "\n"
    text = "".join(random.choices(alphabet, k=random.randrange(400)))
    engine = tokenizer(vocabulary)
    parts = list(pieces(text, size))
    assert "".join(parts) == text
    assert sum(map(engine.count, parts)) == engine.count(text)


@pytest.mark.parametrize(
    ("text", "o200k", "cl100k"),
    [
        ("", 0, 0),
        ("Hello, world!", 4, 4),
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 8, 9),
    ],
)
def test_counts_are_those_that_openai_publishes(text, o200k, cl100k):
    """The table of the OpenAI cookbook, "How to count tokens with tiktoken"."""
    assert tokenizer("o200k_base").count(text) == o200k
    assert tokenizer("cl100k_base").count(text) == cl100k


@pytest.mark.parametrize("text", ["<|endoftext|>", "<|im_start|>user<|im_sep|>", "<|fim_prefix|>"])
def test_special_token_text_is_text(text):
    assert tokenizer("o200k_base").count(text) > 1


@pytest.mark.parametrize("text", ["a\ud800b", "\udfff" * 70_000, "\x00", "\U0010ffff"])
def test_no_string_is_refused(text):
    assert tokenizer("o200k_base").count(text) > 0
    assert EstimatedTokenizer().count(text) > 0


@pytest.mark.parametrize("unit", [" ", "\t", "\n", "a", "/", "1", "你", "🎉", "\n/"])
def test_a_long_run_of_anything_takes_linear_time(unit):
    text = unit * 300_000 + "x"
    assert 0 < tokenizer("o200k_base").count(text) <= len(text.encode())


def test_a_text_without_a_safe_place_is_cut_all_the_same():
    assert [len(part) for part in pieces("a" * 2_500_000)] == [1_000_000, 1_000_000, 500_000]


def test_an_unknown_vocabulary_is_o200k():
    assert tokenizer("gpt-99").count("Hello, world!") == 4


def test_without_the_engine_a_count_is_an_estimate_and_says_so(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    engine = tokenizer.__wrapped__("o200k_base")
    assert not engine.exact
    assert engine.count("a plain English sentence of some length, nothing more") == 15
    assert engine.count("你好世界") == 4
    assert engine.count("") == 0


@pytest.mark.parametrize(
    ("text", "limit", "answer"),
    [("word " * 100, 1000, True), ("word " * 100, 101, True), ("word " * 100, 99, False), ("", 0, True)],
)
def test_fits_agrees_with_the_count(text, limit, answer):
    assert fits(text, limit, tokenizer("o200k_base")) is answer
    assert (tokenizer("o200k_base").count(text) <= limit) is answer


def test_what_has_few_bytes_is_never_tokenised():
    class Refuses:
        exact = True

        def count(self, text):
            raise AssertionError(text)

    assert fits("word" * 100, 400, Refuses())
