"""Stores for the cache that outlive the process: a file, and Redis."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from os import PathLike
from typing import Any, Final

from holdfast.errors import ConfigurationError
from holdfast.runtime.clock import Clock, SystemClock

_TABLE: Final = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value BLOB, expires REAL, used REAL)"
_READ: Final = "UPDATE answers SET used = ? WHERE key = ? AND (expires IS NULL OR expires > ?) RETURNING value"
_WRITE: Final = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)"
_EXPIRE: Final = "DELETE FROM answers WHERE expires <= ?"
_SHRINK: Final = "DELETE FROM answers WHERE key IN (SELECT key FROM answers ORDER BY used DESC LIMIT -1 OFFSET ?)"
_SHRINK_EVERY: Final = 64  # writes


class DiskStore:
    """Answers in a SQLite file, which several processes may share.

    Reads and writes run in a thread. When there are more than `max_entries`, those that were not asked for longest go.
    """

    def __init__(self, path: str | PathLike[str], *, max_entries: int = 100_000, clock: Clock | None = None) -> None:
        self.path = path
        self.max_entries = max_entries
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._writes = 0

    async def get(self, key: str) -> bytes | None:
        """What is kept under `key`, or None."""
        return await asyncio.to_thread(self._get, key, self._clock.wall())

    async def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep `value`."""
        await asyncio.to_thread(self._set, key, value, self._clock.wall(), ttl)

    async def close(self) -> None:
        """Close the file; the next use opens it again."""
        await asyncio.to_thread(self._close)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            # One connection for all threads, guarded by the lock; each statement is its own transaction.
            self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(_TABLE)
        return self._connection

    def _get(self, key: str, now: float) -> bytes | None:
        with self._lock:
            row = self._open().execute(_READ, (now, key, now)).fetchone()
        return None if row is None else bytes(row[0])

    def _set(self, key: str, value: bytes, now: float, ttl: float | None) -> None:
        with self._lock:
            connection = self._open()
            connection.execute(_WRITE, (key, value, None if ttl is None else now + ttl, now))
            if self._writes % _SHRINK_EVERY == 0:
                connection.execute(_EXPIRE, (now,))
                connection.execute(_SHRINK, (self.max_entries,))
            self._writes += 1

    def _close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class RedisStore:
    """Answers in Redis (extra `redis`).

    Args:
        redis: a URL such as `"redis://127.0.0.1:6379/0"`, or a `redis.asyncio.Redis` of one's own.
        prefix: the beginning of every key.
        timeout: seconds after which a server that does not answer is taken as failed; of a URL only.
    """

    def __init__(self, redis: Any, *, prefix: str = "holdfast:", timeout: float = 1.0) -> None:
        self._owned = isinstance(redis, str)
        self._redis = _connect(redis, timeout) if isinstance(redis, str) else redis
        self._prefix = prefix

    async def get(self, key: str) -> bytes | None:
        """What is kept under `key`, or None."""
        value = await self._redis.get(self._prefix + key)
        return value.encode() if isinstance(value, str) else value  # a client of one's own may decode

    async def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep `value`."""
        await self._redis.set(self._prefix + key, value, px=None if ttl is None else max(1, round(ttl * 1000)))

    async def close(self) -> None:
        """Close the connections, if they were made here."""
        if self._owned:
            await self._redis.aclose()


def _connect(url: str, timeout: float) -> Any:
    try:
        from redis.asyncio import Redis  # noqa: PLC0415  # the extra is needed only here
    except ImportError as error:
        raise ConfigurationError("RedisStore needs the extra: install holdfast[redis]") from error
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)
