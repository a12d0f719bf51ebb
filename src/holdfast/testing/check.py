"""Does a model keep its promises? Checks for models of other people's making, and for the events of any stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

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
from holdfast.model import Model
from holdfast.request import Request
from holdfast.response import Response, fold

_TURNS = 10  # turns of the loop in which a closed stream may still tidy up


def check_events(events: Iterable[Event], *, complete: bool = True) -> Response:
    """Check a stream against the grammar of `holdfast.events`; gives the response that it folds to.

    Args:
        events: what was yielded, in order.
        complete: whether the stream ended by itself; of one that failed or was left, `Finish` is not asked.

    Raises:
        AssertionError: the first rule that is broken, and the number of the event that breaks it.
    """
    seen = list(events)
    grammar = _Grammar()
    for number, event in enumerate(seen):
        broken = grammar.broken_by(event)
        _require(broken is None, f"event {number}, {event!r}: {broken}")
    _require(grammar.finished or not complete, f"the stream of {len(seen)} events ended without a Finish")
    return fold(seen)


class _Grammar:
    """Reads a stream event by event."""

    def __init__(self) -> None:
        self.finished = False
        self._count = 0
        self._restart()

    def _restart(self) -> None:
        self._started = False
        self._kinds: dict[int, type[Event]] = {}
        self._calls: set[str] = set()

    def broken_by(self, event: object) -> str | None:
        """The rule that this event breaks, or None."""
        broken = self._rule(event)
        self._count += 1
        return broken

    def _rule(self, event: object) -> str | None:
        if self.finished:
            return "nothing comes after Finish"
        match event:
            case Restart():
                return self._read_restart(event)
            case ResponseStart() if self._started:
                return "an answer begins once"
            case ResponseStart():
                self._started = True
                return None
            case _ if not self._started:
                return "an answer begins with ResponseStart"
            case Finish():
                self.finished = True
                return None
            case UsageUpdate():
                return None
            case TextDelta() | ThinkingDelta() | ToolCallStart() | ToolCallDelta() | PartAdded():
                return self._read_part(event)
            case _:
                return "this is no event"

    def _read_restart(self, event: Restart) -> str | None:
        reason: object = event.reason
        if not isinstance(reason, ModelError):
            return "the reason of a Restart is a ModelError"
        if not 0 <= event.since <= self._count:
            return "Restart.since is the number of an event that was seen, or of the next"
        self._restart()
        return None

    def _read_part(self, event: TextDelta | ThinkingDelta | ToolCallStart | ToolCallDelta | PartAdded) -> str | None:
        kind = self._kinds.get(event.part)
        if event.part < 0:
            return "parts are numbered from 0"
        match event:
            case ToolCallDelta():
                return None if kind is ToolCallStart else "a ToolCallDelta follows the ToolCallStart of its part"
            case ToolCallStart() if event.id in self._calls:
                return "the id of a tool call is used once"
            case ToolCallStart() if not (event.id and event.name):
                return "a tool call has an id and a name"
            case ToolCallStart() | PartAdded() if kind is not None:
                return "a part begins once"
            case TextDelta() | ThinkingDelta() if kind not in (None, type(event)):
                return "a part is of one kind"
        if isinstance(event, ToolCallStart):
            self._calls.add(event.id)
        self._kinds[event.part] = type(event)
        return None


async def check_model(model: Model, request: Request) -> Response | ModelError:
    """Check that a model keeps the rules of `holdfast.model.Model`, by asking it three times or more.

    It has a name. Its events obey the grammar, or it raises a `ModelError`. Left after any number of events, or
    cancelled while it waits, it leaves no task behind and lets the cancellation through.

    Args:
        model: the model; it must answer `request` every time, and much the same way.
        request: what to ask it.

    Returns:
        The response of the first time, or the error that it raised.

    Raises:
        AssertionError: what it did wrong.
    """
    _require(isinstance(model, Model), "a model has a name and a method stream")
    _require(isinstance(model.name, str) and model.name != "", "a model's name is a text")
    before = asyncio.all_tasks()
    events, outcome = await _listen(model, request)
    await _settle(before, "after a stream had ended")
    response = check_events(events, complete=outcome is None)
    for count in sorted({0, 1, len(events) // 2, max(0, len(events) - 1)}):
        await _leave_after(model.stream(request), count)
        await _settle(before, f"after a stream was closed after {count} events")
    await _cancel_waiting(model, request)
    await _settle(before, "after a call was cancelled")
    return outcome or response


async def _listen(model: Model, request: Request) -> tuple[list[Event], ModelError | None]:
    events: list[Event] = []
    stream = model.stream(request)
    try:
        async for event in stream:
            events.append(event)  # noqa: PERF401  # what came before an error counts
    except ModelError as error:
        return events, error
    except Exception as error:
        raise AssertionError(f"a model raises a ModelError, not {error!r}") from error
    finally:
        await stream.aclose()
    return events, None


async def _leave_after(stream: AsyncGenerator[Event, None], count: int) -> None:
    try:
        for _ in range(count):
            await anext(stream, None)
    except ModelError:
        pass
    finally:
        await stream.aclose()


async def _cancel_waiting(model: Model, request: Request) -> None:
    task = asyncio.ensure_future(_listen(model, request))
    await asyncio.sleep(0)
    was_running = task.cancel()
    await asyncio.wait((task,))
    swallowed = was_running and not task.cancelled() and task.exception() is None
    _require(not swallowed, "a cancelled call lets the cancellation through")


async def _settle(before: set[asyncio.Task[object]], when: str) -> None:
    for _ in range(_TURNS):
        if not asyncio.all_tasks() - before:
            return
        await asyncio.sleep(0)
    _require(False, f"{when}, these tasks were left: {asyncio.all_tasks() - before}")


def _require(condition: bool, rule: str) -> None:
    if not condition:
        raise AssertionError(rule)
