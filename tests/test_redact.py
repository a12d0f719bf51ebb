"""No key survives in a text that came from outside, and nothing else is taken out of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.redact import _KEYS, KEY_REMOVED, _may_hold_key, is_secret, redact

KEYS = [
    "sk-proj-AbCdEf0123456789AbCd",
    "sk-ant-api03-abcdefghijklmnop",
    "gsk_abcdefghijklmnopqrstuv",
    "AIzaSyA0123456789abcdefghijklm",
    "AKIAIOSFODNN7EXAMPLE",
    "hf_abcdefghijklmnopqrst",
    "sk-****************abcd",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "text", ["{}", "key: {}.", '{{"message":"bad key {}"}}', "密钥{}无效", "é{}é", "a-{}", "Bearer {}"]
)
def test_a_key_is_taken_out_wherever_it_stands(key: str, text: str) -> None:
    cleaned = redact(text.format(key))
    assert key not in cleaned
    assert KEY_REMOVED in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The model claude-sonnet-4-5-20250929 is overloaded",
        '{"error":{"type":"invalid_request_error","code":"context_length_exceeded"}}',
        "disk-and-task-and-other-long-words-with-hyphens",
        "余额不足",
        "keyboard",
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert redact(text) == text


def test_no_more_than_the_bound_is_kept() -> None:
    assert len(redact("x " * 9_000)) == 4_096
    assert redact("abcdef", 3) == "abc"


@pytest.mark.parametrize(
    ("header", "secret"),
    [("Authorization", True), ("x-api-key", True), ("api-key", True), ("cookie", True), ("x-request-id", False)],
)
def test_headers_that_hold_keys_are_known(header: str, secret: bool) -> None:
    assert is_secret(header) is secret


PIECES = st.sampled_from(
    [*KEYS, "sk-", "sk_", "eyJ", "abcdefghijklmnopqrstuv", "a_b", "-", ".", "*", " ", "é", "key", "0"]
)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_the_shortcuts_miss_no_key(text: str) -> None:
    assert _may_hold_key(text) is (_KEYS.search(text) is not None)
