"""What the failures of the Responses API mean: the status, until a table says more."""

from __future__ import annotations

from typing import Any, Final

from holdfast.errors import (
    AuthenticationError,
    InvalidRequestError,
    ModelError,
    ModelNotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
)
from holdfast.providers.codec import Headers

_STATUS: Final[dict[int, type[ModelError]]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    413: RequestTooLargeError,
    429: RateLimitError,
}


def error(
    status: int,
    headers: Headers,
    body: bytes,
    *,
    provider: str | None = None,
    model: str | None = None,
    now: float | None = None,  # noqa: ARG001  # dates in headers are read against it
) -> ModelError:
    """The typed error of a response with a status other than 2xx."""
    text = body.decode("utf-8", "replace")
    return _STATUS.get(status, ServerError)(
        text or f"HTTP status {status}",
        provider=provider,
        model=model,
        status=status,
        request_id=headers.get("x-request-id"),
        raw=text,
        certain=False,
    )


def stream_error(payload: Any, *, provider: str | None = None, model: str | None = None) -> ModelError:
    """The typed error of an error object that came inside a response with status 200."""
    return ServerError(str(payload), provider=provider, model=model, raw=str(payload), certain=False)
