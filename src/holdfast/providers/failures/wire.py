"""The two ways in which a wire tells of a failure, named by its table."""

from __future__ import annotations

from typing import Any

from holdfast.errors import ModelError, ServerError
from holdfast.providers.codec import Headers
from holdfast.providers.failures.body import reading_of
from holdfast.providers.failures.naming import name_failure
from holdfast.providers.failures.rule import Table


class WireErrors:
    """Names the failures of one wire."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def error(
        self,
        status: int,
        headers: Headers,
        body: bytes,
        *,
        provider: str,
        model: str | None = None,
        now: float | None = None,
    ) -> ModelError:
        """The typed error of a response with this status (any but 2xx)."""
        reading = reading_of(body, status=status, headers=headers, provider=provider, now=now)
        return name_failure(reading, self._table, model=model)

    def stream_error(self, payload: Any, *, provider: str, model: str | None = None) -> ModelError:
        """The typed error of an error object that came inside a response with status 200."""
        reading = reading_of(payload, status=200, provider=provider)
        return name_failure(reading, self._table, model=model, unknown=ServerError)
