"""A simulator in a thread of its own, with its own event loop: for synchronous tests, and for models called `sim/...`.

The thread is a daemon, so that the shared simulator needs no clean-up: it serves until the process ends, however many
event loops come and go meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from holdfast.providers.catalog import CodecName
from holdfast.simulator.reception import Received
from holdfast.simulator.scenario import Scenario
from holdfast.simulator.server import BASES, Simulator


class SimulatorThread:
    """A simulator that runs in the background; the arguments are those of `Simulator`."""

    def __init__(self, scenario: Scenario | None = None, **options: Any) -> None:
        self._simulator = Simulator(scenario, **options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="holdfast-simulator", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._simulator.url

    @property
    def requests(self) -> Sequence[Received]:
        """The requests that came, oldest first."""
        return tuple(self._simulator.requests)

    @property
    def connections_open(self) -> int:
        """How many connections are open now."""
        return self._simulator.connections_open

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def base_url(self, wire: CodecName = "openai_chat") -> str:
        """The base URL for an endpoint that speaks this wire."""
        return self._simulator.base_url(wire)

    def start(self) -> None:
        """Listen; comes back when it does. Raises `OSError` when the port is taken."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop, and come back when nothing is left."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # it is raised again where `start` was called
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._simulator:
            self._ready.set()
            await self._stop.wait()


@contextmanager
def start_in_thread(scenario: Scenario | None = None, **options: Any) -> Iterator[SimulatorThread]:
    """A simulator for synchronous code; it is closed with the block."""
    running = SimulatorThread(scenario, **options)
    running.start()
    try:
        yield running
    finally:
        running.close()


_shared: dict[tuple[int, bytes], SimulatorThread] = {}
_lock = threading.Lock()


def local_url(scenario: Scenario | None = None, *, wire: CodecName = "openai_chat") -> str:
    """The base URL of the simulator that this process shares; it is started when it is first needed.

    Without a `scenario` of its own, `HOLDFAST_SIM_URL` wins: the address of a running simulator, such as
    `http://127.0.0.1:8080`. A process that was forked starts its own: threads do not survive a fork.
    """
    if (url := os.environ.get("HOLDFAST_SIM_URL")) and scenario is None:
        return url.rstrip("/") + BASES[wire]
    key = (os.getpid(), msgspec.json.encode(scenario))
    with _lock:
        running = _shared.get(key)
        if running is None or not running.alive:
            running = _shared[key] = SimulatorThread(scenario)
            running.start()
        return running.base_url(wire)


async def ensure_simulator(scenario: Scenario | None = None, *, wire: CodecName = "openai_chat") -> str:
    """`local_url`, without holding up the event loop while the simulator starts."""
    return await asyncio.to_thread(local_url, scenario, wire=wire)
