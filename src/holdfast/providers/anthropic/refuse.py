"""Our errors in Anthropic's words (docs, "Errors"), so that a client reads the same class."""

from __future__ import annotations

from typing import Any, Final

from holdfast.errors import ContextOverflowError, ModelError

_FORMS: Final[dict[str, tuple[int, str]]] = {
    "rate_limit": (429, "rate_limit_error"),
    "quota_exhausted": (402, "billing_error"),
    "request_too_large": (413, "request_too_large"),
    "context_overflow": (400, "invalid_request_error"),
    "content_filter": (400, "invalid_request_error"),
    "overloaded": (529, "overloaded_error"),
    "timeout": (504, "timeout_error"),
    "authentication": (401, "authentication_error"),
    "permission": (403, "permission_error"),
    "model_not_found": (404, "not_found_error"),
    "invalid_request": (400, "invalid_request_error"),
    "configuration": (400, "invalid_request_error"),
}
_ELSE: Final = (500, "api_error")
# Failures that have no type of their own: a client knows them by these words only.
_WORDS: Final = {
    "content_filter": "Output blocked by content filtering policy",
    "context_overflow": "prompt is too long",
}


def status_of(error: ModelError) -> int:
    """The HTTP status: the error's own, where it is one of a failure."""
    own = error.status
    return own if own is not None and own >= 400 else _FORMS.get(error.kind, _ELSE)[0]


def error_object(error: ModelError) -> dict[str, Any]:
    """The body of a failed response, and the data of an `error` event."""
    kind = _FORMS.get(error.kind, _ELSE)[1]
    told = {"type": "error", "error": {"type": kind, "message": _message(error)}}
    return told if error.request_id is None else {**told, "request_id": error.request_id}


def _message(error: ModelError) -> str:
    words = _WORDS.get(error.kind)
    if words is None or words in error.message:
        return error.message
    limit = error.limit
    if isinstance(error, ContextOverflowError) and limit is not None and limit.requested_tokens and limit.max_tokens:
        return f"{words}: {limit.requested_tokens} tokens > {limit.max_tokens} maximum"
    return f"{words}: {error.message}"
