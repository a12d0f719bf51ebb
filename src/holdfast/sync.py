"""The synchronous face: `holdfast.sync.Client`, for scripts, notebooks and web views. Same names, real iteration.

One event loop in a thread of the process's own does the work of all clients. It is made when it is first needed, by the
child too after a fork, and ends with the process.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from holdfast.errors import ModelError
from holdfast.events import Event
from holdfast.model import Model
from holdfast.response import Response
from holdfast.runtime.ask import Ask, Messages
from holdfast.runtime.client import Client as AsyncClient
from holdfast.runtime.client import H
from holdfast.runtime.config import Config, read_config
from holdfast.runtime.stream import Stream as AsyncStream
from holdfast.runtime.totals import Totals
from holdfast.usage import Usage

T = TypeVar("T")


class Client:
    """`holdfast.Client` for code that is not async; takes the same arguments. Any thread may use it.

    Example:
        ```python
        with Client("openai/gpt-5-mini", "ollama/qwen3", deadline=30) as client:
            print(client.create("What is kelp?").text)
            with client.stream("And a holdfast?") as stream:
                for text in stream.text():
                    print(text, end="")
        ```
    """

    def __init__(self, *models: str | Model, **options: Any) -> None:
        self._client = AsyncClient(*models, **options)

    @classmethod
    def from_config(cls, config: Config, **options: Any) -> Self:
        """The client that a mapping, or the TOML file at a path, describes; see `holdfast.Client.from_config`."""
        models, described = read_config(config, clock=options.get("clock"))
        return cls(*models, **{**described, **options})

    def to_config(self) -> dict[str, Any]:
        """The client as a mapping of plain values; see `holdfast.Client.to_config`."""
        return self._client.to_config()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_config, (self.to_config(),)

    def create(self, messages: Messages, **ask: Unpack[Ask]) -> Response:
        """The complete response; see `holdfast.Client.create`."""
        return run(self._client.create(messages, **ask))

    def stream(self, messages: Messages, **ask: Unpack[Ask]) -> Stream:
        """The response as it comes: `with client.stream(...) as stream`; see `holdfast.Client.stream`."""
        return Stream(self._client.stream(messages, **ask))

    def count_tokens(self, messages: Messages, *, exact: bool = False, **ask: Unpack[Ask]) -> int:
        """How many tokens the primary model would read; see `holdfast.Client.count_tokens`."""
        if exact:
            return run(self._client.count_tokens(messages, exact=True, **ask))
        return self._client.count_tokens(messages, **ask)

    def remaining_tokens(self, messages: Messages, **ask: Unpack[Ask]) -> int:
        """How many tokens the window of the primary model has left after `messages`."""
        return self._client.remaining_tokens(messages, **ask)

    def on_error(self, *kinds: type[ModelError], times: int = 1) -> Callable[[H], H]:
        """Decorate a handler; see `holdfast.Client.on_error`. It runs in the loop's thread and must not block it."""
        return self._client.on_error(*kinds, times=times)

    @property
    def wrapped(self) -> AsyncClient:
        """The async client that does the work; only ever used in the loop's thread (`run`)."""
        return self._client

    @property
    def totals(self) -> Totals:
        """What was used so far."""
        return self._client.totals

    @property
    def usage(self) -> Usage:
        """The tokens of all attempts so far."""
        return self._client.usage

    @property
    def cost(self) -> float:
        """US dollars so far, for the models whose price is known."""
        return self._client.cost

    def describe(self) -> str:
        """The chain, the policies in order, and the worst case of a call, as text."""
        return self._client.describe()

    def close(self) -> None:
        """Close all connections."""
        run(self._client.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"sync.{self._client!r}"


class Stream:
    """A call in progress; see `holdfast.runtime.stream.Stream`. Leaving the block ends it at once."""

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run(self._stream.close())

    def __iter__(self) -> Iterator[Event]:
        while (event := run(_next(self._stream))) is not None:
            yield event

    def text(self) -> Iterator[str]:
        """Only the words, each once and in order, in every `on_break` mode."""
        words = self._stream.text()
        while (text := run(_next(words))) is not None:
            yield text

    def response(self) -> Response:
        """The response so far, at any time, also after a failure."""
        return self._stream.response()

    def finish(self) -> Response:
        """Read the rest and give the whole response."""
        return run(self._stream.finish())


async def _next(items: Any) -> Any:
    try:
        return await anext(items)
    except StopAsyncIteration:  # which a future cannot carry
        return None


class _Worker:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="holdfast", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the thread, with everything that still runs in it."""
        if self.process != os.getpid() or self.loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), self.loop)
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self.loop.close()


async def _cancel_all() -> None:
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
    loop.call_soon(loop.stop)


_lock = threading.Lock()
_worker: _Worker | None = None
_of_the_parent: list[_Worker] = []
"""After a fork: the parent's loop. It shares its selector with ours, so it must not even be collected."""


def _loop() -> asyncio.AbstractEventLoop:
    global _worker  # noqa: PLW0603  # one for the process
    with _lock:
        if _worker is not None and _worker.process != os.getpid():
            _of_the_parent.append(_worker)
            _worker = None
        if _worker is None or _worker.loop.is_closed():
            _worker = _Worker()
        return _worker.loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do `work` in the loop's thread. An interrupt (Ctrl-C) cancels it there and waits until it has let go."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


# A lock that another thread held at the moment of a fork would stay held in the child for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
