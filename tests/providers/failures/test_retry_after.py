"""Waiting times, in every form that servers use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.providers.classify import classify
from holdfast.providers.failures.reading import Reading
from holdfast.providers.failures.retry_after import duration, from_words, retry_after

NOON = "Fri, 21 Nov 2025 12:00:00 GMT"
NOW = 1_763_726_400.0  # the same moment


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "7s"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Fri, 21 Nov 2025 12:00:30 GMT", "date": NOON}, 30.0),
        ({"retry-after": "Fri, 21 Nov 2025 11:00:00 GMT", "date": NOON}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "0"}, 1.0),
        ({"x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "12ms"}, 0.012),
        (
            {
                "x-ratelimit-reset-requests": "8h0m0s",
                "x-ratelimit-remaining-requests": "99",
                "x-ratelimit-reset-tokens": "2s",
                "x-ratelimit-remaining-tokens": "0",
            },
            2.0,
        ),
        ({"anthropic-ratelimit-tokens-reset": "2025-11-21T12:00:10Z", "date": NOON}, 10.0),
        ({"x-ratelimit-reset": "1763726405", "date": NOON}, 5.0),
        ({"x-ratelimit-reset": "1763726405000", "date": NOON}, 5.0),
        ({"x-ratelimit-reset": "17"}, 17.0),
    ],
)
def test_headers_tell_how_long(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(Reading(headers=headers)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 1.2s.", 1.2),
        ("try again in 6m0s", 360.0),
        ("Please try again in 644ms. Visit the page", 0.644),
        ("Try again in 7 days", 604_800.0),
        ("Your quota resets in 12h34m", 45_240.0),
        ("try again in 5 days 22 hours 11 minutes.", 511_860.0),
        ("Please retry after 45 seconds.", 45.0),
        ("wait 41412 seconds before retrying", 41_412.0),
        ("Please retry in 41.710991998s.", 41.710991998),
        ("Retry-After: 30", 30.0),
        ("It will be replenished in 5.03:23:11", 444_191.0),
        ("no slots available after 10 retries", None),
        ("wait a moment, then try again", None),
        ("Limit 30000, Used 29937, Requested 385", None),
    ],
)
def test_words_tell_how_long(text: str, seconds: float | None) -> None:
    assert from_words(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (r"429 [{'error': {'message': 'quota exceeded, limit: 10\nRetry after 41.7s'}}]", 41.7),
        ("You have been rate-limited. Your next request can be made in 45 minutes.", 2_700.0),
    ],
)
def test_a_text_tells_how_long_wherever_the_sentence_begins(text: str, seconds: float) -> None:
    assert classify(text).retry_after == pytest.approx(seconds)


def test_a_moment_in_words_needs_a_clock() -> None:
    text = "usage limit exceeded, resets at 2025-11-21T12:01:00Z"
    assert from_words(text) is None
    assert from_words(text, NOW) == 60.0


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"retrydelay": "34.4s"}, 34.4),
        ({"retrydelay": {"seconds": 13, "nanos": 500_000_000}}, 13.5),
        ({"estimated_time": 20.0}, 20.0),
        ({"retry_after_ms": 1500}, 1.5),
        ({"resets_in_seconds": 3600}, 3600.0),
        ({"headers": {"X-RateLimit-Reset": "1763726402000"}}, 2.0),
        ({"retrydelay": "later"}, None),
    ],
)
def test_fields_of_the_body_tell_how_long(fields: dict[str, object], seconds: float | None) -> None:
    assert retry_after(Reading(asides=fields, now=NOW)) == pytest.approx(seconds)


def test_the_header_wins_over_the_words_and_the_words_over_the_reset() -> None:
    said = Reading(headers={"retry-after": "3", "x-ratelimit-reset-tokens": "60s"}, messages=["try again in 10s"])
    assert retry_after(said) == 3.0
    less = Reading(headers={"x-ratelimit-reset-tokens": "60s"}, messages=["try again in 10s"])
    assert retry_after(less) == 10.0


@given(st.floats(min_value=0, max_value=1e6, allow_nan=False))
def test_a_duration_in_seconds_is_itself(seconds: float) -> None:
    written = f"{seconds:.3f}s"
    assert duration(written) == pytest.approx(float(written[:-1]))


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(text: str) -> None:
    wait = retry_after(Reading(messages=[text], headers={"retry-after": text, "date": text}))
    assert wait is None or wait >= 0
