"""A word while the caller waits: once, and only while nothing else was said."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from livekit.agents import AgentSession, AgentStateChangedEvent, FlushSentinel, llm

from holdfast.adapters.livekit.handler import AGENTS_HANDLER, ErrorHandler
from holdfast.runtime.clock import Clock, Timer

Chunk: TypeAlias = llm.ChatChunk | str | FlushSentinel

_END: Final = object()


async def chunks_of(node: Any) -> AsyncGenerator[Chunk, None]:
    """What an `llm_node` gave, in any of the forms that LiveKit takes: an iterable, a text, a chunk, or nothing."""
    given = await node if inspect.isawaitable(node) else node
    match given:
        case None:
            return
        case AsyncIterable():
            try:
                async for chunk in given:
                    yield chunk
            finally:
                close = getattr(given, "aclose", None)
                if close is not None:
                    await close()
        case _:
            yield given


async def filled(
    chunks: AsyncGenerator[Chunk, None],
    filler: str | None,
    silence: Silence,
    *,
    may_fill: Callable[[], bool],
    handler: ErrorHandler,
) -> AsyncGenerator[Chunk, None]:
    """The chunks, with `filler` before them when the silence gets too long.

    A `FlushSentinel` follows it: otherwise a voice waits with so short a text until more of it comes. The node runs in
    a task of its own, where `handler` is that of every call it makes.
    """
    queue: asyncio.Queue[Any] = asyncio.Queue()
    reading = asyncio.ensure_future(_read(chunks, queue, handler))
    try:
        with silence:
            first = asyncio.ensure_future(queue.get())
            over = asyncio.ensure_future(silence.over.wait())
            try:
                await asyncio.wait((first, over), return_when=asyncio.FIRST_COMPLETED)
                if filler is not None and not first.done() and may_fill():
                    yield filler
                    yield FlushSentinel()
                chunk = await first
            finally:
                first.cancel()
                over.cancel()
        while chunk is not _END:
            yield chunk
            chunk = await queue.get()
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(chunks: AsyncGenerator[Chunk, None], queue: asyncio.Queue[Any], handler: ErrorHandler) -> None:
    """Read to the end; an error is raised when what came before it was taken."""
    AGENTS_HANDLER.set(handler)
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                queue.put_nowait(chunk)
    finally:
        queue.put_nowait(_END)


class Silence:
    """Counts the seconds that a caller waits: from when the agent thinks, not while it speculates on half a sentence.

    Args:
        session: whose state is watched.
        after: seconds until `over` is set.
        clock: where time comes from.
    """

    def __init__(self, session: AgentSession[Any], after: float, clock: Clock) -> None:
        self.over = asyncio.Event()
        self._session = session
        self._after = after
        self._clock = clock
        self._timer: Timer | None = None

    def __enter__(self) -> Self:
        self._session.on("agent_state_changed", self._changed)
        self._count(self._session.agent_state)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.off("agent_state_changed", self._changed)
        if self._timer is not None:
            self._timer.cancel()

    def _changed(self, event: AgentStateChangedEvent) -> None:
        self._count(event.new_state)

    def _count(self, state: str) -> None:
        if state == "thinking" and self._timer is None:
            self._timer = self._clock.call_at(self._clock.now() + self._after, self.over.set)
