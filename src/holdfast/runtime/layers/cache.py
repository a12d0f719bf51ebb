"""A layer that answers the same request with the same answer, without asking again.

Only whole answers are kept: ended by the model itself (`stop`, `tool_calls`), with something in them, not truncated,
not filtered, not given by a policy, and read to their end. A hit comes out as one delta for each part, whether the
first call streamed or not; it is marked `cached`, and its `usage` is what the answer had cost then: totals leave out
whatever is `cached`. A store that fails is no failure of the call.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator
from hashlib import sha256
from math import inf
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from holdfast.events import Event, Finish
from holdfast.model import Layer, Model
from holdfast.request import OutputSchema, Request
from holdfast.response import Fold, Response, unfold
from holdfast.runtime.clock import Clock, SystemClock

logger = logging.getLogger(__name__)

_VERSION: Final = "holdfast 1"  # part of every key: a new form of answers or requests begins with an empty cache


class Store(Protocol):
    """Where answers are kept: bytes by key, for `ttl` seconds or, with None, as long as there is room."""

    async def get(self, key: str) -> bytes | None:
        """What is kept under `key`, or None."""
        ...

    async def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep `value`."""
        ...


def cache(store: Store | None = None, *, ttl: float | None = None, salt: str = "") -> Layer:
    """A layer that keeps answers in `store`.

    The key is the whole meaning of a request (messages, tools, tool choice, output, settings, `extra`) and the model's
    name; whether it streams, its headers and timeouts do not matter. A request that continues a broken answer, or
    whose `extra` is no JSON, is not looked up.

    Args:
        store: by default a `MemoryStore`.
        ttl: seconds for which an answer is good; None: as long as the store has room.
        salt: a part of every key, to keep tenants, or endpoints of one name, apart.
    """
    kept = MemoryStore() if store is None else store

    def layer(model: Model) -> Model:
        return _Cached(model, kept, ttl, salt)

    return layer


def request_key(request: Request, model: str, salt: str = "") -> str | None:
    """The key of a request, or None when it has none."""
    output = request.output
    if isinstance(output, OutputSchema):
        output = replace(output, type=None)
    meaning = (
        _VERSION,
        salt,
        model,
        request.messages,
        request.tools,
        request.tool_choice,
        output,
        request.settings,
        request.extra,
    )
    try:
        return sha256(msgspec.json.encode(meaning, order="deterministic")).hexdigest()
    except (TypeError, ValueError):
        return None


def worth_keeping(response: Response) -> bool:
    """Whether this is a whole answer of a model."""
    return (
        response.finish_reason in ("stop", "tool_calls")
        and bool(response.parts)
        and not (response.truncated or response.degraded or response.cached or response.error)
    )


class _Cached:
    def __init__(self, inner: Model, store: Store, ttl: float | None, salt: str) -> None:
        self.name = inner.name
        self._inner = inner
        self._store = store
        self._ttl = ttl
        self._salt = salt

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        key = None if request.prefix else request_key(request, self.name, self._salt)
        hit = None if key is None else await self._load(key)
        if hit is not None:
            for event in unfold(replace(hit, cached=True, attempts=())):
                yield event
            return
        folding = None if key is None else Fold()
        events = self._inner.stream(request)
        try:
            async for event in events:
                if folding is not None:
                    folding.add(event)
                    if type(event) is Finish and key is not None:
                        await self._keep(key, folding.response())
                yield event
        finally:
            await events.aclose()

    async def _load(self, key: str) -> Response | None:
        try:
            value = await self._store.get(key)
            return None if value is None else Response.from_json(value)
        except Exception as error:  # noqa: BLE001  # whatever a store raises, the model can still be asked
            logger.warning("The cache could not be read: %r", error)
            return None

    async def _keep(self, key: str, response: Response) -> None:
        if not worth_keeping(response):
            return
        try:
            await self._store.set(key, response.to_json(), self._ttl)
        except Exception as error:  # noqa: BLE001  # whatever a store raises, the answer is there
            logger.warning("An answer could not be cached: %r", error)


class MemoryStore:
    """Answers in this process; those that were not asked for longest go first when there is no more room."""

    def __init__(
        self, max_entries: int = 1024, max_bytes: int = 64 * 1024 * 1024, *, clock: Clock | None = None
    ) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._clock = clock or SystemClock()
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str) -> bytes | None:
        """What is kept under `key`, or None."""
        value, expires = self._entries.get(key, (None, inf))
        if value is None:
            return None
        if expires <= self._clock.now():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return value

    async def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep `value`, unless it alone is larger than the store."""
        if key in self._entries:
            self._drop(key)
        if len(value) > self.max_bytes:
            return
        self._entries[key] = (value, inf if ttl is None else self._clock.now() + ttl)
        self._size += len(value)
        while self._size > self.max_bytes or len(self._entries) > self.max_entries:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        value, _ = self._entries.pop(key)
        self._size -= len(value)
