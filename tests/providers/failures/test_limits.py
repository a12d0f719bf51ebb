"""The numbers in overflow texts."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from holdfast.errors import Limit
from holdfast.providers.classify import classify
from holdfast.providers.failures.limits import limit_in


@pytest.mark.parametrize(
    ("text", "fits", "asked"),
    [
        ("prompt is too long: 191989 tokens > 180000 maximum", 180_000, 191_989),
        ("input length and `max_tokens` exceed context limit: 183591 + 21333 > 200000", 200_000, 204_924),
        (
            (
                "This model's maximum context length is 8192 tokens. However, you requested 8256 tokens"
                " (64 in the messages, 8192 in the completion)."
            ),
            8_192,
            8_256,
        ),
        ("maximum context length is 16385 tokens. However, your messages resulted in 16640 tokens", 16_385, 16_640),
        ("The input token count (134123) exceeds the maximum number of tokens allowed (131072).", 131_072, 134_123),
        ("Given: 2000 `inputs` tokens and 512 `max_new_tokens`, must be <= 2048", 2_048, 2_512),
        ("request (35999 tokens) exceeds the available context size (32768 tokens)", 32_768, 35_999),
        ("Prompt contains 70000 tokens, too large for model with 32768 maximum context length", 32_768, 70_000),
        ("maximum prompt length is 131072 but the request contains 537812 tokens", 131_072, 537_812),
        ("Requested tokens (2100) exceed context window of 2048", 2_048, 2_100),
        ("your request exceeded model token limit: 8192 (requested: 10000)", 8_192, 10_000),
        ("Range of input length should be [1, 3072]", 3_072, None),
        ("prompt has 12,000 tokens, but the configured context size is 8,192 tokens", 8_192, 12_000),
        ("max context length of Qwen-2.5-72B is 32768 and 40000 were given; received 40000", 32_768, 40_000),
        ("Limit 30000, Used 29937, Requested 385", 30_000, 385),
        (
            (
                "You passed 1015 input tokens and requested 10 output tokens."
                " However, the model's context length is only 1024 tokens"
            ),
            1_024,
            1_025,
        ),
        ("Requested 115120 to generate, following a prompt of length 40055; the max limit is 128000", 128_000, 155_175),
    ],
)
def test_the_words_next_to_a_number_say_what_it_counts(text: str, fits: int, asked: int | None) -> None:
    limit = limit_in(text)
    assert limit is not None
    assert (limit.max_tokens, limit.requested_tokens) == (fits, asked)


def test_input_and_output_are_told_apart() -> None:
    text = (
        "maximum context length is 8192 tokens, you requested 8256 tokens (64 in the messages, 8192 in the completion)"
    )
    limit = limit_in(text.replace("8192 in", "8000 in").replace("8256", "8064"))
    assert limit == Limit(max_tokens=8_192, requested_tokens=8_064, input_tokens=64, output_tokens=8_000)


@pytest.mark.parametrize(
    "text",
    ["gpt-4o is not a chat model", "version v0.5.1 of llama-3.1-8b", "nothing at all", "code 1e999", "a" * 100_000],
)
def test_digits_of_names_and_versions_are_no_numbers(text: str) -> None:
    assert limit_in(text) is None


def test_bytes_are_never_taken_for_tokens() -> None:
    error = classify("image exceeds 5 MB maximum: 8259148 bytes > 5242880 bytes", status=400)
    assert error.kind == "request_too_large"
    assert error.limit is None


@pytest.mark.parametrize(
    ("asked", "kind"), [(30_601, "request_too_large"), (385, "rate_limit"), (30_000, "rate_limit")]
)
def test_more_than_a_minute_allows_never_passes_and_less_passes_later(asked: int, kind: str) -> None:
    text = f"Request too large on tokens per min (TPM): Limit 30000, Requested {asked}. Rate limit reached."
    error = classify(provider="openai", status=429, body={"error": {"message": text, "code": "rate_limit_exceeded"}})
    assert error is not None
    assert error.kind == kind


def test_the_fields_of_llama_cpp_come_before_words() -> None:
    body = {
        "error": {"message": "the request exceeds the available context size", "n_prompt_tokens": 1407, "n_ctx": 256}
    }
    error = classify(status=400, body=body)
    assert error is not None
    assert error.limit == Limit(max_tokens=256, requested_tokens=1_407, input_tokens=1_407)


@pytest.mark.parametrize(
    "text",
    [
        "The prompt is too long: it has {asked} tokens where {fits} is the most",
        "At most {fits} tokens go into the context window, and {asked} came",
        "{asked} tokens were sent; the context window of the model takes {fits}, so the prompt is too long",
        "Error code: 400. Context window: {fits} tokens. The prompt is too long ({prompt} tokens, {asked} with {output})",
        "Prompt ({prompt} tokens) and output ({output}) are {asked} tokens together; the context window has {fits}",
    ],
)
@given(st.integers(1_000, 2_000_000), st.integers(1, 500_000), st.integers(1_000, 100_000))
def test_however_it_is_said_the_numbers_tell_what_fits(text: str, fits: int, more: int, output: int) -> None:
    asked = fits + more
    assume(asked > output and asked - output > 100 and len({fits, asked, output, asked - output}) == 4)
    assume(output * 2 != asked and not {fits + output, fits + asked - output, 400} & {asked, fits, output})
    error = classify(text.format(asked=asked, fits=fits, output=output, prompt=asked - output), status=400)
    assert error.kind == "context_overflow"
    assert error.limit is not None
    assert (error.limit.max_tokens, error.limit.requested_tokens) == (fits, asked)


def test_what_a_server_says_in_fields_comes_before_any_words() -> None:
    message = "the prompt is too long: 3000 tokens and 2000 for the output are 5000 tokens, the context window has 4000"
    error = classify(status=400, body={"error": {"message": message, "n_ctx": 4_096, "n_prompt_tokens": 4_500}})
    assert error is not None
    assert error.limit == Limit(max_tokens=4_096, requested_tokens=4_500, input_tokens=4_500)
