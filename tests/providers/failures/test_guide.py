"""What people are told."""

from __future__ import annotations

import pytest

from holdfast.errors import ERRORS, ConfigurationError
from holdfast.providers.classify import classify
from holdfast.providers.failures.guide import DEFAULTS, explain


def test_an_explanation_says_what_why_and_what_to_do() -> None:
    error = classify(provider="openai", status=429, body={"error": {"code": "insufficient_quota", "message": "no"}})
    assert error is not None
    told = explain(error)
    assert told.what == "The account has run out of credit, or has reached its spending limit."
    assert "openai-quota" in told.why
    assert "insufficient_quota" in told.why
    assert told.default == DEFAULTS["quota_exhausted"]
    assert not told.retry_same


def test_what_only_a_status_suggests_is_said_to_be_uncertain() -> None:
    error = classify(status=503, body=b"zork")
    assert error is not None
    assert "Not certain" in explain(error).why


@pytest.mark.parametrize(
    ("status", "body", "proof"),
    [
        (402, {"error": {"code": "billing_hard_limit_reached", "message": "no"}}, "code: billing_hard_limit_reached"),
        (400, {"error": {"message": "Insufficient Balance"}}, "phrase: insufficient ... balance"),
        (400, {"error": {"type": "rate_limit_error", "message": "no"}}, "type: rate_limit_error"),
        (400, {"error": {"message": "Your quota is all used up"}}, "pair: quota ... used up"),
        (400, {"error": {"message": "credits"}}, "hint: credits"),
        (503, "zork", "status: 503"),
    ],
)
def test_an_error_says_what_proved_it_and_the_explanation_tells_it(status: int, body: object, proof: str) -> None:
    error = classify(status=status, body=body)
    assert error is not None
    assert error.proof == proof
    assert proof.partition(": ")[2] in explain(error).why


def test_the_time_to_wait_is_told() -> None:
    error = classify(status=429, headers={"retry-after": "7"}, body=b"")
    assert error is not None
    assert "7 s" in explain(error).advice


@pytest.mark.parametrize("kind", ERRORS)
def test_every_class_has_its_default_told(kind: str) -> None:
    assert DEFAULTS[kind]


@pytest.mark.parametrize("error", [cls for cls in ERRORS.values() if cls is not ConfigurationError])
def test_an_error_that_no_rule_named_is_explained_too(error: type) -> None:
    assert "No rule knows this failure" in explain(error("x")).why
