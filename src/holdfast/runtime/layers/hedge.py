"""A layer that asks a second model when the first has shown nothing for a while; the first to show something wins.

The first model is read in its consumer's own task, as without this layer: a call that is not hedged costs one timer.
Only a second model gets a task. When it wins, the wait for the first is cancelled, which closes its connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from msgspec.structs import replace

from holdfast.errors import CallCancelledError, ErrorInfo, ModelError
from holdfast.events import AttemptRecord, Event, Finish, UsageUpdate
from holdfast.model import Layer, Model
from holdfast.recovery.hedging import Share, WaitingTimes
from holdfast.recovery.screen import useful
from holdfast.request import Request
from holdfast.runtime.clock import Clock, SystemClock, Timer
from holdfast.usage import Usage

_AHEAD: Final = 32  # events that a winning second model may be ahead of its consumer


def hedge(
    second: Model | None = None,
    after: float | None = None,
    *,
    max_share: float = 0.05,
    percentile: float = 0.95,
    min_samples: int = 20,
    clock: Clock | None = None,
) -> Layer:
    """A layer that hedges calls which are slow to begin.

    The loser is closed at once and is no failure. What it is known to have cost stands in `Finish.attempts`, with the
    error kind `"cancelled"`. If one of the two fails before it has shown anything, the other carries on; if both do,
    the error of the first is raised, and its `__cause__` is that of the second.

    Args:
        second: whom to ask; by default the same model once more.
        after: seconds to wait for the first useful event. None: the `percentile` of what the model took for its last
            200 answers (streamed and unstreamed ones apart), once there are `min_samples` of them.
        max_share: the share of calls (0 to 1) that may be hedged in the long run.
        percentile: see `after`.
        min_samples: see `after`.
        clock: where time comes from.
    """
    share = Share(max_share)

    def layer(model: Model) -> Model:
        return _Hedged(model, second or model, after, share, percentile, min_samples, clock or SystemClock())

    return layer


class _Hedged:
    def __init__(
        self,
        first: Model,
        second: Model,
        after: float | None,
        share: Share,
        percentile: float,
        min_samples: int,
        clock: Clock,
    ) -> None:
        self.name = first.name
        self._first = first
        self._second = second
        self._after = after
        self._share = share
        self._percentile = percentile
        self._min_samples = min_samples
        self._clock = clock
        self._times = {True: WaitingTimes(), False: WaitingTimes()}

    def _delay(self, times: WaitingTimes) -> float | None:
        if self._after is not None or len(times) < self._min_samples:
            return self._after
        return times.percentile(self._percentile)

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        began = self._clock.now()
        times = self._times[request.stream]
        self._share.earn()
        events = self._first.stream(request)
        rival = _Rival(self._second, request, self._share, self._clock)
        rival.start_after(self._delay(times))
        held: list[Event] = []
        try:
            failure = await _first_useful(events, held, rival)
            waited = self._clock.now() - began
            if failure is None:
                times.add(waited)  # of a beaten model, the least that it would have taken
            if failure is None and not rival.won:
                loser = rival.give_up()
                for event in held:
                    yield self._told(event, loser, self.name, began)
                async for event in events:
                    yield self._told(event, loser, self.name, began)
                return
            loser = _record(self.name, held, waited, failure)
            while (next_event := await rival.next(failure)) is not None:
                yield self._told(next_event, loser, self._second.name, rival.began)
        finally:
            await events.aclose()
            await rival.close()

    def _told(self, event: Event, loser: AttemptRecord | None, winner: str, began: float) -> Event:
        """The event; a finish tells of the loser too."""
        if loser is None or type(event) is not Finish:
            return event
        own = event.attempts or (AttemptRecord(winner, elapsed=self._clock.now() - began, usage=event.usage),)
        return replace(event, attempts=(loser, *own))


async def _first_useful(events: AsyncGenerator[Event, None], held: list[Event], rival: _Rival) -> ModelError | None:
    """Read the first model until it has shown something, has failed (its error is returned) or is beaten."""
    try:
        async for event in events:
            held.append(event)
            if useful(event):
                break
    except (ModelError, asyncio.CancelledError) as error:
        if rival.has_cancelled():
            return None
        if isinstance(error, ModelError) and rival.running:
            return error
        raise
    finally:
        rival.stop_watching()
    return None


class _Rival:
    """The second model: waits for its time, runs in a task of its own, and cancels the first when it wins."""

    def __init__(self, model: Model, request: Request, share: Share, clock: Clock) -> None:
        self.began = 0.0
        self.shown = False
        self.won = False
        self._model = model
        self._request = request
        self._share = share
        self._clock = clock
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._held: list[Event] = []
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(_AHEAD)
        self._error: Exception | None = None

    @property
    def running(self) -> bool:
        """Whether the second model was asked."""
        return self._task is not None

    def start_after(self, delay: float | None) -> None:
        self._first = asyncio.current_task()
        self._cancelling = self._first.cancelling() if self._first is not None else 0
        if delay is not None:
            self._timer = self._clock.call_at(self._clock.now() + delay, self._start)

    def stop_watching(self) -> None:
        """The first has shown something, has failed or was cancelled: nobody is to be started or cancelled any more."""
        self._first = None
        if self._timer is not None:
            self._timer.cancel()

    def has_cancelled(self) -> bool:
        """Whether it was this rival that cancelled the first, and nobody else did."""
        if self._first is None or not self.shown:
            return False
        self.won = self._first.uncancel() <= self._cancelling
        return self.won

    def give_up(self) -> AttemptRecord | None:
        """Let go of the connection, without waiting for that; what it came to, if it had begun."""
        if self._task is None:
            return None
        self._task.cancel()
        failure = self._error if isinstance(self._error, ModelError) else None
        return _record(self._model.name, self._held, self._clock.now() - self.began, failure)

    async def next(self, failure: ModelError | None) -> Event | None:
        """The next event; raises what the second model raised, or `failure` of the first if both showed nothing."""
        event = await self._queue.get()
        if event is None and self._error is not None:
            if failure is None or self.shown:
                raise self._error
            raise failure from self._error
        return event

    async def close(self) -> None:
        """Let go of everything."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def _start(self) -> None:
        if self._first is not None and self._share.spend():
            self.began = self._clock.now()
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        events = self._model.stream(self._request)
        try:
            async for event in events:
                if self.shown:
                    await self._queue.put(event)
                    continue
                self._held.append(event)
                if useful(event):
                    await self._win()
        except Exception as error:  # noqa: BLE001  # it is raised where the events are read
            self._error = error
        finally:
            await events.aclose()
        await self._queue.put(None)

    async def _win(self) -> None:
        self.shown = True
        if self._first is not None:
            self._first.cancel()
        for event in self._held:
            await self._queue.put(event)


def _record(model: str, events: list[Event], elapsed: float, failure: ModelError | None) -> AttemptRecord:
    """What is known of an attempt that nobody will see the end of."""
    usage: Usage | None = None
    for event in events:
        if isinstance(event, UsageUpdate):
            usage = event.usage
    return AttemptRecord(model, _OVERTAKEN if failure is None else failure.info, elapsed, usage=usage)


_OVERTAKEN: Final[ErrorInfo] = CallCancelledError("Another model was the first to answer").info
