"""What `client.stream(...)` gives: events, or only the text, or the response so far."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import TracebackType
from typing import Self

from holdfast.events import Event, TextDelta
from holdfast.response import Fold, Response

Opener = Callable[[bool], AsyncGenerator[Event, None]]
"""Starts the call; the argument says whether the consumer understands `Restart`."""


class Stream:
    """A call in progress. Use it as `async with client.stream(...) as stream`, and iterate it once.

    Leaving the block early cancels the call at once and closes its connection.
    """

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._events: AsyncGenerator[Event, None] | None = None
        self._fold = Fold()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await anext(self._open(restarts=True))
        self._fold.add(event)
        return event

    async def events(self, *, restarts: bool = True) -> AsyncGenerator[Event, None]:
        """The events; without a `Restart` among them for consumers that could not take one.

        Without restarts, `"restart"` holds the answer back until it is complete, and `"resume"` ends truncated where an
        answer cannot be continued.
        """
        async for event in self._open(restarts=restarts):
            self._fold.add(event)
            yield event

    async def text(self) -> AsyncIterator[str]:
        """Only the words, each once and in order, in every `on_break` mode.

        Words cannot be taken back: under `"restart"` they come when the answer is complete, and under `"resume"` an
        answer that cannot be continued ends here, with `response().truncated` set.
        """
        async for event in self.events(restarts=False):
            if isinstance(event, TextDelta) and event.text:
                yield event.text

    def response(self) -> Response:
        """The response so far, at any time, also after a failure."""
        return self._fold.response()

    async def finish(self) -> Response:
        """Read the rest and give the whole response; raises what the call raises."""
        async for _ in self:
            pass
        return self.response()

    async def close(self) -> None:
        """End the call; one that was not begun is never made."""
        await self._open(restarts=True).aclose()

    def _open(self, *, restarts: bool) -> AsyncGenerator[Event, None]:
        if self._events is None:
            self._events = self._opener(restarts)
        return self._events
