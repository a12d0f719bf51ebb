"""A layer that breaks calls on purpose, so that people can see what their program makes of it."""

from __future__ import annotations

import random as randomness
from collections.abc import AsyncGenerator, Callable, Collection
from copy import copy
from typing import TypeAlias

from msgspec import Struct

from holdfast.errors import ModelError
from holdfast.events import Event
from holdfast.model import Layer, Model
from holdfast.request import Request
from holdfast.response import Fold
from holdfast.runtime.clock import Clock, SystemClock

When: TypeAlias = Callable[[int, Request], bool]
"""Whether a call, by its number from 0 and its request, is to be broken."""


class Fault(Struct, frozen=True, kw_only=True):
    """What goes wrong in a call, and in which calls.

    At event number `after` (0: before anything comes) the answer stands still for `delay` seconds (`math.inf`: for
    ever) and then fails with `error`, if there is one.

    - `share`: the probability (0 to 1) with which a call that fits is struck.
    - `calls`: the numbers of the calls that fit, counted from 0; None: all of them.
    - `when`: a function that says which calls fit, for anything else.

    Examples: `Fault(error=OverloadedError("injected"), share=0.1)`; `Fault(delay=2)`;
    `Fault(after=5, error=StreamInterruptedError("injected"), calls=range(3))`; `Fault(after=3, delay=math.inf)`.
    """

    error: ModelError | None = None
    delay: float = 0.0
    after: int = 0
    share: float = 1.0
    calls: Collection[int] | None = None
    when: When | None = None

    def fits(self, call: int, request: Request) -> bool:
        """Whether it may strike this call."""
        return (self.calls is None or call in self.calls) and (self.when is None or self.when(call, request))


def faults(*faults: Fault, random: Callable[[], float] = randomness.random, clock: Clock | None = None) -> Layer:
    """A layer that injects faults into the calls of the models that it wraps.

    All faults that strike a call happen, in the order of their `after`. Calls are counted for each model.

    Args:
        *faults: what may go wrong.
        random: gives numbers in [0, 1); `random.Random(1).random` makes a run repeatable.
        clock: where delays take their time from.
    """
    ordered = tuple(sorted(faults, key=lambda fault: fault.after))

    def layer(model: Model) -> Model:
        return _Faulty(model, ordered, random, clock or SystemClock())

    return layer


class _Faulty:
    def __init__(self, inner: Model, faults: tuple[Fault, ...], random: Callable[[], float], clock: Clock) -> None:
        self.name = inner.name
        self._inner = inner
        self._faults = faults
        self._random = random
        self._clock = clock
        self._calls = 0

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        call, self._calls = self._calls, self._calls + 1
        struck = [fault for fault in self._faults if fault.fits(call, request) and self._random() < fault.share]
        shown = Fold()
        count = 0
        await self._strike(struck, count, shown)
        events = self._inner.stream(request)
        try:
            async for event in events:
                if struck and count:
                    await self._strike(struck, count, shown)
                if struck:
                    shown.add(event)
                count += 1
                yield event
        finally:
            await events.aclose()

    async def _strike(self, struck: list[Fault], count: int, shown: Fold) -> None:
        while struck and struck[0].after <= count:
            fault = struck.pop(0)
            if fault.delay:
                await self._clock.sleep(fault.delay)
            if fault.error is not None:
                error = copy(fault.error)
                raise error if shown.empty else error.with_facts(partial=shown.response())
