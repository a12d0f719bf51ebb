"""A diagnosis that is remembered is the diagnosis that would be found."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.errors import ModelError
from holdfast.providers.classify import classify
from holdfast.providers.failures import recent
from holdfast.providers.failures.recent import MOST

BUSY = {"error": {"type": "rate_limit_error", "message": "Number of requests exceeded. Try again in 20s"}}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    diagnoses: dict[Any, Any] = {}
    monkeypatch.setattr(recent, "_diagnoses", diagnoses)
    return diagnoses


def failure(body: Any, status: int = 429, **parts: Any) -> ModelError:
    error = classify(status=status, body=body, **parts)
    assert error is not None
    return error


def test_the_second_time_says_the_same(nothing_known: dict[Any, Any]) -> None:
    first, second = failure(BUSY), failure(BUSY)
    assert len(nothing_known) == 1
    assert first.info == second.info
    assert first.raw == second.raw


def test_what_is_of_one_response_only_is_never_remembered() -> None:
    first = failure({**BUSY, "request_id": "a"}, headers={"retry-after": "3"})
    second = failure({**BUSY, "request_id": "b"})
    assert (first.request_id, first.retry_after) == ("a", 3.0)
    assert (second.request_id, second.retry_after) == ("b", 20.0)


@pytest.mark.parametrize(
    ("other", "parts"),
    [
        (BUSY, {"status": 400}),
        ({"error": {"type": "authentication_error", "message": BUSY["error"]["message"]}}, {}),
        ({"error": {"type": "rate_limit_error", "message": "The credit is used up"}}, {}),
        ({"error": {**BUSY["error"], "param": "messages"}}, {}),
        (BUSY, {"provider": "groq"}),
    ],
)
def test_other_evidence_is_diagnosed_anew(nothing_known: dict[Any, Any], other: Any, parts: dict[str, Any]) -> None:
    failure(BUSY)
    failure(other, **parts)
    assert len(nothing_known) == 2


@pytest.mark.parametrize(
    "message", ["Incorrect API key: sk-proj-AbCdEf0123456789AbCd", "word " * 1_000], ids=["a key", "a long text"]
)
def test_neither_keys_nor_long_texts_stay_in_memory(nothing_known: dict[Any, Any], message: str) -> None:
    failure({"error": {"message": message}})
    assert nothing_known == {}


def test_what_cannot_be_searched_for_keys_does_not_stay_in_memory(nothing_known: dict[Any, Any]) -> None:
    failure({"error": {"message": "Incorrect API key: sk-proj-AbCdEf0123456789AbCd"}, "more": object()}, 401)
    assert nothing_known == {}


def test_nested_details_are_compared_as_well(nothing_known: dict[Any, Any]) -> None:
    for category in ("hate", "violence", "hate"):
        inner = {"content_filter_result": {category: {"filtered": True}}}
        body = {"error": {"code": "content_filter", "message": "zork", "innererror": inner}}
        assert failure(body, 400).categories == (category,)
    assert len(nothing_known) == 2


def test_what_cannot_be_compared_is_diagnosed_every_time(nothing_known: dict[Any, Any]) -> None:
    body = {"error": {"message": "zork", "param": object()}}
    assert [failure(body, 400).kind for _ in range(2)] == ["invalid_request"] * 2
    assert nothing_known == {}


def test_no_more_than_so_many_are_kept(nothing_known: dict[Any, Any]) -> None:
    for number in range(MOST + 1):
        failure({"error": {"message": f"zork {number}"}})
        assert len(nothing_known) <= MOST
