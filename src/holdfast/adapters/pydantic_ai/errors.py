"""Our errors as Pydantic AI's, so that `except ModelAPIError`, `FallbackModel` and error hooks know them.

Each is raised `from` ours, which has the history of all attempts. Where the server named a status, theirs is a
`ModelHTTPError` as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from msgspec.structs import replace
from pydantic_ai import exceptions as theirs

from holdfast.adapters.pydantic_ai.limits import Limits
from holdfast.errors import (
    AuthenticationError,
    ConfigurationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    InvalidResponseError,
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

CATEGORIES: Final[Mapping[type[ModelError], type[theirs.ModelAPIError]]] = {
    RateLimitError: theirs.ModelRateLimitError,
    QuotaExhaustedError: theirs.ModelQuotaExceededError,
    ContextOverflowError: theirs.ModelContextWindowExceededError,
    RequestTooLargeError: theirs.ModelRequestRejectedError,
    InvalidRequestError: theirs.ModelRequestRejectedError,
    AuthenticationError: theirs.ModelAuthenticationError,
    PermissionDeniedError: theirs.ModelAuthenticationError,
    ModelNotFoundError: theirs.ModelNotFoundError,
    OverloadedError: theirs.ModelOverloadedError,
    ServerError: theirs.ModelServerError,
}
_PHASES: Final[Mapping[str | None, theirs.TransportPhase]] = {
    "pool": "pool",
    "dns": "connect",
    "connect": "connect",
    "tls": "connect",
    "proxy": "connect",
    "send": "write",
    "write": "write",
}
"""Where it struck; anything else is reading."""


def to_theirs(error: ModelError, model: str, limits: Limits, *, streamed: bool = False) -> Exception:
    """What is raised for `error`.

    Args:
        error: ours.
        model: the name to put where the error does not say who failed.
        limits: those that the request had.
        streamed: whether part of the answer had been shown.
    """
    name = error.model or model
    match error:
        case ConfigurationError():
            return theirs.UserError(error.message)
        case ContentFilterError():
            return theirs.ContentFilterError(f"Content filter triggered: {error.message}", _said(error))
        case ModelTimeoutError():
            return _too_late(error, name, limits)
        case ModelConnectionError() | StreamInterruptedError():
            return theirs.ModelConnectionError(
                name, str(error), phase=_PHASES.get(error.phase, "read"), in_stream=streamed
            )
        case InvalidResponseError() if error.partial is not None and error.partial.finish_reason is not None:
            return theirs.UnexpectedModelBehavior(error.message, error.partial.text or None)
        case InvalidResponseError():
            return theirs.ModelAPIError(name, str(error), **_facts(error, streamed=streamed))
        case _:
            return _categorized(error, name, streamed=streamed)


def _too_late(error: ModelTimeoutError, name: str, limits: Limits) -> Exception:
    match error.phase:
        case "deadline":
            return theirs.ModelRequestTimeout(name, limits.deadline)
        case "first_event" if limits.first_event is not None:
            return theirs.ModelRequestTimeout(name, limits.first_event, setting="first_event_timeout")
        case phase:
            return theirs.ModelTimeoutError(name, str(error), phase=_PHASES.get(phase, "read"))


def _categorized(error: ModelError, name: str, *, streamed: bool) -> Exception:
    category = CATEGORIES.get(type(error))
    if isinstance(error, OverloadedError) and not error.certain:  # a plain 503 does not blame the load
        category = theirs.ModelUnavailableError
    if error.status is not None and 400 <= error.status < 600:
        return theirs.ModelHTTPError.for_category(
            cast("Any", category),
            status_code=error.status,
            model_name=name,
            hint=error.advice,
            **_facts(error, streamed=streamed),
        )
    return (category or theirs.ModelAPIError)(name, str(error), **_facts(error, streamed=streamed))


def _facts(error: ModelError, *, streamed: bool) -> dict[str, Any]:
    return {
        "body": {name: fact for name, fact in _body(error).items() if fact is not None},
        "provider_error_code": error.code,
        "retry_after": error.retry_after,
        "in_stream": streamed,
    }


def _body(error: ModelError) -> dict[str, Any]:
    """What stands in tracebacks and spans: no key, and nothing of the prompt but what the provider's message says."""
    limit = error.limit
    return {
        "message": error.message,
        "code": error.code,
        "request_id": error.request_id,
        "quota": error.quota,
        "max_tokens": limit and limit.max_tokens,
        "requested_tokens": limit and limit.requested_tokens,
    }


def _said(error: ContentFilterError) -> str | None:
    partial = error.partial
    return None if partial is None else replace(partial, extra={}).to_json().decode()
