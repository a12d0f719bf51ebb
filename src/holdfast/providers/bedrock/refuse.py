"""Our errors in Bedrock's words (API reference, "Converse", "Errors"), so that a client reads the same class."""

from __future__ import annotations

from typing import Final

import msgspec

from holdfast.errors import ModelError

_FORMS: Final[dict[str, tuple[int, str]]] = {
    "rate_limit": (429, "ThrottlingException"),
    "quota_exhausted": (400, "ServiceQuotaExceededException"),
    "request_too_large": (413, "ValidationException"),
    "context_overflow": (400, "ValidationException"),
    "content_filter": (400, "ValidationException"),
    "overloaded": (503, "ServiceUnavailableException"),
    "timeout": (408, "ModelTimeoutException"),
    "authentication": (403, "UnrecognizedClientException"),
    "permission": (403, "AccessDeniedException"),
    "model_not_found": (404, "ResourceNotFoundException"),
    "invalid_request": (400, "ValidationException"),
    "configuration": (400, "ValidationException"),
}
_ELSE: Final = (500, "InternalServerException")
# A stream knows five exceptions only (API reference, "ConverseStreamOutput").
_STREAMED: Final = {
    "rate_limit": "throttlingException",
    "quota_exhausted": "throttlingException",
    "overloaded": "serviceUnavailableException",
    "server_error": "internalServerException",
    "stream_interrupted": "modelStreamErrorException",
    "malformed_response": "modelStreamErrorException",
    "timeout": "modelStreamErrorException",
}
_WORDS: Final = {"context_overflow": "Input is too long for requested model.", "content_filter": "content filter"}


def status_of(error: ModelError) -> int:
    """The HTTP status: the error's own, where it is one of a failure."""
    own = error.status
    return own if own is not None and own >= 400 else _FORMS.get(error.kind, _ELSE)[0]


def exception_of(error: ModelError) -> str:
    """The name of the exception, as the header `x-amzn-errortype` has it."""
    return _FORMS.get(error.kind, _ELSE)[1]


def streamed_exception_of(error: ModelError) -> str:
    """The name of the exception inside a stream."""
    return _STREAMED.get(error.kind, "validationException")


def error_body(error: ModelError) -> bytes:
    """The body of a failed response, and the payload of an exception."""
    words = _WORDS.get(error.kind)
    message = error.message if words is None or words in error.message else f"{words} {error.message}"
    return msgspec.json.encode({"message": message})
