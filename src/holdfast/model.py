"""The one primitive: a model streams events. Everything that wraps a model is a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol, TypeAlias, runtime_checkable

from holdfast.events import Event
from holdfast.request import Request


@runtime_checkable
class Model(Protocol):
    """Something that answers requests.

    `stream` yields events by the grammar of `holdfast.events` and raises a `ModelError` when it fails. The generator
    is closed (`aclose`) by whoever stops reading early; it then lets go of its connection at once.
    """

    @property
    def name(self) -> str:
        """How the model is called in histories, totals and reports, such as `"openai/gpt-5-mini"`."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """The events of one answer to `request`."""
        ...


Layer: TypeAlias = Callable[[Model], Model]
