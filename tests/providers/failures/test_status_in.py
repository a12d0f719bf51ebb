"""A number is a status only where the words next to it say so."""

from __future__ import annotations

import pytest

from holdfast.providers.failures.status_in import status_in


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Error code: 429 - {}", 429),
        ("status_code=503", 503),
        ("HTTP/1.1 502", 502),
        ("HTTP Error 404: Not Found", 404),
        ("http status: (413)", 413),
        ("got status: 429 Too Many Requests", 429),
        ("Unhandled status from server:,429,quota exceeded", 429),
        ("Caught exception (HTTP response code was 401)", 401),
        ("<400> InternalError.Algo", 400),
        ("server returned an 500", 500),
        ("503 Service Unavailable", 503),
        ("[529] overloaded", 529),
        ("api.openai.com | 524: A timeout occurred", 524),
        ("failed: 400 Bad thing", 400),
        ("failed: 400 {", 400),
        ("404 https://example.com/v1", 404),
        ("first line\n  429 slow", 429),
        ("got 502 rows", None),
        ("returned 500 tokens", None),
        ("took: 500 ms", None),
        ("limit: 400 tokens", None),
        ("gpt-400", None),
        ("0.429", None),
        ("error://404", None),
        ("after 30 tries", None),
        ("the 500 of them", None),
        ("", None),
    ],
)
def test_the_words_next_to_a_number_make_it_a_status(text: str, status: int | None) -> None:
    assert status_in(text) == status


def test_the_first_status_counts() -> None:
    assert status_in("Error code: 429, then error code: 500") == 429
