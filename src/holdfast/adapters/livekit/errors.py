"""From our errors to LiveKit's. None of them is retryable: the engine has tried what there was to try."""

from __future__ import annotations

from typing import Final

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError
from msgspec import to_builtins

from holdfast.errors import ModelConnectionError, ModelError, ModelTimeoutError, ServerError

_SWALLOWED: Final = 499
"""The status that LiveKit's stream takes for a cancellation: no error, no event, an empty answer."""


def to_api_error(error: ModelError) -> APIError:
    """The error as LiveKit's own, with the facts in `body` and the error itself in `model_error` and `__cause__`."""
    api_error = _named(error)
    api_error.body = to_builtins(error.info)
    api_error.model_error = error  # type: ignore[attr-defined]  # the way back to the typed error
    api_error.__cause__ = error
    return api_error


def _named(error: ModelError) -> APIError:
    text = str(error)
    if isinstance(error, ModelTimeoutError):
        return APITimeoutError(text, retryable=False)
    if error.status is not None and error.status != _SWALLOWED:
        return APIStatusError(text, status_code=error.status, request_id=error.request_id, retryable=False)
    return APIConnectionError(text, retryable=False)


def from_api_error(error: APIError) -> ModelError:
    """What another plugin raised, as an error of ours; one that was ours comes back."""
    ours = getattr(error, "model_error", None)
    match error:
        case _ if isinstance(ours, ModelError):
            return ours
        case APITimeoutError():
            return ModelTimeoutError(error.message)
        case APIConnectionError():
            return ModelConnectionError(error.message)
        case APIStatusError():
            return ServerError(error.message, status=error.status_code, request_id=error.request_id, certain=False)
        case _:
            return ServerError(error.message, certain=False)
