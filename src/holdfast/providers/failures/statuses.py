"""What an HTTP status says when nothing else does, and what general codes say. Source: RFC 9110; the vendors' pages."""

from __future__ import annotations

from typing import Final

from holdfast.errors import (
    AuthenticationError,
    InvalidRequestError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
)
from holdfast.providers.failures.rule import Rule


def _status(name: str, error: type[ModelError], *statuses: int, sure: bool = False, meaning: str = "") -> Rule:
    return Rule(name=name, error=error, source="RFC 9110", statuses=statuses, sure=sure, meaning=meaning)


_NAMED: Final = frozenset(
    (401, 402, 403, 404, 407, 408, 410, 413, 414, 425, 429, 431, 451, 499, 503, 504, 524, 529, 598, 599)
)

RULES: Final = (
    Rule(
        name="general-quota",
        error=QuotaExhaustedError,
        source="one-api, new-api, Volcengine, watsonx, Together",
        types=(
            "quota_exceeded",
            "quotaexceeded",
            "quota_error",
            "token_quota_reached",
            "credit_limit",
            "quota_exhausted",
        ),
    ),
    Rule(
        name="general-rate-limit",
        error=RateLimitError,
        source="OpenAI 'rate_limit_exceeded', Anthropic 'rate_limit_error', gRPC RESOURCE_EXHAUSTED",
        types=(
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limit",
            "resource_exhausted",
            "requests",
            "tokens",
            "ratelimiterror",
            "ratelimitexceeded",
            "resourceexhausted",
            "throttling_error",
            "limit_requests",
        ),
    ),
    Rule(
        name="general-authentication",
        error=AuthenticationError,
        source="the SDKs' exception names; gRPC UNAUTHENTICATED",
        types=("unauthorized", "unauthorizederror", "unauthorizedexception", "invalid_authentication"),
    ),
    Rule(
        name="general-permission",
        error=PermissionDeniedError,
        source="gRPC PERMISSION_DENIED; the SDKs' exception names",
        types=("permission_denied", "forbidden", "forbiddenerror", "forbiddenexception", "not_allowed"),
    ),
    Rule(
        name="general-not-found",
        error=ModelNotFoundError,
        source="Anthropic 'not_found_error'; gRPC NOT_FOUND; the SDKs' exception names",
        types=("not_found_error", "not_found", "notfounderror", "notfound", "notfoundexception", "resource_not_found"),
    ),
    Rule(
        name="general-unavailable",
        error=OverloadedError,
        source="gRPC UNAVAILABLE; the SDKs' exception names",
        types=(
            "unavailable",
            "serviceunavailableerror",
            "service_unavailable",
            "serviceunavailable",
            "overloadederror",
        ),
    ),
    Rule(
        name="general-bad-request",
        error=InvalidRequestError,
        source="OpenAI and Anthropic 'invalid_request_error'; gRPC INVALID_ARGUMENT; AWS ValidationException",
        vague=(
            "invalid_request_error",
            "invalid_request",
            "invalidrequesterror",
            "invalid_argument",
            "invalidargument",
            "badrequesterror",
            "bad_request_error",
            "bad_request",
            "badrequest",
            "invalid_parameter_error",
            "invalidparameter",
            "invalid_parameter",
            "validationexception",
            "badrequestexception",
            "failed_precondition",
            "out_of_range",
            "unimplemented",
            "unprocessableentityerror",
            "unprocessable_entity_error",
            "invalid_input_argument",
            "conflictexception",
            "invalid_input",
        ),
        not_at=(401, 402, 403, 404, 405, 408, 413, 429, 500, 502, 503, 504, 529),
    ),
    Rule(
        name="general-server-error",
        error=ServerError,
        source="Anthropic 'api_error'; gRPC INTERNAL, UNKNOWN, ABORTED, DATA_LOSS; the SDKs' exception names",
        types=("api_error", "internal", "unknown", "aborted", "data_loss", "internalerror", "apierror"),
        at=(200, 500, 501, 502, 520, 521),
    ),
    Rule(
        name="status-redirect",
        error=ModelNotFoundError,
        source="RFC 9110, 15.4",
        statuses=(300, 301, 302, 303, 304, 305, 307, 308),
        meaning="The server points elsewhere; the address is not the one to call.",
        advice="Put the address that it names, or the one of the documentation, into `base_url`.",
    ),
    _status("status-401", AuthenticationError, 401, 407, sure=True),
    _status("status-402", QuotaExhaustedError, 402, sure=True),
    _status("status-403", PermissionDeniedError, 403, 451),
    _status("status-404", ModelNotFoundError, 404, 410),
    _status("status-408", ModelTimeoutError, 408, sure=True),
    _status("status-413", RequestTooLargeError, 413, 414, 431, sure=True),
    _status("status-429", RateLimitError, 429),
    _status("status-503", OverloadedError, 503, 529, 425),
    _status("status-504", ModelTimeoutError, 504, 524, 598, 599, sure=True, meaning="A gateway got no answer in time."),
    _status("status-4xx", InvalidRequestError, *(s for s in range(400, 500) if s not in _NAMED)),
    _status("status-5xx", ServerError, *(s for s in range(500, 600) if s not in _NAMED)),
)
"""The general rules; they come last in every table."""
