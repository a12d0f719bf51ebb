"""From a reading to the typed error: the diagnosis gives the class, and the reading the facts of this one response."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from holdfast.errors import Facts, InvalidRequestError, ModelError
from holdfast.providers.failures.diagnosis import diagnose
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.reading import RAW, Reading
from holdfast.providers.failures.recent import keep, key_of, recall
from holdfast.providers.failures.retry_after import retry_after
from holdfast.providers.failures.rule import Table

_REQUEST_IDS: Final = (
    "x-request-id",  # OpenAI, Groq, DashScope, most others
    "request-id",  # Anthropic
    "x-amzn-requestid",
    "apim-request-id",  # Azure
    "x-ms-request-id",
    "x-goog-request-id",
    "x-litellm-call-id",
    "x-generation-id",
    "x-correlation-id",
    "cf-ray",
)
_ID: Final = 200  # characters of an id,
_MESSAGE: Final = 1_000  # and of a message


def name_failure(
    reading: Reading, table: Table, *, model: str | None = None, unknown: type[ModelError] = InvalidRequestError
) -> ModelError:
    """The typed error for what was read; `certain` is False where only the status, or less, suggested the class.

    `unknown` is the class of a failure of which not even the status is known: by default one that nobody sends again.
    """
    text = reading.text
    key = key_of(reading, text, table)
    known = recall(key)
    diagnosis = known or diagnose(
        Evidence(reading.status, reading.provider, reading.codes, reading.names, text, reading.details), table
    )
    facts: Facts = {
        **diagnosis.facts,
        "provider": reading.provider,
        "model": model,
        "status": reading.status,
        "request_id": request_id(reading.headers, reading.asides),
        "retry_after": retry_after(reading, diagnosis.asking),
        "raw": reading.raw or None,
    }
    error = (diagnosis.error or unknown)(_message(reading), **facts)
    if known is None and key is not None and _may_be_kept(reading, error):
        keep(key, diagnosis)
    return error


def _may_be_kept(reading: Reading, error: ModelError) -> bool:
    """Whether all that came is at hand, short, and holds no key: only that may stay in memory.

    What could not be written down (`raw` is empty) was not searched for keys either.
    """
    return 0 < len(reading.raw) < RAW and error.raw == reading.raw


def request_id(headers: Mapping[str, str], asides: Mapping[str, Any]) -> str | None:
    """The provider's id for the request, from its headers or its body."""
    for name in _REQUEST_IDS if headers else ():
        if name in headers:
            return headers[name][:_ID]
    inside = asides.get("request_id", asides.get("requestid")) if asides else None
    return inside[:_ID] if inside and isinstance(inside, str) else None


def _message(reading: Reading) -> str:
    if reading.messages:
        return reading.messages[0].strip()[:_MESSAGE]
    if reading.codes:
        return next(iter(reading.codes))
    if reading.status is None:
        return "An unknown failure"
    try:
        return f"HTTP {reading.status} {HTTPStatus(reading.status).phrase}, without a word"
    except ValueError:
        return f"HTTP {reading.status}, without a word"
