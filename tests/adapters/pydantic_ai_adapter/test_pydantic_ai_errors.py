"""Errors both ways: ours as Pydantic AI's, and Pydantic AI's as ours."""

from __future__ import annotations

import pickle

import httpx2
import pytest
from pydantic_ai import exceptions as theirs

from holdfast.adapters.pydantic_ai.errors import to_theirs
from holdfast.adapters.pydantic_ai.failures import to_ours
from holdfast.adapters.pydantic_ai.limits import Limits
from holdfast.errors import (
    AuthenticationError,
    ConfigurationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    InvalidResponseError,
    Limit,
    ModelConnectionError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.messages import Text
from holdfast.request import Timeouts
from holdfast.response import Response

LIMITS = Limits(deadline=30.0, timeouts=Timeouts(first_event=4.0), first_event=4.0)
REPLY = Response(parts=(Text("not JSON"),), finish_reason="stop")


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (RateLimitError("x", status=429, retry_after=2.5), theirs.ModelRateLimitError, 429),
        (RateLimitError("x"), theirs.ModelRateLimitError, None),
        (QuotaExhaustedError("x", status=429), theirs.ModelQuotaExceededError, 429),
        (QuotaExhaustedError("x", status=402), theirs.ModelQuotaExceededError, 402),
        (ContextOverflowError("x", status=400), theirs.ModelContextWindowExceededError, 400),
        (RequestTooLargeError("x", status=413), theirs.ModelRequestRejectedError, 413),
        (InvalidRequestError("x", status=400), theirs.ModelRequestRejectedError, 400),
        (AuthenticationError("x", status=401), theirs.ModelAuthenticationError, 401),
        (PermissionDeniedError("x", status=403), theirs.ModelAuthenticationError, 403),
        (ModelNotFoundError("x", status=404), theirs.ModelNotFoundError, 404),
        (OverloadedError("x", status=529), theirs.ModelOverloadedError, 529),
        (ServerError("x", status=500), theirs.ModelServerError, 500),
        (ServerError("x", status=200), theirs.ModelServerError, None),
        (ModelTimeoutError("x", phase="deadline"), theirs.ModelRequestTimeout, None),
        (ModelTimeoutError("x", phase="idle"), theirs.ModelTimeoutError, None),
        (ModelConnectionError("x", phase="dns"), theirs.ModelConnectionError, None),
        (StreamInterruptedError("x"), theirs.ModelConnectionError, None),
        (InvalidResponseError("x", status=200), theirs.ModelAPIError, None),
        (InvalidResponseError("x", partial=Response(parts=(Text("Ha"),))), theirs.ModelAPIError, None),
        (InvalidResponseError("x", partial=REPLY), theirs.UnexpectedModelBehavior, None),
        (ContentFilterError("x", status=400), theirs.ContentFilterError, None),
        (ConfigurationError("x"), theirs.UserError, None),
        (ModelError("x", status=418), theirs.ModelHTTPError, 418),
    ],
)
def test_each_of_our_errors_has_its_category(error, kind, status):
    raised = to_theirs(error, "m", LIMITS)
    assert isinstance(raised, kind)
    assert getattr(raised, "status_code", None) == status
    assert isinstance(raised, theirs.ModelHTTPError) == (status is not None)
    if hasattr(raised, "retry_after"):
        assert raised.retry_after == error.retry_after
    if not isinstance(raised, theirs.UserError):
        assert str(pickle.loads(pickle.dumps(raised))) == str(raised)  # noqa: S301  # our own bytes


def test_a_plain_503_does_not_blame_the_load():
    raised = to_theirs(OverloadedError("x", status=503, certain=False), "m", LIMITS)
    assert isinstance(raised, theirs.ModelUnavailableError)
    assert not isinstance(raised, theirs.ModelOverloadedError)


@pytest.mark.parametrize(
    ("phase", "setting", "seconds"),
    [("deadline", "request_timeout", 30.0), ("first_event", "first_event_timeout", 4.0)],
)
def test_a_limit_that_was_passed_is_named_by_its_setting(phase, setting, seconds):
    raised = to_theirs(ModelTimeoutError("x", phase=phase), "m", LIMITS)
    assert (raised.setting, raised.timeout) == (setting, seconds)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [("dns", "connect"), ("tls", "connect"), ("connect", "connect"), ("read", "read"), (None, "read")],
)
def test_a_connections_phase_is_one_of_theirs(phase, expected):
    assert to_theirs(ModelConnectionError("x", phase=phase), "m", LIMITS).phase == expected


def test_the_body_says_what_is_known_and_holds_no_key():
    error = ContextOverflowError(
        "too long for key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
        status=400,
        model="gpt-5",
        limit=Limit(max_tokens=100, requested_tokens=120),
    )
    raised = to_theirs(error, "m", LIMITS)
    assert (raised.model_name, raised.body["max_tokens"], raised.body["requested_tokens"]) == ("gpt-5", 100, 120)
    assert "abcdefghijklmnop" not in str(raised)


def http(category, status, **facts):
    return theirs.ModelHTTPError.for_category(category, status_code=status, model_name="m", **facts)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (http(theirs.ModelRateLimitError, 429, retry_after=3), RateLimitError),
        (http(theirs.ModelQuotaExceededError, 429), QuotaExhaustedError),
        (http(theirs.ModelUnavailableError, 503), OverloadedError),
        (http(theirs.ModelServerError, 500), ServerError),
        (http(theirs.ModelContextWindowExceededError, 400), ContextOverflowError),
        (http(theirs.ModelAuthenticationError, 401), AuthenticationError),
        (http(theirs.ModelNotFoundError, 404), ModelNotFoundError),
        (http(None, 500, body={"error": {"message": "oops"}}), ServerError),
        (http(theirs.ModelRequestRejectedError, 400, body={"error": {"code": "unknown_field"}}), InvalidRequestError),
        (theirs.ModelRateLimitError("m", "slow down"), RateLimitError),
        (theirs.ModelTimeoutError("m", "late", phase="read"), ModelTimeoutError),
        (theirs.ModelRequestTimeout("m", 3), ModelTimeoutError),
        (theirs.ModelConnectionError("m", "reset", phase="read"), ModelConnectionError),
        (theirs.ContentFilterError("no"), ContentFilterError),
        (theirs.UnexpectedModelBehavior("what?"), InvalidResponseError),
        (httpx2.ReadTimeout("late"), ModelTimeoutError),
        (httpx2.ConnectError("refused"), ModelConnectionError),
    ],
)
def test_each_of_their_errors_has_its_class(error, kind):
    ours = to_ours(error, provider="openai", model="m")
    assert type(ours) is kind
    assert (ours.provider, ours.model) == ("openai", "m")


def test_what_their_category_does_not_know_is_read_from_the_body():
    body = {"error": {"code": "context_length_exceeded", "message": "maximum context length is 100 tokens"}}
    assert isinstance(to_ours(http(theirs.ModelRequestRejectedError, 400, body=body)), ContextOverflowError)


def test_a_wait_survives_the_translation():
    assert to_ours(http(theirs.ModelRateLimitError, 429, retry_after=3)).retry_after == 3


@pytest.mark.parametrize("fault", [KeyError("name"), ValueError("bad value"), ZeroDivisionError()])
def test_a_fault_of_the_program_is_no_providers(fault):
    assert to_ours(fault) is None
