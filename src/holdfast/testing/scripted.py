"""A model that plays scripts: texts, events, pauses, errors, in the order that a test wrote down."""

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from holdfast.errors import ModelError
from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.messages import Audio, Document, Image, Opaque, Text, Thinking, ToolCall
from holdfast.request import Request
from holdfast.response import Fold, Response, unfold
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.usage import Usage


class Pause(Struct, frozen=True):
    """A step that waits for `seconds` of the model's clock; without a number, for ever."""

    seconds: float = math.inf


class ScriptExhaustedError(AssertionError):
    """A `ScriptedModel` was asked more often than it has scripts. No `ModelError`: a test must not recover from it."""


Step: TypeAlias = (
    str | Text | Thinking | ToolCall | Image | Audio | Document | Opaque | Event | Response | Pause | BaseException
)
"""One thing to do: a str is one `TextDelta`, a part its events, a `Response` all of its events, an error is raised."""

Script: TypeAlias = Step | Sequence[Step] | Callable[[Request], Any]
"""One call: a step, some steps, or a (sync or async) function from the request to these."""


class ScriptedModel:
    """A `Model` whose answers were written down before.

    Each call plays the next script. A `ResponseStart` is put before the first event and a `Finish` after the last
    step where a script has none, so `ScriptedModel("Hello")` is a whole answer, and
    `ScriptedModel(["Hel", StreamInterruptedError("reset")], "Hello")` breaks first and works then. An error that is
    raised after something was shown gets it as `partial`.

    Args:
        *scripts: one for each call.
        name: the model's name.
        then: what happens when the scripts are played: `"fail"` raises `ScriptExhaustedError`, `"last"` plays the last
            one again and again, `"cycle"` begins anew.
        usage: the usage of finishes that are added.
        framed: False plays exactly what is written, for streams that break the grammar.
        clock: where pauses take their time from.

    Attributes:
        requests: what was asked, in order.
        active: how many streams are open now; `most_active` is the highest number so far.
        abandoned: how many streams were closed or cancelled before their end.
    """

    def __init__(
        self,
        *scripts: Script,
        name: str = "scripted",
        then: Literal["fail", "last", "cycle"] = "fail",
        usage: Usage | None = None,
        framed: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.requests: list[Request] = []
        self.active = 0
        self.most_active = 0
        self.abandoned = 0
        self._scripts = scripts
        self._then = then
        self._usage = usage
        self._framed = framed
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"ScriptedModel(name={self.name!r}, scripts={len(self._scripts)}, played={len(self.requests)})"

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Play the next script."""
        self.requests.append(request)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        ended = False
        try:
            async with aclosing(self._play(request)) as events:
                async for event in events:
                    ended = isinstance(event, Finish)
                    yield event
            ended = True
        except Exception:
            ended = True
            raise
        finally:
            self.active -= 1
            self.abandoned += not ended

    async def _play(self, request: Request) -> AsyncGenerator[Event, None]:
        framing = _Framing(self.name, self._usage) if self._framed else None
        shown = Fold()
        for step in await _steps(self._next_script(), request):
            match step:
                case Pause():
                    await self._clock.sleep(step.seconds)
                case BaseException():
                    if isinstance(step, ModelError) and not shown.empty:
                        step.with_facts(partial=shown.response())
                    raise step
                case _:
                    for event in framing.frame(step) if framing else _events(step):
                        shown.add(event)
                        yield event
        for event in framing.end() if framing else ():
            yield event

    def _next_script(self) -> Script:
        played = len(self.requests) - 1
        count = len(self._scripts)
        if played < count:
            return self._scripts[played]
        if not count or self._then == "fail":
            raise ScriptExhaustedError(f"{self.name!r} has {count} scripts and was asked {played + 1} times.")
        return self._scripts[-1 if self._then == "last" else played % count]


async def _steps(script: Any, request: Request) -> Iterable[Any]:
    if callable(script):
        script = script(request)
        if inspect.isawaitable(script):
            script = await script
    return script if isinstance(script, (list, tuple)) else (script,)


class _Framing:
    """Puts `ResponseStart` and `Finish` where a script has none, and numbers the parts that it gives whole."""

    def __init__(self, model: str, usage: Usage | None) -> None:
        self._model = model
        self._usage = usage
        self._started = False
        self._finished = False
        self._called = False
        self._part = 0
        self._kind: type | None = None

    def frame(self, step: Any) -> Iterator[Event]:
        for event in _events(step, self._place(step)):
            match event:
                case ResponseStart():
                    self._started = True
                case Restart():
                    self._called = False
                case _ if not self._started:
                    self._started = True
                    yield ResponseStart(model=self._model)
            self._called = self._called or isinstance(event, ToolCallStart)
            self._finished = isinstance(event, Finish)
            self._part = max(self._part, getattr(event, "part", 0))
            yield event

    def end(self) -> Iterator[Event]:
        if self._finished:
            return
        if not self._started:
            yield ResponseStart(model=self._model)
        yield Finish("tool_calls" if self._called else "stop", usage=self._usage)

    def _place(self, step: Any) -> int:
        """The part that a step without a number belongs to: texts that follow each other are one part."""
        kind: type = Text if isinstance(step, (str, TextDelta)) else type(step)
        joins = self._kind is None or (kind is self._kind and kind in (Text, Thinking))
        if isinstance(step, (UsageUpdate, ResponseStart, Pause)):
            return self._part
        self._kind = kind
        return self._part if joins else self._part + 1


def _events(step: Any, part: int = 0) -> Iterator[Event]:
    match step:
        case str():
            yield TextDelta(step, part)
        case Text():
            yield TextDelta(step.text, part, None, step.annotations or None, step.id, step.signature, step.origin)
        case Thinking():
            yield ThinkingDelta(step.text, part, step.id, step.signature, step.data, step.origin)
        case ToolCall():
            yield ToolCallStart(part, step.id, step.name, step.item_id, step.signature, step.origin)
            yield ToolCallDelta(part, step.arguments)
        case Image() | Audio() | Document() | Opaque():
            yield PartAdded(part, step)
        case Response():
            yield from unfold(step)
        case _:
            yield step
