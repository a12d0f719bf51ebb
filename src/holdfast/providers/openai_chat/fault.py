"""Failures in OpenAI's own form: which status, type and code say which class (docs, "Error codes")."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from holdfast.errors import ContentFilterError, ContextOverflowError, ModelError
from holdfast.providers.codec import HTTPReply

_FORMS: Final[dict[str, tuple[int, str, str | None]]] = {
    "rate_limit": (429, "requests", "rate_limit_exceeded"),
    "quota_exhausted": (429, "insufficient_quota", "insufficient_quota"),
    "request_too_large": (413, "invalid_request_error", "request_too_large"),
    "context_overflow": (400, "invalid_request_error", "context_length_exceeded"),
    "content_filter": (400, "invalid_request_error", "content_filter"),
    "overloaded": (503, "overloaded_error", "engine_overloaded"),
    "server_error": (500, "server_error", "server_error"),
    "timeout": (504, "timeout", "request_timeout"),
    "connection": (502, "server_error", "bad_gateway"),
    "stream_interrupted": (502, "server_error", "bad_gateway"),
    "malformed_response": (502, "server_error", "bad_gateway"),
    "authentication": (401, "invalid_request_error", "invalid_api_key"),
    "permission": (403, "permission_error", "permission_denied"),
    "model_not_found": (404, "invalid_request_error", "model_not_found"),
    "invalid_request": (400, "invalid_request_error", None),
    "configuration": (500, "server_error", "server_error"),
}


def error_object(error: ModelError) -> dict[str, Any]:
    """The `error` object that tells of `error`."""
    _, kind, code = _form(error)
    told: dict[str, Any] = {"message": _message(error), "type": kind, "param": None, "code": code}
    if isinstance(error, ContentFilterError) and error.categories:  # as Azure says it
        told["innererror"] = {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {name: {"filtered": True, "severity": "high"} for name in error.categories},
        }
    return told


def error_reply(error: ModelError) -> HTTPReply:
    """The whole failed response."""
    status, _, _ = _form(error)
    headers = {"content-type": "application/json"}
    if error.request_id:
        headers["x-request-id"] = error.request_id
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
        headers["retry-after-ms"] = str(round(error.retry_after * 1000))
    return HTTPReply(status=status, headers=headers, body=msgspec.json.encode({"error": error_object(error)}))


def _form(error: ModelError) -> tuple[int, str, str | None]:
    return _FORMS.get(error.kind, _FORMS["server_error"])


def _message(error: ModelError) -> str:
    limit = error.limit
    if not isinstance(error, ContextOverflowError) or limit is None or limit.max_tokens is None:
        return error.message
    asked = f" However, your messages resulted in {limit.requested_tokens} tokens." if limit.requested_tokens else ""
    return f"This model's maximum context length is {limit.max_tokens} tokens.{asked}"
