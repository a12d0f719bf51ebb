"""Our errors in Google's words (docs, "Troubleshooting"; google.rpc), so that a client reads the same class."""

from __future__ import annotations

from typing import Any, Final

from holdfast.errors import ModelError

_FORMS: Final[dict[str, tuple[int, str]]] = {
    "rate_limit": (429, "RESOURCE_EXHAUSTED"),
    "quota_exhausted": (429, "RESOURCE_EXHAUSTED"),
    "request_too_large": (413, "INVALID_ARGUMENT"),
    "context_overflow": (400, "INVALID_ARGUMENT"),
    "content_filter": (400, "INVALID_ARGUMENT"),
    "overloaded": (503, "UNAVAILABLE"),
    "server_error": (500, "INTERNAL"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
    "authentication": (401, "UNAUTHENTICATED"),
    "permission": (403, "PERMISSION_DENIED"),
    "model_not_found": (404, "NOT_FOUND"),
    "invalid_request": (400, "INVALID_ARGUMENT"),
}
_ELSE: Final = (500, "INTERNAL")

_SAYING: Final[dict[str, tuple[str, str]]] = {
    "context_overflow": ("token count", "The input token count exceeds the maximum number of tokens allowed"),
    "content_filter": ("blocked", "The prompt was blocked by safety filters"),
}
"""Failures that Google tells by words alone: the words, and what of them must be in the message."""


def status_of(error: ModelError) -> int:
    """The HTTP status: the error's own, where it is one of a failure."""
    own = error.status
    return own if own is not None and own >= 400 else _FORMS.get(error.kind, _ELSE)[0]


def _message(error: ModelError) -> str:
    needed, words = _SAYING.get(error.kind, ("", ""))
    return error.message if needed in error.message else f"{words}: {error.message}"


def error_object(error: ModelError) -> dict[str, Any]:
    """The `error` of a body, with what google.rpc says besides."""
    said: dict[str, Any] = {
        "code": status_of(error),
        "message": _message(error),
        "status": _FORMS.get(error.kind, _ELSE)[1],
    }
    details: list[dict[str, Any]] = []
    if error.kind == "quota_exhausted":
        violation = {"quotaMetric": "generativelanguage.googleapis.com/requests", "quotaValue": "0"}
        details.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]})
    if error.retry_after is not None:
        delay = f"{error.retry_after:g}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return {**said, "details": details} if details else said
