"""The time limits of a request: Pydantic AI's settings, kept by our engine, which then knows what it may still try.

request_timeout       the deadline of the call, with all attempts and waits
first_event_timeout   until the first useful event of each streamed attempt
timeout               of each attempt: to connect, to the first event, between two events
a run's `timeout=`    bounds the deadline as well, where the run can be seen
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext

from holdfast.request import Timeouts

_GRACE: Final = 0.25
"""Seconds beyond a run's own deadline, at which the run ends itself as `RunTimedOut`; no longer wait is begun."""
_LEAST: Final = 0.001


class Limits(Struct, frozen=True, kw_only=True):
    """Seconds: of the call (`deadline`), of each attempt, and the `first_event_timeout` where it was stated."""

    deadline: float
    timeouts: Timeouts
    first_event: float | None = None


def limits_of(
    settings: ModelSettings, base: Limits, run: RunContext[Any] | None = None, *, stream: bool = False
) -> Limits:
    """The limits of one request; `base` holds where the settings say nothing."""
    deadline = settings.get("request_timeout") or base.deadline
    left = run.remaining_time() if run is not None else None
    if left is not None:
        deadline = max(_LEAST, min(deadline, left + _GRACE))
    timeouts = _of_attempt(settings.get("timeout"), base.timeouts)
    first = settings.get("first_event_timeout") if stream else None
    if first is not None:
        timeouts = replace(timeouts, first_event=first)
    return Limits(deadline=deadline, timeouts=timeouts, first_event=first)


def _of_attempt(timeout: Any, base: Timeouts) -> Timeouts:
    """`timeout` is a number, or an HTTP client's object of several."""
    if timeout is None:
        return base
    read = timeout if isinstance(timeout, int | float) else timeout.read
    connect = timeout if isinstance(timeout, int | float) else timeout.connect
    if connect is not None:
        base = replace(base, connect=min(connect, base.connect))
    return base if read is None else replace(base, first_event=read, idle=read)
