"""Our errors in OpenAI's words (docs, "Error codes"), so that a client reads the same class."""

from __future__ import annotations

from typing import Any, Final

from holdfast.errors import ModelError

_FORMS: Final[dict[str, tuple[int, str, str | None]]] = {
    "rate_limit": (429, "requests", "rate_limit_exceeded"),
    "quota_exhausted": (429, "insufficient_quota", "insufficient_quota"),
    "request_too_large": (413, "invalid_request_error", "request_too_large"),
    "context_overflow": (400, "invalid_request_error", "context_length_exceeded"),
    "content_filter": (400, "invalid_request_error", "content_filter"),
    "overloaded": (503, "server_error", "server_is_overloaded"),
    "server_error": (500, "server_error", "server_error"),
    "timeout": (504, "server_error", "timeout"),
    "authentication": (401, "invalid_request_error", "invalid_api_key"),
    "permission": (403, "invalid_request_error", "insufficient_permissions"),
    "model_not_found": (404, "invalid_request_error", "model_not_found"),
    "invalid_request": (400, "invalid_request_error", None),
}
_ELSE: Final = (500, "server_error", "server_error")


def status_of(error: ModelError) -> int:
    """The HTTP status: the error's own, where it is one of a failure."""
    own = error.status
    return own if own is not None and own >= 400 else _FORMS.get(error.kind, _ELSE)[0]


def error_object(error: ModelError) -> dict[str, Any]:
    """The `error` of a body."""
    _, kind, code = _FORMS.get(error.kind, _ELSE)
    return {"message": error.message, "type": kind, "param": None, "code": error.code or code}
