"""Google's failures: Gemini API and Vertex AI.

The wire: `{"error": {"code", "message", "status", "details": [...]}}`, sometimes inside a list. `status` is a gRPC
word; what tells more stands in `details` (google.rpc): `ErrorInfo.reason`, `QuotaFailure.violations[].quotaId`,
`RetryInfo.retryDelay`.
"""

from __future__ import annotations

from typing import Final

from holdfast.errors import (
    AuthenticationError,
    ContextOverflowError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
)
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.phrases import any_of
from holdfast.providers.failures.rule import Rule, Table
from holdfast.providers.failures.shared import SHARED
from holdfast.providers.failures.wire import WireErrors

_ZERO: Final = any_of("limit: 0")
_NO_FREE_TIER: Final = any_of("doesn't have a free quota tier", "does not have a free quota tier")
_ASKS: Final = ("resource_exhausted", "quotaid", "resourceexhausted", "google")
_CLASS: Final = frozenset(("google", "resourceexhausted"))
_PAGE: Final = frozenset(("quota", "ai", "google", "dev"))
_CREDIT: Final = any_of("credits are depleted", "spending cap", "billing account", "prepayment")


def _quota_failure(evidence: Evidence) -> bool:
    if "resource_exhausted" in evidence.codes or "quotaid" in evidence.details:
        return True
    words = evidence.words.words
    if "resourceexhausted" in evidence.names or words >= _CLASS:  # what is left of it in a text: the class's name,
        return True
    return words >= _PAGE  # or the page that it points to


def zero_quota(evidence: Evidence) -> bool:
    """A free-tier quota of zero: `limit: 0` in the message, or a `quotaValue` of 0."""
    if not _quota_failure(evidence):
        return False
    stated = (str(evidence.details.get(name, "")) for name in ("quotavalue", "quota_limit_value"))
    return "0" in stated or _says_zero(evidence) or _NO_FREE_TIER.any(evidence.words)


def temporary_quota(evidence: Evidence) -> bool:
    """A quota of a minute or a day: "check your plan and billing details" is said for those, too."""
    return _quota_failure(evidence) and not _CREDIT.any(evidence.words)


def _says_zero(evidence: Evidence) -> bool:
    # "limit: 0.5" is two words here, and no zero
    return _ZERO.any(evidence.words) and "limit: 0." not in evidence.text


RULES: Final = (
    Rule(
        name="google-quota-zero",
        error=QuotaExhaustedError,
        source="Gemini API 'Rate limits': models that the free tier does not include have a limit of 0",
        test=zero_quota,
        asks=_ASKS,
        quota="zero",
        meaning="The project's quota for this model is zero.",
        advice="Enable billing for the project, or use a model of its tier.",
    ),
    Rule(
        name="google-quota",
        error=RateLimitError,
        source="Gemini API 'Rate limits', google.rpc.QuotaFailure: 429 RESOURCE_EXHAUSTED",
        test=temporary_quota,
        asks=_ASKS,
        meaning="A quota per minute or day is used up; `error.quota` says which, where Google does.",
    ),
    Rule(
        name="google-key",
        error=AuthenticationError,
        source="google.rpc.ErrorInfo reasons; a bad key comes as 400 INVALID_ARGUMENT",
        codes=("api_key_invalid", "access_token_expired", "credentials_missing", "unauthenticated"),
    ),
    Rule(
        name="google-permission",
        error=PermissionDeniedError,
        source="google.rpc.ErrorInfo reasons",
        codes=(
            "service_disabled",
            "billing_disabled",
            "consumer_suspended",
            "api_key_service_blocked",
            "iam_permission_denied",
            "access_token_scope_insufficient",
            "user_project_denied",
        ),
    ),
    Rule(
        name="google-window",
        error=ContextOverflowError,
        source="Gemini API 400: 'The input token count (N) exceeds the maximum number of tokens allowed (M)'",
        phrases=("input token count ... exceeds the maximum", "exceeds the maximum number of tokens allowed"),
        not_at=(429,),
    ),
    Rule(
        name="google-deadline",
        error=ModelTimeoutError,
        source="Gemini API 'Troubleshooting': 504 DEADLINE_EXCEEDED; 503 'Deadline expired before operation'",
        codes=("deadline_exceeded",),
        phrases=("deadline expired before operation could complete",),
    ),
    Rule(
        name="google-overloaded",
        error=OverloadedError,
        source="Gemini API 'Troubleshooting': 503 UNAVAILABLE",
        phrases=("the model is overloaded", "model is currently experiencing high demand"),
    ),
    Rule(
        name="google-cancelled",
        error=ServerError,
        source="google.rpc.Code CANCELLED, HTTP 499: the server cancelled the operation",
        codes=("cancelled",),
        at=(499, 500, 200),
    ),
)
"""Rules of Google's own."""

TABLE: Final = Table(RULES, SHARED)


_ERRORS: Final = WireErrors(TABLE)
error: Final = _ERRORS.error
stream_error: Final = _ERRORS.stream_error
