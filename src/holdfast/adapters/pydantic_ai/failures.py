"""Pydantic AI's errors as ours. Its own categories are believed where our tables find nothing more exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_ai import exceptions as theirs

from holdfast.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    InvalidResponseError,
    ModelConnectionError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
)
from holdfast.providers.classify import classify

_KINDS: Final[Mapping[type[Exception], type[ModelError]]] = {  # the first that fits; a class stands before its base
    theirs.ModelQuotaExceededError: QuotaExhaustedError,
    theirs.ModelRateLimitError: RateLimitError,
    theirs.ModelUnavailableError: OverloadedError,
    theirs.ModelServerError: ServerError,
    theirs.ModelContextWindowExceededError: ContextOverflowError,
    theirs.ModelAuthenticationError: AuthenticationError,
    theirs.ModelNotFoundError: ModelNotFoundError,
    theirs.ModelRequestRejectedError: InvalidRequestError,
    theirs.ModelRequestTimeout: ModelTimeoutError,
    theirs.ModelTimeoutError: ModelTimeoutError,
    theirs.ModelConnectionError: ModelConnectionError,
    theirs.ContentFilterError: ContentFilterError,
    theirs.UnexpectedModelBehavior: InvalidResponseError,
}


def to_ours(error: Exception, *, provider: str | None = None, model: str | None = None) -> ModelError | None:
    """The typed error for `error`; None for what no provider is to blame for.

    Args:
        error: what a Pydantic AI model raised: its own errors, or one of an SDK or HTTP library that got through.
        provider: who was asked.
        model: by which name.
    """
    kind = next((ours for cls, ours in _KINDS.items() if isinstance(error, cls)), None)
    found = _read(error, provider)
    if kind is None and not found.certain and not isinstance(error, theirs.AgentRunError):
        return None
    if kind is not None and not isinstance(found, kind) and (not found.certain or not _narrows(found, kind)):
        facts: Any = {name: getattr(found, name) for name in ("status", "code", "request_id", "limit", "raw")}
        found = kind(str(error), **facts)
    return found.with_facts(
        provider=provider,
        model=model,
        retry_after=getattr(error, "retry_after", None),
        phase=getattr(error, "phase", None),
    )


def _read(error: Exception, provider: str | None) -> ModelError:
    """What our tables say; of an HTTP error by its parts, since its text has words of Pydantic AI's own."""
    if isinstance(error, theirs.ModelHTTPError) and error.body is not None:
        by_parts = classify(provider=provider, status=error.status_code, headers=error.headers, body=error.body)
        if by_parts is not None:
            return by_parts
    return classify(error, provider=provider)


def _narrows(found: ModelError, kind: type[ModelError]) -> bool:
    """Whether our tables may say otherwise: theirs know fewer words, but what is no HTTP error they know for sure."""
    return found.status is not None and kind not in (ModelTimeoutError, ModelConnectionError, ContentFilterError)
